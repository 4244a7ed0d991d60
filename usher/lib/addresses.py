"""E-mail addresses: what makes two of them the same, and what is wrong with one."""

from __future__ import annotations

import re

#: RFC 5321 4.5.3.1: a local part has at most 64 octets, a path without its brackets at most 254.
LONGEST_LOCAL_PART = 64
LONGEST = 254

# Dotted words of ASCII on the left; labels of letters, digits and inner hyphens on the right, the last
# of which is no number. Quoted local parts and [1.2.3.4] are legal and belong to nobody who reads mail.
_WORD = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"({_WORD}(?:\.{_WORD})*)@(?:{_LABEL}\.)+(?!\d+\Z){_LABEL}\Z")


def key(address: str) -> str:
    """What makes two addresses the same person: without blanks around it, in lower case."""
    return address.strip().lower()


def problem(address: str) -> str | None:
    """Why no mail can be sent to this address, in words; None when it looks right."""
    match = _ADDRESS.match(address)
    if match and len(address) <= LONGEST and match.end(1) <= LONGEST_LOCAL_PART:
        return None
    if not address.strip():
        return "the address is empty"
    if match or len(address) > LONGEST:
        return f"more than {LONGEST} characters, or more than {LONGEST_LOCAL_PART} before the @"
    if not address.isascii():
        return "letters outside ASCII (write the domain in its xn-- form)"
    if address.count("@") != 1:
        return "an address has one @"
    return "not of the form name@example.com"
