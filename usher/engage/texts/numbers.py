"""Telephone numbers: digits only, from the country's code on."""

from __future__ import annotations

import re

from usher.engage.errors import EngageError

_BETWEEN = re.compile(r"[\s().\-/]+")


def digits(sent: str) -> str:
    """`+44 7123 123-123`, `00447123123123` and `447123123123` as `447123123123`.

    EngageError for what is no number with its country's code.
    """
    bare = _BETWEEN.sub("", sent)
    found = bare.removeprefix("+") if bare.startswith("+") else bare.removeprefix("00")
    if not found.isascii() or not found.isdigit() or not _is_possible(found):
        raise EngageError(
            "ERROR_SMS_INVALIDPHONENUMBER",
            f"'{sent[:40]}' is not a telephone number with its country's code, such as 447123123123.",
        )
    return found


def _is_possible(found: str) -> bool:
    """Whether the country's code exists and its numbers may be so long."""
    import phonenumbers  # what it knows of all countries takes a while to read

    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(f"+{found}"))
    except phonenumbers.NumberParseException:
        return False
