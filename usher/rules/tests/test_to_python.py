from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from usher.rules import RuleError, parse, to_python
from usher.rules.nodes import Node
from usher.rules.tests.rules import own_rules
from usher.rules.tests.shop import LONDON, NOW, Shop
from usher.rules.tests.test_to_ibis import customers

EVENT: dict[str, Any] = {
    "type": "track",
    "event": "Button Clicked",
    "userId": "u1",
    "timestamp": "2024-03-31T11:59:00Z",
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


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('type = "track" and event = "Button Clicked"', True),
        ('type="track" and (event="X" or event="Button Clicked")', True),
        ("event = 'Button Clicked'", True),
        ('type = "identify" or type = "track"', True),
        ('type = "track" or type = "x" and event = "z"', True),
        ('( type="x" ) or ( event="Button Clicked" )', True),
        ("properties.n = 5", True),
        ("properties.n = 5.0", True),
        ('properties.n = "5"', False),
        ('properties.n != "5"', True),
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
        ('!contains(properties.features, "z")', False),
        ("properties.t != true", False),
        ("properties.n = true", False),
        ('contains(event, "Click")', True),
        ('contains(event, "")', True),
        ('"a" in properties.features', True),
        ('"z" in properties.features', False),
        ('"a" in properties.missing', False),
        ('event in ["Button Clicked", "X"]', True),
        ('!contains(properties.missing, "x")', False),
        ('match(event, "Button *")', True),
        ('match(event, "*Clicked")', True),
        ('match(event, "But*ked")', True),
        ('match(event, "Button?Clicked")', True),
        ('match(event, "Button Clicked")', True),
        ('match(event, "Clicked")', False),
        ('match(event, "*")', True),
        ('match(context.library.version, "1.*")', True),
        ('match(event, "[A-C]utton*")', True),
        ('!match(event, "x*")', True),
        ('!match(properties.missing, "x*")', False),
        (r'properties.product\ 1.price = "19.99"', True),
        ('lowercase(event) = "button clicked"', True),
        ('!(type = "track")', False),
        ("userId != null", True),
        ('anonymousId != null and type = "track"', False),
        ("properties.t", True),
        ("properties.n", False),
        ("!properties.missing", True),
        ("event = 5", False),
        ("properties.n >= 5 and 6 > properties.n", True),
        ("properties.n > properties.missing", False),
        ("context.page.path.deeper = null", True),
        ("timestamp within 1 minute", False),
        ("timestamp within 2 minutes", True),
        ('timestamp after "2024-03-31"', True),
    ],
)
def test_it_answers_as_fql_does(text: str, holds: bool) -> None:
    assert to_python(parse(text), now=NOW)(EVENT) is holds


def test_type_and_event_are_compared_as_texts() -> None:
    assert to_python(parse("event = 5"))({"event": "5"})
    assert not to_python(parse("event != 5"))({"event": "5"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("event", "event is a text, not a condition"),
        ('"x"', "This is not a condition"),
        ("exists(orders)", r"exists\(…\) is asked of people, not of a single event."),
        ('tag("VIP")', r"tag\(…\) is asked of people"),
        ("timestamp within 1 day", "A time window"),
        ('segment("x") or audience("y")', r"segment\(…\) is asked of people"),
        ('did "A" then "B"', "`did` is asked of people"),
        ("x = 1 among y = 2", "`among` is asked of people"),
        ("x = 1 sample 10%", "`sample` is asked of people"),
        ("x = 1 top 10 by y", "`top` is asked of people"),
        ("quantile(x, 4) = 1", r"quantile\(…\) is asked of people"),
        ("recency_score(orders) = 1", r"recency_score\(…\) is asked of people"),
        ("days_since(x) > 1", "A time window"),
        ('anniversary(x) = "2024-05-31"', "anniversary\\(…\\) is asked with `within` only"),
        ('frobnicate(x) = "number"', "There is no function called frobnicate"),
        ('contains("x")', "contains takes 2 values, not 1"),
        ("concat(x)", "concat takes at least 2 values, not 1"),
        ("round()", "round takes 1 or 2 values, not 0"),
        ('x between "soon" and "late"', '"soon" is not a date'),
        ('match(event, "[z-a]")', "has a range in"),
        ('timestamp before "soon"', '"soon" is not a date'),
    ],
)
def test_it_refuses_what_an_event_cannot_answer(text: str, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        to_python(parse(text))


@pytest.mark.parametrize(
    "event", [{}, {"properties": None}, {"properties": []}, {"properties": {"n": float("nan")}}]
)
def test_a_strange_event_is_no_error(event: dict[str, Any]) -> None:
    assert (
        to_python(
            parse('properties.n > 1 or contains(properties.n, "x") or properties.n within 1 day'), now=NOW
        )(event)
        is False
    )


def test_a_window_ends_at_now() -> None:
    inside = to_python(parse("at within 1 hour"), now=NOW)
    moments = [
        NOW,
        NOW - timedelta(hours=1),
        NOW + timedelta(seconds=1),
        datetime(2024, 3, 31, 11, 30, tzinfo=UTC),
    ]
    assert [inside({"at": moment.isoformat()}) for moment in moments] == [True, False, False, True]


@settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(customers, min_size=3, max_size=3), st.lists(own_rules(), min_size=4, max_size=6))
def test_one_at_a_time_gives_what_the_set_gives(people: list[dict[str, Any]], conditions: list[Node]) -> None:
    rows = [{**row, "id": number} for number, row in enumerate(people)]
    found = Shop(customers=rows).ask({f"it{number}": node for number, node in enumerate(conditions)})
    for number, node in enumerate(conditions):
        predicate = to_python(node, now=NOW, zone=LONDON)
        assert [found[row["id"]][f"it{number}"] for row in rows] == [predicate(row) for row in rows], node
