"""Telephone numbers: digits only, from the country's code on."""

from __future__ import annotations

import re

from usher.engage.errors import EngageError

#: E.164: a country's code does not begin with 0, and a number has at most 15 digits with it.
_NUMBER = re.compile(r"[1-9]\d{6,14}\Z")
_BETWEEN = re.compile(r"[\s().\-/]+")


def digits(sent: str) -> str:
    """`+44 7123 123-123`, `00447123123123` and `447123123123` as `447123123123`.

    EngageError for what is no number with its country's code.
    """
    bare = _BETWEEN.sub("", sent)
    found = bare.removeprefix("+") if bare.startswith("+") else bare.removeprefix("00")
    if not found.isascii() or not _NUMBER.match(found):
        raise EngageError(
            "ERROR_SMS_INVALIDPHONENUMBER",
            f"'{sent[:40]}' is not a telephone number with its country's code, such as 447123123123.",
        )
    return found
