"""What became of campaigns: in numbers, contact by contact, open by open and click by click."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.http import HttpResponse

from usher.engage.api.manner import Call, reply
from usher.engage.api.problems import missing
from usher.engage.api.reading import flag, page, since, taken, window
from usher.engage.api.v2 import report_shapes, shapes
from usher.engage.api.v2.campaigns import all_of, known
from usher.engage.api.v2.sent import known as known_contact
from usher.engage.models import Campaign, Click
from usher.engage.reports import figures, people, sent

#: Rows on a page of what changed lately.
MOST_CHANGED = 2000


def summary(call: Call, campaign: int) -> HttpResponse:
    found = known(call, campaign)
    when = sent.last([found.pk]).get(found.pk)
    return reply(report_shapes.summary(*figures.summary(found), when))


def metrics(call: Call) -> HttpResponse:
    """One row for each campaign of which anything was sent or done from startDate to endDate."""
    begin = _moment(call, "startDate", figures.FIRST)
    end = _moment(call, "endDate", call.now)
    active = sent.active(call.account, begin, end)
    rows = list(all_of(call).filter(pk__in=active).order_by("pk")[window(call)])
    numbers = [row.pk for row in rows]
    counts, when = figures.within(numbers, begin, end), sent.last(numbers)
    return reply(
        [report_shapes.metrics(row, counts.get(row.pk, figures.Counts()), when.get(row.pk)) for row in rows]
    )


def _moment(call: Call, name: str, otherwise: datetime) -> datetime:
    value = call.query.get(name.lower())
    return since(value) if value else otherwise


def activities(call: Call, campaign: int, date: str = "") -> HttpResponse:
    """Contacts with their whole history with the campaign; with a date those who did something since then."""
    found = known(call, campaign)
    rows = people.active_since(found, since(date)) if date else people.reached(found)
    shown = taken(call, rows, most=MOST_CHANGED) if date else taken(call, rows)
    done = people.activities(found, [contact.pk for contact in shown])
    # a mail that was deleted meanwhile has no activity
    return reply([report_shapes.activity(one, done[one.pk]) for one in shown if one.pk in done])


def activity(call: Call, campaign: int, contact: int) -> HttpResponse:
    found, person = known(call, campaign), known_contact(call, contact)
    done = people.activities(found, [person.pk]).get(person.pk)
    if done is None:
        raise missing("ERROR_CONTACT_NOT_FOUND")
    return reply(report_shapes.activity(person, done))


def opens(call: Call, campaign: int, contact: int | None = None, date: str = "") -> HttpResponse:
    rows = people.opens(known(call, campaign), _person(call, contact), since(date) if date else None)
    return page(call, rows, report_shapes.opened)


def clicks(call: Call, campaign: int, contact: int | None = None, date: str = "") -> HttpResponse:
    return _clicks(call, known(call, campaign), contact, date, report_shapes.clicked)


def clicks_with_groups(call: Call, campaign: int, contact: int | None = None, date: str = "") -> HttpResponse:
    """Groups of links do not exist here: every click has none."""
    return _clicks(call, known(call, campaign), contact, date, report_shapes.clicked_with_groups)


def _clicks(
    call: Call, found: Campaign, contact: int | None, date: str, shape: Callable[[Click], dict[str, Any]]
) -> HttpResponse:
    rows = people.clicks(found, _person(call, contact), since(date) if date else None)
    return page(call, rows, shape)


def page_views(call: Call, campaign: int, contact: int | None = None, date: str = "") -> HttpResponse:
    rows = people.page_views(known(call, campaign), _person(call, contact), since(date) if date else None)
    return page(call, rows, report_shapes.page_viewed)


def _person(call: Call, contact: int | None) -> int | None:
    return None if contact is None else known_contact(call, contact).pk


def hard_bouncing(call: Call, campaign: int) -> HttpResponse:
    rows = people.hard_bouncing(known(call, campaign))
    return page(call, rows, shapes.contacts(call.account, flag(call, "withFullData")))
