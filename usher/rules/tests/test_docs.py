from __future__ import annotations

import pytest

from usher.rules import parse, theatre
from usher.rules.docs import PAGE, page
from usher.rules.functions import FUNCTIONS, ROW_FUNCTIONS


def test_the_page_on_rules_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"


def test_every_function_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in (*FUNCTIONS, *ROW_FUNCTIONS) if f"| `{name}(" not in text] == []


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ("sum(bookings.total where booked_at within 6 months) > 100", ["Ben", "Finn"]),
        ("households.size > 3", ["Eve", "Gina"]),
        ('exists(bookings where performances.title = "Tosca")', ["Ada", "Ben"]),
        ('did "Cart Viewed" then "Order Completed" within 7 days', ["Ada"]),
        ("true top 2 by sum(bookings.total)", ["Ada", "Finn"]),
    ],
)
def test_the_theatre_answers(rule: str, found: list[str]) -> None:
    assert theatre.found(parse(rule)) == found
