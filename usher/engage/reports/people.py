"""What each contact did with a campaign: the mails, opens, clicks and what came of them, as sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from usher.engage.models import Campaign, Click, Contact, Message, Open, PageView, Suppression
from usher.engage.models.contacts import Status
from usher.engage.models.messages import MessageState
from usher.engage.reports.outcomes import IS_HARD, IS_SENT, IS_SOFT, SENT, SENT_AT


@dataclass(frozen=True, slots=True)
class Activity:
    """A contact's whole history with a campaign."""

    contact: int
    sent_at: datetime
    opens: int
    first_opened: datetime | None
    last_opened: datetime | None
    first_ip: str | None
    clicks: int
    page_views: int
    unsubscribed: bool
    soft_bounced: bool
    hard_bounced: bool


_ACTIVITY = f"""
with mail as (
    select message.id, message.contact_id, {SENT_AT} as at, {IS_SOFT} as soft, {IS_HARD} as hard
      from engage_message message
     where message.campaign_id = %(campaign)s and message.contact_id = any(%(contacts)s) and {IS_SENT}
), seen as (
    select mail.contact_id, count(*) as times, min(open.at) as first, max(open.at) as last,
           (array_agg(host(open.ip) order by open.at, open.id))[1] as ip
      from mail join engage_open open on open.message_id = mail.id group by mail.contact_id
), clicked as (
    select mail.contact_id, count(*) as times
      from mail join engage_click click on click.message_id = mail.id group by mail.contact_id
), viewed as (
    select mail.contact_id, count(*) as times
      from mail join engage_pageview view on view.message_id = mail.id group by mail.contact_id
), gone as (
    select distinct mail.contact_id
      from mail join engage_suppression suppression on suppression.message_id = mail.id
     where suppression.reason = 'Unsubscribed'
)
select mail.contact_id, max(mail.at), coalesce(max(seen.times), 0), max(seen.first), max(seen.last),
       max(seen.ip), coalesce(max(clicked.times), 0), coalesce(max(viewed.times), 0),
       count(gone.contact_id) > 0,
       bool_or(mail.soft), bool_or(mail.hard)
  from mail left join seen using (contact_id) left join clicked using (contact_id)
  left join viewed using (contact_id)
  left join gone using (contact_id)
 group by mail.contact_id
"""


def activities(campaign: Campaign, contacts: Sequence[int]) -> dict[int, Activity]:
    """Contact -> what it did with the campaign, of those to whom it was sent."""
    with connection.cursor() as cursor:
        cursor.execute(_ACTIVITY, {"campaign": campaign.pk, "contacts": list(contacts)})
        return {row[0]: Activity(*row) for row in cursor.fetchall()}


def reached(campaign: Campaign) -> QuerySet[Contact]:
    """The customers (not seeds) to whom the campaign was sent."""
    mails = Message.objects.filter(SENT, campaign=campaign, contact=OuterRef("pk"))
    return Contact.objects.filter(Exists(mails), account=campaign.account_id, is_seed=False)


def active_since(campaign: Campaign, moment: datetime) -> QuerySet[Contact]:
    """Those of them who were sent it, opened, clicked or unsubscribed since then."""
    mails = Message.objects.filter(SENT, campaign=campaign)
    unsent = Q(sent_at=None, due_at__gte=moment)
    sent = mails.filter(Q(sent_at__gte=moment) | unsent).values("contact")
    opened = Open.objects.filter(message__campaign=campaign, at__gte=moment).values("message__contact")
    clicked = Click.objects.filter(message__campaign=campaign, at__gte=moment).values("message__contact")
    gone = Suppression.objects.filter(
        message__campaign=campaign, at__gte=moment, reason=Status.UNSUBSCRIBED
    ).values("message__contact")
    lately = Q(pk__in=sent) | Q(pk__in=opened) | Q(pk__in=clicked) | Q(pk__in=gone)
    return reached(campaign).filter(lately)


def hard_bouncing(campaign: Campaign) -> QuerySet[Contact]:
    """Customers whose address did not take the campaign."""
    bounced = Message.objects.filter(campaign=campaign, contact=OuterRef("pk"), state=MessageState.BOUNCED)
    return Contact.objects.filter(Exists(bounced), account=campaign.account_id, is_seed=False)


def opens(campaign: Campaign, contact: int | None = None, moment: datetime | None = None) -> QuerySet[Open]:
    """Opens of the campaign: of everybody but seeds, or of one contact; all, or those since then."""
    rows = Open.objects.filter(_of(campaign, contact, moment))
    return rows.select_related("message__contact")


def clicks(campaign: Campaign, contact: int | None = None, moment: datetime | None = None) -> QuerySet[Click]:
    """Clicks in the campaign, likewise."""
    rows = Click.objects.filter(_of(campaign, contact, moment))
    return rows.select_related("message__contact", "link")


def page_views(
    campaign: Campaign, contact: int | None = None, moment: datetime | None = None
) -> QuerySet[PageView]:
    """Pages that people saw on the account's sites after a click in the campaign, likewise."""
    rows = PageView.objects.filter(_of(campaign, contact, moment))
    return rows.select_related("message__contact")


def _of(campaign: Campaign, contact: int | None, moment: datetime | None) -> Q:
    who = Q(message__contact__is_seed=False) if contact is None else Q(message__contact=contact)
    return Q(message__campaign=campaign) & who & (Q() if moment is None else Q(at__gte=moment))
