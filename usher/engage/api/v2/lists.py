"""Address books: made, renamed, deleted, and who is on them."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpResponse

from usher.engage.api.manner import Call, empty, reply
from usher.engage.api.problems import missing
from usher.engage.api.reading import LARGEST_ID, choice, flag, guid, page, since, text, wholes, window
from usher.engage.api.v2 import sent, shapes
from usher.engage.api.v2.contacts import MOST_CHANGED, books
from usher.engage.api.v2.suppressions import SOURCE, resubscription
from usher.engage.contacts import write
from usher.engage.lists import edit, joining, members
from usher.engage.models import BulkRemoval, Contact, ContactList, Membership
from usher.engage.models.contacts import Visibility
from usher.lib import addresses


def known(call: Call, book: int) -> ContactList:
    """The account's list with this id; 404 without one."""
    found = ContactList.objects.filter(account=call.account, pk=book).first() if book <= LARGEST_ID else None
    if found is None:
        raise missing("ERROR_ADDRESSBOOK_NOT_FOUND")
    return found


def listed(call: Call, visibility: Visibility | None = None) -> HttpResponse:
    rows = ContactList.objects.filter(account=call.account)
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
    return reply(shapes.address_book(found, members.members(found).count()))


def change(call: Call, book: int) -> HttpResponse:
    found = known(call, book)
    name = text(call.fields.get("name"), "Name", "ERROR_ADDRESSBOOK_INVALID")
    edit.change_list(found, name, choice(call.fields.get("visibility"), Visibility, "visibility"))
    return get(call, book)


def delete(call: Call, book: int) -> HttpResponse:
    known(call, book).delete()
    return empty(200)


def contacts(call: Call, book: int) -> HttpResponse:
    rows = members.members(known(call, book))
    return page(call, rows, shapes.contacts(call.account, flag(call, "withFullData")))


def modified_since(call: Call, book: int, date: str) -> HttpResponse:
    rows = members.members(known(call, book)).filter(updated_at__gte=since(date))
    return page(call, rows, shapes.contacts(call.account, flag(call, "withFullData")), most=MOST_CHANGED)


def unsubscribed_since(call: Call, book: int, date: str) -> HttpResponse:
    """Who opted out of this list alone."""
    rows = Membership.objects.filter(list=known(call, book), unsubscribed_at__gte=since(date))
    shown = rows.select_related("contact").order_by("pk")[window(call)]
    return reply(
        [
            shapes.removal(shapes.contact(row.contact), row.unsubscribed_at, "Unsubscribed")
            for row in shown
            if row.unsubscribed_at
        ]
    )


def add_contact(call: Call, book: int) -> HttpResponse:
    """Create or update the contact and put it on the list, which starts the list's join actions."""
    found = known(call, book)
    with transaction.atomic():
        contact, _ = write.save(call.account, sent.draft(call.body), call.now)
        joining.join(found, contact, call.now)
    return reply(shapes.full_contact(contact))


def remove_contact(call: Call, book: int, contact: int) -> HttpResponse:
    members.take_off(known(call, book), [sent.known(call, contact).pk])
    return empty()


def remove_all(call: Call, book: int) -> HttpResponse:
    members.take_off(known(call, book))
    return empty()


def bulk_remove(call: Call, book: int) -> HttpResponse:
    """Take the contacts of a bare list of ids off at once, and answer as if it took its time."""
    return _removal(call, members.take_off(known(call, book), wholes(call.body, "The body")))


def bulk_remove_all(call: Call, book: int) -> HttpResponse:
    return _removal(call, members.take_off(known(call, book)))


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
    found, email = known(call, book), sent.address(call.fields)
    with transaction.atomic():
        contact = write.keep(call.account, email, call.now, SOURCE)
        members.opt_out(found, contact, call.now)
    return reply(shapes.removal(shapes.full_contact(contact), call.now, "Unsubscribed"))


def resubscribe_at_once(call: Call, book: int) -> HttpResponse:
    """Back into the account, where it may, and onto the list: a single join."""
    found = known(call, book)
    with transaction.atomic():
        result = resubscription(call, call.fields.get("unsubscribedcontact"))
        if result["status"] == "ContactAdded":
            key = addresses.key(result["contact"]["email"])
            joining.rejoin(found, Contact.objects.get(account=call.account, email_key=key), call.now)
    return reply(result)
