"""The engine's rows as version 2 shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from usher.engage.contacts.fields import names_for, types_of
from usher.engage.models import (
    Account,
    Contact,
    ContactList,
    DataField,
    EnrolmentRequest,
    Import,
    Program,
)

Shape = dict[str, Any]


def contact(row: Contact, fields: Iterable[str] | None = None) -> Shape:
    """A contact; with `fields`, its value of each of them, null where it has none."""
    data = None if fields is None else [{"key": name, "value": row.data.get(name)} for name in fields]
    return {
        "id": row.pk,
        "email": row.email,
        "optInType": row.opt_in_type,
        "emailType": row.email_type,
        "dataFields": data,
        "status": row.status,
    }


def full_contact(row: Contact) -> Shape:
    return contact(row, names_for(row))


def contacts(account: Account, with_full_data: bool) -> Callable[[Contact], Shape]:
    """How a page of contacts is shown: with their data only when it was asked for."""
    fields = list(types_of(account)) if with_full_data else None
    return lambda row: contact(row, fields)


def removal(person: Mapping[str, Any], at: datetime, reason: str) -> Shape:
    return {"suppressedContact": person, "dateRemoved": at, "reason": reason}


def stranger(email: str, status: str) -> Shape:
    """Somebody whose address is suppressed without being a contact."""
    return {
        "id": 0,
        "email": email,
        "optInType": "Unknown",
        "emailType": "Html",
        "dataFields": None,
        "status": status,
    }


def address_book(row: ContactList, count: int) -> Shape:
    return {"id": row.pk, "name": row.name, "visibility": row.visibility, "contacts": count}


def data_field(row: DataField) -> Shape:
    return {
        "name": row.name,
        "type": row.type,
        "visibility": row.visibility,
        "defaultValue": row.default_value,
    }


def imported(row: Import) -> Shape:
    return {"id": str(row.pk), "status": row.state}


def program(row: Program) -> Shape:
    return {"id": row.pk, "name": row.name, "status": row.status, "dateCreated": row.created_at}


def enrolment(row: EnrolmentRequest) -> Shape:
    return {
        "id": str(row.pk),
        "programId": row.program_id,
        "status": row.status,
        "dateCreated": row.created_at,
        "contacts": row.contacts,
        "addressBooks": row.lists,
    }
