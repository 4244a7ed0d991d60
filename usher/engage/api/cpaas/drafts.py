"""Reads the messages that callers send; keys are taken in their own case, as what is sent comes back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from usher.engage.api.cpaas.wording import VALIDATION
from usher.engage.api.manner import Call
from usher.engage.api.problems import ApiError
from usher.engage.api.reading import since
from usher.engage.errors import EngageError
from usher.engage.models import Contact
from usher.engage.models.contacts import Status
from usher.engage.texts.numbers import digits
from usher.engage.texts.outbox import LONGEST, Draft
from usher.lib import addresses

SMS = "sms"
#: A number, a short code, or a name of 3 to 11 letters and digits.
_SENDER = re.compile(r"\+?\d{3,15}\Z|[A-Za-z0-9 &._'-]{3,11}\Z", re.ASCII)
#: Kept and given back with the message as they were sent.
_KEPT = ("to", "title", "rules", "channelOptions", "shortenLinks", "conversationId", "requireOptIn")
_LONGEST_OPTIONS = 10_000


def draft(call: Call, sent: Any, place: str = "") -> Draft:
    """The text of a message; `place` says which of a batch ("[3].")."""
    if not isinstance(sent, Mapping):
        raise wrong(place.rstrip(".") or "message", "A message is an object.")
    try:
        return _draft(call, sent)
    except ApiError as problem:
        raise ApiError(problem.status, problem.token, problem.message, place + problem.item) from None


def wrong(item: str, message: str) -> ApiError:
    return ApiError(400, VALIDATION, message, item)


def _draft(call: Call, sent: Mapping[str, Any]) -> Draft:
    rules = sent.get("rules")
    if not isinstance(rules, list) or not all(isinstance(rule, str) for rule in rules):
        raise wrong("rules", "rules is a list of channels.")
    if SMS not in [rule.lower() for rule in rules]:
        raise wrong("rules", "Of the channels only sms is offered.")
    body = sent.get("body")
    if not isinstance(body, str) or not body.strip() or len(body) > LONGEST:
        raise wrong("body", f"The body is a text of at most {LONGEST} characters.")
    number = _number(call, _object(sent, "to"))
    if sent.get("requireOptIn") is True and not _opted_in(call, number):
        raise wrong("requireOptIn", "The contact has not opted in to texts.")
    return Draft(
        number=number,
        body=body,
        sender=_sender(_object(_object(sent, "channelOptions"), "sms")),
        metadata=_object(sent, "metadata") or None,
        options=_options(sent),
        expires_at=_moment(sent.get("expiresOn")),
    )


def _object(sent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = sent.get(name)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise wrong(name, f"{name} is an object.")
    return found


def _number(call: Call, to: Mapping[str, Any]) -> str:
    """The telephone number that is named, or that of the contact who is."""
    if to.get("phoneNumber"):
        try:
            return digits(str(to["phoneNumber"]))
        except EngageError as problem:
            raise wrong("to.phoneNumber", problem.message) from None
    people = Contact.objects.filter(account=call.account).exclude(mobile_number="")
    email, profile = str(to.get("email") or ""), str(to.get("profileId") or "")
    if email:
        people = people.filter(email_key=addresses.key(email))
    elif re.fullmatch(r"\d{1,18}", profile, re.ASCII):
        people = people.filter(pk=int(profile))
    else:
        raise wrong("to", "to names a phoneNumber, an email or a profileId.")
    number = people.exclude(status=Status.DELETED).values_list("mobile_number", flat=True).first()
    if number is None:
        raise wrong("to", "There is no contact of this name with a telephone number.")
    return number


def _sender(options: Mapping[str, Any]) -> str:
    found = options.get("from")
    if found is None or found == "":
        return ""
    if not isinstance(found, str) or not _SENDER.match(found):
        raise wrong("channelOptions.sms.from", "from is a number, a short code or a name of 3 to 11 letters.")
    return found


def _options(sent: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: sent[name] for name in _KEPT if name in sent}
    if len(str(kept)) > _LONGEST_OPTIONS or len(str(sent.get("metadata"))) > _LONGEST_OPTIONS:
        raise wrong("message", f"A message has at most {_LONGEST_OPTIONS} characters beside its body.")
    return kept


def _moment(sent: Any) -> Any:
    if sent is None:
        return None
    try:
        return since(str(sent))
    except ApiError:
        raise wrong("expiresOn", "expiresOn is not a time.") from None


def _opted_in(call: Call, number: str) -> bool:
    people = Contact.objects.filter(account=call.account, mobile_number=number)
    return people.filter(sms_status=Status.SUBSCRIBED).exists()
