"""One thing that happened to a contact, as its story tells it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

#: How far back a page goes; more than a person gets in years.
MOST = 300


@dataclass(frozen=True)
class Happening:
    at: datetime
    what: str
    #: Why it happened, or its detail.
    why: str = ""
    #: Colours the mark: good, bad, warn, info or mail.
    tone: str = ""
