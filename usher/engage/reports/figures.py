"""Campaigns in numbers, counted from rows; seeds are not customers and are left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import connection

from usher.engage.models import Campaign
from usher.engage.reports.outcomes import (
    COMPLAINTS,
    IS_BLOCKED,
    IS_DELIVERED,
    IS_HARD,
    IS_SENT,
    IS_SOFT,
    IS_UNMADE,
    SENT_AT,
)


@dataclass(frozen=True, slots=True)
class Counts:
    """Mails, and what came of them. "Unique" and "clickers" count people, the others mails or deeds."""

    sent: int = 0
    delivered: int = 0
    hard: int = 0
    soft: int = 0
    blocked: int = 0
    #: No mail could be made, or no relay be reached.
    unmade: int = 0
    opens: int = 0
    unique_opens: int = 0
    clicks: int = 0
    clickers: int = 0
    page_views: int = 0
    unsubscribed: int = 0
    complaints: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, one) + getattr(other, one) for one in self.__slots__))


_MAIL = """
  from engage_message message join engage_contact contact on contact.id = message.contact_id"""
_OF_CUSTOMERS = "message.campaign_id = any(%(campaigns)s) and not contact.is_seed"
_WHEN = "between %(since)s and %(until)s"
_IS_TEXT = "contact.email_type = 'PlainText'"

# Mails and deeds are each counted in their own pass and put beside each other; deeds first by person.
_COUNTS = f"""
with deeds as (
    select message.campaign_id, {_IS_TEXT} as is_text, message.contact_id, 'open' as kind, count(*) as times
      {_MAIL} join engage_open deed on deed.message_id = message.id
     where {_OF_CUSTOMERS} and deed.at {_WHEN}
     group by 1, 2, 3
    union all
    select message.campaign_id, {_IS_TEXT}, message.contact_id, 'click', count(*)
      {_MAIL} join engage_click deed on deed.message_id = message.id
     where {_OF_CUSTOMERS} and deed.at {_WHEN}
     group by 1, 2, 3
    union all
    select message.campaign_id, {_IS_TEXT}, message.contact_id, 'view', count(*)
      {_MAIL} join engage_pageview deed on deed.message_id = message.id
     where {_OF_CUSTOMERS} and deed.at {_WHEN}
     group by 1, 2, 3
    union all
    select distinct message.campaign_id, {_IS_TEXT}, message.contact_id,
           case when deed.reason in {COMPLAINTS} then 'complaint' else 'gone' end, 1
      {_MAIL} join engage_suppression deed on deed.message_id = message.id
     where {_OF_CUSTOMERS} and deed.at {_WHEN}
       and (deed.reason = 'Unsubscribed' or deed.reason in {COMPLAINTS})
)
select campaign_id, is_text, sum(sent)::int, sum(delivered)::int, sum(hard)::int, sum(soft)::int,
       sum(blocked)::int, sum(unmade)::int, coalesce(sum(opens), 0)::int, sum(unique_opens)::int,
       coalesce(sum(clicks), 0)::int, sum(clickers)::int,
       coalesce(sum(page_views), 0)::int, sum(unsubscribed)::int, sum(complaints)::int
  from (
    select message.campaign_id, {_IS_TEXT} as is_text,
           count(*) filter (where {IS_SENT}) as sent,
           count(*) filter (where {IS_DELIVERED}) as delivered,
           count(*) filter (where {IS_HARD}) as hard,
           count(*) filter (where {IS_SOFT}) as soft,
           count(*) filter (where {IS_BLOCKED}) as blocked,
           count(*) filter (where {IS_UNMADE}) as unmade,
           0 as opens, 0 as unique_opens, 0 as clicks, 0 as clickers, 0 as page_views,
           0 as unsubscribed, 0 as complaints
      {_MAIL}
     where {_OF_CUSTOMERS} and {SENT_AT} {_WHEN}
     group by 1, 2
    union all
    select campaign_id, is_text, 0, 0, 0, 0, 0, 0,
           sum(times) filter (where kind = 'open'), count(*) filter (where kind = 'open'),
           sum(times) filter (where kind = 'click'), count(*) filter (where kind = 'click'),
           sum(times) filter (where kind = 'view'),
           count(*) filter (where kind = 'gone'), count(*) filter (where kind = 'complaint')
      from deeds group by campaign_id, is_text
  ) as parts
 group by campaign_id, is_text
"""
FIRST, LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


def summary(campaign: Campaign) -> tuple[Counts, Counts]:
    """The whole of a campaign: of contacts who get HTML, and of those who get plain text."""
    found = _counted([campaign.pk], FIRST, LAST)
    return found.get((campaign.pk, False), Counts()), found.get((campaign.pk, True), Counts())


def within(campaigns: Sequence[int], since: datetime, until: datetime) -> dict[int, Counts]:
    """Campaign -> what was sent and done from `since` to `until`."""
    found: dict[int, Counts] = {}
    for (campaign, _), counts in _counted(campaigns, since, until).items():
        found[campaign] = found.get(campaign, Counts()) + counts
    return found


def _counted(campaigns: Sequence[int], since: datetime, until: datetime) -> dict[tuple[int, bool], Counts]:
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, {"campaigns": list(campaigns), "since": since, "until": until})
        return {(row[0], row[1]): Counts(*row[2:]) for row in cursor.fetchall()}
