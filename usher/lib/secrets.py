"""Seal secrets for keeping in the database, and open them again; keys can be rotated."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class SecretError(Exception):
    """A sealed secret cannot be opened with the keys of this installation."""


def key_in(data_dir: Path) -> str:
    """This installation's own key, made on first use and readable by its owner only."""
    path = data_dir / "secret.key"
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        scratch = path.with_suffix(f".{secrets.token_hex(4)}")
        scratch.touch(mode=0o600)
        scratch.write_text(secrets.token_urlsafe(48), "ascii")
        try:
            path.hardlink_to(scratch)  # loses a race without overwriting the winner's key
        except FileExistsError:
            pass
        finally:
            scratch.unlink()
    return path.read_text("ascii").strip()


def _box(keys: Sequence[str]) -> MultiFernet:
    digests = [hashlib.sha256(b"usher-seal:" + key.encode()).digest() for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])


def seal(plain: str, keys: Sequence[str]) -> str:
    """Encrypt with the first key."""
    return _box(keys).encrypt(plain.encode()).decode("ascii")


def unseal(sealed: str, keys: Sequence[str]) -> str:
    """Decrypt with whichever key fits; SecretError if none does."""
    try:
        return _box(keys).decrypt(sealed.encode("ascii")).decode()
    except InvalidToken:
        raise SecretError(
            "a stored secret cannot be opened: USHER_SECRET_KEY (or secret.key in the data directory) "
            "is not the one it was sealed with"
        ) from None
