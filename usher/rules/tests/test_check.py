from __future__ import annotations

import pytest
from hypothesis import given, settings

from usher.rules import Problem, Schema, check, parse, references, type_of
from usher.rules.engines import LIMITS
from usher.rules.tests import fql
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
    "count(orders.value) > 1": "count looks at rows: write count(orders).",
    "count(customers) > 1": "customers is what the rule is about; count takes a related table.",
    "last(notes.text) is set": "last needs to know the order of rows, and notes names no time column.",
    'age = "5"': (
        "This compares a number with a text: they are never equal. Write the number without quotes."
    ),
    "country = 5": "This compares a text with a number: they are never equal. Write the text in quotes.",
    'country > "GB"': "> compares numbers or times, and this is a text.",
    "birthday = joined": "This compares a date with a time.",
    "age within 5 days": "A date or a time such as birthday is needed here, and this is a number.",
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
    "lowercase(age) = 'x'": "lowercase takes a text such as country here, and this is a number.",
    "contains(country)": 'contains takes 2 values, not 1, for example contains(country, "x").',
    "match(country, email)": "match needs its pattern written out in quotes.",
    'match(country, "[z-a]")': "The pattern '[z-a]' has a range in [ ] that runs backwards.",
    'match(country, "[ab")': (
        "The pattern '[ab' has a [ that is never closed: write \\[ for the character itself."
    ),
    "not": (
        "There is no column in customers called not: it stands before a condition, for example"
        ' not tag("VIP").'
    ),
    "ordr in last 3 days": "There is no column in customers called ordr.",
    "genres = 'x'": "There is no column in customers called genres. Did you mean last(orders.genre)?",
    "vip": 'There is no column in customers called vip. Did you mean tag("VIP")?',
    "sum(value) > 5": "value is a column of orders: write sum(orders.value).",
    "count(households) > 1": "households leads to one row for one of the customers: write households.size.",
    "properties.total > 5": (
        "properties.total is asked of a single event; of people ask for rows, as in exists(events where …)."
    ),
    'opted_in = "yes"': (
        "This compares true or false with a text: they are never equal. Write true or false, without quotes."
    ),
    "everybody": "There is no column in customers called everybody: write true.",
    "count": "count is a function of related rows, for example count(orders).",
    "median": "median is a function of related rows, for example median(orders.value).",
    'exists(orders where tag("VIP"))': "tag(…) asks about one of the customers: put it outside of `where`.",
    "exists(orders where count(visits) > 1)": "count(…) cannot stand inside another `where`.",
    "anniversary(birthday) = 5": (
        "anniversary(…) is asked with `within` only, for example anniversary(birthday) within next 7 days."
    ),
    "country = GB": 'There is no column GB. Did you mean the text "GB"?',
    "country in [GB]": 'There is no column GB. Did you mean the text "GB"?',
    "birthday > 2024-05-31": (
        'This compares a date with a number: they are never equal. Write a date in quotes: "2024-05-31".'
    ),
    "joined > today": (
        "There is no column in customers called today:"
        " write `x within 30 days`, `x in next 30 days` or days_since(x)."
    ),
    "country = contry": "There is no column in customers called contry. Did you mean country?",
    "VIP": 'VIP is the name of a tag: write tag("VIP").',
    'tag("members")': 'There is no tag called members. Did you mean audience("members")?',
    "genre = 'opera'": (
        "genre is a column of orders: say which value is meant, for example last(orders.genre)."
    ),
    "value > 5": "value is a column of orders: say which value is meant, for example sum(orders.value).",
    "days_since > 5": "days_since is a function, for example days_since(birthday).",
    "households is set": (
        "households leads to one of households: say which column, for example households.size."
    ),
    "households.sise > 3": "There is no column in households called sise. Did you mean households.size?",
    "place = 'x'": "place is a column of households: write households.place.",
    "exists(orders where kind = 'opera')": "kind is a column of performances: write performances.kind.",
    "exists(orders where city = 'x')": "city is a column of venues: write performances.venues.city.",
    "exists(orders where performances.kid = 'x')": (
        "There is no column in performances called kid. Did you mean performances.kind?"
    ),
    "max(orders.performances.start) is set": (
        "There is no column in performances called start. Did you mean performances.starts?"
    ),
    "exists(orders where country = 'GB')": (
        "country is a column of customers, and here stand those of orders: put it outside of `where`."
    ),
    "exists(orders where orders.value > 5)": (
        "Inside `where` the columns of orders stand alone: write value."
    ),
    "count(performances) > 1": (
        "performances has no rows of its own for customers: orders leads to it, for example"
        " max(orders.performances.kind)."
    ),
    "count(country) > 1": (
        "country is a column of customers; count takes a related table, for example count(orders)."
    ),
    "country + 1 > 2": ("+ adds up numbers, and this is a text. Texts are put together by concat(…)."),
    "birthday - 1 > 2": (
        "- subtracts numbers, and this is a date."
        " Times are counted by days_between(…), days_since(…) and days_until(…)."
    ),
    "age * true = 2": "* multiplies numbers, and this is true or false.",
    "age + null > 2": (
        "null is a missing value, and nothing can be done with it: ask with `is set` or `is not set`."
    ),
    "age < null": "Nothing is < null: ask with `is set` or `is not set`.",
    "age between null and 5": ("Nothing is between null and anything: ask with `is set` or `is not set`."),
    "null = null": (
        "null is a missing value, and nothing can be done with it: ask with `is set` or `is not set`."
    ),
    "lowercase(null) = 'x'": "lowercase of null is always missing: name a column here.",
    "age between 1 and 'x'": (
        "This compares a number with a text: they are never equal. Write the number without quotes."
    ),
    "country between 1 and 2": "`between` compares numbers or times, and this is a text.",
    "age between 9 and 1": "Nothing is between these two: the lesser comes first.",
    'birthday between "2024-05-01" and "2024-04-01"': "Nothing is between these two: the lesser comes first.",
    'birthday between "2024-05-01" and "May"': (
        '"May" is not a date such as "2024-05-31" or a time such as "2024-05-31T18:00Z".'
    ),
    'days_since("soon") > 1': (
        '"soon" is not a date such as "2024-05-31" or a time such as "2024-05-31T18:00Z".'
    ),
    "days_since(age) > 1": (
        "days_since takes a date such as birthday or a time such as joined here, and this is a number."
    ),
    "round(age, age) = 1": "round needs a number written out here.",
    "round(age, 1.5) = 1": "round takes a whole number of digits from 0 to 6, for example round(x, 2).",
    "round(age, 1, 2) = 1": "round takes 1 or 2 values, not 3, for example round(age, 2).",
    "coalesce(country, 1) = 'x'": "coalesce takes values of one kind, and these are a text and a number.",
    'if(age > 5, country, 1) = "x"': "if takes values of one kind, and these are a text and a number.",
    "if(age, 1, 2) = 1": "if takes true or false such as opted_in here, and this is a number.",
    "typeof(age) = 'number'": "typeof(…) is asked of single events only.",
    "lower(country) = 'gb'": "There is no function called lower: write lowercase(…).",
    "now() > birthday": (
        "There is no function called now: write `x within 30 days`, `x in next 30 days` or days_since(x)."
    ),
    "datediff(birthday, joined) > 1": (
        "There is no function called datediff: write days_between(a, b) or days_since(a)."
    ),
    "exists(orders where quantile(value, 4) = 1)": (
        "quantile(…) compares customers: put it outside of `where`."
    ),
    "quantile(age, 1) = 1": (
        "quantile takes a whole number of parts from 2 to 100, for example quantile(x, 10)."
    ),
    "exists(orders where (value > 1 top 5 by value))": (
        "`top` asks about customers: put it outside of `where`."
    ),
    "exists(orders where (value > 1 sample 5%))": (
        "`sample` asks about customers: put it outside of `where`."
    ),
    "exists(orders where did visits then orders)": ("`did` asks about customers: put it outside of `where`."),
    "recency_score(notes) = 5": (
        "recency_score needs to know the order of rows, and notes names no time column."
    ),
    "monetary_score(orders.genre) = 5": "monetary_score does not work on orders.genre, which is a text.",
    "opted_in top 5 by country": "`top` needs a number or a time behind `by`, and this is a text.",
    "country among opted_in": (
        "This is a text, not a condition: compare it, for example with = or >, or ask `is set`."
    ),
    "did notes then visits": "`did` needs to know when, and notes names no time column.",
    "did visit then visits": "There is no related table called visit. Did you mean visits?",
    "did orders then visits": "orders knows days and visits knows times: which came first cannot be told.",
    "did visits then visits within 2 months": (
        "A month is not always of one length: say it in days here, such as 60 days."
    ),
    "did (visits where pag = 'x') then visits": (
        "There is no column in visits called pag. Did you mean page?"
    ),
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


FITTING = [
    "households.size > 3 and households.place = 'x'",
    "exists(orders where performances.venues.city = 'London' and performances.kind in ['opera', null])",
    "max(orders.performances.starts) within next 30 days",
    "sum(orders.value) / count(orders) > avg(orders.value) * 2 - 1",
    'age between 18 and 25 and birthday between "1990-01-01" and "1999-12-31"',
    "joined between first(visits.at) and last(visits.at)",
    "birthday between first(visits.at) and last(orders.day)",
    'days_since("2024-01-01") > 5 and days_until(birthday) < 7 or weeks_since(last(orders.day)) >= 2',
    "anniversary(birthday) within next 7 days or anniversary(joined) within 7 days",
    "coalesce(country, email, 'none') = 'none' and if(opted_in, age, 0) + 1 > 2",
    "concat(country, '-', email, '-', country) != 'x' and round(age / 3) = round(age / 3, 2)",
    "number(country) > 5 and country = 'gb' ignoring case",
    'did "Viewed" then "Completed" within 7 days not then (events where event = "x") within 2 days',
    "did (orders where value > 5) then orders",
    "(opted_in among age > 5) sample 10% 'a' top 5% by last(visits.at)",
    "recency_score(orders where value > 1) + frequency_score(visits) + monetary_score(orders.value) >= 12",
    "quantile(sum(orders.value), 10) = 10 and distinct(orders.genre) > 1",
    "most_frequent(orders.genre) = 'opera' and median(orders.value) > 5 and segment('local')",
    "day_of_week(birthday) in ['Monday'] and month(birthday) = 5 and hour(joined) < 9",
]


@pytest.mark.parametrize("text", FITTING)
def test_it_has_nothing_against_what_fits(text: str) -> None:
    assert [str(problem) for problem in check(parse(text), SCHEMA, condition=True)] == []


def test_a_problem_is_said_once() -> None:
    problems = check(parse('contry in ["a", "b", "c"]'), SCHEMA)
    assert [str(problem) for problem in problems] == [
        "There is no column in customers called contry. Did you mean country?"
    ]


def test_an_event_needs_a_table_of_events() -> None:
    assert [str(problem) for problem in check(parse('did "A"'), Schema({}, "id"))] == [
        'There are no events here, which `did "…"` asks for: name a table, as in `did orders`.'
    ]


def test_what_an_engine_cannot_answer_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "sqlite", {"titlecase": "it has no lists", "top": "it is too small"})
    node = parse("titlecase(country) = 'X' top 5 by age")
    assert check(node, SCHEMA) == []
    assert [str(problem) for problem in check(node, SCHEMA, engine="sqlite")] == [
        "SQLite cannot answer `top`: it is too small.",
        "SQLite cannot answer titlecase(…): it has no lists.",
    ]


@settings(max_examples=100, deadline=None)
@given(fql.expressions())
def test_any_rule_gets_an_answer(expression: fql.Expression) -> None:
    for problem in check(parse(" ".join(fql.tokens(expression))), SCHEMA, condition=True):
        assert problem.message.endswith(".")


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


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ('day_of_week(joined) = "sunday"', 'never "sunday". Did you mean "Sunday"?'),
        ('day_of_week(joined) in ["Monday", "Foo"]', 'or Sunday, never "Foo".'),
        ("month(joined) = 13", "month gives whole numbers from 1 to 12: this can never hold."),
        ("0 = day_of_month(joined)", "day_of_month gives whole numbers from 1 to 31: this can never hold."),
        ("hour(seen) > 23", "hour gives whole numbers from 0 to 23: this can never hold."),
        ("quantile(age, 4) = 5", "quantile gives whole numbers from 1 to 4: this can never hold."),
        ("recency_score(orders) > 5", "recency_score gives whole numbers from 1 to 5: this can never hold."),
        ("joined within 0 days", "Nothing is within 0 days: the shortest time is 1."),
        ("exists(visits where at within next 5 days)", "Rows of visits are seen from their at on, so none"),
        ("exists(visits where at after 0 days ago)", "Rows of visits are seen from their at on, so none"),
        ("last(visits.at) in next 5 days", "Rows of visits are seen from their at on, so none"),
    ],
)
def test_it_refuses_what_can_never_hold(rule: str, said: str) -> None:
    [problem] = check(parse(rule), SCHEMA)
    assert said in str(problem)


@pytest.mark.parametrize(
    "rule",
    [
        'day_of_week(joined) != "Sunday"',
        "month(joined) >= 12",
        "hour(seen) < 24",
        "quantile(age, 4) > 3",
        "exists(orders where performances.starts within next 5 days)",
        "joined after 0 days ago",
        'match(country, "[[]*[]]") or match(country, "\\\\[*")',
    ],
)
def test_it_takes_what_may_hold(rule: str) -> None:
    assert check(parse(rule), SCHEMA) == []
