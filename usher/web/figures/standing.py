"""Who must not be mailed and why, and what a person at a page may change about it."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from usher.engage import audit
from usher.engage.contacts import suppress
from usher.engage.contacts.suppress import FINAL
from usher.engage.models import Account, Contact, SuppressedDomain, Suppression
from usher.engage.models.contacts import Status

#: What may be done about a contact, by its name in a form.
ACTS = ("unsubscribe", "suppress", "resubscribe")


def suppressions(account: Account, text: str, reason: str) -> QuerySet[Suppression]:
    """Suppressions in force, of addresses that begin with `text`."""
    found = Suppression.objects.filter(account=account, lifted_at=None)
    found = found.filter(email_key__startswith=text.lower()) if text else found
    return found.filter(reason=reason) if reason in Status.values else found


def people(account: Account, rows: list[Suppression]) -> list[tuple[Suppression, Contact | None, bool]]:
    """The suppressions with their contacts, and whether each may be lifted."""
    keys = [row.email_key for row in rows]
    known = {one.email_key: one for one in Contact.objects.filter(account=account, email_key__in=keys)}
    return [(row, known.get(row.email_key), row.reason not in FINAL) for row in rows]


def domains(account: Account) -> QuerySet[SuppressedDomain]:
    return SuppressedDomain.objects.filter(account=account).order_by("domain")


def forbid(account: Account, text: str, source: str, now: datetime) -> int:
    """Suppress these addresses, a line or comma apart; how many. EngageError names one that is none."""
    keys = keys_in(text)
    suppress.suppress(account, keys, Status.SUPPRESSED, source, now)
    return len(keys)


def keys_in(text: str) -> list[str]:
    """Addresses, a line or comma apart. EngageError names one that is none."""
    return suppress.keys_of(text.replace(",", "\n").replace(";", "\n").splitlines())


def lift(account: Account, key: str, by: str, source: str, now: datetime) -> str:
    """Take an address off the list, contact or not; why not, if it may not be."""
    row = suppress.suppression_of(account, key)
    if row is None:
        return _("it is not on the list any more")
    if not suppress.lift(account, key, now):
        return _("a complaint, a suppression for good or of the domain is never lifted")
    audit.note(account, by, "suppression", key, "lift", now, after={"because": source})
    return ""


def forbid_domain(account: Account, domain: str, by: str, source: str, now: datetime) -> int:
    """Suppress a domain; how many contacts it changed. EngageError when it is none.

    The room takes several transactions for it, so the note is written by hand and not by a signed one.
    """
    changed = suppress.suppress_domain(account, domain, now, source)
    audit.note(account, by, "suppressed domain", domain.strip().lower(), "create", now)
    return changed


def noted(person: Contact, by: str, act: str, source: str, now: datetime) -> None:
    """Keep the reason: what the changed rows tell does not hold it."""
    audit.note(person.account, f"page {by}", "contact", person.pk, act, now, after={"because": source})


def change(person: Contact, act: str, source: str, now: datetime) -> str:
    """Unsubscribe, suppress or let back in; why not, if it may not be."""
    if act == "resubscribe":
        done = suppress.resubscribe(person, now)
        return "" if done else _("a complaint or a suppression for good is never lifted")
    if not person.email_key:
        return _("there is no address to suppress")
    status = Status.UNSUBSCRIBED if act == "unsubscribe" else Status.SUPPRESSED
    suppress.suppress(person.account, [person.email_key], status, source, now)
    return ""


def may(person: Contact) -> list[str]:
    """What of ACTS makes sense for this contact."""
    if person.status == Status.DELETED:
        return []
    if person.status in (Status.SUBSCRIBED, Status.PENDING_OPT_IN):
        return ["unsubscribe", "suppress"] if person.email_key else []
    return [] if suppress.is_final(person) else ["resubscribe"]
