"""One contact by any of its identifiers: found, created, updated or replaced by what version 3 says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace as but
from datetime import datetime

from django.db import transaction

from usher.engage.contacts import confirm, consent, custom, write
from usher.engage.contacts.described import IDENTIFIERS, Described, identified
from usher.engage.contacts.fields import types_of
from usher.engage.contacts.suppress import is_final, resubscribe, suppress
from usher.engage.errors import EngageError
from usher.engage.lists import joining
from usher.engage.models import Account, Confirmation, Contact, ContactList
from usher.engage.models.contacts import Status
from usher.engage.models.imports import MergeOption
from usher.engage.models.lists import ListKind
from usher.engage.preferences.choices import choose

SOURCE = "api"


def find(account: Account, kind: str, value: str, *, lock: bool = False) -> Contact | None:
    """The contact with this identifier, also one in the recycle bin. IdentifierError for what can be none."""
    if kind.lower() not in IDENTIFIERS:
        found = custom.find(account, kind, value, lock=lock)
        if found is not None:
            found.account = account
        return found
    column, key, _ = identified(kind, value)
    people = Contact.objects.filter(account=account, **{column: key})
    found = (people.select_for_update() if lock else people).first()
    if found is not None:
        found.account = account
    return found


@transaction.atomic
def create(account: Account, said: Described, now: datetime) -> Contact:
    """A new contact, or one out of the recycle bin. Refused when somebody has the address or number.

    Nobody is revived by this: whose address is suppressed becomes what it is.
    """
    lists = _lists(account, said.lists)
    custom.check(account, said.custom)
    contact = write.create(account, said.draft, now) or _revived(account, said, now)
    _settle(contact, said, lists, now, revives=False)
    return contact


@transaction.atomic
def upsert(
    account: Account, kind: str, value: str, said: Described, merge: MergeOption, now: datetime
) -> tuple[Contact, bool]:
    """Update the contact with this identifier, or create it; (contact, whether it is new or was deleted).

    Opt-outs stay, unless the body asks for `subscribed` and the suppression may be lifted. Refused when
    another contact has one of the identifiers.
    """
    lists = _lists(account, said.lists)
    custom.check(account, said.custom)
    found = find(account, kind, value, lock=True)
    if found is None and kind.lower() == "contactid" and not (said.draft.email or said.draft.mobile_number):
        raise EngageError("ERROR_CONTACT_NOT_FOUND", "There is no contact with this id.")
    new = _with_path(said, kind, value)
    contact = None if found else write.create(account, new.draft, now)
    if contact is not None:
        _settle(contact, new, lists, now, revives=True)
        return contact, True
    found = found or find(account, kind, value, lock=True)
    if found is None:  # not by this identifier, but another of the body's is somebody's
        raise taken(said)
    contact = write.change(found, said.draft, now, merge=merge, closed=True)
    _settle(contact, said, lists, now, revives=True)
    return contact, found.status == Status.DELETED


@transaction.atomic
def replace(contact: Contact, said: Described, now: datetime) -> Contact:
    """The contact has the data that is said and no other. Identifiers, channels, lists, preferences and
    consents that are not said stay. Refused like `upsert`."""
    account = contact.account
    lists = _lists(account, said.lists)
    custom.check(account, said.custom)
    data: Mapping[str, object] = dict.fromkeys(types_of(account)) | {
        name.strip().upper(): value for name, value in said.draft.data.items()
    }
    contact = write.change(contact, but(said.draft, data=data), now, closed=True)
    _settle(contact, said, lists, now, revives=True)
    return contact


def taken(said: Described) -> EngageError:
    """Somebody else has an identifier."""
    whose = said.draft.email or said.draft.mobile_number
    return EngageError(
        "ERROR_NON_UNIQUE_EMAIL", f"The id value '{whose}' already exists. All identifiers must be unique!"
    )


def _with_path(said: Described, kind: str, value: str) -> Described:
    """Whoever is created has the identifier of the path, unless the body names another of its kind."""
    if kind.lower() not in IDENTIFIERS:
        return but(said, custom={kind.lower(): value, **said.custom})
    column, _, shown = identified(kind, value)
    if column == "email_key" and not said.draft.email:
        return but(said, draft=but(said.draft, email=str(shown)))
    if column == "mobile_number" and not said.draft.mobile_number:
        return but(said, draft=but(said.draft, mobile_number=str(shown)))
    return said


def _revived(account: Account, said: Described, now: datetime) -> Contact:
    binned = None
    if said.draft.email:
        binned = find(account, "email", said.draft.email, lock=True)
    if binned is None and said.draft.mobile_number:
        binned = find(account, "mobileNumber", said.draft.mobile_number, lock=True)
    if binned is None or binned.status != Status.DELETED:
        raise taken(said)
    return write.change(binned, said.draft, now, closed=True)


def _lists(account: Account, ids: Sequence[int]) -> list[ContactList]:
    found = list(ContactList.objects.filter(account=account, pk__in=ids).order_by("pk"))
    if len(found) != len(ids):
        unknown = min(set(ids) - {one.pk for one in found})
        raise EngageError("ERROR_ADDRESSBOOK_NOT_FOUND", f"There is no list {unknown}")
    for one in found:
        if one.kind == ListKind.SEGMENT:
            raise EngageError("ERROR_ADDRESSBOOK_NOTWRITABLE", f"{one.pk} is a segment")
    return found


def _settle(
    contact: Contact, said: Described, lists: Sequence[ContactList], now: datetime, *, revives: bool
) -> None:
    """What is said beside the contact's own row; the contact is up to date afterwards."""
    custom.put(contact, said.custom)
    if said.consents:
        consent.record(contact, said.consents, SOURCE, now)
    if said.preferences:
        choose(contact, said.preferences, now)
    if said.wish == Status.SUBSCRIBED:
        if revives and contact.status != Status.SUBSCRIBED:
            _come_back(contact, said, now)
    elif said.wish is not None:
        _leave(contact, said.wish, now)
    if said.wish is not None:
        contact.refresh_from_db(fields=["status", "status_at", "updated_at"])
    for one in lists:
        joining.join(one, contact, now)


def _come_back(contact: Contact, said: Described, now: datetime) -> None:
    """At once where that is wished and allowed; else the contact is asked by mail and stays what it is."""
    if is_final(contact):
        return
    waits = contact.status == Status.PENDING_OPT_IN
    # whoever has to confirm is not spared it by a word that says nothing of it
    unasked = said.without_challenge if waits else said.without_challenge is not False
    if unasked and not contact.account.double_opt_in:
        resubscribe(contact, now)
        return
    kind = Confirmation.Kind.OPT_IN if waits else Confirmation.Kind.RESUBSCRIBE
    confirm.ask(contact, kind, now, return_url=said.return_url)


def _leave(contact: Contact, wish: Status, now: datetime) -> None:
    if contact.email_key is not None:
        suppress(contact.account, [contact.email_key], wish, SOURCE, now)
    elif contact.status == Status.SUBSCRIBED:  # no address: the wish holds for one that comes later
        Contact.objects.filter(pk=contact.pk).update(status=wish, status_at=now, updated_at=now)
