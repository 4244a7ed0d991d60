"""Contacts: create or update, read, rename, delete, and reads of what changed since a moment."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse

from usher.engage.api.manner import Call, empty, reply
from usher.engage.api.problems import invalid
from usher.engage.api.reading import MOST, flag, page, since, taken, whole
from usher.engage.api.v2 import sent, shapes
from usher.engage.contacts import write
from usher.engage.contacts.write import Draft
from usher.engage.lists.members import counts
from usher.engage.models import Contact, ContactList
from usher.engage.models.contacts import Status
from usher.engage.models.lists import ListKind

#: The published default, and so the most, of the reads of what changed.
MOST_CHANGED = 2000


def all_of(call: Call) -> QuerySet[Contact]:
    """Everybody but those in the recycle bin."""
    return Contact.objects.filter(account=call.account).exclude(status=Status.DELETED)


def add(call: Call) -> HttpResponse:
    contact, _ = write.save(call.account, sent.draft(call.body), call.now)
    return reply(shapes.full_contact(contact), 201)


def get(call: Call, who: int | str) -> HttpResponse:
    return reply(shapes.full_contact(sent.known(call, who)))


def change(call: Call, who: int | str) -> HttpResponse:
    if who == 0:  # a known client creates so
        return add(call)
    contact = sent.known(call, who)
    return reply(shapes.full_contact(write.change(contact, sent.draft(call.body, contact.email), call.now)))


def change_data(call: Call, who: int | str) -> HttpResponse:
    """Only data fields, as some guides describe it: keys and values, or an object that holds them."""
    contact = sent.known(call, who)
    body = call.body.get("datafields") if isinstance(call.body, dict) else call.body
    changed = write.change(contact, Draft(contact.email, sent.data(body)), call.now)
    return reply(shapes.full_contact(changed))


def delete(call: Call, who: int | str) -> HttpResponse:
    write.remove(sent.known(call, who), call.now)
    return empty()


def count(call: Call) -> HttpResponse:
    return reply(all_of(call).count())


def listed(call: Call) -> HttpResponse:
    return _page(call, all_of(call))


def created_since(call: Call, date: str) -> HttpResponse:
    return _page(call, all_of(call).filter(created_at__gte=since(date)))


def modified_since(call: Call, date: str) -> HttpResponse:
    return _page(call, all_of(call).filter(updated_at__gte=since(date)), most=MOST_CHANGED)


def _page(call: Call, rows: QuerySet[Contact], most: int = MOST) -> HttpResponse:
    """One page of contacts; their data is read only when it was asked for."""
    full = flag(call, "withFullData")
    return page(call, rows if full else rows.defer("data"), shapes.contacts(call.account, full), most=most)


def books(call: Call, rows: QuerySet[ContactList]) -> HttpResponse:
    """One page of lists with their sizes, which are counted as one set."""
    shown = taken(call, rows, names=("select", "limit"))
    sizes = counts(shown)
    return reply([shapes.address_book(row, sizes.get(row.pk, 0)) for row in shown])


def address_books(call: Call, who: int | str) -> HttpResponse:
    contact = sent.known(call, who)
    rows = ContactList.objects.filter(memberships__contact=contact, memberships__unsubscribed_at=None)
    rows = rows.exclude(kind=ListKind.SEGMENT)
    return books(call, rows)


def collection(call: Call) -> HttpResponse:
    """Contacts by ids and addresses; published as a GET with a body, which proxies drop, so POST does too."""
    asked = call.fields.get("contacts") or []
    if not isinstance(asked, list) or not all(isinstance(one, dict) for one in asked):
        raise invalid("contacts is a list of ids or addresses.", "ERROR_CONTACTS_ARE_NOT_SPECIFIED")
    ids = [whole(one["id"], "id") for one in asked if one.get("id")]
    keys = [str(one["email"]).strip().lower() for one in asked if not one.get("id") and one.get("email")]
    found = all_of(call).filter(pk__in=ids) | all_of(call).filter(email_key__in=keys)
    shape = shapes.contacts(call.account, bool(call.fields.get("withfulldata")))
    rows = list(found.order_by("pk"))
    known_ids, known_keys = {row.pk for row in rows}, {row.email_key for row in rows}
    lost: list[dict[str, Any]] = [{"id": one, "email": None} for one in ids if one not in known_ids]
    lost += [{"id": 0, "email": one} for one in keys if one not in known_keys]
    return reply(
        {"contacts": [shape(row) | {"created": row.created_at} for row in rows], "notFound": lost or None}
    )
