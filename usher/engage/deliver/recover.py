"""Finds the batches of senders that died, and out what became of their mails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from usher.engage.deliver.claim import LOCKS, release
from usher.engage.deliver.verdict import AGAIN
from usher.engage.messages.identity import message_id
from usher.engage.models import Claim, Message
from usher.engage.models.messages import MessageState

#: Which of these Message-IDs the relay took; None if it cannot be asked.
Asked = Callable[[set[str]], set[str] | None]

_LOST = "the sender died while it had this mail, and the relay cannot be asked whether it came"


def recover(now: datetime, was_accepted: Asked) -> Counter[str]:
    """Settle the claims whose sender is dead: taken mails are sent, the others are queued again.

    A sender lives as long as its database session holds the lock on its claim. When the relay cannot be
    asked, the mails are ambiguous and never sent again blindly, but for letters, for which somebody waits:
    they are sent again with the same Message-ID. Answers how many reached which state.
    """
    done: Counter[str] = Counter()
    for claim in Claim.objects.filter(settled_at=None).order_by("pk"):
        if _died(claim.pk):
            try:
                done += _resolve(claim, now, was_accepted)
            finally:
                release(claim.pk)
    return done


def _died(claim: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(%s)", [LOCKS + claim])
        row = cursor.fetchone()
    return bool(row and row[0])


def _resolve(claim: Claim, now: datetime, was_accepted: Asked) -> Counter[str]:
    rows = Message.objects.filter(claim=claim, state=MessageState.CLAIMED).select_related("account")
    ids = {message_id(row.pk, row.account.mail_domain): row.pk for row in rows}
    taken = was_accepted(set(ids)) if ids else set()
    with transaction.atomic():
        mine = Message.objects.filter(claim=claim, state=MessageState.CLAIMED)
        if taken is None:
            again: dict[str, Any] = {"state": MessageState.QUEUED, "claim": None, "reason": AGAIN}
            done = {
                "queued": mine.filter(letter__isnull=False).update(**again),
                "ambiguous": mine.update(state=MessageState.AMBIGUOUS, reason=_LOST),
            }
        else:
            sent: dict[str, Any] = {"state": MessageState.SENT, "sent_at": now}
            done = {
                "sent": mine.filter(pk__in=[ids[one] for one in taken]).update(**sent),
                "queued": mine.update(state=MessageState.QUEUED, claim=None),
            }
        Claim.objects.filter(pk=claim.pk).update(settled_at=now)
    return Counter(done)
