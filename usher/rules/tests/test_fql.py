"""Segment's FQL: every expression is a rule, and says of an event what FQL says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from usher.rules import RuleError, format, parse, to_python
from usher.rules.functions import FUNCTIONS
from usher.rules.tests import fql
from usher.rules.tests.fql import Expression
from usher.rules.tests.shop import LONDON, NOW

EVENT: dict[str, Any] = {
    "type": "track",
    "event": "Button Clicked",
    "userId": "u1",
    "context": {"library": {"name": "analytics.js", "version": "1.0"}, "page": {"path": "/login"}},
    "properties": {
        "n": 5,
        "s": "5",
        "t": True,
        "nul": None,
        "features": ["a", "b"],
        "product 1": {"price": "19.99"},
    },
    "traits": {"email": "a@b.com"},
}

EXAMPLES = [
    ('type = "track" and event = "Button Clicked"', True),
    ('type="track" and (event="X" or event="Button Clicked")', True),
    ("event = 'Button Clicked'", True),
    ('type = "identify" or type = "track"', True),
    ('type = "track" or type = "x" and event = "z"', True),
    ('( type="x" ) or ( event="Button Clicked" )', True),
    ("properties.n = 5", True),
    ("properties.n = 5.0", True),
    ('properties.n = "5"', False),
    ("properties.s = 5", False),
    ("properties.s > 4", False),
    ("properties.n != 5", False),
    ("properties.s != 5", False),
    ("properties.missing != 5", False),
    ('properties.missing != "5"', True),
    ("properties.missing = null", True),
    ("properties.nul = null", True),
    ("properties.nul != null", False),
    ("properties.t = true", True),
    ('properties.t = "true"', False),
    ('contains(properties.features, "a")', False),
    ("properties.t != true", False),
    ('contains(event, "Click")', True),
    ('contains(event, "")', True),
    ('"a" in properties.features', True),
    ('event in ["Button Clicked", "X"]', True),
    ('!contains(properties.missing, "x")', False),
    ('match(event, "Button *")', True),
    ('match(event, "*Clicked")', True),
    ('match(event, "But*ked")', True),
    ('match(event, "Button?Clicked")', True),
    ('match(event, "Button Clicked")', True),
    ('match(event, "*")', True),
    ('match(context.library.version, "1.*")', True),
    (r'properties.product\ 1.price = "19.99"', True),
    ('lowercase(event) = "button clicked"', True),
    ('typeof(properties.n) = "number"', True),
    ("length(properties.features) = 2", True),
    ('!(type = "track")', False),
    ("userId != null", True),
    ('userId = "u1"', True),
    ('anonymousId != null and type = "track"', False),
]


@pytest.mark.parametrize(("text", "holds"), EXAMPLES)
def test_it_answers_as_the_published_examples(text: str, holds: bool) -> None:
    assert to_python(parse(text))(EVENT) is holds


@pytest.mark.parametrize("text", ['type = "track', "", "event", "type", "userId", "!event", 'a = 1 and "x"'])
def test_it_refuses_what_is_no_condition(text: str) -> None:
    with pytest.raises(RuleError):
        to_python(parse(text))


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('contains(null, "x")', False),
        ('contains("ax", "x")', True),
        ('!contains("ax", null)', False),
        ('match(null, "*")', False),
        ('length("ア") = 3', True),
        ("length(null) = 0", True),
        ("length(properties.missing) = 0", True),
        ("length(properties.n) = null", True),
        ("lowercase(null) = null", True),
        ('uppercase("aé") = "AÉ"', True),
        ("snakecase(null) = null", True),
        ('snakecase("test the string") = "test_the_string"', True),
        ('kebabcase("Test  x") = "Test--x"', True),
        ('titlecase("new york isn\'t McX") = "New York Isn\'t McX"', True),
        ('typeof(properties.missing) = "null"', True),
        ('typeof("x") = "string"', True),
        ('typeof(5.5) = "number"', True),
        ('typeof(properties.features) = "list"', True),
        ('typeof(properties.t) = "bool"', True),
        ('typeof(properties) = "object"', True),
        ('string(5.0) = "5"', True),
        ('string(-0.25) = "-0.25"', True),
        ('string(true) = "true"', True),
        ("string(properties) = null", True),
        ("string(null) = null", True),
        ("number(properties.s) = 5", True),
        ('number(" -2.50 ") = -2.5', True),
        ('number("1e3") = null', True),
        ('number("5.") = null', True),
        ('number("٣") = null', True),
        ("number(true) = 1", True),
        ("number(properties.features) = null", True),
        ('bool("true")', True),
        ('!bool("false")', True),
        ('bool("yes") = null', True),
        ("!bool(0)", True),
        ("bool(-1)", True),
        ("!bool(properties.missing)", False),
        ("null = null", True),
        ("null in [properties.missing]", True),
        ("null in [properties.n, null]", True),
        ("properties.missing in [null, 5]", True),
        ("properties.missing in [properties.nul]", False),
        ("properties.n < null", False),
        ("null >= properties.n", False),
        ("5 = properties.n and 4 < properties.n", True),
        ("properties.n in [properties.n]", True),
        ("properties.features = properties.features", False),
        ("event < 5", False),
        ("match(event, event)", True),
        ("match(event, 5) = null", True),
        ('match(event, context.library.name) or match("a", "[z-a]x")', False),
    ],
)
def test_it_answers_for_null_and_every_function(text: str, holds: bool) -> None:
    if "[z-a]" in text:
        with pytest.raises(RuleError, match="range"):
            to_python(parse(text))
    else:
        assert to_python(parse(text))(EVENT) is holds


@pytest.mark.parametrize("value", [5, 5.0, "5"])
def test_type_and_event_are_compared_as_text(value: object) -> None:
    event = {"event": value, "n": 5, "list": [5]}
    text = value == "5"
    for rule in ("event = 5", "5.0 = event", "event = n", "event in [5]", "event in list", 'event = "5"'):
        assert to_python(parse(rule))(event) is text, rule
    assert to_python(parse("event != 5"))(event) is not text


def test_keywords_may_be_written_in_capitals() -> None:
    assert to_python(parse('TYPE = "x" OR type IN ["track"] AND NOT event = NULL'))(EVENT)


@pytest.mark.parametrize("name", fql.WORDS)
def test_a_word_of_the_language_is_a_plain_name(name: str) -> None:
    event = {name: "x", "properties": {name: True}, "list": ["x"]}
    for text in (
        f'{name} = "x"',
        f'"x" = {name} and {name} in ["x"]',
        f"({name} in list) and !{name}",
        f"!{name} or {name}",
        f"properties.{name}",
        f"contains({name}, {name})",
        f'{name}!="y"and {name}<={name} or {name} = null or {name} in [{name}]',
    ):
        node = parse(text)
        assert parse(format(node)) == node
        assert to_python(node)(event), text
    assert to_python(parse(f'"x" in {name}'))({name: ["x"]}) is True


quick = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quick
@given(st.data(), fql.expressions(), st.lists(fql.events, min_size=1, max_size=3))
def test_every_expression_is_a_rule_and_means_the_same(
    data: st.DataObject, expression: Expression, events: list[dict[str, Any]]
) -> None:
    node = parse(data.draw(fql.texts(expression)))
    assert parse(format(node)) == node
    predicate = to_python(node)
    for event in events:
        assert predicate(event) is fql.holds(expression, event)


def _asked(name: str, values: list[str]) -> str:
    function = FUNCTIONS[name]
    given = [
        "2" if number in function.literal and "number" in function.takes[number] else value
        for number, value in zip(range(len(function.takes)), values, strict=False)
    ]
    call = f"{name}({', '.join(given)})"
    if name == "anniversary":
        return f"{call} within next 7 days"
    return f"{call} or {call} > {values[0]} or {call} between s and 5 or not {call} + 1 = 2"


OPERANDS = ["properties", "properties.n", "traits.s", "event", "null", '"x"', "5", "s", "n"]
ODD = [
    None,
    True,
    -1,
    0.5,
    10**400,
    1e308,
    -1e308,
    float("nan"),
    "9999-12-31",
    "0001-01-01",
    "2024-02-29T23:00Z",
]


@quick
@given(
    st.sampled_from(sorted(name for name in FUNCTIONS if FUNCTIONS[name].python)),
    st.lists(st.sampled_from(OPERANDS), min_size=3, max_size=3),
    fql.events,
    st.sampled_from(ODD),
)
def test_no_event_makes_a_rule_fail(name: str, values: list[str], event: dict[str, Any], odd: object) -> None:
    predicate = to_python(parse(_asked(name, values)), now=NOW, zone=LONDON)
    for strange in (event, {**event, "n": odd, "properties": {"n": odd}}, {"n": [odd], "properties": odd}):
        assert predicate(strange) in (True, False)


@quick
@given(
    st.sampled_from("+-*/"),
    st.sampled_from("+-*/"),
    st.sampled_from(ODD),
    st.sampled_from([*ODD, [1], {}, "5"]),
)
def test_arithmetic_and_windows_never_fail(one: str, other: str, left: object, right: object) -> None:
    event = {"a": left, "b": right, "c": 2.5}
    for rule in (
        f"a {one} b {other} c > 1",
        f"a {one} (b {other} c) = b",
        "a between b and c or b between a and a",
        'a between "2024-01-01" and "9999-12-31"',
        "a within next 200 years or b within 1 day or a before 3 months ago",
        "a < b or a >= b or a in b or a != b",
    ):
        assert to_python(parse(rule), now=NOW, zone=LONDON)(event) in (True, False)


def test_a_pattern_from_an_event_takes_no_long() -> None:
    matching = to_python(parse("match(text, glob)"))
    assert matching({"text": "a" * 20_000, "glob": "*a" * 5_000 + "b"}) is False
    assert matching({"text": "a" * 20_000, "glob": "*a" * 5_000 + "*"}) is True
    assert matching({"text": "a", "glob": "[z-a]"}) is False
