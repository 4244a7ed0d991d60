"""Contacts, as far as audiences need them: written one by one or a hundred at a time, read, searched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse

from usher.engage.api.manner import Call, empty, reply
from usher.engage.api.problems import ApiError
from usher.engage.api.reading import since, whole
from usher.engage.api.spotler.audiences import milliseconds
from usher.engage.api.spotler.properties import of_contact, read, types
from usher.engage.contacts import confirm, external, write
from usher.engage.contacts.suppress import suppress
from usher.engage.contacts.write import Draft
from usher.engage.errors import EngageError
from usher.engage.models import Confirmation, Contact
from usher.engage.models.contacts import Status
from usher.lib import addresses

#: Contacts of one call, and of one page.
MOST, LONGEST_PAGE = 100, 1000
#: The engine's refusals as Spotler's error types, and as its codes for a row of many.
TYPES = {
    "ERROR_CONTACT_SUPPRESSED": "CONTACT_OPTOUT",
    "ERROR_NON_UNIQUE_EMAIL": "CONTACT_ALREADY_EXISTS",
    "ERROR_INVALID_EMAIL": "INVALID_PROPERTY",
    "ERROR_DATAFIELD_NOTFOUND": "INVALID_PROPERTY",
    "ERROR_DATAFIELD_INVALID": "INVALID_PROPERTY",
    "ERROR_DATAFIELD_VALUE_OVERFLOW": "INVALID_PROPERTY",
}
CODES = {
    "CONTACT_OPTOUT": "CONTACT_OPTOUT",
    "CONTACT_ALREADY_EXISTS": "CONTACT_ALREADY_EXISTS",
    "INVALID_PROPERTY": "PROPERTY_INVALID",
    "NO_ACTIVE_CHANNEL": "NO_ACTIVE_CHANNEL",
}


def add(call: Call) -> HttpResponse:
    body = call.fields
    _put(call, _contact(body), update=_flag(body, "update"), purge=_flag(body, "purge"))
    return empty()


def change(call: Call, external_id: str) -> HttpResponse:
    body = call.fields
    known(call, external_id)
    sent = {**_contact(body), "externalid": external_id}
    _put(call, sent, update=True, purge=_flag(body, "purge"))
    return empty()


def add_many(call: Call) -> HttpResponse:
    """Each row by itself: 200 does not mean that all were stored."""
    body = call.fields
    rows = body.get("contacts")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ApiError(400, "INVALID_PARAMS", "contacts is a list of contacts.")
    if len(rows) > MOST:
        raise ApiError(400, "INVALID_PARAMS", f"A call takes at most {MOST} contacts.")
    if not all(row.get("externalid") for row in rows):
        raise ApiError(400, "INVALID_PARAMS", "Each contact has an externalId.")
    update, purge = _flag(body, "update"), _flag(body, "purge")
    return reply([_row(call, row, update, purge) for row in rows])


def get(call: Call, external_id: str) -> HttpResponse:
    return reply(shape(known(call, external_id)))


def inactivate(call: Call, external_id: str) -> HttpResponse:
    """Nobody mails the contact any more."""
    found = known(call, external_id)
    suppress(call.account, [found.email_key], Status.SUPPRESSED, call.by, call.now)
    return empty()


def subscribe(call: Call) -> HttpResponse:
    """A bare contact, perhaps without an id. Whoever opted out is asked by mail whether to come back."""
    sent = call.fields
    try:
        if sent.get("externalid"):
            _put(call, sent, update=True, purge=False)
        else:
            write.save(call.account, _draft(sent), call.now)
    except EngageError as problem:
        if TYPES.get(problem.token, problem.token) != "CONTACT_OPTOUT":
            raise _as_theirs(problem) from None
        key = addresses.key(str(_draft(sent).email))
        person = Contact.objects.get(account=call.account, email_key=key)
        confirm.ask(person, Confirmation.Kind.RESUBSCRIBE, call.now)
    return empty()


def properties(call: Call) -> HttpResponse:
    return reply(
        [
            {"name": name, "description": name, "type": kind, "entries": []}
            for name, kind in types(call.account).items()
        ]
    )


def search(call: Call) -> HttpResponse:
    """`MPSearchQuery=email=<address>`; without a query everybody."""
    rows = Contact.objects.filter(account=call.account).exclude(status=Status.DELETED)
    query = call.query.get("mpsearchquery", "").strip()
    if query:
        name, _, value = query.partition("=")
        fits = {
            "email": {"email_key": addresses.key(value.strip())},
            "externalid": {"external_id": value.strip()},
        }
        if name.strip().lower() not in fits:
            raise ApiError(400, "INVALID_PARAMS", "Search by email=… or externalId=…")
        rows = rows.filter(**fits[name.strip().lower()])
    return _page(call, rows)


def updates(call: Call) -> HttpResponse:
    """Whoever was changed between two moments."""
    rows = Contact.objects.filter(account=call.account).exclude(status=Status.DELETED)
    if moment := call.query.get("fromdate"):
        rows = rows.filter(updated_at__gte=since(moment))
    if moment := call.query.get("todate"):
        rows = rows.filter(updated_at__lt=since(moment))
    return _page(call, rows)


def known(call: Call, external_id: str) -> Contact:
    found = external.by_id(call.account, external_id)
    if found is None:
        raise ApiError(404, "CONTACT_NOT_FOUND", f"There is no contact with the id “{external_id}”.")
    return found


def shape(row: Contact) -> dict[str, Any]:
    return {
        "externalId": row.external_id,
        "created": milliseconds(row.created_at),
        "encryptedId": f"{row.pk:x}",
        "testGroup": False,
        "lastChanged": milliseconds(row.updated_at),
        "temporary": False,
        "properties": of_contact(row),
        "channels": [
            {"name": "EMAIL", "value": row.status == Status.SUBSCRIBED},
            {"name": "SMS", "value": row.sms_status == Status.SUBSCRIBED},
        ],
    }


def _page(call: Call, rows: Any) -> HttpResponse:
    """From the cursor `after` on; `next` is the cursor of the page that follows, null at the end."""
    size = whole(call.query.get("pagesize") or LONGEST_PAGE, "pageSize")
    after = whole(call.query.get("after") or 0, "after")
    if not 1 <= size <= LONGEST_PAGE:
        raise ApiError(400, "INVALID_PARAMS", f"pageSize is 1 to {LONGEST_PAGE}.")
    found = list(rows.filter(pk__gt=after).select_related("account").order_by("pk")[: size + 1])
    following = found[size - 1].pk if len(found) > size else None
    shown = [shape(row) for row in found[:size]]
    return reply({"paging": {"next": following, "after": after}, "contacts": shown})


def _row(call: Call, row: Mapping[str, Any], update: bool, purge: bool) -> dict[str, Any]:
    code, message = "OK", ""
    try:
        _put(call, row, update=update, purge=purge)
    except ApiError as problem:
        code, message = CODES.get(problem.token, "ERROR"), problem.message
    return {"externalId": str(row["externalid"]), "code": code, "message": message}


def _put(call: Call, sent: Mapping[str, Any], *, update: bool, purge: bool) -> None:
    external_id = sent.get("externalid")
    if isinstance(external_id, bool) or not isinstance(external_id, str | int):
        raise ApiError(400, "INVALID_PARAMS", "externalId is not a text.")
    try:
        draft = _draft(sent)
        if not draft.email and external.by_id(call.account, str(external_id)) is None:
            raise ApiError(400, "NO_ACTIVE_CHANNEL", "A new contact needs an e-mail address.")
        external.put(call.account, str(external_id), draft, call.now, update=update, purge=purge)
    except EngageError as problem:
        raise _as_theirs(problem) from None


def _as_theirs(problem: EngageError) -> ApiError:
    return ApiError(400, TYPES.get(problem.token, problem.token), problem.message)


def _draft(sent: Mapping[str, Any]) -> Draft:
    given = sent.get("properties") or {}
    if not isinstance(given, Mapping):
        raise ApiError(400, "INVALID_PARAMS", "properties is an object.")
    return read(given)


def _contact(body: Mapping[str, Any]) -> Mapping[str, Any]:
    sent = body.get("contact")
    if not isinstance(sent, Mapping):
        raise ApiError(400, "INVALID_PARAMS", "contact is an object.")
    return sent


def _flag(body: Mapping[str, Any], name: str) -> bool:
    return str(body.get(name)).lower() == "true"
