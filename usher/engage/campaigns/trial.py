"""Split tests: versions of a campaign go to some of its recipients, and the best of them to the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Self

from django.db import connection, transaction
from django.db.models import Count

from usher.engage.campaigns.content import INVALID, check
from usher.engage.content.versions import FIELDS
from usher.engage.errors import EngageError
from usher.engage.models import Account, Campaign, CampaignVersion, Send

LETTERS = "ABCDEFGHIJ"
#: Nobody waits longer for a winner, whatever was asked for.
LONGEST = timedelta(days=365)

Metric = Literal["Opens", "Clicks"]


@dataclass(frozen=True, slots=True)
class Test:
    """How versions are tried: by what, on how many of a hundred, for how long."""

    metric: Metric
    percentage: int
    hours: int

    @property
    def period(self) -> timedelta:
        return min(timedelta(hours=min(self.hours, 10**6)), LONGEST)

    @classmethod
    def of(cls, send: Send) -> Self | None:
        split = send.split
        return cls(split["testMetric"], split["testPercentage"], split["testPeriodHours"]) if split else None

    def as_sent(self) -> dict[str, Any]:
        return {
            "testMetric": self.metric,
            "testPercentage": self.percentage,
            "testPeriodHours": self.hours,
        }


def create(
    account: Account, now: datetime, values: Mapping[str, Any], versions: Sequence[Mapping[str, str]]
) -> Campaign:
    """Make a campaign with versions, each with all of FIELDS. EngageError when one could not be mailed."""
    if not 2 <= len(versions) <= len(LETTERS):
        raise EngageError(INVALID, f"A split test has 2 to {len(LETTERS)} versions.")
    made = Campaign(account=account, created_at=now, updated_at=now, is_split_test=True, **values)
    for version in reversed(versions):  # the first is the campaign's own content
        _set(made, version)
        check(made)
    with transaction.atomic():
        made.save()
        CampaignVersion.objects.bulk_create(
            CampaignVersion(campaign=made, letter=letter, **version)
            for letter, version in zip(LETTERS, versions, strict=False)
        )
    return made


def copy(campaign: Campaign, made: Campaign) -> None:
    """Give the copy of a campaign its versions."""
    rows = CampaignVersion.objects.filter(campaign=campaign).order_by("letter")
    CampaignVersion.objects.bulk_create(
        CampaignVersion(campaign=made, letter=row.letter, **{field: getattr(row, field) for field in FIELDS})
        for row in rows
    )


def letters(campaign: Campaign) -> list[str]:
    rows = CampaignVersion.objects.filter(campaign=campaign)
    return list(rows.order_by("letter").values_list("letter", flat=True))


def varied(campaigns: Sequence[int]) -> dict[int, list[str]]:
    """Campaign -> the fields in which its versions differ, of those that have versions."""
    found: dict[int, list[str]] = {}
    for field in FIELDS:
        rows = CampaignVersion.objects.filter(campaign__in=campaigns).values("campaign")
        for row in rows.annotate(different=Count(field, distinct=True)).filter(different__gt=1):
            found.setdefault(row["campaign"], []).append(field)
    return found


def _set(campaign: Campaign, version: Mapping[str, str]) -> None:
    for field in FIELDS:
        setattr(campaign, field, version[field])


@dataclass(frozen=True, slots=True)
class Result:
    """A version: mails that were delivered, and how many people opened them or clicked in them."""

    version: CampaignVersion
    delivered: int
    done: int

    @property
    def share(self) -> float:
        return self.done / self.delivered if self.delivered else 0.0


_RESULTS = """
select message.version, count(*) filter (where message.state = 'sent'),
       count(distinct message.contact_id)
         filter (where exists (select 1 from {deeds} deed where deed.message_id = message.id))
  from engage_message message join engage_contact contact on contact.id = message.contact_id
 where message.campaign_id = %(campaign)s and message.version <> '' and not contact.is_seed
 group by message.version
"""
_DEEDS: dict[Metric, str] = {"Opens": "engage_open", "Clicks": "engage_click"}


def results(campaign: Campaign, metric: Metric) -> list[Result]:
    """Of each version, by letter; seeds are not counted."""
    with connection.cursor() as cursor:
        cursor.execute(_RESULTS.format(deeds=_DEEDS[metric]), {"campaign": campaign.pk})
        counted = {letter: (delivered, done) for letter, delivered, done in cursor.fetchall()}
    rows = CampaignVersion.objects.filter(campaign=campaign).order_by("letter")
    return [Result(row, *counted.get(row.letter, (0, 0))) for row in rows]


def choose(send: Send) -> str:
    """The version that did best, by share of what was delivered; of several the first. It is written down."""
    test = Test.of(send)
    assert test, send.pk
    best = max(results(send.campaign, test.metric), key=lambda one: one.share)
    send.campaign.winner = best.version.letter
    Campaign.objects.filter(pk=send.campaign_id).update(winner=send.campaign.winner)
    return send.campaign.winner
