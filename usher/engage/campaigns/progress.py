"""How far the sends of a campaign are, and where their mails are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from django.db.models import Count

from usher.engage.campaigns.send import TO_START, open_sends
from usher.engage.models import Campaign, ContactList, Message, Send
from usher.engage.models.messages import MessageState


@dataclass(frozen=True)
class Progress:
    """A send that has not ended."""

    send: Send
    #: Mails by state; what is not yet in the outbox is in none.
    states: Counter[str]
    #: The names of its lists and segments.
    lists: list[str]

    @property
    def waits(self) -> bool:
        """Nothing was done for it yet."""
        return self.send.status in TO_START

    @property
    def queued(self) -> int:
        """Mails that were put in the outbox, seeds included."""
        return self.states.total()

    @property
    def gone(self) -> int:
        """Mails of which nothing more is to be done."""
        return self.queued - self.states[MessageState.QUEUED] - self.states[MessageState.CLAIMED]

    @property
    def over(self) -> bool:
        """All its mails are done with, though nobody has written that down yet: nothing can be stopped."""
        return self.send.queued_at is not None and self.gone == self.queued

    @property
    def percent(self) -> int:
        return 100 * self.gone // self.queued if self.queued else 0


def coming(campaigns: list[Campaign]) -> dict[int, Send]:
    """Campaign -> the next of its sends that have not ended."""
    rows = Send.objects.filter(campaign__in=campaigns, status__in=(*TO_START, "Sending"))
    return {row.campaign_id: row for row in rows.order_by("-due_at")}


def progress(campaign: Campaign) -> list[Progress]:
    """Every send of the campaign that has not ended, the next first."""
    found = []
    for send in open_sends(campaign).order_by("due_at", "created_at"):
        states = Message.objects.filter(send=send).order_by().values_list("state").annotate(Count("id"))
        names = ContactList.objects.filter(pk__in=send.lists).order_by("name").values_list("name", flat=True)
        found.append(Progress(send, Counter(dict(states)), list(names)))
    return found


def ended(campaign: Campaign) -> list[tuple[Send, list[str]]]:
    """The sends that are over, newest first, each with the names of its lists and segments."""
    over = Send.objects.filter(campaign=campaign, status__in=["Sent", "Cancelled"]).order_by("-due_at")[:20]
    names = dict(ContactList.objects.filter(account=campaign.account_id).values_list("pk", "name"))
    return [(row, [names[one] for one in row.lists if one in names]) for row in over]
