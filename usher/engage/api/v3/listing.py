"""Contacts by criteria: when they were made or changed, and the list or segment that they are on."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from typing import TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpResponse

from usher.engage.api.manner import Call, reply
from usher.engage.api.problems import invalid
from usher.engage.api.reading import since, whole
from usher.engage.api.v3 import shapes
from usher.engage.api.v3.paging import page
from usher.engage.api.v3.wording import ServiceError
from usher.engage.contacts.fields import types_of
from usher.engage.lists import members
from usher.engage.models import Contact, ContactList
from usher.engage.models.contacts import Status
from usher.engage.models.lists import ListKind

M = TypeVar("M", bound=Model)

FILTERS = ("~created", "~modified", "~listid", "~segmentid")
#: Filters that do not go together.
_APART = (("~created", "~modified"), ("~listid", "~segmentid"))
_MOMENT = re.compile(r"gte::(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z)", re.ASCII)
ALL = "[[all]]"


def listed(call: Call) -> HttpResponse:
    """A page of contacts, ascending; with no more than their identifiers unless more is asked for."""
    unknown = [name for name in call.query if name.startswith("~") and name not in FILTERS]
    if unknown:
        raise ServiceError(400, "invalidFilter", f"There is no filter '{unknown[0]}'")
    for one, other in _APART:
        if one in call.query and other in call.query:
            raise ServiceError(400, "invalidFilter", f"'{one}' cannot be used with '{other}'")
    fields, parts = _fields(call), _parts(call)
    rows, links = _on_list(call) if _list_asked(call) else _of_account(call)
    return reply({"_links": links, "_items": shapes.contacts(rows, fields, parts)})


def _of_account(call: Call) -> tuple[list[Contact], dict[str, object]]:
    rows = Contact.objects.filter(account=call.account).exclude(status=Status.DELETED)
    found = page(call, _filtered(call, rows, ""))
    return list(found.rows), found.links


def _on_list(call: Call) -> tuple[list[Contact], dict[str, object]]:
    """Those whom the list shows, by ascending id of the contact."""
    found = page(call, _filtered(call, members.rows(_list(call)), "contact__"), key="contact_id")
    return [row.contact for row in found.rows], found.links


def _filtered(call: Call, rows: QuerySet[M], prefix: str) -> QuerySet[M]:
    for name, column in (("~created", "created_at"), ("~modified", "updated_at")):
        if name in call.query:
            rows = rows.filter(**{f"{prefix}{column}__gte": _moment(call.query[name])})
    return rows


def _list_asked(call: Call) -> bool:
    return "~listid" in call.query or "~segmentid" in call.query


def _list(call: Call) -> ContactList:
    name = "~listid" if "~listid" in call.query else "~segmentid"
    key = whole(call.query[name], name)
    found = ContactList.objects.filter(account=call.account, pk=key).first()
    if found is None or (found.kind == ListKind.SEGMENT) != (name == "~segmentid"):
        raise _wrong(call.query[name])
    return found


def _moment(value: str) -> datetime:
    match = _MOMENT.fullmatch(value)
    if match is None:
        raise _wrong(value)
    return since(match[1])


def _wrong(value: str) -> ServiceError:
    return ServiceError(400, "invalidFilter", f"The filter value '{value}' is invalid")


def _fields(call: Call) -> list[str] | None:
    """The data fields that are asked for; None: none are."""
    asked = _piped(call, "data-fields")
    if not asked:
        return None
    known = list(types_of(call.account))
    if ALL in asked:
        return known
    unknown = [name for name in asked if name.upper() not in known]
    if unknown:
        raise invalid(f"There is no data field '{unknown[0]}'", "ERROR_DATAFIELD_NOTFOUND")
    return [name for name in known if name.lower() in asked]


def _parts(call: Call) -> Collection[str]:
    by_name = {part.lower(): part for part in shapes.PARTS}
    asked = _piped(call, "include")
    unknown = [name for name in asked if name not in by_name]
    if unknown:
        raise invalid(f"'{unknown[0]}' is not one of {', '.join(shapes.PARTS)}")
    return [by_name[name] for name in asked]


def _piped(call: Call, name: str) -> list[str]:
    """The words of a list with pipes, or with commas, in lower case."""
    return [word.strip().lower() for word in re.split(r"[|,]", call.query.get(name, "")) if word.strip()]
