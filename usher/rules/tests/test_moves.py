from __future__ import annotations

from datetime import UTC, datetime

import pytest

from usher.rules import parse
from usher.rules.moves import moves
from usher.rules.tests.shop import LONDON, SCHEMA

BEFORE = datetime(2024, 3, 30, 12, tzinfo=UTC)
NOW = datetime(2024, 3, 31, 12, tzinfo=UTC)


def spans(rule: str) -> list[tuple[str, str, str, str]] | None:
    found = moves(parse(rule), SCHEMA, BEFORE, NOW, LONDON)
    if found is None:
        return None
    return [
        (span.table, span.column, f"{span.after:%m-%d %H:%M}", f"{span.until:%m-%d %H:%M}")
        for span in sorted(found)
    ]


SEEN = ("orders", "day", "03-30 12:00", "03-31 12:00")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ('country = "GB" and not tag("VIP")', []),
        ("count(notes) > 1", []),
        ("count(orders) > 1", [SEEN]),
        (
            "seen within 2 days",
            [
                ("customers", "seen", "03-28 12:00", "03-29 12:00"),
                ("customers", "seen", "03-30 12:00", "03-31 12:00"),
            ],
        ),
        (
            "seen within next 2 days",
            [
                ("customers", "seen", "03-30 12:00", "03-31 12:00"),
                ("customers", "seen", "04-01 12:00", "04-02 12:00"),
            ],
        ),
        ("birthday before 1 day ago", [("customers", "birthday", "03-29 12:00", "03-30 12:00")]),
        ('birthday before "2024-03-30"', []),
        (
            "exists(orders where day within 10 days)",
            [("orders", "day", "03-20 12:00", "03-21 12:00"), SEEN],
        ),
        ("last(orders.day) before 10 days ago", [("orders", "day", "03-20 12:00", "03-21 12:00"), SEEN]),
        ('lowercase(country) = "gb" among count(orders) > 0', [SEEN]),
        ("opted_in sample 10%", []),
    ],
)
def test_it_names_the_rows_that_an_edge_passes(rule: str, expected: list[tuple[str, str, str, str]]) -> None:
    assert spans(rule) == expected


def test_a_month_ago_is_a_calendar_step_of_the_zone() -> None:
    """At 12:00 in London in winter and in summer time; a month before the 30th and the 31st is the 29th."""
    assert spans("seen before 1 month ago") == [("customers", "seen", "02-29 12:00", "02-29 13:00")]


@pytest.mark.parametrize(
    "rule",
    [
        "days_since(joined) > 3",
        "opted_in top 10 by count(orders)",
        "anniversary(birthday) within next 7 days",
        "recency_score(orders) = 5",
        'did "A" then "B" within 7 days',
    ],
)
def test_whatever_is_not_known_here_needs_a_look_at_everybody(rule: str) -> None:
    assert spans(rule) is None
