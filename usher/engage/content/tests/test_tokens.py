"""Tokens say which row they are of, and cannot be made by anybody else."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from usher.engage.content import tokens


def test_it_reads_what_it_signed() -> None:
    assert tokens.read("click", tokens.signed("click", 123456789, 42)) == (123456789, 42)
    assert len(tokens.signed("click", 123456789, 42)) < 36


def test_one_kind_is_not_another() -> None:
    assert tokens.read("unsubscribe", tokens.signed("open", 5)) is None


@pytest.mark.parametrize("token", ["", "a", "é", "AAAA", "a" * 500, "%%%%", "AQ" * 20])
def test_it_refuses_forgeries(token: str) -> None:
    assert tokens.read("open", token) is None


def test_every_changed_letter_is_noticed() -> None:
    token = tokens.signed("open", 77)
    for at, letter in enumerate(token):
        other = "A" if letter != "A" else "B"
        assert tokens.read("open", token[:at] + other + token[at + 1 :]) is None


def test_a_token_outlives_a_change_of_keys(settings: Settings) -> None:
    settings.SECRET_KEY = "old"
    token = tokens.signed("open", 5)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["old"]
    assert tokens.read("open", token) == (5,)
    settings.SECRET_KEY_FALLBACKS = []
    assert tokens.read("open", token) is None
