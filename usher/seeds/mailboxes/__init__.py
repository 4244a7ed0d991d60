"""Where seeds' mail is read: one file per kind of mailbox, each giving the same small answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Mail:
    """One mail in a mailbox."""

    #: names it inside its mailbox, for good
    entry: str
    received_at: datetime
    #: the addresses it was delivered to, not those its headers claim
    recipients: list[str]
    message_id: str
    subject: str
    #: the raw message, fetched only when asked for
    read: Callable[[], bytes]
    #: what `mails` wants in order to go on behind this one
    cursor: str


class Mailbox(Protocol):
    @property
    def name(self) -> str:
        """The same for as long as its cursors are valid."""
        ...

    def mails(self, since: str) -> Iterator[Mail]:
        """The mails behind the cursor `since` in the order of arrival; "" begins with the first."""
        ...
