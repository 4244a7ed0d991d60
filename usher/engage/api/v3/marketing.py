"""Marketing mails of version 3: one or many, each to one address, with its own content or a campaign's."""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from collections import Counter
from collections.abc import Mapping
from email.utils import parseaddr
from typing import Any

from django.http import HttpResponse

from usher.engage.api.manner import Call, empty, reply
from usher.engage.api.original import as_sent
from usher.engage.api.problems import ApiError, invalid
from usher.engage.api.reading import LARGEST_ID, whole
from usher.engage.api.v2.letter_drafts import Draft, line, values
from usher.engage.api.v3.wording import ServiceError
from usher.engage.campaigns import senders
from usher.engage.content.links import UNSUBSCRIBE
from usher.engage.messages import letters, marketing
from usher.engage.messages.mime import File
from usher.engage.models import Campaign, Letter
from usher.engage.models.campaigns import CampaignStatus
from usher.engage.models.contacts import Status
from usher.lib import addresses

#: Mails of one batch.
MOST = 1000
MOST_FILES, MOST_VALUES, MOST_TAGS = 50, 100, 50
LONGEST_NAME = 20
LONGEST_METADATA = 10_000
#: Why somebody may not be mailed, in the words of this service; all others are suppressed.
REFUSED = {
    Status.UNSUBSCRIBED: "unsubscribed",
    Status.HARD_BOUNCED: "hardBounced",
    Status.NO_MX_RECORD: "hardBounced",
    Status.ISP_COMPLAINED: "complaint",
    Status.DIRECT_COMPLAINT: "complaint",
    Status.MAIL_BLOCKED: "blocked",
}
#: This service writes its name in small letters where it refuses what was sent.
_SMALL = "marketingemail:"
#: What a batch calls a failure that has no word of its own.
_INCOMPLETE = "MISSING_REQUIRED_FIELDS"


def send(call: Call) -> HttpResponse:
    draft = _Reader(call).read(call.fields, as_sent(call))
    [refused] = marketing.send(call.account, [draft], call.now)
    if refused:
        code = REFUSED.get(refused, "suppressed")
        raise ServiceError(
            409, f"marketingEmail:{code}", f"Recipient '{draft.letter.to[0]}' is {_word(refused)}."
        )
    return empty(201)


def send_batch(call: Call) -> HttpResponse:
    """Each by itself: one that cannot be sent stops no other."""
    sent = call.body
    if not isinstance(sent, list) or not sent:
        raise invalid("No email send requests found.")
    if len(sent) > MOST:
        raise invalid(f"Send at most {MOST} emails")
    reader, drafts = _Reader(call), dict[int, Draft]()
    results: list[dict[str, Any]] = [{"index": index, "status": "sent"} for index in range(len(sent))]
    for index, (one, original) in enumerate(zip(sent, as_sent(call), strict=True)):
        try:
            drafts[index] = reader.read(one, original)
        except ApiError as problem:
            failure = {"failureCode": problem.item or _INCOMPLETE, "description": problem.message}
            results[index] |= {"status": "failed", "failures": [failure]}
    refused = marketing.send(call.account, list(drafts.values()), call.now)
    for index, status in zip(drafts, refused, strict=True):
        if status:
            results[index]["status"] = "uncontactable"
    counts = Counter(result["status"] for result in results)
    summary = {name: counts[name] for name in ("sent", "uncontactable", "failed")}
    return reply({"summary": summary, "results": results}, 201)


class _Reader:
    """Reads the mails of one call; what the account knows is looked up once."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self._senders = senders.known(call.account)
        self._campaigns: dict[int, Campaign | None] = {}

    def read(self, sent: Any, original: Any) -> Draft:
        if not isinstance(sent, Mapping):
            raise _wrong("An email is an object")
        letter = Letter(account=self.call.account, kind=Letter.Kind.MARKETING, created_at=self.call.now)
        letter.to = [_address(sent.get("to"))]
        letter.from_name, letter.from_address = self._from(sent.get("from"))
        letter.metadata = _metadata(sent.get("metadata"), original)
        content = sent.get("content")
        if not isinstance(content, Mapping):
            raise _wrong("content is an object")
        match str(content.get("source")).lower():
            case "html":
                letter.subject = _line(content.get("subject"), "subject", 998)
                letter.html = _html(content.get("htmlcontent"))
            case "template":
                letter.campaign = self._campaign(content.get("campaignid"))
                letter.values = _values(content.get("personalizationvalues"))
                letter.tags = _tags(content.get("tags"))
            case _:
                raise _wrong("content.source is html or template")
        draft = Draft(letter, _files(sent.get("attachments")))
        if letters.size(letter, draft.files) > letters.LARGEST:
            raise _wrong(
                "An email has at most 15 MB, its attachments counted", "attachmentCombinedContentTooBig"
            )
        return draft

    def _from(self, sent: Any) -> tuple[str, str]:
        if sent is None or sent == "":
            return "", ""
        name, address = parseaddr(sent) if isinstance(sent, str) else ("", "")
        if address.lower() not in self._senders:
            raise _wrong(
                f"The from address '{address}' is not one of the account's",
                "invalidFromAddress",
                "INVALID_FROM_ADDRESS",
            )
        return _line(name, "from", 128) if name else "", address

    def _campaign(self, sent: Any) -> Campaign:
        try:
            number = whole(sent, "campaignId")
        except ApiError:
            raise _wrong("campaignId is not a number", "invalidValue") from None
        if number not in self._campaigns:
            rows = Campaign.objects.filter(account=self.call.account, status=CampaignStatus.TRIGGERED)
            found = rows.filter(pk=number) if 0 <= number <= LARGEST_ID else rows.none()
            self._campaigns[number] = found.select_related("account").first()
        campaign = self._campaigns[number]
        if campaign is None:
            raise _wrong(f"There is no triggered campaign {number}", "campaignNotFound", "INVALID_CAMPAIGN")
        return campaign


def _address(sent: Any) -> str:
    email = sent.strip() if isinstance(sent, str) else ""
    if addresses.problem(email):
        problem = ServiceError(409, "marketingEmail:invalidEmailAddress", f"Invalid email of '{email[:254]}'")
        problem.item = "INVALID_EMAIL"
        raise problem
    return email


def _html(sent: Any) -> str:
    if not isinstance(sent, str) or not sent.strip():
        raise _wrong("htmlContent is required")
    if not UNSUBSCRIBE.search(sent):
        message = "Marketing emails must contain an unsubscribe link."
        raise _wrong(f"{message} Include the '$UNSUB$' token in your HTML content.", failure="MISSING_UNSUB")
    return sent


def _metadata(sent: Any, original: Mapping[str, Any]) -> str:
    if sent is None:
        return ""
    if not isinstance(sent, Mapping):
        raise _wrong("metadata is an object", "invalidValue", "INVALID_METADATA")
    found = next(value for name, value in original.items() if name.lower() == "metadata")
    kept = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    if len(kept) > LONGEST_METADATA:
        raise _wrong(
            f"metadata has more than {LONGEST_METADATA} characters", "invalidValue", "INVALID_METADATA"
        )
    return kept


def _values(sent: Any) -> dict[str, str]:
    if sent is None:
        return {}
    if not isinstance(sent, list) or len(sent) > MOST_VALUES:
        raise _wrong(f"personalizationValues has 1 to {MOST_VALUES} values", "invalidValue")
    try:
        found = values(sent)
    except ApiError as problem:
        raise _wrong(problem.message, "invalidValue") from None
    if len(found) < len(sent):
        raise _wrong("A personalization value is there twice", "duplicatePersonalizationValuesFound")
    return found


def _tags(sent: Any) -> list[str]:
    if sent is None:
        return []
    if not isinstance(sent, list) or len(sent) > MOST_TAGS or not all(isinstance(one, str) for one in sent):
        raise _wrong(f"tags is a list of at most {MOST_TAGS} texts", "invalidValue", "INVALID_TAGS")
    return sent


def _files(sent: Any) -> list[File]:
    if sent is None:
        return []
    if (
        not isinstance(sent, list)
        or len(sent) > MOST_FILES
        or not all(isinstance(one, Mapping) for one in sent)
    ):
        raise _wrong(f"attachments is a list of at most {MOST_FILES} files", "invalidValue")
    return [_file(one) for one in sent]


def _file(sent: Mapping[str, Any]) -> File:
    for name, code in (("fileName", "FileName"), ("mimeType", "MimeType"), ("content", "Content")):
        if not isinstance(sent.get(name.lower()), str) or not sent[name.lower()].strip():
            raise _wrong(f"An attachment has no {name}", f"attachment{code}Missing")
    name, kind = _line(sent["filename"], "fileName", 255), _line(sent["mimetype"], "mimeType", 100)
    try:
        return File(name, kind, b64decode("".join(sent["content"].split()), validate=True))
    except (binascii.Error, ValueError):
        raise _wrong(f"The content of {name} is not base64", "attachmentContentInvalid") from None


def _line(sent: Any, name: str, longest: int) -> str:
    try:
        return line(sent, name, longest)
    except ApiError as problem:
        raise _wrong(problem.message) from None


def _word(status: Status) -> str:
    return {
        Status.UNSUBSCRIBED: "unsubscribed",
        Status.PENDING_OPT_IN: "asked to confirm and has not yet",
    }.get(status, f"not to be mailed ({status.value})")


def _wrong(message: str, code: str = "badRequest", failure: str = _INCOMPLETE) -> ServiceError:
    """`failure` is how a batch calls it."""
    problem = ServiceError(400, f"{_SMALL}{code}", message)
    problem.item = failure
    return problem
