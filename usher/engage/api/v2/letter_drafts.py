"""Reads the transactional mails that version 2 callers send."""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from email.utils import parseaddr
from functools import cached_property
from typing import Any, NamedTuple

from usher.engage.api.manner import Call
from usher.engage.api.problems import ApiError, invalid
from usher.engage.api.reading import LARGEST_ID, text, whole
from usher.engage.campaigns import senders
from usher.engage.content.liquid import FIELD
from usher.engage.messages import letters
from usher.engage.messages.mime import File
from usher.engage.models import Campaign, Letter
from usher.engage.models.campaigns import CampaignStatus
from usher.lib import addresses

#: Addresses of each kind (to, cc, bcc).
MOST_ADDRESSES = 100
LONGEST_METADATA = 1500
_LINE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*\Z")


class Draft(NamedTuple):
    letter: Letter
    files: Sequence[File]


class Reader:
    """Reads the mails of one call; what the account knows is looked up once."""

    def __init__(self, call: Call, sent: Sequence[Any]) -> None:
        self.call = call
        self._campaign_ids = {_number(one) for one in sent} - {None}

    @cached_property
    def _senders(self) -> dict[str, int]:
        return senders.known(self.call.account)

    @cached_property
    def _campaigns(self) -> dict[int, Campaign]:
        rows = Campaign.objects.filter(account=self.call.account).select_related("account")
        return rows.in_bulk([one for one in self._campaign_ids if one is not None])

    def written(self, sent: Any, original: Any) -> Draft:
        """A mail with its own content. `original` is the same as sent, its keys in their own case."""
        sent = _object(sent)
        draft = self._addressed(sent, original)
        letter = draft.letter
        letter.subject = line(sent.get("subject"), "Subject", 998)
        letter.html, letter.text = _content(sent, "HtmlContent"), _content(sent, "PlainTextContent")
        if not letter.html and not letter.text:
            raise invalid("The HtmlContent or the PlainTextContent field is required.")
        return _not_too_large(draft)

    def triggered(self, sent: Any, original: Any) -> Draft:
        """A mail with the content of a triggered campaign."""
        sent = _object(sent)
        draft = self._addressed(sent, original)
        number = whole(sent.get("campaignid"), "campaignId")
        campaign = self._campaigns.get(number)
        if campaign is None:
            raise invalid("Error:", "ERROR_CAMPAIGN_NOT_FOUND")
        draft.letter.campaign = triggered(campaign)
        draft.letter.values = values(sent.get("personalizationvalues"))
        return _not_too_large(draft)

    def _addressed(self, sent: Mapping[str, Any], original: Any) -> Draft:
        letter = Letter(account=self.call.account, created_at=self.call.now)
        letter.to = _addresses(sent, "ToAddresses")
        if not letter.to:
            raise invalid("ToAddresses field is empty or invalid.")
        letter.cc, letter.bcc = _addresses(sent, "CcAddresses"), _addresses(sent, "BccAddresses")
        letter.from_name, letter.from_address = self._from(sent.get("fromaddress"))
        letter.metadata = _metadata(original)
        letter.tags = _tags(sent.get("tags"))
        return Draft(letter, _files(sent.get("attachments")))

    def _from(self, sent: Any) -> tuple[str, str]:
        """Name and address; for one that is not the account's both empty, which stands for its own."""
        name, address = parseaddr(sent) if isinstance(sent, str) else ("", "")
        if address.lower() not in self._senders or not _LINE.match(name):
            return "", ""
        return name[:128], address


def triggered(campaign: Campaign) -> Campaign:
    """The campaign again, if mails can be made of it at any time."""
    if campaign.status != CampaignStatus.TRIGGERED:
        raise invalid("Only a triggered campaign can be sent so.", "ERROR_CAMPAIGN_INVALID")
    return campaign


def values(sent: Any) -> dict[str, str]:
    """`[{name, value}]` by name in capitals, as @NAME@ finds them."""
    if sent is None:
        return {}
    found: dict[str, str] = {}
    for one in sent if isinstance(sent, list) else [None]:
        pair = {key.lower(): inner for key, inner in one.items()} if isinstance(one, Mapping) else {}
        name, value = pair.get("name"), pair.get("value")
        if not isinstance(name, str) or not FIELD.fullmatch(f"@{name.strip('@')}@"):
            raise _bad_value("A name has 1 to 20 letters, digits, _ or -, a letter first.")
        if isinstance(value, dict | list):
            raise _bad_value(f"The value of {name} is not a text.")
        found[name.strip("@").upper()] = "" if value is None else str(value)
    return found


def _bad_value(message: str) -> ApiError:
    return invalid(message, "ERROR_INVALID_PERSONALISATION_VALUES")


def _number(sent: Any) -> int | None:
    found = str(sent.get("campaignid")) if isinstance(sent, Mapping) else ""
    return int(found) if re.fullmatch(r"\d{1,18}", found, re.ASCII) and int(found) <= LARGEST_ID else None


def _object(sent: Any) -> Mapping[str, Any]:
    if not isinstance(sent, Mapping):
        raise invalid("An email is an object.")
    return sent


def _addresses(sent: Mapping[str, Any], name: str) -> list[str]:
    """Each once, in order; also several in one text with commas between them, or with names beside them."""
    found = sent.get(name.lower())
    texts = [found] if isinstance(found, str) else found or []
    if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        raise invalid(f"{name} field is empty or invalid.")
    said = list(_split(texts))
    if len(said) > MOST_ADDRESSES:
        raise invalid(f"{name} field has more than {MOST_ADDRESSES} addresses.")
    if any(addresses.problem(one) for one in said):
        raise invalid(f"{name} field is empty or invalid.")
    by_key: dict[str, str] = {}
    for one in said:
        by_key.setdefault(addresses.key(one), one)
    return list(by_key.values())


def _split(texts: Iterable[str]) -> Iterable[str]:
    for one in texts:
        if "<" in one:
            yield parseaddr(one)[1]
        else:
            yield from (part.strip() for part in one.split(","))


def line(sent: Any, name: str, longest: int) -> str:
    found = text(sent, name).strip()
    if len(found) > longest or not _LINE.match(found):
        raise invalid(f"The {name} field is one line of at most {longest} characters.")
    return found


def _content(sent: Mapping[str, Any], name: str) -> str:
    found = sent.get(name.lower())
    if found is not None and not isinstance(found, str):
        raise invalid(f"The {name} field is not a text.")
    return found or ""


def _metadata(original: Any) -> str:
    """As the caller sent it: a text, or an object as its JSON."""
    pairs = original.items() if isinstance(original, Mapping) else ()
    found = next((value for name, value in pairs if name.lower() == "metadata"), None)
    if found is None:
        return ""
    kept = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    if len(kept) > LONGEST_METADATA:
        raise invalid(f"The metadata has more than {LONGEST_METADATA} characters.")
    return kept


def _tags(sent: Any) -> list[str]:
    if sent is None:
        return []
    if not isinstance(sent, list) or not all(isinstance(one, str) for one in sent):
        raise invalid("tags is not a list of texts.")
    return sent


def _files(sent: Any) -> list[File]:
    if sent is None:
        return []
    if not isinstance(sent, list) or not all(isinstance(one, Mapping) for one in sent):
        raise invalid("attachments is not a list of files.")
    return [_file(one) for one in sent]


def _file(sent: Mapping[str, Any]) -> File:
    name = line(sent.get("filename"), "fileName", 255)
    kind = line(sent.get("mimetype"), "mimeType", 100)
    content = sent.get("content")
    try:
        if not isinstance(content, str):
            raise ValueError
        return File(name, kind, b64decode("".join(content.split()), validate=True))
    except (binascii.Error, ValueError):
        raise invalid(f"The content of the attachment {name} is not base64.") from None


def _not_too_large(draft: Draft) -> Draft:
    if letters.size(draft.letter, draft.files) > letters.LARGEST:
        raise invalid(
            "An email has at most 15 MB, its attachments counted.", "ERROR_DOCUMENT_ATTACHMENTSTOOLARGE"
        )
    return draft
