"""Who must not be mailed: suppressing addresses, and letting somebody come back who asks for it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from usher.engage.models import Account, Contact, Suppression
from usher.engage.models.contacts import Status

#: Nobody comes back from these by asking: complaints, and suppressions of the platform or of a domain.
FINAL = frozenset(
    {
        Status.ISP_COMPLAINED,
        Status.DIRECT_COMPLAINT,
        Status.SHARED_SUPPRESSION,
        Status.DOMAIN_SUPPRESSION,
        Status.NOT_ALLOWED,
    }
)
#: A contact in one of these may be written; all others are left alone until they come back.
OPEN = frozenset({Status.SUBSCRIBED, Status.PENDING_OPT_IN, Status.DELETED})

# The first reason stays, but a final one replaces one that could be lifted.
_RECORD = """
insert into engage_suppression (account_id, email_key, reason, at, source, message_id)
select distinct %(account)s, lower(key), %(reason)s, %(now)s::timestamptz, %(source)s, %(message)s::bigint
from unnest(%(keys)s::text[]) as key
on conflict (account_id, email_key) where lifted_at is null do update
set reason = excluded.reason, at = excluded.at, source = excluded.source, message_id = excluded.message_id
where excluded.reason = any(%(final)s) and engage_suppression.reason <> all(%(final)s)
"""

# A deleted contact stays deleted: its address is suppressed all the same.
_MARK = """
update engage_contact c
set status = s.reason, status_at = %(now)s, updated_at = %(now)s
from engage_suppression s
where c.account_id = %(account)s and c.email_key = any(%(keys)s)
  and s.account_id = c.account_id and s.email_key = c.email_key and s.lifted_at is null
  and c.status <> s.reason and c.status <> 'Deleted'
"""


def suppress(
    account: Account,
    email_keys: Iterable[str | None],
    reason: Status,
    source: str,
    now: datetime,
    message_id: int | None = None,
) -> int:
    """Never mail these addresses again, known or not; how many contacts changed their status.

    `reason` is the status they get (Unsubscribed, HardBounced …), `source` says where it came from
    ("one-click", "smtp 550 …"), `message_id` is the row of the mail that led to it.
    Doing it twice is harmless.
    """
    values: dict[str, Any] = {
        "account": account.pk,
        "keys": sorted({key.lower() for key in email_keys if key}),
        "reason": reason.value,
        "source": source[:500],
        "message": message_id,
        "now": now,
        "final": [str(one.value) for one in FINAL],
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_RECORD, values)
        cursor.execute(_MARK, values)
        return int(cursor.rowcount)


def suppression_of(account: Account, email_key: str | None) -> Suppression | None:
    """The suppression in force for this address, if there is one."""
    if email_key is None:
        return None
    return Suppression.objects.filter(account=account, email_key=email_key, lifted_at=None).first()


def resubscribe(contact: Contact, now: datetime) -> bool:
    """Let a contact come back who asked for it; False, and nothing changes, out of a final suppression."""
    with transaction.atomic():
        contact = Contact.objects.select_for_update().get(pk=contact.pk)
        suppression = suppression_of(contact.account, contact.email_key)
        if contact.status in FINAL or (suppression and suppression.reason in FINAL):
            return False
        if suppression:
            Suppression.objects.filter(pk=suppression.pk).update(lifted_at=now)
        if contact.status != Status.SUBSCRIBED:
            Contact.objects.filter(pk=contact.pk).update(
                status=Status.SUBSCRIBED, status_at=now, updated_at=now
            )
    return True
