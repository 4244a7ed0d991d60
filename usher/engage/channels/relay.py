"""The words of sending: the relay that takes our mail, what is handed to it, what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Security = Literal["none", "starttls", "tls"]
State = Literal["accepted", "deferred", "refused", "unknown"]
Stage = Literal["connect", "greeting", "auth", "mail", "rcpt", "data", "final"]


@dataclass(frozen=True, slots=True)
class Relay:
    """The mail server that takes our mail to the world."""

    host: str
    port: int
    security: Security = "none"
    username: str = ""
    password: str = ""
    #: at most so many at the same time
    connections: int = 8
    #: seconds for which one reply is waited for; RFC 5321 4.5.3.2 asks for 300, and 600 after the final dot
    timeout: float = 60.0

    def __repr__(self) -> str:
        return f"Relay({self.host}:{self.port}, security={self.security})"


@dataclass(frozen=True, slots=True)
class Envelope:
    """One mail for one recipient."""

    #: the caller's own number, given back with the outcome
    key: int
    #: where bounces go; "" for none
    mail_from: str
    rcpt_to: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one envelope.

    accepted: the relay has it. deferred: it has not, try again later. refused: it will not take this mail, do
    not try again; only at stage `rcpt` is that the recipient's fault. unknown: the mail was sent, the answer
    lost: it may have arrived, so it must not be sent again without asking by its Message-ID. What goes wrong
    before MAIL (no connection, wrong password) is for the relay or the operator to mend: always `deferred`.
    """

    key: int
    state: State
    #: the reply that decided, if there was one; 0..599
    code: int | None
    #: the reply's text or our own words, one line; comes from outside, show it escaped
    text: str
    at_stage: Stage
