"""Contacts by the id that another system has for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from django.db import IntegrityError, transaction

from usher.engage.contacts import write
from usher.engage.contacts.fields import types_of
from usher.engage.contacts.write import Draft
from usher.engage.errors import EngageError
from usher.engage.models import Account, Contact
from usher.engage.models.contacts import Status
from usher.lib import addresses

LONGEST = 255


def by_id(account: Account, external_id: str) -> Contact | None:
    """The contact with this id, unless it is in the recycle bin."""
    if not external_id or "\0" in external_id:
        return None
    found = Contact.objects.filter(account=account, external_id=external_id).exclude(status=Status.DELETED)
    return found.select_related("account").first()


def put(
    account: Account, external_id: str, draft: Draft, now: datetime, *, update: bool, purge: bool = False
) -> Contact:
    """Create the contact with this id, or with `update` change it; `purge` empties fields that are not sent.

    A contact that is there by its address and has no id yet gets this one. Another address is a change of
    one person. Refused for somebody who opted out, for values that do not fit, and, when the contact is
    there, without `update` (CONTACT_ALREADY_EXISTS).
    """
    if not external_id or len(external_id) > LONGEST:
        raise EngageError("INVALID_PARAMS", f"externalId has 1 to {LONGEST} characters.")
    try:
        with transaction.atomic():
            return _put(account, external_id, draft, now, update, purge)
    except IntegrityError:  # somebody else was quicker
        raise _taken(f"The id “{external_id}” is another contact's already.") from None


def _put(
    account: Account, external_id: str, draft: Draft, now: datetime, update: bool, purge: bool
) -> Contact:
    found = by_id(account, external_id)
    if found:
        if not update:
            raise _taken(f"There is a contact with the id “{external_id}”.")
        return write.change(found, _whole(account, draft, found.email, purge), now)
    same = Contact.objects.filter(account=account, email_key=addresses.key(draft.email)).first()
    if same and same.status != Status.DELETED:
        if not update:
            raise _taken(f"There is a contact with the address “{draft.email}”.")
        if same.external_id:
            raise _taken(f"The address “{draft.email}” is another contact's.")
    made, _ = write.save(account, _whole(account, draft, draft.email, purge), now)
    Contact.objects.filter(account=account, external_id=external_id, status=Status.DELETED).update(
        external_id=""
    )
    Contact.objects.filter(pk=made.pk).update(external_id=external_id, updated_at=now)
    made.external_id = external_id
    return made


def _whole(account: Account, draft: Draft, email: str, purge: bool) -> Draft:
    data: Mapping[str, object] = draft.data
    if purge:
        sent = {name.upper() for name in data}
        data = {**{name: None for name in types_of(account) if name not in sent}, **data}
    return replace(draft, email=draft.email or email, data=data)


def _taken(message: str) -> EngageError:
    return EngageError("CONTACT_ALREADY_EXISTS", message)
