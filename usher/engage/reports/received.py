"""How campaigns were received, in one statement for all of them: whom it reached, and what they did.

Seeds are no customers. They are so few that leaving them out by themselves costs less than looking at every
contact that was mailed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from django.db import connection

from usher.engage.models import CampaignCount
from usher.engage.models.messages import MessageState
from usher.engage.reports.outcomes import IS_SENT, IS_SOFT

#: Of a campaign with more mails than these the figures are kept: counting them takes longer than a page may.
LARGE = 20_000

#: Mails of `campaigns` to customers.
MAIL = f"""
mail as materialized (
    select message.id, message.campaign_id, message.contact_id, message.state, message.sent_at,
           {IS_SENT} as tried, {IS_SOFT} as soft
      from engage_message message
     where message.campaign_id = any(%(campaigns)s) and message.contact_id is not null
       and not exists (select 1 from engage_contact seed
                        where seed.id = message.contact_id and seed.is_seed)
)"""
# Mails of one send lie together: what was done with those from first to last is in an index.
_RECEIVED = f"""
with {MAIL}, ends as (select min(id) as first, max(id) as last from mail), opened as (
    select distinct message_id from engage_open
     where message_id between (select first from ends) and (select last from ends)
), clicked as (
    select distinct message_id from engage_click
     where message_id between (select first from ends) and (select last from ends)
), gone as (
    select distinct message_id from engage_suppression
     where message_id between (select first from ends) and (select last from ends) and reason = 'Unsubscribed'
)
select mail.campaign_id, mail.state, count(*), count(*) filter (where tried), count(*) filter (where soft),
       count(opened.message_id), count(clicked.message_id), count(gone.message_id), max(sent_at)
  from mail left join opened on opened.message_id = mail.id left join clicked on clicked.message_id = mail.id
  left join gone on gone.message_id = mail.id
 group by mail.campaign_id, mail.state
"""


@dataclass
class Received:
    """One campaign: its mails by state, what people did with them, and when one last left."""

    states: Counter[str] = field(default_factory=Counter)
    #: Handed to a relay, whatever it answered.
    sent: int = 0
    #: Put off by the other side until they were given up.
    soft: int = 0
    #: Mails that were opened, clicked in, or led to an opt-out.
    opened: int = 0
    clicked: int = 0
    unsubscribed: int = 0
    last_sent: datetime | None = None

    @property
    def delivered(self) -> int:
        return self.states[MessageState.SENT]

    @property
    def bounced(self) -> int:
        """For good and for lack of patience."""
        return self.states[MessageState.BOUNCED] + self.soft

    @property
    def waiting(self) -> int:
        return self.states[MessageState.QUEUED] + self.states[MessageState.CLAIMED]

    @property
    def by_state(self) -> list[tuple[str, int]]:
        """The most first."""
        return self.states.most_common()

    def as_kept(self) -> dict[str, Any]:
        """As JSON."""
        return vars(self) | {"last_sent": self.last_sent and self.last_sent.isoformat()}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Self:
        """What `as_kept` gave."""
        last = kept["last_sent"]
        changed = {"states": Counter(kept["states"]), "last_sent": last and datetime.fromisoformat(last)}
        return cls(**{**kept, **changed})


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a campaign without counting long; `counted_at` says when, unless it was just now."""

    received: Received
    counted_at: datetime | None = None


def known(campaigns: Sequence[int], now: datetime) -> dict[int, Known]:
    """Campaign -> how it was received; of large ones as they were last counted (see `count`)."""
    rows = CampaignCount.objects.filter(campaign__in=campaigns)
    found = {row.campaign_id: Known(Received.of(row.numbers), row.counted_at) for row in rows}
    others = [campaign for campaign in campaigns if campaign not in found]
    return found | {campaign: Known(one) for campaign, one in count(others, now).items()}


def count(campaigns: Sequence[int], now: datetime) -> dict[int, Received]:
    """Campaign -> how it was received, counted now; of large ones that is kept."""
    found = received(campaigns)
    large = [one for one, numbers in found.items() if numbers.states.total() > LARGE]
    CampaignCount.objects.bulk_create(
        [CampaignCount(campaign_id=one, counted_at=now, numbers=found[one].as_kept()) for one in large],
        update_conflicts=True,
        unique_fields=["campaign"],
        update_fields=["counted_at", "numbers"],
    )
    return found


def received(campaigns: Sequence[int]) -> dict[int, Received]:
    """Campaign -> how it was received, of each of these."""
    found = {campaign: Received() for campaign in campaigns}
    with connection.cursor() as cursor:
        cursor.execute(_RECEIVED, {"campaigns": list(campaigns)})
        for campaign, state, mails, tried, soft, opened, clicked, gone, last in cursor.fetchall():
            one = found[campaign]
            one.states[state] = mails
            one.sent += tried
            one.soft += soft
            one.opened += opened
            one.clicked += clicked
            one.unsubscribed += gone
            one.last_sent = max(filter(None, (last, one.last_sent)), default=None)
    return found
