"""Address books: made, renamed, deleted, and who is on them."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse

from usher.engage.api.manner import Call, empty, reply
from usher.engage.api.problems import invalid, missing
from usher.engage.api.reading import LARGEST_ID, MOST, choice, flag, guid, page, since, taken, text, wholes
from usher.engage.api.v2 import sent, shapes
from usher.engage.api.v2.contacts import MOST_CHANGED, books
from usher.engage.api.v2.suppressions import SOURCE, coming_back
from usher.engage.contacts import write
from usher.engage.lists import edit, joining, members, uses
from usher.engage.models import BulkRemoval, ContactList, Membership
from usher.engage.models.contacts import Visibility
from usher.engage.models.lists import ListKind


def known(call: Call, book: int) -> ContactList:
    """The account's list or segment with this id; 404 without one."""
    found = ContactList.objects.filter(account=call.account, pk=book).first() if book <= LARGEST_ID else None
    if found is None:
        raise missing("ERROR_ADDRESSBOOK_NOT_FOUND")
    return found


def writable(call: Call, book: int) -> ContactList:
    """The list with this id; refused for a segment, whose members its rule finds."""
    found = known(call, book)
    demand_writable(found)
    return found


def demand_writable(found: ContactList) -> None:
    """Refuse a segment, whose members its rule finds."""
    if found.kind == ListKind.SEGMENT:
        message = "Address book cannot be written to via the API."
        raise invalid(message, "ERROR_ADDRESSBOOK_NOTWRITABLE")


def listed(call: Call, visibility: Visibility | None = None) -> HttpResponse:
    """The lists; segments have a listing of their own."""
    rows = ContactList.objects.filter(account=call.account).exclude(kind=ListKind.SEGMENT)
    return books(call, rows.filter(visibility=visibility) if visibility else rows)


def private(call: Call) -> HttpResponse:
    return listed(call, Visibility.PRIVATE)


def public(call: Call) -> HttpResponse:
    return listed(call, Visibility.PUBLIC)


def create(call: Call) -> HttpResponse:
    name = text(call.fields.get("name"), "Name", "ERROR_ADDRESSBOOK_INVALID")
    visibility = choice(call.fields.get("visibility"), Visibility, "visibility") or Visibility.PRIVATE
    return reply(shapes.address_book(edit.create_list(call.account, name, call.now, visibility), 0), 201)


def get(call: Call, book: int) -> HttpResponse:
    found = known(call, book)
    if found.kind == ListKind.SEGMENT:
        raise missing("ERROR_ADDRESSBOOK_NOT_FOUND")
    return reply(shapes.address_book(found, members.rows(found).count()))


def change(call: Call, book: int) -> HttpResponse:
    found = writable(call, book)
    name = text(call.fields.get("name"), "Name", "ERROR_ADDRESSBOOK_INVALID")
    edit.change_list(found, name, choice(call.fields.get("visibility"), Visibility, "visibility"))
    return get(call, book)


def delete(call: Call, book: int) -> HttpResponse:
    uses.delete(writable(call, book))
    return empty(200)


def contacts(call: Call, book: int) -> HttpResponse:
    return _page(call, members.rows(known(call, book)))


def modified_since(call: Call, book: int, date: str) -> HttpResponse:
    rows = members.rows(known(call, book)).filter(contact__updated_at__gte=since(date))
    return _page(call, rows, most=MOST_CHANGED)


def _page(call: Call, rows: QuerySet[Membership], most: int = MOST) -> HttpResponse:
    """One page of a list's contacts, by ascending id of the contact."""
    full = flag(call, "withFullData")
    shape = shapes.contacts(call.account, full)
    rows = rows if full else rows.defer("contact__data")
    return page(call, rows, lambda row: shape(row.contact), key="contact_id", most=most)


def unsubscribed_since(call: Call, book: int, date: str) -> HttpResponse:
    """Who opted out of this list alone."""
    rows = Membership.objects.filter(list=known(call, book), unsubscribed_at__gte=since(date))
    shown = taken(call, rows.select_related("contact"))
    return reply(
        [
            shapes.removal(shapes.contact(row.contact), row.unsubscribed_at, "Unsubscribed")
            for row in shown
            if row.unsubscribed_at
        ]
    )


def add_contact(call: Call, book: int) -> HttpResponse:
    """Create or update the contact and put it on the list, which starts the list's join actions."""
    found = writable(call, book)
    with transaction.atomic():
        contact, _ = write.save(call.account, sent.draft(call.body), call.now)
        joining.join(found, contact, call.now)
    return reply(shapes.full_contact(contact))


def remove_contact(call: Call, book: int, contact: int) -> HttpResponse:
    members.take_off(writable(call, book), [sent.known(call, contact).pk])
    return empty()


def remove_all(call: Call, book: int) -> HttpResponse:
    members.take_off(writable(call, book))
    return empty()


def bulk_remove(call: Call, book: int) -> HttpResponse:
    """Take the contacts of a bare list of ids off at once, and answer as if it took its time."""
    return _removal(call, members.take_off(writable(call, book), wholes(call.body, "The body")))


def bulk_remove_all(call: Call, book: int) -> HttpResponse:
    return _removal(call, members.take_off(writable(call, book)))


def _removal(call: Call, removed: int) -> HttpResponse:
    row = BulkRemoval.objects.create(account=call.account, removed=removed, created_at=call.now)
    return reply({"id": str(row.pk), "status": "Started"}, 202)


def removal(call: Call, request: str) -> HttpResponse:
    unknown = missing("ERROR_CONTACT_NOT_FOUND")
    found = BulkRemoval.objects.filter(account=call.account, pk=guid(request, unknown)).first()
    if found is None:
        raise unknown
    return reply({"id": str(found.pk), "status": "Completed"})


def unsubscribe(call: Call, book: int) -> HttpResponse:
    """Out of this list only; an address we do not know becomes an unsubscribed contact."""
    found, email = writable(call, book), sent.address(call.fields)
    with transaction.atomic():
        contact = write.keep(call.account, email, call.now, SOURCE)
        members.opt_out(found, contact, call.now)
    return reply(shapes.removal(shapes.full_contact(contact), call.now, "Unsubscribed"))


def resubscribe(call: Call, book: int) -> HttpResponse:
    """Asks by mail whoever left the account or this list; a yes joins the list."""
    return reply(coming_back(call, call.fields, challenge=True, book=writable(call, book)))


def resubscribe_at_once(call: Call, book: int) -> HttpResponse:
    """Back into the account, where it may, and onto the list: a single join."""
    return reply(coming_back(call, call.fields, challenge=False, book=writable(call, book)))
