"""The Message-ID of a mail: made from its row, so that a copy can be recognised and led back to it."""

from __future__ import annotations

from usher.engage.content import tokens


def message_id(message: int, domain: str) -> str:
    """`<token@domain>`: the same for every attempt to send this row."""
    return f"<{return_path(message, domain)}>"


def return_path(message: int, domain: str) -> str:
    """Where bounces of this mail go (VERP): tells the row by itself, also when a server changes its case."""
    return f"{tokens.sealed('message-id', message).hex()}@{domain}"


def message_of(text: str) -> int | None:
    """The row's number from a Message-ID (brackets or not) or a return path; None if it is not ours."""
    try:
        raw = bytes.fromhex(text.strip().removeprefix("<").partition("@")[0])
    except ValueError:
        return None
    numbers = tokens.opened("message-id", raw)
    return numbers[0] if numbers and len(numbers) == 1 else None
