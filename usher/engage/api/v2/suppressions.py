"""Opting out, being suppressed, and coming back; and reads of who did since when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse

from usher.engage.api.manner import Call, reply
from usher.engage.api.problems import invalid
from usher.engage.api.reading import since, taken, whole
from usher.engage.api.v2 import sent, shapes
from usher.engage.contacts import confirm, write
from usher.engage.contacts.suppress import is_final, resubscribe, suppress, suppress_unnamed
from usher.engage.contacts.write import Draft
from usher.engage.lists import joining
from usher.engage.models import Confirmation, Contact, ContactList, Membership, Suppression
from usher.engage.models.contacts import Status

SOURCE = "api"
LONGEST_URL = 2000


@transaction.atomic
def unsubscribe(call: Call) -> HttpResponse:
    """An address we do not know becomes an unsubscribed contact, so that the wish is kept."""
    contact = write.keep(call.account, sent.address(call.fields), call.now, SOURCE)
    suppress(call.account, [contact.email_key], Status.UNSUBSCRIBED, SOURCE, call.now)
    contact.refresh_from_db()
    held = in_force(call).get(email_key=contact.email_key)
    return reply(shapes.removal(shapes.full_contact(contact), held.at, held.reason))


def suppress_contacts(call: Call) -> HttpResponse:
    if not isinstance(call.body, list) or not all(isinstance(one, dict) for one in call.body):
        raise invalid("Send a list of ids or addresses.", "ERROR_CONTACTS_ARE_NOT_SPECIFIED")
    ids = [whole(one["id"], "id") for one in call.body if one.get("id")]
    keys = [str(one["email"]).strip().lower() for one in call.body if not one.get("id") and one.get("email")]
    everybody = Contact.objects.filter(account=call.account).exclude(status=Status.DELETED)
    found = list(everybody.filter(pk__in=ids) | everybody.filter(email_key__in=keys))
    suppress(call.account, [row.email_key for row in found], Status.SUPPRESSED, SOURCE, call.now)
    suppress_unnamed(call.account, [row.pk for row in found], call.now)
    by_id, by_key = {row.pk: row for row in found}, {row.email_key: row for row in found}
    done: list[dict[str, Any]] = [{"id": one, "email": None} for one in ids if one in by_id]
    done += [{"id": 0, "email": one} for one in keys if one in by_key]
    lost: list[dict[str, Any]] = [{"id": one, "email": None} for one in ids if one not in by_id]
    lost += [{"id": 0, "email": one} for one in keys if one not in by_key]
    return reply({"suppressed": done, "notFound": lost})


def ask_to_resubscribe(call: Call) -> HttpResponse:
    """With a challenge: the contact is asked by mail, and stays out until the answer."""
    return reply(coming_back(call, call.fields, challenge=True))


def resubscribe_at_once(call: Call) -> HttpResponse:
    """Without a challenge; not out of a complaint, the platform's list or the domain's."""
    return reply(coming_back(call, call.fields, challenge=False))


def lift(call: Call) -> HttpResponse:
    """DELETE /v2/suppressions {email}, as some guides describe it."""
    return reply(coming_back(call, {"unsubscribedcontact": call.fields}, challenge=False))


@transaction.atomic
def coming_back(
    call: Call, body: Mapping[str, Any], *, challenge: bool, book: ContactList | None = None
) -> dict[str, Any]:
    """Let somebody come back to the account, and to the list `book`, or ask first; what the reply says of it.

    Whoever has to confirm is asked at most once a day, however often a caller wants it.
    """
    draft, url = sent.draft(body.get("unsubscribedcontact")), _return_url(body)
    write.checked(call.account, draft.data)
    row, _ = write.save(call.account, Draft(draft.email), call.now, closed=True, asks=False)
    if is_final(row):
        return {"contact": shapes.full_contact(row), "status": "ContactCannotBeUnsuppressed"}
    row, _ = write.save(call.account, draft, call.now, closed=True, asks=False)
    if (challenge or call.account.double_opt_in) and _is_out(row, book):
        waits = row.status == Status.PENDING_OPT_IN
        kind = Confirmation.Kind.OPT_IN if waits else Confirmation.Kind.RESUBSCRIBE
        confirm.ask(row, kind, call.now, joins=book, return_url=url)
        return {"contact": shapes.full_contact(row), "status": "ContactChallenged"}
    resubscribe(row, call.now)
    row.refresh_from_db(fields=["status"])
    if book is not None:
        joining.rejoin(book, row, call.now)
    return {"contact": shapes.full_contact(row), "status": "ContactAdded"}


def _is_out(contact: Contact, book: ContactList | None) -> bool:
    """Does the contact have to come back, to the account or to the list?"""
    if contact.status != Status.SUBSCRIBED:
        return True
    left = Membership.objects.filter(list=book, contact=contact, unsubscribed_at__isnull=False)
    return book is not None and left.exists()


def _return_url(body: Mapping[str, Any]) -> str:
    url = str(body.get("returnurltouseifchallenged") or "").strip()
    if url and (not url.lower().startswith(("https://", "http://")) or len(url) > LONGEST_URL):
        raise invalid("returnUrlToUseIfChallenged is not a web address.")
    return url


def suppressed_since(call: Call, date: str) -> HttpResponse:
    return _page(call, in_force(call).filter(at__gte=since(date)))


def unsubscribed_since(call: Call, date: str) -> HttpResponse:
    return _page(call, in_force(call).filter(at__gte=since(date), reason=Status.UNSUBSCRIBED))


def listed(call: Call) -> HttpResponse:
    """GET /v2/suppressions, as some guides describe it."""
    rows = in_force(call)
    return _page(call, rows.filter(at__gte=since(call.query["since"])) if "since" in call.query else rows)


def in_force(call: Call) -> QuerySet[Suppression]:
    return Suppression.objects.filter(account=call.account, lifted_at=None)


def _page(call: Call, rows: QuerySet[Suppression]) -> HttpResponse:
    """Suppressions with their contacts, which are fetched as one set."""
    shown = taken(call, rows)
    keys = [row.email_key for row in shown]
    people = {row.email_key: row for row in Contact.objects.filter(account=call.account, email_key__in=keys)}
    return reply(
        [
            shapes.removal(
                shapes.contact(people[row.email_key])
                if row.email_key in people
                else shapes.stranger(row.email_key, row.reason),
                row.at,
                row.reason,
            )
            for row in shown
        ]
    )
