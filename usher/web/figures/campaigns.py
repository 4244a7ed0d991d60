"""Campaigns as the pages show them: with their figures, their next send, their links and their people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from usher.engage.campaigns import edit, progress, trial
from usher.engage.models import Account, Campaign, Click, Message, Open, Send, Suppression
from usher.engage.models.campaigns import CampaignStatus, SendStatus
from usher.engage.models.contacts import Status
from usher.engage.models.messages import MessageState
from usher.engage.reports import received
from usher.engage.reports.course import course as course_of
from usher.engage.reports.outcomes import SENT
from usher.engage.reports.received import Known

#: Waiting or hanging mails of one campaign that are shown.
MOST = 50
#: Figures of large campaigns that are older are counted anew when somebody looks at them.
STALE = timedelta(minutes=1)

#: What can be asked of the people of a campaign -> their mails.
_DONE = {
    "sent": SENT,
    "delivered": Q(state=MessageState.SENT),
    "opened": Exists(Open.objects.filter(message=OuterRef("pk"))),
    "clicked": Exists(Click.objects.filter(message=OuterRef("pk"))),
    "bounced": Q(state=MessageState.BOUNCED) | Q(state=MessageState.FAILED, code__range=(400, 499)),
    "unsubscribed": Exists(Suppression.objects.filter(message=OuterRef("pk"), reason=Status.UNSUBSCRIBED)),
    "waiting": Q(state__in=[MessageState.QUEUED, MessageState.CLAIMED]),
    "left_out": Q(state=MessageState.SKIPPED),
    "not_made": Q(state=MessageState.FAILED, code=None),
    "uncertain": Q(state=MessageState.AMBIGUOUS),
}


def deeds() -> dict[str, str]:
    """What can be asked of the people of a campaign, in words."""
    return {
        "sent": _("was sent to"),
        "delivered": _("arrived at"),
        "opened": _("opened it"),
        "clicked": _("clicked in it"),
        "bounced": _("bounced"),
        "unsubscribed": _("left by it"),
        "waiting": _("still waits for"),
        "left_out": _("was left out"),
        "not_made": _("could not be made for"),
        "uncertain": _("may have arrived at"),
    }


@dataclass(frozen=True)
class Row:
    """A campaign in a list."""

    campaign: Campaign
    known: Known
    send: Send | None

    @property
    def state(self) -> str:
        """As a pill: what is to come is told before what it is."""
        return _state(self.campaign, [self.send] if self.send else [])


def state(campaign: Campaign, sends: list[progress.Progress]) -> str:
    """The same of one campaign with the sends that are to come or under way."""
    return _state(campaign, [one.send for one in sends])


def _state(campaign: Campaign, sends: list[Send]) -> str:
    planned = any(send.status == SendStatus.SCHEDULED for send in sends)
    return SendStatus.SCHEDULED if planned and campaign.status == CampaignStatus.UNSENT else campaign.status


def closed(campaign: Campaign, now: datetime, *, unasked: bool) -> str:
    """Why it can be changed no more, or `unasked` be sent no more; empty when it can."""
    named = {"name": campaign.name}
    if campaign.status == CampaignStatus.SENT:
        return _sent(campaign, now)
    if campaign.status == CampaignStatus.SENDING:
        return _("“{name}” is being sent already.").format(**named)
    if campaign.status not in edit.OPEN:
        return _("The send of “{name}” was stopped. Copy it to send it anew.").format(**named)
    coming = progress.coming([campaign]).get(campaign.pk)
    if unasked and coming and campaign.status == CampaignStatus.UNSENT:
        said = _("“{name}” is to be sent already, at {at}. To change that, choose “Do not send it” first.")
        return said.format(**named, at=_moment(coming.due_at))
    return ""


def _sent(campaign: Campaign, now: datetime) -> str:
    people, ended = known(campaign, now, anew=False).received.sent, progress.ended(campaign)
    said = ngettext(
        "“{name}” was sent already, at {at} to {people:,} person. This is how it was received.",
        "“{name}” was sent already, at {at} to {people:,} people. This is how it was received.",
        people,
    )
    at = _moment(ended[0][0].due_at) if ended else "–"
    return said.format(name=campaign.name, at=at, people=people)


def _moment(at: datetime) -> str:
    return date_format(localtime(at), "j M Y, H:i")


def campaigns(account: Account, text: str, status: str) -> QuerySet[Campaign]:
    """The account's campaigns of this status whose name or subject holds `text`."""
    found = Campaign.objects.filter(account=account).defer("html", "text")
    if text:
        found = found.filter(Q(name__icontains=text) | Q(subject__icontains=text))
    planned = Exists(Send.objects.filter(campaign=OuterRef("pk"), status=SendStatus.SCHEDULED))
    if status == SendStatus.SCHEDULED:
        return found.filter(planned, status=CampaignStatus.UNSENT)
    if status == CampaignStatus.UNSENT:
        return found.filter(~planned, status=status)
    return found.filter(status=status) if status in CampaignStatus.values else found


def shown(rows: list[Campaign], now: datetime) -> list[Row]:
    """These campaigns with their figures and what is to come, in their order."""
    known = received.known([row.pk for row in rows], now)
    coming = progress.coming(rows)
    return [Row(row, known[row.pk], coming.get(row.pk)) for row in rows]


def known(campaign: Campaign, now: datetime, *, anew: bool) -> Known:
    """How it was received; `anew` counts a large one however long it takes."""
    if anew:
        return Known(received.count([campaign.pk], now)[campaign.pk])
    return received.known([campaign.pk], now)[campaign.pk]


def is_stale(found: Known, now: datetime) -> bool:
    """Whether it was counted so long ago that it is worth counting again."""
    return found.counted_at is not None and now - found.counted_at > STALE


def course(campaign: Campaign, zone: ZoneInfo) -> dict[str, Any]:
    """The campaign's growth as a chart and a table; empty when nothing was sent."""
    unit, steps = course_of(campaign, zone)
    shape = "j M Y" if unit != "hour" else "j M, H:i"
    said = [date_format(localtime(step.at), shape) for step in steps]
    return {
        "steps": list(zip(said, steps, strict=True)),
        "chart": {
            "x": [step.at.timestamp() for step in steps],
            "ys": [[getattr(step, name) for step in steps] for name in ("delivered", "opened", "clicked")],
            "names": [_("delivered"), _("opened"), _("clicked")],
            "shown": said,
            "zone": zone.key,
        }
        if steps
        else {},
    }


def troubled(campaign: Campaign) -> QuerySet[Message]:
    """Mails that wait after a deferral, or of which nobody knows whether they arrived."""
    hanging = Q(state=MessageState.QUEUED, attempts__gt=0) | Q(state=MessageState.AMBIGUOUS)
    found = campaign.messages.filter(hanging, contact__isnull=False).select_related("contact")
    return found.order_by("due_at", "id")[:MOST]


def people(campaign: Campaign, did: str, text: str = "") -> QuerySet[Message]:
    """Its mails to customers who `did` something (see `deeds`), of addresses that begin with `text`."""
    found = Message.objects.filter(campaign=campaign, contact__is_seed=False).select_related("contact")
    found = found.filter(contact__email_key__startswith=text.lower()) if text else found
    return found.filter(_DONE[did]) if did in _DONE else found


def exported(mails: QuerySet[Message]) -> Iterator[list[Any]]:
    """A line for each mail."""
    for mail in mails.order_by("-pk").iterator(chunk_size=5_000):
        sent = mail.sent_at.isoformat() if mail.sent_at else ""
        yield [mail.to, mail.state, sent, mail.code, mail.reply, mail.reason]


def versions(campaign: Campaign) -> list[trial.Result]:
    """How the versions of a split test did, by opens; none for a campaign without versions."""
    return trial.results(campaign, "Opens") if campaign.is_split_test else []
