"""The words of texting: what is handed to a gateway, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

State = Literal["sent", "delivered", "deferred", "refused", "unknown"]


@dataclass(frozen=True, slots=True)
class Text:
    """One text message to one number."""

    key: UUID
    #: Digits, from the country's code on.
    number: str
    #: Whom it shows as its sender; empty: the gateway's own.
    sender: str
    body: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a text.

    sent: the gateway has it, and may tell more when it is asked. delivered: the telephone has it. deferred:
    the gateway has not taken it, try again later. refused: it never will be. unknown: it was handed over and
    the answer was lost, so it must not be sent again.
    """

    state: State
    #: How the gateway calls it.
    gateway_id: str = ""
    code: int | None = None
    #: In words; comes from outside, show it escaped.
    text: str = ""
    #: The number's owner does not want our texts.
    opted_out: bool = False


class Gateway(Protocol):
    """Takes texts to telephones. Trouble is an answer, no exception."""

    def find(self, text: Text, since: datetime) -> list[Answer]:
        """The texts like this one that it took since then: what became of one whose answer was lost."""
        ...

    def send(self, text: Text) -> Answer: ...

    def ask(self, gateway_id: str) -> Answer | None:
        """What became of it since; None when there is no news, or nobody to ask."""
        ...


class Kept:
    """The sandbox: texts are kept as rows, shown as delivered, and go nowhere."""

    def find(self, text: Text, since: datetime) -> list[Answer]:
        return []

    def send(self, text: Text) -> Answer:
        return Answer("delivered", text="kept here and sent to nobody: USHER_SMS_URL names no gateway")

    def ask(self, gateway_id: str) -> Answer | None:
        return None
