"""Telephone numbers as people and programs write them."""

from __future__ import annotations

import pytest

from usher.engage.errors import EngageError
from usher.engage.texts.numbers import digits


@pytest.mark.parametrize(
    "sent", ["+447123123123", "00447123123123", "447123123123", " +44 (7123) 123-123 ", "44.7123/123123"]
)
def test_it_keeps_the_digits(sent: str) -> None:
    assert digits(sent) == "447123123123"


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "07123123123",
        "+",
        "44",
        "alice",
        "4471231231231234",
        "44712312312x",
        "+00447123123123",
        "٤٤٧١٢٣١٢٣١٢٣",
    ],
)
def test_it_refuses_what_is_no_number(sent: str) -> None:
    with pytest.raises(EngageError, match="ERROR_SMS_INVALIDPHONENUMBER"):
        digits(sent)
