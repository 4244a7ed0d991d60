"""Delete many contacts by their identifiers: each goes into the recycle bin, or is told why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from usher.engage.contacts import custom, write
from usher.engage.contacts.described import IDENTIFIERS, IdentifierError, identified
from usher.engage.models import Account, BulkDeletion, Contact, ContactIdentifier
from usher.engage.models.contacts import Status
from usher.engage.models.lists import RefreshState

#: Contacts of one call, and calls of one account that may wait or run at the same time.
MOST = 5000
MOST_ACTIVE = 25

_ACTIVE = (RefreshState.NOT_STARTED, RefreshState.NOT_FINISHED)


class TooManyDeletionsError(Exception):
    """Too many deletions of the account are active."""

    retry = True


def accept(account: Account, identifiers: Sequence[object], now: datetime) -> BulkDeletion:
    """Keep what is to be deleted and defer it. TooManyDeletionsError when too many are active."""
    from usher.engage.contacts.tasks import delete_contacts

    with transaction.atomic():
        # one at a time counts
        Account.objects.select_for_update().get(pk=account.pk)
        if BulkDeletion.objects.filter(account=account, state__in=_ACTIVE).count() >= MOST_ACTIVE:
            raise TooManyDeletionsError
        made = BulkDeletion.objects.create(account=account, identifiers=identifiers, created_at=now)
        delete_contacts.defer(deletion_id=str(made.pk))
    return made


def run(deletion_id: UUID | str, now: datetime) -> RefreshState:
    """Delete the contacts; doing it again changes nothing. Each identifier is counted once."""
    with transaction.atomic():
        job = BulkDeletion.objects.select_for_update().get(pk=deletion_id)
        if job.state not in _ACTIVE:
            return RefreshState(job.state)
        names = {name: row.pk for name, row in custom.names_of(job.account_id).items()}
        asked = [_read(one, names) for one in job.identifiers]
        ids = _known(job.account_id, asked)
        job.summary = _result(job.identifiers, asked, ids)
        write.remove_all(set(ids.values()), now)
        job.state, job.finished_at = RefreshState.FINISHED, now
        job.save()
    return RefreshState(job.state)


def fail(deletion_id: UUID | str, now: datetime) -> None:
    """Give a deletion up that ended in an error of ours."""
    BulkDeletion.objects.filter(pk=deletion_id, state__in=_ACTIVE).update(
        state=RefreshState.FAILED, finished_at=now
    )


#: Stands for a field, before the id of a custom identifier.
_CUSTOM = "custom "
#: The contact's field and its value, or why the identifier is none.
Asked = tuple[str, int | str] | str


def _read(sent: object, names: Mapping[str, int]) -> Asked:
    """`names` are the account's custom identifiers, in lower case, each with its id."""
    if not isinstance(sent, Mapping) or len(sent) != 1:
        return "An entry has one identifier"
    ((kind, value),) = sent.items()
    if str(kind).lower() in names and isinstance(value, str | int):
        return f"{_CUSTOM}{names[str(kind).lower()]}", str(value)
    try:
        column, key, _ = identified(str(kind), value)
    except IdentifierError as problem:
        return problem.message
    return column, key


def _known(account_id: int, asked: Sequence[Asked]) -> dict[tuple[str, int | str], int]:
    """Which contact each identifier is of, those in the recycle bin aside."""
    people = Contact.objects.filter(account=account_id).exclude(status=Status.DELETED)
    found: dict[tuple[str, int | str], int] = {}
    for _, column in IDENTIFIERS.values():
        keys = [one[1] for one in asked if not isinstance(one, str) and one[0] == column]
        if keys:
            rows = people.filter(**{f"{column}__in": keys}).order_by("pk").select_for_update()
            found |= {(column, key): pk for key, pk in rows.values_list(column, "pk")}
    for column in {one[0] for one in asked if not isinstance(one, str) and one[0].startswith(_CUSTOM)}:
        keys = [one[1] for one in asked if not isinstance(one, str) and one[0] == column]
        own = ContactIdentifier.objects.filter(identifier=int(column.removeprefix(_CUSTOM)), value__in=keys)
        rows = people.filter(pk__in=own.values("contact")).order_by("pk").select_for_update()
        there = set(rows.values_list("pk", flat=True))
        pairs = own.filter(contact__in=there).values_list("value", "contact_id")
        found |= {(column, key): pk for key, pk in pairs}
    return found


def _result(
    identifiers: Sequence[Any], asked: Sequence[Asked], ids: Mapping[tuple[str, int | str], int]
) -> dict[str, Any]:
    """What the reply shows. An identifier of somebody who stood before counts as unknown."""
    deleted, failures, gone, unknown = [], [], set[int](), 0
    for sent, one in zip(identifiers, asked, strict=True):
        key = None if isinstance(one, str) else ids.get(one)
        if key is not None and key not in gone:
            gone.add(key)
            deleted.append(sent)
            continue
        unknown += not isinstance(one, str)
        code, text = ("invalidIdentifier", one) if isinstance(one, str) else _NOBODY
        failures.append({"identifier": sent, "failures": [{"failureCode": code, "description": text}]})
    summary = {
        "requestedContacts": len(asked),
        "deletedContacts": len(deleted),
        "unknownContacts": unknown,
        "invalidEntries": len(asked) - len(deleted) - unknown,
    }
    return {"summary": summary, "deleted": deleted, "failures": failures}


_NOBODY = ("contactNotFound", "The contact could not be found")
