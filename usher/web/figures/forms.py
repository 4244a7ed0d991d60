"""Sign-up forms: what each asks for, the code to put it on another page, and who signed up by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDate
from django.template.loader import render_to_string
from django.utils.formats import date_format

from usher.engage.contacts.fields import types_of
from usher.engage.forms import answers, edit
from usher.engage.models import Account, Consent, ContactList, Form, Preference
from usher.engage.models.lists import ListKind

#: Days that are shown.
DAYS = 90


@dataclass(frozen=True)
class Field:
    """A data field that a form may ask for, and at which place; at 0 it is not asked for."""

    name: str
    label: str = ""
    required: bool = False
    place: int = 0


def forms(account: Account) -> list[tuple[Form, int]]:
    """The account's forms with how many signed up by each."""
    rows = Form.objects.filter(account=account).select_related("list").order_by("name")
    said = _signed_up(account).values("source").annotate(many=Count("pk")).order_by("source")
    counts = {row["source"]: row["many"] for row in said}
    return [(row, counts.get(_source(row), 0)) for row in rows]


def _signed_up(account: Account) -> QuerySet[Consent]:
    """Each signing up left a proof of consent; whoever was erased since is not among them."""
    # the condition of the index, in its words
    return Consent.objects.filter(source__startswith="form ", contact__account=account)


def _source(form: Form) -> str:
    return f"form {form.name}"[:160]


def sign_ups(form: Form, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """How many signed up: altogether, and each of the last DAYS days as a chart and a table."""
    of = _signed_up(form.account).filter(source=_source(form))
    today = now.astimezone(zone).date()
    first = today - timedelta(days=DAYS - 1)
    midnight = datetime(first.year, first.month, first.day, tzinfo=zone)
    rows = of.filter(recorded_at__gte=midnight).annotate(day=TruncDate("recorded_at", tzinfo=zone))
    counted = rows.values("day").annotate(many=Count("pk")).order_by("day").values_list("day", "many")
    counts: dict[date, int] = dict(counted)
    days = [first + timedelta(days=number) for number in range(DAYS)]
    chart = {
        "x": [int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) for day in days],
        "y": [counts.get(day, 0) for day in days],
        "shown": [date_format(day, "j M Y") for day in days],
    }
    shown = [(day, counts[day]) for day in reversed(days) if day in counts]
    return {"all": of.count(), "lately": sum(counts.values()), "chart": chart if shown else {}, "days": shown}


def address_of(form: Form) -> str:
    return edit.address_of(form)


def asked(form: Form) -> dict[str, Any]:
    """What the form's own page shows, as nobody has written in it yet."""
    return {
        "form": form,
        "questions": [(one, "") for one in answers.questions(form)],
        "topics": [(one, False) for one in answers.topics(form)],
        "problems": {},
    }


def code_of(form: Form) -> str:
    """HTML that asks the same on a page of one's own, and sends it to the form's page."""
    told = asked(form) | {"address": address_of(form)}
    return render_to_string("usher/forms/code.html", told).strip()


def lists(account: Account) -> QuerySet[ContactList]:
    return ContactList.objects.filter(account=account, kind=ListKind.LIST).order_by("name")


def topics(account: Account) -> QuerySet[Preference]:
    rows = Preference.objects.filter(account=account, is_preference=True).select_related("category")
    return rows.order_by("category__place", "place", "pk")


def fields_of(account: Account, form: Form | None, said: Mapping[str, str] | None) -> list[Field]:
    """Every data field with what the form asks of it, or what was just written; asked ones first."""
    chosen = said_fields(said) if said is not None else _asked_by(form)
    known = sorted(types_of(account))
    found = [chosen.get(name) or Field(name) for name in known]
    return sorted(found, key=lambda one: (one.place == 0, one.place))


def _asked_by(form: Form | None) -> dict[str, Field]:
    asks = form.fields if form else []
    return {
        one["name"]: Field(one["name"], one["label"], one["required"], place)
        for place, one in enumerate(asks, 1)
    }


def said_fields(said: Mapping[str, str]) -> dict[str, Field]:
    """What was written of each field; without a place it is not asked for."""
    found = {}
    for key in said:
        if not key.startswith("place-"):
            continue
        name, place = key.removeprefix("place-"), said[key].strip()
        number = int(place) if place.isdecimal() and len(place) < 4 else 0
        found[name] = Field(name, said.get(f"label-{name}", ""), f"required-{name}" in said, number)
    return found


def save(account: Account, form: Form | None, draft: edit.Draft, now: datetime) -> Form:
    """Make or change a form. EngageError says why not."""
    return edit.save(account, draft, now, form)
