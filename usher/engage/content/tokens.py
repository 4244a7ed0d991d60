"""Signed tokens for the addresses in a mail: short, unguessable, and saying nothing to a reader."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from functools import lru_cache
from typing import Literal

from django.conf import settings

Kind = Literal["open", "click", "unsubscribe", "confirm", "preferences", "visit", "message-id"]

#: Bytes of the signature: 128 bits cannot be guessed over a network.
SIGNATURE = 16
LONGEST_TOKEN = 60


def signed(kind: Kind, *numbers: int) -> str:
    """A token of the rows' numbers for a web address."""
    return _text(sealed(kind, *numbers))


def read(kind: Kind, token: str) -> tuple[int, ...] | None:
    """The numbers in the token; None if it is forged, cut, of another kind or under a forgotten key."""
    raw = _bytes(token)
    return None if raw is None else opened(kind, raw)


def sealed(kind: Kind, *numbers: int) -> bytes:
    """The rows' numbers, signed with the first key. One kind cannot be used as another."""
    payload = b"".join(map(_packed, numbers))
    return payload + _signature(settings.SECRET_KEY, kind, payload)


def opened(kind: Kind, raw: bytes) -> tuple[int, ...] | None:
    """The numbers that were sealed; None if `raw` is not ours."""
    if len(raw) <= SIGNATURE:
        return None
    payload, signature = raw[:-SIGNATURE], raw[-SIGNATURE:]
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        if hmac.compare_digest(_signature(key, kind, payload), signature):
            return _unpacked(payload)
    return None


def _signature(key: str, kind: Kind, payload: bytes) -> bytes:
    return hmac.digest(_derived(key, kind), payload, "sha256")[:SIGNATURE]


@lru_cache(64)
def _derived(key: str, kind: Kind) -> bytes:
    return hashlib.sha256(f"usher {kind} token:{key}".encode()).digest()


def _packed(number: int) -> bytes:
    """Length and bytes: numbers of several rows can stand behind each other."""
    size = (number.bit_length() + 7) // 8 or 1
    return bytes([size]) + number.to_bytes(size, "big")


def _unpacked(payload: bytes) -> tuple[int, ...]:
    numbers = []
    at = 0
    while at < len(payload):
        size = payload[at]
        numbers.append(int.from_bytes(payload[at + 1 : at + 1 + size], "big"))
        at += 1 + size
    return tuple(numbers)


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(token: str) -> bytes | None:
    if len(token) > LONGEST_TOKEN or not token.isascii():
        return None
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (NotBase64, ValueError):
        return None
    # base64 has several spellings of the same bytes; only ours is good
    return raw if _text(raw) == token else None
