"""External audiences: lists whose members another system keeps, by ids of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction

from usher.engage.errors import EngageError
from usher.engage.lists.edit import RESERVED
from usher.engage.lists.uses import uses
from usher.engage.models import Account, ContactList
from usher.engage.models.lists import ListKind

#: Characters of an id and of a name.
LONGEST = 255
#: Members of one call.
MOST = 2500

INVALID, TAKEN, ID_TAKEN, IN_USE = "INVALID_PARAMS", "NAME_ALREADY_IN_USE", "ID_NOTUNIQUE", "INVALID_STATE"


class UnknownMembersError(Exception):
    """Contacts that are to be members are not known by these ids; nobody was added."""

    def __init__(self, external_ids: list[str]) -> None:
        super().__init__(f"{len(external_ids)} contacts are not known")
        self.external_ids = external_ids


def create(account: Account, external_id: str, name: str, description: str, now: datetime) -> ContactList:
    """Make an audience. Refused when its id or name is empty, too long, or taken."""
    made = ContactList(account=account, kind=ListKind.EXTERNAL, created_at=now, changed_at=now)
    made.external_id, made.description = _checked("id", external_id), description
    made.name = _checked("name", name)
    _save(made)
    return made


def change(audience: ContactList, name: str, description: str, now: datetime) -> ContactList:
    """Rename it, or describe it anew. Refused like `create`."""
    audience.name, audience.description, audience.changed_at = _checked("name", name), description, now
    _save(audience)
    return audience


def delete(audience: ContactList) -> None:
    """Delete an audience; its contacts stay. Refused while something needs it."""
    if needing := uses(audience):
        message = f"Cannot delete audience, as it's in use: {', '.join(needing)}"
        raise EngageError(IN_USE, message)
    audience.delete()


_MISSING = """
select wanted.id from unnest(%(ids)s::text[]) with ordinality as wanted(id, place)
 where not exists (select 1 from engage_contact contact
                    where contact.account_id = %(account)s and contact.external_id = wanted.id
                      and contact.status <> 'Deleted')
 order by wanted.place
"""
_ADD = """
insert into engage_membership (list_id, contact_id, joined_at)
select %(list)s, id, %(now)s
  from engage_contact
 where account_id = %(account)s and external_id = any(%(ids)s::text[]) and external_id <> ''
 order by id
    on conflict (list_id, contact_id) do nothing
"""
_REMOVE = """
delete from engage_membership membership
 using engage_contact contact
 where membership.list_id = %(list)s and contact.id = membership.contact_id
   and membership.unsubscribed_at is null
   and contact.account_id = %(account)s and contact.external_id = any(%(ids)s::text[])
"""
_EMPTY = "delete from engage_membership where list_id = %(list)s and unsubscribed_at is null"


def add(audience: ContactList, external_ids: Sequence[str], now: datetime) -> int:
    """Put contacts into the audience; how many were not in it. All of them are known, or none is added."""
    bound = _bound(audience, external_ids) | {"now": now}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_MISSING, bound)
        if missing := [row[0] for row in cursor.fetchall()]:
            raise UnknownMembersError(missing)
        cursor.execute(_ADD, bound)
        added = int(cursor.rowcount)
        if external_ids:
            ContactList.objects.filter(pk=audience.pk).update(last_added_at=now)
    return added


def remove(audience: ContactList, external_ids: Sequence[str] | None, now: datetime) -> int:
    """Take contacts out of the audience, or with None all of them; how many were in it."""
    if external_ids is not None and not external_ids:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_EMPTY if external_ids is None else _REMOVE, _bound(audience, external_ids or ()))
        removed = int(cursor.rowcount)
        ContactList.objects.filter(pk=audience.pk).update(last_removed_at=now)
    return removed


def _bound(audience: ContactList, external_ids: Sequence[str]) -> dict[str, Any]:
    unique = list(dict.fromkeys(external_ids))
    return {"list": audience.pk, "account": audience.account_id, "ids": unique}


def _checked(what: str, value: str) -> str:
    value = value.strip()
    if not value or len(value) > LONGEST:
        raise EngageError(INVALID, f"The {what} of an audience has 1 to {LONGEST} characters.")
    if what == "id" and "/" in value:
        raise EngageError(INVALID, "The id of an audience has no slash.")
    if what == "name" and value.lower() in RESERVED:
        raise EngageError(TAKEN, f"“{value}” is a reserved name.")
    return value


def _save(audience: ContactList) -> None:
    try:
        with transaction.atomic():
            audience.save()
    except IntegrityError as problem:
        if "one_list_per_external_id" in str(problem):
            raise EngageError(
                ID_TAKEN, f"There is an audience with the id “{audience.external_id}”."
            ) from None
        raise EngageError(TAKEN, f"There is a list named “{audience.name}” already.") from None
