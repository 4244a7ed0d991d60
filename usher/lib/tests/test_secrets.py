from __future__ import annotations

from pathlib import Path

import pytest

from usher.lib import secrets


def test_what_was_sealed_opens_again_even_after_the_key_was_rotated() -> None:
    sealed = secrets.seal("pa55word", ["old"])
    assert "pa55word" not in sealed
    assert secrets.unseal(sealed, ["new", "old"]) == "pa55word"


def test_a_wrong_key_says_what_to_look_at() -> None:
    with pytest.raises(secrets.SecretError, match="USHER_SECRET_KEY"):
        secrets.unseal(secrets.seal("x", ["one"]), ["two"])


def test_an_installation_makes_its_key_once_and_keeps_it_to_itself(tmp_path: Path) -> None:
    first = secrets.key_in(tmp_path)
    assert secrets.key_in(tmp_path) == first
    assert (tmp_path / "secret.key").stat().st_mode & 0o077 == 0
