"""Reads the contacts that version 2 callers send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from usher.engage.api.manner import Call
from usher.engage.api.problems import invalid, missing
from usher.engage.api.reading import LARGEST_ID, choice, text
from usher.engage.contacts.fields import FIELD_NAMES, read
from usher.engage.contacts.write import Draft
from usher.engage.models import Contact
from usher.engage.models.contacts import EmailType, OptInType
from usher.lib import addresses
from usher.lib.database.ready import Ready


def draft(sent: Any, email: str | None = None) -> Draft:
    """A contact object of a body (keys in lower case); `email` stands in for a missing address."""
    if not isinstance(sent, Mapping):
        raise invalid("A contact is an object.", "ERROR_CONTACT_INVALID")
    address = sent.get("email") or email
    return Draft(
        email=text(address, "Email", "ERROR_INVALID_EMAIL"),
        data=data(sent.get("datafields")),
        opt_in_type=choice(sent.get("optintype"), OptInType, "optInType"),
        email_type=choice(sent.get("emailtype"), EmailType, "emailType"),
    )


def data(sent: Any) -> dict[str, object]:
    """`[{key, value}]` as a mapping; a plain mapping is taken too."""
    if sent is None:
        return {}
    if isinstance(sent, Mapping):
        return dict(sent)
    if not isinstance(sent, list) or not all(isinstance(one, Mapping) for one in sent):
        raise invalid("dataFields is a list of keys and values.", "ERROR_CONTACT_INVALID")
    return {text(one.get("key"), "key", "ERROR_DATAFIELD_INVALID"): one.get("value") for one in sent}


def address(sent: Mapping[str, Any]) -> str:
    """The `email` of a body, checked."""
    email = text(sent.get("email"), "Email", "ERROR_INVALID_EMAIL").strip()
    if wrong := addresses.problem(email):
        raise invalid(f"'{email}': {wrong}.", "ERROR_INVALID_EMAIL")
    return email


_KNOWN = f"""
select c.*, {FIELD_NAMES} from engage_contact c
 where c.account_id = %(account)s and c.status <> 'Deleted'"""
_BY_ID = Ready(f"{_KNOWN} and c.id = %(who)s", c=Contact)
_BY_ADDRESS = Ready(f"{_KNOWN} and c.email_key = %(who)s", c=Contact)


def known(call: Call, who: int | str) -> Contact:
    """The contact of the account with this id or address; 404 without one, and for one in the recycle bin."""
    if isinstance(who, int):
        found = _BY_ID.row({"account": call.account.pk, "who": min(who, LARGEST_ID)})
    else:
        found = _BY_ADDRESS.row({"account": call.account.pk, "who": addresses.key(who)})
    if found is None:
        raise missing("ERROR_CONTACT_NOT_FOUND")
    return read(found, call.account)
