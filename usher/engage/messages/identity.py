"""The Message-ID of a mail: made from its row, so that a copy can be recognised and led back to it."""

from __future__ import annotations

from base64 import b32decode, b32encode
from binascii import Error as NotBase32

from usher.engage.content import tokens


def message_id(message: int, domain: str) -> str:
    """`<token@domain>`: the same for every attempt to send this row."""
    return f"<{return_path(message, domain)}>"


def return_path(message: int, domain: str) -> str:
    """Where bounces of this mail go (VERP): tells the row by itself, also when a server changes its case."""
    return f"{b32encode(tokens.sealed('message-id', message)).rstrip(b'=').decode().lower()}@{domain}"


def message_of(text: str) -> int | None:
    """The row's number from a Message-ID (brackets or not) or a return path; None if it is not ours."""
    local = text.strip().removeprefix("<").partition("@")[0].upper()
    if len(local) > tokens.LONGEST_TOKEN:
        return None
    try:
        raw = b32decode(local + "=" * (-len(local) % 8))
    except (NotBase32, ValueError):
        return None
    numbers = tokens.opened("message-id", raw)
    return numbers[0] if numbers and len(numbers) == 1 else None
