"""Who must not be mailed: suppressing addresses, and letting somebody come back who asks for it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from usher.engage.contacts import erased
from usher.engage.errors import EngageError
from usher.engage.models import Account, Contact, SuppressedDomain, Suppression
from usher.engage.models.contacts import Status
from usher.lib import addresses

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

# Whoever writes a contact holds it before its suppression; in another order two would wait for each other.
_HOLD = """
select from engage_contact where account_id = %(account)s and email_key = any(%(keys)s)
 order by id for no key update
"""

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
        cursor.execute(_HOLD, values)
        cursor.execute(_RECORD, values)
        cursor.execute(_MARK, values)
        return int(cursor.rowcount)


def suppress_unnamed(account: Account, contact_ids: Iterable[int], now: datetime) -> int:
    """Suppress those of the contacts who have no address, and their mobile numbers; how many."""
    unnamed = Contact.objects.filter(account=account, pk__in=list(contact_ids), email_key=None)
    status = Status.SUPPRESSED
    return unnamed.update(status=status, sms_status=status, status_at=now, updated_at=now)


# The people of a domain, as those of a list of addresses in _RECORD and _MARK.
_OF_DOMAIN = """
select email_key from engage_contact
where account_id = %(account)s and split_part(email_key, '@', 2) = %(domain)s
"""

_SHARED = """
insert into engage_suppression (account_id, email_key, reason, at, source)
select distinct account.id, lower(key), %(reason)s, %(now)s::timestamptz, %(source)s
from unnest(%(keys)s::text[]) as key, engage_account account
on conflict (account_id, email_key) where lifted_at is null do update
set reason = excluded.reason, at = excluded.at, source = excluded.source
where engage_suppression.reason <> all(%(final)s)
"""


def keys_of(words: Iterable[str]) -> list[str]:
    """The addresses among these words as they are kept, each once. EngageError names one that is none."""
    found = [word.strip() for word in words if word.strip()]
    for word in found:
        if wrong := addresses.problem(word):
            raise EngageError("ERROR_INVALID_EMAIL", f"“{word}”: {wrong}; nothing was suppressed")
    if not found:
        raise EngageError("ERROR_INVALID_EMAIL", "write an address")
    return list(dict.fromkeys(addresses.key(word) for word in found))


def domain_of(said: str) -> str:
    """A domain as it is kept. EngageError for what is none."""
    domain = said.strip().lower().removeprefix("@")
    if wrong := addresses.problem(f"somebody@{domain}"):
        raise EngageError("ERROR_PARAMETER_INVALID", f"'{domain}' is not a domain: {wrong}.")
    return domain


def open_contacts(account: Account, domain: str) -> int:
    """How many contacts of this domain could still be mailed, or are being asked."""
    of_domain = {"account": account, "status__in": [Status.SUBSCRIBED, Status.PENDING_OPT_IN]}
    return Contact.objects.filter(**of_domain, email_key__endswith=f"@{domain}").count()


def known_contacts(email_keys: Iterable[str]) -> int:
    """How many contacts, of all accounts, have one of these addresses."""
    found = Contact.objects.filter(email_key__in=list(email_keys)).exclude(status=Status.DELETED)
    return found.count()


def suppress_domain(account: Account, domain: str, now: datetime, source: str = "operator") -> int:
    """Never mail this domain's addresses again, those to come included; how many contacts changed.

    Refused for what is no domain. Its subdomains are domains of their own. Doing it twice is harmless.
    """
    domain = domain_of(domain)
    # whoever adds a contact from now on sees this row, unless it has just begun to: so the contacts that are
    # there are gone through twice, each time when those who are being added were waited for
    SuppressedDomain.objects.get_or_create(account=account, domain=domain, defaults={"at": now})
    return sum(_suppress_those_of(account, domain, now, source) for _ in range(2))


def _suppress_those_of(account: Account, domain: str, now: datetime, source: str) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select 1 from engage_account where id = %s for update", [account.pk])
        cursor.execute(_OF_DOMAIN, {"account": account.pk, "domain": domain})
        keys = [key for (key,) in cursor.fetchall()]
        return suppress(account, keys, Status.DOMAIN_SUPPRESSION, source, now)


def allow_domain(account: Account, domain: str) -> bool:
    """Take the domain's future addresses again: who is suppressed stays so. False when it was not there."""
    found = SuppressedDomain.objects.filter(account=account, domain=domain.strip().lower())
    return bool(found.delete()[0])


def suppress_everywhere(email_keys: Iterable[str], now: datetime, source: str = "operator") -> int:
    """Never mail these addresses again, in any account and for good; how many contacts changed."""
    keys = sorted({key.strip().lower() for key in email_keys if key.strip()})
    values: dict[str, Any] = {"keys": keys, "reason": Status.SHARED_SUPPRESSION.value}
    values |= {"now": now, "source": source[:500], "final": [str(one.value) for one in FINAL]}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SHARED, values)
        cursor.execute(_MARK.replace("c.account_id = %(account)s and ", ""), values)
        return int(cursor.rowcount)


def share_with(account: Account, now: datetime) -> None:
    """Give a new account the suppressions that hold everywhere."""
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into engage_suppression (account_id, email_key, reason, at, source)"
            " select %s, email_key, reason, %s, min(source) from engage_suppression"
            " where reason = %s and lifted_at is null group by email_key, reason on conflict do nothing",
            [account.pk, now, Status.SHARED_SUPPRESSION.value],
        )


def suppression_of(account: Account, email_key: str | None) -> Suppression | None:
    """The suppression in force for this address, if there is one."""
    if email_key is None:
        return None
    return Suppression.objects.filter(account=account, email_key=email_key, lifted_at=None).first()


def held(account: Account, email_key: str | None) -> str | None:
    """The status of everybody with this address, when it is suppressed or its domain is."""
    erased.recall(account, [email_key] if email_key else [])
    suppression = suppression_of(account, email_key)
    if suppression is not None:
        return suppression.reason
    domain = (email_key or "").rpartition("@")[2]
    is_of_domain = SuppressedDomain.objects.filter(account=account, domain=domain).exists()
    return Status.DOMAIN_SUPPRESSION if is_of_domain else None


def is_suppressed(account: Account, email_key: str) -> bool:
    """May nobody with this address be added: is it suppressed, or is its domain?"""
    return held(account, email_key) is not None


def is_final(contact: Contact) -> bool:
    """Does the contact stay out for good, whatever it asks?"""
    suppression = suppression_of(contact.account, contact.email_key)
    return contact.status in FINAL or (suppression is not None and suppression.reason in FINAL)


def lift(account: Account, email_key: str, now: datetime) -> bool:
    """Take an address off the list, whether or not it is a contact's; False when it may not be.

    A contact with the address comes back. The address of a suppressed domain stays out.
    """
    contact = Contact.objects.filter(account=account, email_key=email_key).exclude(status=Status.DELETED)
    with transaction.atomic():
        found = Suppression.objects.select_for_update().filter(account=account, lifted_at=None)
        row = found.filter(email_key=email_key).first()
        domain = email_key.rpartition("@")[2]
        is_shut = SuppressedDomain.objects.filter(account=account, domain=domain).exists()
        if row is None or row.reason in FINAL or is_shut:
            return False
        if known := contact.select_related("account").first():
            return resubscribe(known, now)
        row.lifted_at = now
        row.save(update_fields=["lifted_at"])
    return True


def resubscribe(contact: Contact, now: datetime) -> bool:
    """Let a contact come back who asked for it; False, and nothing changes, out of a final suppression."""
    with transaction.atomic():
        contact = Contact.objects.select_for_update(of=("self",)).select_related("account").get(pk=contact.pk)
        if is_final(contact):
            return False
        in_force = Suppression.objects.filter(account=contact.account_id, lifted_at=None)
        in_force.filter(email_key=contact.email_key).update(lifted_at=now)
        if contact.status != Status.SUBSCRIBED:
            Contact.objects.filter(pk=contact.pk).update(
                status=Status.SUBSCRIBED, status_at=now, updated_at=now
            )
    return True
