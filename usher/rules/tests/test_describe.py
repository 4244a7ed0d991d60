from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings

from usher.rules import Schema, Table, check, describe, parse, theatre
from usher.rules.nodes import Node
from usher.rules.tests.rules import rules
from usher.rules.tests.shop import SCHEMA as SHOP
from usher.rules.tests.shop import Shop

SCHEMA = Schema(
    columns={
        "country": "text",
        "email": "text",
        "birthday": "date",
        "opted_in": "boolean",
        "joined": "instant",
        "age": "number",
    },
    key="id",
    tables={
        "orders": Table("orders", {"ordered_on": "date", "value": "number"}, "id", "ordered_on", "order"),
        "bookings": Table(
            "bookings", {"booked_at": "instant", "genre": "text", "total": "number"}, "id", "booked_at"
        ),
        "tickets": Table("tickets", {"at": "instant", "seat": "text"}, "id", "at"),
    },
    tags=frozenset({"VIP"}),
    audiences=frozenset({"members"}),
)
SENTENCES = {
    "count(orders) > 0 and not exists(orders where ordered_on within 180 days)": (
        "Customers who have ordered at least once, and not in the last 180 days."
    ),
    'country = "GB" and not tag("VIP")': "Customers whose country is “GB” and who are not tagged “VIP”.",
    "count(bookings) >= 3": "Customers who have booked at least 3 times.",
    'exists(bookings where genre = "opera" and booked_at within 12 months)': (
        "Customers who have booked with genre “opera” in the last 12 months."
    ),
    "sum(bookings.total where booked_at within 6 months) > 300": (
        "Customers for whom the total of their bookings in the last 6 months adds up to more than 300."
    ),
    "last(bookings.booked_at) before 2 years ago": "Customers whose last booking was at least 2 years ago.",
    'last(bookings.genre) = "opera"': "Customers for whom the genre of their last booking is “opera”.",
    'audience("members") and not match(email, "*@example.com")': (
        "Customers who are in the audience “members” and whose email does not match “*@example.com”."
    ),
    'opted_in = true and country in ["GB", "IE"]': (
        "Customers for whom “opted in” is true and whose country is “GB” or “IE”."
    ),
    "not exists(orders)": "Customers who have never ordered.",
    "count(orders) = 1": "Customers who have ordered exactly once.",
    "5 < count(orders)": "Customers who have ordered more than 5 times.",
    'exists(tickets where seat = "A1") or count(tickets) = 0 or count(tickets) > 2': (
        "Customers who have at least one ticket with seat “A1”, have no tickets, or have more than 2 tickets."
    ),
    'country = "GB" and (tag("VIP") or exists(orders))': (
        "Customers whose country is “GB”, and who either are tagged “VIP” or have ordered at least once."
    ),
    'not (country = "GB" or age > 30)': (
        "Customers whose country is not “GB” (or not known) and age is not more than 30 (or not known)."
    ),
    'email is set and joined after "2024-05-01"': (
        "Customers whose email is known and joined date was after the start of 1 May 2024."
    ),
    "birthday within next 7 days": "Customers whose date of birth is in the next 7 days.",
    "not sum(orders.value) > 1300": (
        "Customers for whom the value of their orders does not add up to more than 1,300."
    ),
    "exists(orders) = false": "Customers who have never ordered.",
    "true": "All customers.",
    "count(orders)": "The number of their orders.",
    "sum(orders.value where ordered_on within 30 days)": (
        "The sum of the value of their orders in the last 30 days."
    ),
    "last(orders.ordered_on)": "When their last order was.",
    "lowercase(country)": "Country in small letters.",
}


#: Rules of the theatre of the docs, each with its sentence below it.
OF_THE_THEATRE = (Path(__file__).parent / "sentences.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("text", SENTENCES)
def test_it_says_a_rule_in_english(text: str) -> None:
    assert describe(parse(text), SCHEMA) == SENTENCES[text]


@pytest.mark.parametrize(
    ("rule", "sentence"),
    list(zip(OF_THE_THEATRE[::2], map(str.strip, OF_THE_THEATRE[1::2]), strict=True)),
)
def test_it_says_everything_that_a_theatre_asks(rule: str, sentence: str) -> None:
    assert check(parse(rule), theatre.SCHEMA) == []
    assert describe(parse(rule), theatre.SCHEMA) == sentence


def test_it_names_the_subject() -> None:
    schema = Schema(columns={"email": "text"}, key="id", subject="contacts")
    assert describe(parse("email is not set"), schema) == "Contacts whose email is not known."


def test_it_can_say_a_rule_that_does_not_fit() -> None:
    assert describe(parse("count(gifts) > 1 and anniversary(x) within 1 day"), SCHEMA) == (
        "Customers who have given more than once and whose x's anniversary was in the last day."
    )


#: Single conditions: the customer has no value at all, and no rows.
ON_MISSING_VALUES = [
    *('country = "GB"', 'country != "GB"', 'not country = "GB"', 'not country != "GB"', "age != 5"),
    *("not age != 5", "not age = 5", "age <= 5", "not age <= 5", 'birthday != "2000-01-01"'),
    *("not birthday within 5 days", 'not joined before "2000-01-01"', "not age between 1 and 5"),
    *('not contains(country, "x")', 'not not contains(country, "x")', 'contains(country, "x") != true'),
    *('contains(country, "x") = false', "opted_in != false", "not opted_in = false", "opted_in = false"),
    *('not country in ["GB"]', 'country in ["GB"]', "coalesce(country, email) != 'y'", "not age / 2 > 5"),
    *("not max(orders.value) > 5", "max(orders.value) != 5", "not last(orders.day) within 5 days"),
    *("first(orders.genre) != 'opera'", "not days_since(last(orders.day)) > 5"),
    *("not quantile(age, 5) = 5", "quantile(age, 5) != 5", "month(birthday) != 5", "not month(birthday) = 5"),
    *("not recency_score(orders) = 5", "day_of_week(joined) != 'Monday'", "households.size != 2"),
    *("not households.size = 2", "households.place != 'x'", "not anniversary(birthday) within 5 days"),
]


@pytest.mark.parametrize("rule", ON_MISSING_VALUES)
def test_it_says_where_missing_values_decide(rule: str) -> None:
    sentence = describe(parse(rule), SHOP)
    said = sentence.endswith((" (or not known).", " (or there is none)."))
    assert said is bool(Shop(customers=[{"id": 1}]).who(rule)), sentence


NEVER_MISSING = [
    *("not length(country) > 5", "not count(orders) > 5", "not sum(orders.value) > 5", "not id = 5"),
    *('coalesce(country, "x") != "y"', 'not if(opted_in, "x", "y") = "x"', 'not tag("VIP")', "not opted_in"),
    *("exists(orders where not day within 5 days)", "not distinct(orders.genre) > 2"),
]


@pytest.mark.parametrize("rule", NEVER_MISSING)
def test_it_says_nothing_of_missing_values_where_none_can_be(rule: str) -> None:
    assert "(or" not in describe(parse(rule), SHOP)


@settings(max_examples=100, deadline=None)
@given(rules())
def test_it_has_a_sentence_for_every_rule(node: Node) -> None:
    sentence = describe(node, SHOP)
    assert sentence.endswith(".")
    assert "  " not in sentence
    assert sentence.count("(") == sentence.count(")")
