from __future__ import annotations

import pytest

from usher.rules import Problem, check, parse, references, type_of
from usher.rules.tests.shop import SCHEMA

PROBLEMS = {
    'contry = "GB"': "There is no column in customers called contry. Did you mean country?",
    "count(order) > 1": "There is no related table called order. Did you mean orders?",
    "cuont(orders) > 1": "There is no function called cuont. Did you mean count?",
    'tag("VIPS")': "There is no tag called VIPS. Did you mean VIP?",
    'audience("nobody at all")': "There is no audience called nobody at all.",
    "exists(orders where valu > 1)": "There is no column in orders called valu. Did you mean value?",
    "sum(orders.vaule) > 1": "There is no column in orders called vaule. Did you mean value?",
    "orders.value > 1": (
        "orders has many rows for one of the customers: say which value is meant,"
        " for example last(orders.value)."
    ),
    "orders": (
        "orders has many rows for one of the customers: say which value is meant, for example count(orders)."
    ),
    "sum(orders.genre) > 1": "sum does not work on orders.genre, which is a text.",
    "sum(orders) > 1": "sum takes a column: write sum(orders.value).",
    "count(orders.value) > 1": "count counts rows: write count(orders).",
    "count(customers) > 1": "customers is what the rule is about; count takes a related table.",
    "last(notes.text) is set": "last needs to know the order of rows, and notes names no time column.",
    'age = "5"': (
        "This compares a number with a text: they are never equal. Write the number without quotes."
    ),
    "country = 5": "This compares a text with a number: they are never equal. Write the text in quotes.",
    'country > "GB"': "> compares numbers or times, and this is a text.",
    "birthday = joined": "This compares a date with a time.",
    "age within 5 days": "A time is needed here, and this is a number.",
    'birthday before "yesterday"': (
        '"yesterday" is not a date such as "2024-05-31" or a time such as "2024-05-31T18:00Z".'
    ),
    'birthday = "2024-02-30"': (
        '"2024-02-30" is not a date such as "2024-05-31" or a time such as "2024-05-31T18:00Z".'
    ),
    "country and opted_in": (
        "This is a text, not a condition: compare it, for example with = or >, or ask `is set`."
    ),
    "not 5": "This is a number, not a condition.",
    "anniversary(birthday) within next 7 days": "The function anniversary is not supported yet.",
    "lowercase(age) = 'x'": "lowercase takes a text here, and this is a number.",
    "contains(country)": "contains takes 2 value(s), not 1.",
    "match(country, email)": "match needs its pattern written out in quotes.",
    'match(country, "[z-a]")': "The pattern '[z-a]' has a range in [ ] that runs backwards.",
    'exists(orders where tag("VIP"))': "tag(…) asks about one of the customers: put it outside of `where`.",
    "exists(orders where count(visits) > 1)": "count(…) cannot stand inside another `where`.",
    '"a" in country': "country is one value, not a list: write a list such as [1, 2].",
}


@pytest.mark.parametrize("text", PROBLEMS)
def test_it_says_what_does_not_fit(text: str) -> None:
    assert [str(problem) for problem in check(parse(text), SCHEMA)] == [PROBLEMS[text]]


def test_it_finds_all_problems_with_their_places() -> None:
    text = 'contry = "GB" and not tag("VPI")'
    assert check(parse(text), SCHEMA) == [
        Problem("There is no column in customers called contry.", 0, 6, "country"),
        Problem("There is no tag called VPI.", 22, 32, "VIP"),
    ]


def test_a_field_is_not_a_condition() -> None:
    node = parse("count(orders)")
    assert check(node, SCHEMA) == []
    assert [problem.message for problem in check(node, SCHEMA, condition=True)] == [
        "This is a number, not a condition: compare it, for example with = or >, or ask `is set`."
    ]


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("age > 5", "boolean"),
        ("opted_in", "boolean"),
        ("exists(orders)", "boolean"),
        ("count(orders)", "number"),
        ("last(orders.day)", "date"),
        ("max(visits.at)", "instant"),
        ("uppercase(country)", "text"),
    ],
)
def test_it_knows_the_type_of_a_rule(text: str, type_: str) -> None:
    assert type_of(parse(text), SCHEMA) == type_


def test_the_type_of_a_faulty_rule_is_an_error() -> None:
    with pytest.raises(ValueError, match="no column in customers called contry"):
        type_of(parse("contry"), SCHEMA)


def test_it_lists_what_a_rule_speaks_of() -> None:
    found = references(
        parse(
            'country = "GB" and sum(orders.value where genre = "x") > 1 and not tag("VIP")'
            ' or audience("members")'
        )
    )
    assert found.tables == {"orders"}
    assert found.columns == {"country", "orders.value", "orders.genre"}
    assert (found.tags, found.audiences) == ({"VIP"}, {"members"})
