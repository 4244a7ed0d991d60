"""How each campaign was received: counted over messages in three statements. Seeds are not counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, Max, Q, QuerySet

from usher.engage.models import Campaign, Link, Message
from usher.engage.models.messages import MessageState

#: Waiting or hanging mails of one campaign that are shown.
MOST = 50


@dataclass
class Received:
    """One campaign: its mails by state, how many of them were opened and clicked, and when one last left."""

    campaign: Campaign
    states: Counter[str] = field(default_factory=Counter)
    opened: int = 0
    clicked: int = 0
    last_sent: datetime | None = None

    @property
    def sent(self) -> int:
        return self.states[MessageState.SENT]

    @property
    def bounced(self) -> int:
        return self.states[MessageState.BOUNCED]

    @property
    def waiting(self) -> int:
        return self.states[MessageState.QUEUED] + self.states[MessageState.CLAIMED]

    @property
    def by_state(self) -> list[tuple[str, int]]:
        """The most first."""
        return self.states.most_common()


def received(campaigns: QuerySet[Campaign]) -> list[Received]:
    """These campaigns by name, each with how it was received."""
    rows = list(campaigns.order_by("name", "id"))
    mails = Message.objects.filter(campaign__in=rows, contact__is_seed=False).order_by()
    opened = _distinct(mails.filter(opens__isnull=False))
    clicked = _distinct(mails.filter(clicks__isnull=False))
    states: dict[int, Counter[str]] = defaultdict(Counter)
    last: dict[int, datetime] = {}
    counted = mails.values_list("campaign", "state").annotate(Count("id"), Max("sent_at"))
    for campaign, state, mails_there, at in counted:
        states[campaign][state] = mails_there
        last[campaign] = max(filter(None, (at, last.get(campaign))), default=at)
    return [
        Received(row, states[row.pk], opened.get(row.pk, 0), clicked.get(row.pk, 0), last.get(row.pk))
        for row in rows
    ]


def _distinct(mails: QuerySet[Message]) -> dict[int, int]:
    return dict(mails.values_list("campaign").annotate(Count("id", distinct=True)))


def links(campaign: Campaign) -> QuerySet[Link]:
    """The links that were clicked, the most clicked first, each with the number of people."""
    customers = Q(clicks__message__contact__is_seed=False)
    return (
        campaign.links.annotate(people=Count("clicks__message__contact", distinct=True, filter=customers))
        .filter(people__gt=0)
        .order_by("-people", "id")[:20]
    )


def troubled(campaign: Campaign) -> QuerySet[Message]:
    """Mails that wait after a deferral, or of which nobody knows whether they arrived."""
    hanging = Q(state=MessageState.QUEUED, attempts__gt=0) | Q(state=MessageState.AMBIGUOUS)
    return campaign.messages.filter(hanging).select_related("contact").order_by("due_at", "id")[:MOST]
