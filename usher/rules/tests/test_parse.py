from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usher.rules import RuleError, format, parse
from usher.rules.nodes import And, Comparison, IsSet, Literal, Node, Not, Or, Path, walk
from usher.rules.tests.rules import rules


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("country='GB'", 'country = "GB"'),
        ("country != 'it\\'s'", 'country != "it\'s"'),
        ("a=1 AND NOT b=2 Or c=3", "a = 1 and not b = 2 or c = 3"),
        ("a = 1 and (b = 2 or c = 3)", "a = 1 and (b = 2 or c = 3)"),
        ("(a = 1 and b = 2) and c = 3", "a = 1 and b = 2 and c = 3"),
        ("!(a = 1)", "not a = 1"),
        ("!(a = 1 or b = 2)", "not (a = 1 or b = 2)"),
        ("a = null", "a is not set"),
        ("null != a", "a is set"),
        ("a NOT IN [1,2.50]", "a not in [1, 2.5]"),
        ("not a in [1]", "a not in [1]"),
        ("a within 1 Days", "a within 1 day"),
        ("a within next 3 month", "a within next 3 months"),
        ("a before 2 years ago", "a before 2 years ago"),
        ('a after "2024-05-01"', 'a after "2024-05-01"'),
        ("COUNT(orders WHERE value>5)", "count(orders where value > 5)"),
        (r"properties.product\ 1.price > -1.5", r"properties.product\ 1.price > -1.5"),
        ("set is set and \\in in \\in", "\\set is set and \\in in \\in"),
        (r"\true = true", r"\true = true"),
        ('"a" in properties.features', '"a" in properties.features'),
        ('x = "tab\\t \\u00e9 \\* \\\\"', 'x = "tab\\t é \\\\* \\\\"'),
        ("日本 = 'ア'", '日本 = "ア"'),
    ],
)
def test_it_reads_a_rule_and_writes_it_in_one_spelling(text: str, canonical: str) -> None:
    assert format(parse(text)) == canonical
    assert parse(canonical) == parse(text)


def test_and_binds_tighter_than_or() -> None:
    one, two, three = (Comparison("=", Path((name,)), Literal(1, "number")) for name in "abc")
    assert parse("a = 1 or b = 1 and c = 1") == Or((one, And((two, three))))


def test_positions_are_kept_and_not_compared() -> None:
    node = parse('  country = "GB"')
    assert isinstance(node, Comparison)
    assert (node.start, node.end, node.right.start) == (2, 16, 12)
    assert node == parse('country="GB"')
    assert hash(node) == hash(parse('country="GB"'))


def test_true_is_not_one() -> None:
    assert parse("x = true") != parse("x = 1")


def test_a_bare_negation_of_set_is_kept_apart() -> None:
    assert parse("not x is set") == Not(IsSet(Path(("x",))))


ERRORS = {
    "": 'The rule is empty.\nHint: Write a condition, for example: country = "GB".',
    "country =": "Expected a value, but the rule ends here.\n  country =\n           ^",
    'country == "GB"': (
        'Expected a value, but found "=".\n  country == "GB"\n           ^\nHint: write = once.'
    ),
    'type = "track': 'This quote is never closed.\n  type = "track\n         ^',
    "a = 1 and\n(b = 2": "Expected a closing bracket, but the rule ends here.\n  (b = 2\n        ^",
    'country "GB"': (
        "Expected a comparison (= != < <= > >=), in, between, is set, within, before or after or and/or,"
        ' but found "GB".\n  country "GB"\n          ^'
    ),
    "x within 5 fortnights": (
        'Expected days, hours, minutes, weeks, months or years, but found "fortnights".\n'
        "  x within 5 fortnights\n             ^"
    ),
    "x within 1.5 days": "A time span is a whole number, not 1.5.\n  x within 1.5 days\n           ^",
    "x within 1000 years": "A time span can be at most 200 years.\n  x within 1000 years\n           ^",
    "x is null": (
        'Expected set, but found "null".\n  x is null\n       ^\nHint: write `is set` or `is not set`.'
    ),
    "first name = 'x'": (
        "Expected a comparison (= != < <= > >=), in, between, is set, within, before or after or and/or,"
        " but found \"name\".\n  first name = 'x'\n        ^\n"
        "Hint: a name with a blank in it is written with a backslash: first\\ name."
    ),
    "country = “GB”": (
        'Expected a value, but found "“".\n  country = “GB”\n            ^\n'
        "Hint: use straight quotes: \" or '."
    ),
    "count(1) > 2": "count takes a related table, for example count(orders).\n  count(1) > 2\n  ^",
    "sum(a.b, c.d) > 2": (
        "sum takes a related table, for example sum(orders.value).\n  sum(a.b, c.d) > 2\n  ^"
    ),
    "tag(VIP)": 'tag takes one name in quotes, for example tag("VIP").\n  tag(VIP)\n  ^',
    "lowercase(a where b = 1) = 'x'": (
        "lowercase does not take `where`.\n  lowercase(a where b = 1) = 'x'\n  ^\n"
        "Hint: `where` stands in questions about rows, for example count(orders where value > 5)."
    ),
    'x = "\\u0000"': 'This text holds a character that no database can store.\n  x = "\\u0000"\n      ^',
}


HINTS = {
    "last order before 1 year ago": "write last(table.column), for example last(orders.ordered_on).",
    "true top 10%": "say by what: top 10% by sum(orders.value).",
    "birthday is today": "write days_since(x) = 0, or of birthdays anniversary(x) within 1 day.",
    "sum(orders.value > 5) > 1": (
        "A condition on the rows stands behind `where`: sum(orders.value where value > 5)."
    ),
    "age > 1e400": "write the number in digits, without e: 1000 for 1e3.",
    "joined after now": "write `x in next 30 days`; for any time to come `x after 0 days ago`.",
    "joined before today": "write `x within 30 days`; for any time that is over `x before 0 days ago`.",
    "joined after yesterday": "write `x within 1 day`, `x in next 1 day` or a date.",
    "a = 1 or or b": "“and” and “or” stand between two conditions: one is missing.",
    "and a = 1": "“and” and “or” stand between two conditions: one is missing.",
    "country LIKE 'G%'": 'write contains(column, "text") or match(column, "te*").',
    "country IS NULL": "write `is set` or `is not set`.",
    "country IS NOT NULL": "write `is set` or `is not set`.",
    "country is 'GB'": "write = for “is”, or `is set`.",
    "country is not 'GB'": "write != for “is not”, or `is not set`.",
    "country == 'GB'": "write = once.",
    "country <> 'GB'": "write != for “is not”.",
    "age => 5": "write <= or >=.",
    "age > = 5": "write <= or >= without a blank.",
    "a = 1 && b = 2": "write and.",
    "a = 1 || b = 2": "write or.",
    "a = 1, b = 2": "write and or or between two conditions.",
    "a = 1;": "a rule ends without ;.",
    "country in ('GB', 'FR')": "a list stands in square brackets: [1, 2].",
    "count(*) > 5": "write count(table), for example count(orders).",
    "count(distinct genre) > 5": "write distinct(table.column).",
    "age between 1, 5": "write x between 1 and 9.",
    "value > 1,000": "write the number without commas: 1000.",
    "value > .5": "write 0 in front of the point: 0.5.",
    "value > £5": "write the number alone, without a currency.",
    "value > 5k": "write the number in digits: 1000.",
    "age % 2 = 0": "% stands behind `top` and `sample` only; there is no remainder in a rule.",
    "age greater than 5": "write > for “more than”.",
    "age at least 5": "write >= for “at least” and <= for “at most”.",
    "joined last 30 days": "write in last 30 days, or within 30 days.",
    "joined since 2024": 'write after "2024-05-31", before "2024-05-31" or = "2024-05-31".',
    "joined > date '2024-05-31'": 'a date is a text alone: "2024-05-31".',
    "`first name` = 'x'": (
        "names stand without quotes; a blank in one is written with a backslash: first\\ name."
    ),
    "country = ‘GB’": "use straight quotes: \" or '.",
    "exists(select 1 from orders)": "a rule is only the condition: exists(table where …).",
    "a = 1 order by b": "a rule has no such part: write `top 100 by value` for the greatest.",
    "name starts with 'A'": 'write starts_with(column, "text").',
    "a = 1)": "this bracket was never opened.",
}


@pytest.mark.parametrize("text", HINTS)
def test_it_knows_the_habits_of_other_languages(text: str) -> None:
    with pytest.raises(RuleError) as error:
        parse(text)
    assert error.value.hint == HINTS[text]
    assert len(error.value.expected) <= 10


@pytest.mark.parametrize("text", ERRORS)
def test_it_says_what_was_expected_and_where(text: str) -> None:
    with pytest.raises(RuleError) as error:
        parse(text)
    assert str(error.value) == ERRORS[text]


def test_an_error_knows_its_line_and_column() -> None:
    with pytest.raises(RuleError) as error:
        parse("a = 1\nand b ==")
    assert (error.value.line, error.value.column, error.value.position) == (2, 8, 13)
    assert error.value.expected == ("a value",)


@pytest.mark.parametrize(
    "text", ["(" * 10_000, "not (" * 500 + "a" + ")" * 500, "not " * 5_000 + "a", "a" * 300_000]
)
def test_it_refuses_what_is_too_deep_or_too_long(text: str) -> None:
    with pytest.raises(RuleError):
        parse(text)


def test_a_long_list_and_a_long_chain_are_read() -> None:
    assert len(list(walk(parse(f"x in [{', '.join(map(str, range(10_000)))}]")))) == 10_002
    assert len(list(walk(parse(" or ".join(f"x = {n}" for n in range(2_000)))))) == 6_001


@settings(max_examples=150, deadline=None)
@given(rules())
def test_what_is_written_is_read_back_the_same(node: Node) -> None:
    assert parse(format(node)) == node


@settings(max_examples=200, deadline=None)
@given(
    st.text(st.sampled_from("ab.\\ \"'()[],=!<>-+*/10\n and or not within is set where count é"), max_size=40)
)
def test_any_text_is_a_rule_or_a_rule_error(text: str) -> None:
    try:
        node = parse(text)
    except RuleError:
        return
    assert parse(format(node)) == node


WORDS = (
    "a b.c 1 -2.5 10% 'x' \"y\" ( ) [ ] , = != <= and or not in is set within next last days ago where top by"
    " sample among between ignoring case did then before after true null count( lowercase( tag( + * / ! \\"
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(WORDS.split(" ")), max_size=15).map(" ".join))
def test_any_words_are_a_rule_or_a_rule_error(text: str) -> None:
    try:
        node = parse(text)
    except RuleError:
        return
    assert parse(format(node)) == node


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("top 5 by age", "true top 5 by age"),
        ("top 5% by age", "true top 5% by age"),
        ('sample 50% "spring"', 'true sample 50% "spring"'),
        ("sample 50% top 5 by age", "true sample 50% top 5 by age"),
        ("(top 5 by age) and opted_in", "(true top 5 by age) and opted_in"),
        ("- age > 1", "0 - age > 1"),
        ("top 5 by -age", "true top 5 by 0 - age"),
        ("age * -age < -5", "age * (0 - age) < -5"),
        ("top = 5 and sample is set", "\\top = 5 and \\sample is set"),
        ('did (orders) then "A"', 'did orders then "A"'),
        ('did ("A") then (visits)', 'did "A" then visits'),
    ],
)
def test_it_reads_the_short_ways_of_saying_it(text: str, canonical: str) -> None:
    assert format(parse(text)) == canonical
    assert parse(canonical) == parse(text)
