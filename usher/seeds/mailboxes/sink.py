"""The spool of the local mail sink, read as a mailbox."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from usher.lib.spool import Spool
from usher.seeds.mailboxes import Mail


class Sink:
    name = "sink"

    def __init__(self, path: Path) -> None:
        self.spool = Spool(path)

    def mails(self, since: str) -> Iterator[Mail]:
        start = int(since or 0)
        if start > self.spool.end():  # the spool was emptied and begins anew
            start = 0
        for entry in self.spool.entries(since=start):
            yield Mail(
                entry=f"{entry.segment}@{entry.offset}",
                received_at=entry.received_at,
                recipients=entry.rcpt_to,
                message_id=entry.message_id,
                subject=entry.subject,
                read=partial(self.spool.read, entry),
                cursor=str(entry.next),
            )
