"""Campaigns: made, changed, copied, deleted, read and listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Min, Q, QuerySet
from django.http import HttpResponse

from usher.engage.api.manner import Call, empty, reply
from usher.engage.api.problems import invalid, missing
from usher.engage.api.reading import LARGEST_ID, choice, page, since, whole, window
from usher.engage.api.v2 import campaign_shapes, lists
from usher.engage.api.v2.contacts import books
from usher.engage.campaigns import edit, senders, trial
from usher.engage.models import Campaign, ContactList, Send
from usher.engage.models.campaigns import CampaignStatus, ReplyAction, SendStatus
from usher.engage.reports import sent

INVALID = "ERROR_CAMPAIGN_INVALID"
#: Name in a body -> what it is here.
TEXTS = {
    "name": "name",
    "subject": "subject",
    "fromname": "from_name",
    "htmlcontent": "html",
    "plaintextcontent": "text",
}
#: As errors call them.
SHOWN = {
    "name": "Name",
    "subject": "Subject",
    "fromname": "FromName",
    "htmlcontent": "HtmlContent",
    "plaintextcontent": "PlainTextContent",
}
#: Published, and of no campaign here.
NEVER = ("RequiresSystemApproval", "RequiresSMSApproval", "RequiresWorkflowApproval")


def known(call: Call, campaign: int) -> Campaign:
    """The account's campaign with this id; 404 without one."""
    found = all_of(call).filter(pk=campaign).first() if abs(campaign) <= LARGEST_ID else None
    if found is None:
        raise missing("ERROR_CAMPAIGN_NOT_FOUND")
    return found


def all_of(call: Call) -> QuerySet[Campaign]:
    return Campaign.objects.filter(account=call.account).select_related("account")


def listed(call: Call) -> HttpResponse:
    return _page(call, all_of(call))


def get(call: Call, campaign: int) -> HttpResponse:
    return reply(campaign_shapes.campaign(known(call, campaign), senders.known(call.account)))


def create(call: Call) -> HttpResponse:
    values = sent_fields(call)
    for required in TEXTS:
        if not values.get(TEXTS[required]):
            raise invalid(f"The {SHOWN[required]} field is required.", INVALID)
    triggered = str(call.fields.get("type") or "").lower() == "triggered"
    made = edit.create(call.account, call.now, triggered=triggered, **values)
    return reply(campaign_shapes.typed(made, senders.known(call.account)), 201)


def change(call: Call, campaign: int) -> HttpResponse:
    """What the body does not name stays as it is."""
    changed = edit.change(known(call, campaign), call.now, **sent_fields(call))
    return reply(campaign_shapes.campaign(changed, senders.known(call.account)))


def delete(call: Call, campaign: int) -> HttpResponse:
    edit.delete(known(call, campaign))
    return empty()


def copy(call: Call, campaign: int) -> HttpResponse:
    made = edit.copy(known(call, campaign), call.now)
    return reply(campaign_shapes.campaign(made, senders.known(call.account)), 201)


def filtered(call: Call) -> HttpResponse:
    """By type, tags (all of them), statuses, when it was sent, and when it is to be sent."""
    rows = all_of(call)
    if kind := _sent_for(call, "type"):
        triggered = Q(status=CampaignStatus.TRIGGERED)
        wanted = _word(kind[0], ("Standard", "Triggered"), "~type")
        rows = rows.filter(triggered if wanted == "Triggered" else ~triggered)
    for tag in _sent_for(call, "tags"):
        rows = rows.filter(tags__contains=[tag])
    if statuses := _sent_for(call, "statuses"):
        words = (*CampaignStatus.values, *NEVER)
        rows = rows.filter(status__in=[_word(one, words, "~statuses") for one in statuses])
    if moment := _sent_for(call, "sentDate"):
        rows = sent.since(rows, since(moment[0]))
    rows = _scheduled(call, rows)
    found = list(rows.order_by("pk")[window(call)])
    known_senders, coming = senders.known(call.account), _coming(found)
    when = sent.last([row.pk for row in found])
    return reply(
        [campaign_shapes.extended(row, known_senders, when.get(row.pk), coming.get(row.pk)) for row in found]
    )


def _sent_for(call: Call, name: str) -> list[str]:
    """The values of a filter, which is written with a tilde, repeated or with commas."""
    found = [
        value
        for key, values in call.request.GET.lists()
        for value in values
        if key.lower().removesuffix("[]").removeprefix("~") == name.lower()
    ]
    return [part.strip() for value in found for part in value.split(",") if part.strip()]


def _word(said: str, words: Sequence[str], name: str) -> str:
    """The word as it is published; refused for another."""
    found = next((one for one in words if one.lower() == said.lower()), None)
    if found is None:
        raise invalid(f"{name} is not one of {', '.join(words)}.")
    return found


def _scheduled(call: Call, rows: QuerySet[Campaign]) -> QuerySet[Campaign]:
    for name, comparison in (("scheduledDateFrom", "gte"), ("scheduledDateTo", "lte")):
        if moment := _sent_for(call, name):
            coming = Send.objects.filter(status=SendStatus.SCHEDULED)
            within = coming.filter(**{f"due_at__{comparison}": since(moment[0])})
            rows = rows.filter(pk__in=within.values("campaign"))
    return rows


def _coming(found: Iterable[Campaign]) -> dict[int, datetime]:
    """Campaign -> when it is to be sent, of those that are scheduled."""
    rows = Send.objects.filter(campaign__in=[row.pk for row in found], status=SendStatus.SCHEDULED)
    return dict(rows.values_list("campaign").annotate(first=Min("due_at")))


def with_details(call: Call) -> HttpResponse:
    found = list(all_of(call).order_by("pk")[window(call)])
    numbers, known_senders = [row.pk for row in found], senders.known(call.account)
    when, varied = sent.last(numbers), trial.varied(numbers)

    def shape(row: Campaign) -> dict[str, Any]:
        differs = varied.get(row.pk, [])
        return campaign_shapes.detailed(row, known_senders, when.get(row.pk), differs, with_content=False)

    return reply([shape(row) for row in found])


def get_with_details(call: Call, campaign: int) -> HttpResponse:
    found = known(call, campaign)
    when = sent.last([found.pk]).get(found.pk)
    varied = trial.varied([found.pk]).get(found.pk, [])
    return reply(campaign_shapes.detailed(found, senders.known(call.account), when, varied))


def with_activity_since(call: Call, date: str) -> HttpResponse:
    """Campaigns that were sent, opened, clicked or unsubscribed from since then."""
    return _page(call, all_of(call).filter(pk__in=sent.active(call.account, since(date), call.now)))


def of_list(call: Call, book: int) -> HttpResponse:
    """Campaigns that ever went to a list or segment."""
    went = _went(call).filter(lists__contains=[lists.known(call, book).pk])
    return _page(call, all_of(call).filter(pk__in=went.values("campaign")))


def lists_of(call: Call, campaign: int) -> HttpResponse:
    """Lists and segments that the campaign ever went to."""
    went = _went(call).filter(campaign=known(call, campaign))
    numbers = {number for row in went.values_list("lists", flat=True) for number in row}
    return books(call, ContactList.objects.filter(account=call.account, pk__in=numbers))


def _went(call: Call) -> QuerySet[Send]:
    return Send.objects.filter(account=call.account, started_at__isnull=False)


def from_addresses(call: Call) -> HttpResponse:
    known_senders = senders.known(call.account)
    found = [{"id": number, "email": email} for email, number in known_senders.items()]
    return reply(found[window(call)])


def _page(call: Call, rows: QuerySet[Campaign]) -> HttpResponse:
    known_senders = senders.known(call.account)
    return page(call, rows, lambda row: campaign_shapes.campaign(row, known_senders, with_content=False))


def sent_fields(call: Call) -> dict[str, Any]:
    """The fields of a campaign that the body names."""
    body = call.fields
    values: dict[str, Any] = {
        TEXTS[name]: _text(body[name], name) for name in TEXTS if body.get(name) is not None
    }
    for name in ("name", "from_name", "subject"):
        if name in values:
            values[name] = values[name].strip()
    if "fromaddress" in body:
        values["from_address"] = from_address(call, body["fromaddress"])
    if "replyaction" in body:
        action = choice(body["replyaction"], ReplyAction, "replyAction")
        values["reply_action"] = action or ReplyAction.UNSET
    if "replytoaddress" in body or "customreplytoaddress" in body:
        values["forward_to"] = _text(body.get("replytoaddress") or "", "replyToAddress").strip()
        custom = _text(body.get("customreplytoaddress") or "", "customReplyToAddress").strip()
        values["reply_to"] = custom or values["forward_to"]
    return values


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise invalid(f"The {SHOWN.get(name, name)} field is no text.", INVALID)
    return value


def from_address(call: Call, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return senders.chosen(call.account, value)
    if not isinstance(value, Mapping):
        raise invalid("The fromAddress is an object with an id or an email.", INVALID)
    email = _text(value.get("email") or "", "fromAddress")
    number = value.get("id")
    return senders.chosen(call.account, email, None if number is None else whole(number, "fromAddress.id"))
