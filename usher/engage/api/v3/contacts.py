"""One contact by any of its identifiers: read, and created or updated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.http import HttpResponse

from usher.engage.api.manner import Call, reply
from usher.engage.api.problems import ApiError, invalid
from usher.engage.api.reading import LARGEST_ID, choice, wholes
from usher.engage.api.v2.imports import in_body, merge_option
from usher.engage.api.v3 import shapes
from usher.engage.contacts import write
from usher.engage.contacts.suppress import resubscribe, suppress
from usher.engage.contacts.write import Draft
from usher.engage.lists import joining
from usher.engage.models import Contact
from usher.engage.models.contacts import EmailType, OptInType, Status
from usher.lib import addresses

#: What a caller may make of the e-mail channel.
WISHES = ("subscribed", "unsubscribed", "suppressed")


def get(call: Call, identifier: str, value: str) -> HttpResponse:
    found = _find(call, identifier, value)
    if found is None or found.status == Status.DELETED:
        raise ApiError(404, "ERROR_CONTACT_NOT_FOUND", "The following contacts could not be found", value)
    return reply(shapes.contact(found))


def patch(call: Call, identifier: str, value: str) -> HttpResponse:
    """Update the contact, or create it when nobody has this identifier. Opt-outs stay, unless the body asks
    for `subscribed` and the suppression may be lifted."""
    lists = in_body(call, wholes(call.fields.get("lists"), "lists"))
    wish = _wish(call)
    with transaction.atomic():
        found = _find(call, identifier, value)
        draft = _draft(call, identifier, value, found)
        _check_rename(found, draft)
        merge = merge_option(call.query.get("merge-option") or call.query.get("mergeoption"))
        contact, created = write.save(call.account, draft, call.now, merge=merge, closed=True)
        _become(call, contact, wish)
        contact.refresh_from_db()
        for one in lists:
            joining.join(one, contact, call.now)
    return reply(shapes.contact(contact), 201 if created else 200)


def _find(call: Call, identifier: str, value: str) -> Contact | None:
    """The contact with this identifier, also one in the recycle bin; 400 for a value that cannot be one."""
    people = Contact.objects.filter(account=call.account).select_related("account").order_by("pk")
    kind = identifier.lower()
    if kind == "contactid" and re.fullmatch(r"\d{1,19}", value, re.ASCII):
        return people.filter(pk=int(value)).first() if int(value) <= LARGEST_ID else None
    if kind == "email" and not addresses.problem(value.strip()):
        return people.filter(email_key=addresses.key(value)).first()
    if kind == "mobilenumber" and digits(value):
        return people.filter(mobile_number=digits(value)).first()
    raise invalid(
        f"The id value '{value}' is invalid for the identifier '{identifier}'", "ERROR_INVALID_EMAIL"
    )


def digits(number: str) -> str:
    """A telephone number as it is kept: E.164 without the plus; "" when it is none."""
    plain = re.sub(r"[\s().+-]", "", number).removeprefix("00")
    return plain if re.fullmatch(r"\d{7,15}", plain, re.ASCII) else ""


def _draft(call: Call, identifier: str, value: str, found: Contact | None) -> Draft:
    sent = _mapping(call.fields.get("identifiers"), "identifiers")
    mobile = sent.get("mobilenumber") or (value if identifier.lower() == "mobilenumber" else None)
    if mobile is not None and not digits(str(mobile)):
        raise invalid(f"The id value '{mobile}' is invalid for the identifier 'mobileNumber'")
    own = found.email if found else value if identifier.lower() == "email" else ""
    email = str(sent.get("email") or own)
    if not email:
        raise invalid("A new contact needs an e-mail address among its identifiers", "ERROR_INVALID_EMAIL")
    channel = _email_channel(call)
    return Draft(
        email=email,
        data=_mapping(call.fields.get("datafields"), "dataFields"),
        opt_in_type=choice(channel.get("optintype"), OptInType, "optInType"),
        email_type=choice(channel.get("emailtype"), EmailType, "emailType"),
        mobile_number=digits(str(mobile)) if mobile is not None else None,
    )


def _check_rename(found: Contact | None, draft: Draft) -> None:
    """Another address in the body renames the contact that the path names."""
    if found is None or addresses.key(draft.email) == found.email_key:
        return
    others = Contact.objects.filter(account=found.account, email_key=addresses.key(draft.email))
    if others.exists():
        raise ApiError(
            409,
            "ERROR_NON_UNIQUE_EMAIL",
            f"The id value '{draft.email}' for the identifier 'email' already exists. "
            "All identifiers must be unique!",
        )
    write.change(found, Draft(draft.email), found.updated_at)


def _wish(call: Call) -> str | None:
    wish = _email_channel(call).get("status")
    if wish is not None and str(wish).lower() not in WISHES:
        raise invalid(f"'{wish}' is not one of {', '.join(WISHES)}")
    return str(wish).lower() if wish else None


def _become(call: Call, contact: Contact, wish: str | None) -> None:
    """Give the e-mail channel the status that the body asks for."""
    if wish == "subscribed":
        options = _mapping(_email_channel(call).get("resubscribeoptions"), "resubscribeOptions")
        # with a challenge the channel stays as it is until the click; challenges are not mailed yet
        if options.get("resubscribewithnochallenge", True) is not False:
            resubscribe(contact, call.now)
    elif wish:
        reason = Status.UNSUBSCRIBED if wish == "unsubscribed" else Status.SUPPRESSED
        suppress(call.account, [contact.email_key], reason, "api", call.now)


def _email_channel(call: Call) -> Mapping[str, Any]:
    channels = _mapping(call.fields.get("channelproperties"), "channelProperties")
    return _mapping(channels.get("email"), "email")


def _mapping(sent: Any, name: str) -> Mapping[str, Any]:
    if sent is None:
        return {}
    if not isinstance(sent, Mapping):
        raise invalid(f"{name} is an object")
    return sent
