"""A Message-ID leads back to its row."""

from __future__ import annotations

import pytest

from usher.engage.messages.identity import message_id, message_of, return_path


def test_a_message_id_leads_back_to_its_row_in_any_case() -> None:
    written = message_id(31337, "shop.example")
    assert written == message_id(31337, "shop.example")
    assert message_of(written) == 31337
    assert message_of(return_path(31337, "shop.example").upper()) == 31337
    assert len(return_path(2**40, "").rstrip("@")) <= 64


@pytest.mark.parametrize("text", ["", "<>", "<x@y>", "<" + "a" * 42 + "@shop.example>", "ü@x"])
def test_a_foreign_message_id_is_not_ours(text: str) -> None:
    assert message_of(text) is None
