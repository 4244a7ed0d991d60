"""How each campaign was received: counted over messages, one row a campaign. Seeds are not counted."""

from __future__ import annotations

from django.db.models import Count, IntegerField, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from usher.engage.models import Campaign, Click, Link, Message, Open
from usher.engage.models.messages import MessageState

#: Waiting or hanging mails of one campaign that are shown.
MOST = 50


def received() -> QuerySet[Campaign]:
    """Campaigns with sent, opened, clicked, bounced and waiting, each a number of mails, and when last sent."""
    return Campaign.objects.annotate(
        sent=_mails(state=MessageState.SENT),
        bounced=_mails(state=MessageState.BOUNCED),
        waiting=_mails(state__in=[MessageState.QUEUED, MessageState.CLAIMED]),
        ambiguous=_mails(state=MessageState.AMBIGUOUS),
        opened=_mails(id__in=Open.objects.values("message")),
        clicked=_mails(id__in=Click.objects.values("message")),
        last_sent=Subquery(_of().values("campaign").annotate(at=Max("sent_at")).values("at")),
    ).order_by("name", "id")


def _of() -> QuerySet[Message]:
    return Message.objects.filter(campaign=OuterRef("pk"), contact__is_seed=False).order_by()


def _mails(**which: object) -> Coalesce:
    counted = _of().filter(**which).values("campaign").annotate(count=Count("id")).values("count")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def links(campaign: Campaign) -> QuerySet[Link]:
    """The links that were clicked, the most clicked first, each with the number of people."""
    customers = Q(clicks__message__contact__is_seed=False)
    return (
        campaign.links.annotate(people=Count("clicks__message__contact", distinct=True, filter=customers))
        .filter(people__gt=0)
        .order_by("-people", "id")[:20]
    )


def states(campaign: Campaign) -> list[tuple[str, int]]:
    """How many mails are in each state, the most first."""
    rows = campaign.messages.filter(contact__is_seed=False).values_list("state")
    return list(rows.annotate(mails=Count("id")).order_by("-mails"))


def troubled(campaign: Campaign) -> QuerySet[Message]:
    """Mails that wait after a deferral, or of which nobody knows whether they arrived."""
    hanging = Q(state=MessageState.QUEUED, attempts__gt=0) | Q(state=MessageState.AMBIGUOUS)
    return campaign.messages.filter(hanging).select_related("contact").order_by("due_at", "id")[:MOST]
