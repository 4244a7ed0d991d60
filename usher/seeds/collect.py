"""Read new mail and keep what was addressed to a seed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import islice

from django.conf import settings
from django.db import transaction

from usher.seeds import links
from usher.seeds.mailboxes import Mail, Mailbox
from usher.seeds.mailboxes.sink import Sink
from usher.seeds.models import Arrival, MailboxCursor, Placement

BATCH = 1000
#: Characters kept of a subject.
SUBJECT = 1000


def mailboxes() -> list[Mailbox]:
    """The mailboxes that seeds' mail comes to."""
    return [Sink(settings.USHER_DATA_DIR / "mail")]


def collect(now: datetime, boxes: Iterable[Mailbox] | None = None) -> int:
    """Record the arrivals since the last time, and answer how many are new."""
    return sum(_read(box, now) for box in (mailboxes() if boxes is None else boxes))


def _read(box: Mailbox, now: datetime) -> int:
    position = MailboxCursor.objects.filter(mailbox=box.name).values_list("position", flat=True).first() or ""
    mails = iter(box.mails(position))
    found = 0
    while batch := list(islice(mails, BATCH)):
        found += _record(box.name, batch, now)
    return found


def _record(mailbox: str, mails: list[Mail], now: datetime) -> int:
    """One batch: arrivals and the cursor in one transaction, so that neither is ahead of the other."""
    addresses = {address.lower() for mail in mails for address in mail.recipients}
    placements = {
        placement.address: placement
        for placement in Placement.objects.filter(address__in=addresses).select_related("path__plan")
    }
    arrivals = [
        _arrival(mailbox, mail, placements[address])
        for mail in mails
        for address in {address.lower() for address in mail.recipients} & placements.keys()
    ]
    with transaction.atomic():
        before = Arrival.objects.filter(mailbox=mailbox).count() if arrivals else 0
        Arrival.objects.bulk_create(arrivals, ignore_conflicts=True)
        MailboxCursor.objects.update_or_create(
            mailbox=mailbox, defaults={"position": mails[-1].cursor, "read_at": now}
        )
        return Arrival.objects.filter(mailbox=mailbox).count() - before if arrivals else 0


def _arrival(mailbox: str, mail: Mail, placement: Placement) -> Arrival:
    path = placement.path
    link = links.tracked(mail.read(), settings.USHER_PUBLIC_URL) if path.clicks else ""
    return Arrival(
        placement=placement,
        address=placement.address,
        received_at=mail.received_at,
        subject=mail.subject[:SUBJECT],
        message_id=mail.message_id[:SUBJECT],
        mailbox=mailbox,
        entry=mail.entry,
        link=link,
        click_due_at=mail.received_at + path.plan.click_after if link else None,
        click_error="the mail has no tracked link" if path.clicks and not link else "",
    )
