from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usher.rules import RuleError, parse
from usher.rules.complete import Completion, complete
from usher.rules.schema import Schema
from usher.rules.tests.shop import SCHEMA


def offered(text: str, schema: Schema = SCHEMA) -> list[str]:
    return [found.text for found in complete(text, len(text), schema)]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("", ["id", "country", "email"]),
        ("cou", ["country", "count("]),
        ("country = ", ["id", "country"]),
        ("country ", ["and", "or", "in", "within", "is set", "between", "before"]),
        ("age > 5 ", ["and", "or"]),
        ("age > 5 and opt", ["opted_in"]),
        ("count(", ["orders", "visits", "notes"]),
        ("last(", ["orders.day", "orders.value", "orders.genre", "orders.performances.kind"]),
        ("sum(orders.v", ["orders.value"]),
        ("exists(orders where ", ["day", "value", "genre", "performances.kind"]),
        ("exists(orders where performances.", ["performances.kind", "performances.starts"]),
        ("exists(orders where genre = 'x' and contains(perf", ["performances.kind"]),
        ("exists(orders ", ["where"]),
        ("exists(orders where value > 1) and hou", ["households.size", "households.place", "hour("]),
        ("households.", ["households.size", "households.place"]),
        ("joined within 3 ", ["days", "weeks", "months", "years", "hours", "minutes"]),
        ("joined before 3 days ", ["ago"]),
        ("country is ", ["set"]),
        ('tag("', ['STAFF")', 'VIP")']),
        ("tag('v", ["VIP')"]),
        ('opted_in and segment("', ['local")']),
        ('audience("', ['members")']),
        ("did ", ["orders", "visits", "notes", "events"]),
        ('did "A" ', ["and", "or", "then", "not then"]),
        ("opted_in top 10 ", ["by"]),
        ("low", ["lowercase("]),
    ],
)
def test_it_offers_what_may_come_next(text: str, first: list[str]) -> None:
    assert offered(text)[: len(first)] == first


@pytest.mark.parametrize("text", ['country = "G', "country = 'it", 'did "Ca', "exists(orders where typeo"])
def test_it_offers_nothing_where_nothing_is_known(text: str) -> None:
    assert offered(text) == []


def test_it_says_what_goes_in_place_of_what() -> None:
    text = "country = 'x' and cou > 5"
    assert complete(text, 21, SCHEMA)[:2] == [
        Completion("country", "column", "text", 18, 21),
        Completion("count(", "function", "how many such rows there are", 18, 21),
    ]


def test_odd_names_are_written_so_that_they_can_be_read() -> None:
    schema = Schema(columns={"first name": "text"}, key="id", tags=frozenset({'the "best"'}))
    assert offered("fir", schema) == ["first\\ name", "first("]
    assert offered('tag("', schema) == ['the \\"best\\"")']
    parse('tag("' + offered('tag("', schema)[0])


def test_functions_of_all_people_are_not_offered_inside_where() -> None:
    assert "quantile(" in offered("qua")
    assert offered("exists(orders where qua") == []
    assert "count(" not in offered("exists(orders where c")


def test_it_is_quick() -> None:
    text = " and ".join(["exists(orders where genre = 'x')"] * 20) + " and "
    complete(text, len(text), SCHEMA)
    started = time.perf_counter()
    for _ in range(10):
        complete("exists(orders where value > 1) and cou", 37, SCHEMA)
    assert (time.perf_counter() - started) / 10 < 0.05  # a slow, busy machine; 2 ms on a quiet one


@pytest.mark.parametrize(
    "text", ["a" * 19_999 + "(", "(" * 19_000, "tag('" * 4_000, "\\" * 9_999, "a" * 90_000]
)
def test_a_huge_text_takes_no_long(text: str) -> None:
    started = time.perf_counter()
    complete(text, len(text), SCHEMA)
    assert time.perf_counter() - started < 3


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("ab.\\ \"'()[],=!<>-+*/10% where and in count(orders did top é"), max_size=30))
def test_any_text_gets_an_answer(text: str) -> None:
    for found in complete(text, len(text), SCHEMA):
        assert 0 <= found.start <= found.end == len(text)
        if found.kind == "column":
            slip = _slip(text[: found.start] + found.text)
            assert slip is None or "the rule ends here" in slip.message or slip.position < len(text), found


def _slip(text: str) -> RuleError | None:
    try:
        parse(text)
    except RuleError as error:
        return error
    return None
