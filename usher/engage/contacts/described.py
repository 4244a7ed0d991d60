"""Reads a contact as version 3 describes it: identifiers, values, channels, lists, preferences, consent."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from usher.engage.contacts.consent import Evidence
from usher.engage.contacts.write import Draft
from usher.engage.errors import EngageError
from usher.engage.models.contacts import EmailType, OptInType, Status
from usher.engage.texts.numbers import digits
from usher.lib import addresses

T = TypeVar("T")

MOST_LISTS = 100
LONGEST_CUSTOM = 255
MOST_CONSENTS = 5
LONGEST_URL = 2000
LARGEST_ID = 2**63 - 1
#: Identifier in lower case -> as it is published, and the contact's field that it stands for.
IDENTIFIERS = {
    "contactid": ("contactId", "pk"),
    "email": ("email", "email_key"),
    "mobilenumber": ("mobileNumber", "mobile_number"),
}
#: What a caller may make of a channel; no subscription was neither agreed to nor refused.
_WISHES = {
    "subscribed": Status.SUBSCRIBED,
    "unsubscribed": Status.UNSUBSCRIBED,
    "suppressed": Status.SUPPRESSED,
}
_SMS = {name: status.value for name, status in _WISHES.items()} | {"nosubscription": ""}
_OPT_IN_TYPES = {kind.lower(): OptInType(kind) for kind in OptInType.values}
_EMAIL_TYPES = {kind.lower(): EmailType(kind) for kind in EmailType.values}
_CONSENT = ("text", "dateTimeConsented", "url", "ipAddress", "userAgent")


class IdentifierError(EngageError):
    """A value that cannot be such an identifier. `kind` is the identifier as it is published, or unknown."""

    def __init__(self, kind: str, value: object) -> None:
        super().__init__(
            "ERROR_INVALID_EMAIL", f"The id value '{value}' is invalid for the identifier '{kind}'"
        )
        self.kind = kind


@dataclass(frozen=True)
class Described:
    """What is said about a contact; None is not said."""

    #: With "" for an address that is not said.
    draft: Draft
    #: What the e-mail channel is to become.
    wish: Status | None = None
    #: May somebody who opted out come back without being asked by mail? None: not said.
    without_challenge: bool | None = None
    return_url: str = ""
    lists: tuple[int, ...] = ()
    preferences: Mapping[int, bool] = field(default_factory=dict)
    consents: tuple[Evidence, ...] = ()
    #: Custom identifiers, by name in lower case.
    custom: Mapping[str, str] = field(default_factory=dict)


def described(body: object) -> Described:
    """What a body says, its names in any case. EngageError for what does not fit; data is checked later."""
    said = opened(body, "A contact")
    identifiers = opened(said.get("identifiers"), "identifiers")
    channels = opened(said.get("channelproperties"), "channelProperties")
    mail, sms = opened(channels.get("email"), "email"), opened(channels.get("sms"), "sms")
    options = opened(mail.get("resubscribeoptions"), "resubscribeOptions")
    email, number = identifiers.get("email"), identifiers.get("mobilenumber")
    return Described(
        Draft(
            email="" if _is_blank(email) else str(identified("email", email)[2]),
            data=opened(said.get("datafields"), "dataFields"),
            opt_in_type=_choice(mail.get("optintype"), _OPT_IN_TYPES, "optInType"),
            email_type=_choice(mail.get("emailtype"), _EMAIL_TYPES, "emailType"),
            mobile_number=None if _is_blank(number) else str(identified("mobileNumber", number)[1]),
            sms_status=_choice(sms.get("status"), _SMS, "The status of sms"),
        ),
        wish=_choice(mail.get("status"), _WISHES, "The status of email"),
        without_challenge=_yes_or_no(options.get("resubscribewithnochallenge")),
        return_url=_url(options.get("redirecturlafterchallenge")),
        lists=_lists(said.get("lists")),
        preferences=_preferences(said.get("preferences")),
        consents=_consents(said.get("consentrecords")),
        custom=_custom(identifiers),
    )


def identified(kind: str, value: object) -> tuple[str, int | str, int | str]:
    """An identifier: the contact's field, the value that it holds, and the value as it is shown.

    IdentifierError for a kind that not every account has (see contacts.custom) and for what is no such value.
    """
    name, column = IDENTIFIERS.get(kind.lower(), (kind, ""))
    sent = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if column == "pk" and re.fullmatch(r"\d{1,19}", sent, re.ASCII):
        return column, min(int(sent), LARGEST_ID), int(sent)
    if column == "email_key" and not addresses.problem(sent):
        return column, addresses.key(sent), sent
    if column == "mobile_number":
        try:
            return column, digits(sent), digits(sent)
        except EngageError:
            pass
    raise IdentifierError(name, value)


def opened(value: object, name: str) -> dict[str, Any]:
    """An object with its names in lower case; null is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise misfit(f"{name} is not an object")
    return {str(key).lower(): inner for key, inner in value.items()}


def misfit(message: str) -> EngageError:
    return EngageError("ERROR_CONTACT_INVALID", message)


def whole(value: object, name: str) -> int:
    """A whole number, also as text."""
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,18}\s*", value, re.ASCII):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST_ID:
        raise misfit(f"{name} is not a number")
    return value


def _is_blank(value: object) -> bool:
    return value is None or value == ""


def _custom(identifiers: Mapping[str, object]) -> dict[str, str]:
    """Those that are not of every account; nothing takes one away."""
    found = {}
    for name, value in identifiers.items():
        if name in IDENTIFIERS or _is_blank(value):
            continue
        if not isinstance(value, str | int) or isinstance(value, bool) or len(str(value)) > LONGEST_CUSTOM:
            raise misfit(f"The identifier {name} is a text of at most {LONGEST_CUSTOM} characters")
        found[name] = str(value)
    return found


def _choice(value: object, choices: Mapping[str, T], name: str) -> T | None:
    if _is_blank(value):
        return None
    found = choices.get(str(value).lower())
    if found is None:
        raise misfit(f"{name} is not one of {', '.join(choices)}")
    return found


def _yes_or_no(value: object) -> bool | None:
    if value is None:
        return None
    word = str(value).lower()
    if word not in ("true", "false"):
        raise misfit("resubscribeWithNoChallenge is neither true nor false")
    return word == "true"


def _url(value: object) -> str:
    url = str(value or "").strip()
    if url and (not url.lower().startswith(("https://", "http://")) or len(url) > LONGEST_URL):
        raise misfit("redirectUrlAfterChallenge is not a web address")
    return url


def _items(value: object, name: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise misfit(f"{name} is not a list")
    return value


def _lists(value: object) -> tuple[int, ...]:
    ids = dict.fromkeys(whole(one, "lists") for one in _items(value, "lists"))
    if len(ids) > MOST_LISTS:
        raise misfit(f"lists has more than {MOST_LISTS} ids")
    return tuple(ids)


def _preferences(value: object) -> dict[int, bool]:
    said = {}
    for one in _items(value, "preferences"):
        choice = opened(one, "A preference")
        answer = choice.get("isoptedin")
        if not isinstance(answer, bool):
            raise misfit("isOptedIn is neither true nor false")
        said[whole(choice.get("id"), "The id of a preference")] = answer
    return said


def _consents(value: object) -> tuple[Evidence, ...]:
    records = _items(value, "consentRecords")
    if len(records) > MOST_CONSENTS:
        raise ConsentError(f"consentRecords has more than {MOST_CONSENTS} records")
    return tuple(_consent(record) for record in records)


class ConsentError(EngageError):
    """Consent records that are not as they have to be."""

    def __init__(self, message: str) -> None:
        super().__init__("ERROR_CONTACT_INVALID", message)


def _consent(record: object) -> Evidence:
    if not isinstance(record, Mapping):
        raise ConsentError("A consent record is not an object")
    said = opened(record, "A consent record")
    if absent := [name for name in _CONSENT if not str(said.get(name.lower()) or "").strip()]:
        raise ConsentError(f"A consent record needs {', '.join(absent)}")
    return Evidence(
        text=str(said["text"]),
        given_at=_told(said, "dateTimeConsented", _moment),
        url=_told(said, "url", _web),
        ip=_told(said, "ipAddress", lambda text: str(ipaddress.ip_address(text))),
        user_agent=str(said["useragent"]),
    )


def _told(said: Mapping[str, Any], name: str, read: Callable[[str], T]) -> T:
    text = str(said[name.lower()]).strip()
    try:
        return read(text)
    except (ValueError, OverflowError):
        raise ConsentError(f"'{text[:100]}' is no {name} of a consent record") from None


def _moment(text: str) -> datetime:
    if not re.match(r"\d{4}-\d\d-\d\d", text):
        raise ValueError
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _web(text: str) -> str:
    if not re.match(r"https?://\S+\Z", text, re.IGNORECASE):
        raise ValueError
    return text
