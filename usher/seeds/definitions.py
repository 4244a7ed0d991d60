"""Seed plans as definitions.

    seeds:
      Win back seeds:
        program: Win back
        destination: engage
        list: Usher seeds
        address: seed@seeds.example.com
        every: 10 days
        at: "06:30"
        starts: 1998-01-01
        fields: {TAG_LAPSED_BUYER: true}
        paths:
          clicks:
            clicks: true
            expect:
              - {mail: We miss you, at: "07:00", window: 30 minutes}
            never: [Your favourites are waiting]
          does not click:
            expect:
              - {mail: We miss you, at: "07:00", window: 30 minutes}
              - {mail: Your favourites are waiting, at: "07:00", after: 7 days, window: 30 minutes}

A plan without `starts` begins with the next time its `at` comes. `at` of a mail is the program's hour:
`after` runs from its first coming after the placement; without it, from the placement itself.
USHER_SEED: true is put on every seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Self

from django.db import transaction
from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    field_validator,
    model_validator,
)

from usher.destinations.models import Destination
from usher.lib.changes import Change, DefinitionError, written
from usher.seeds import durations, slots
from usher.seeds.match import fits
from usher.seeds.models import SeedPath, SeedPlan
from usher.seeds.place import LOCAL_PART, tag, zone
from usher.seeds.steps import Step

KIND = "seeds"


def _hour(value: object) -> object:
    """YAML reads an unquoted 10:30 as 630, the number of its minutes."""
    return f"{value // 60:02}:{value % 60:02}" if type(value) is int and 0 <= value < 1440 else value


def _duration(value: object) -> object:
    return durations.parse(value) if isinstance(value, str) else value


def _mailbox(value: str) -> str:
    try:
        address = validate_email(value, check_deliverability=False, test_environment=True).normalized.lower()
    except EmailNotValidError as problem:
        raise ValueError(str(problem)) from None
    if "+" in address or address.index("@") > LOCAL_PART - 20:
        raise ValueError(
            "the part before the @ must be short and without a +, as each seed's tag is put behind it"
        )
    return address


Hour = Annotated[time, BeforeValidator(_hour), PlainSerializer(lambda at: f"{at:%H:%M}")]
Duration = Annotated[
    timedelta, BeforeValidator(_duration), Field(ge=timedelta()), PlainSerializer(durations.write)
]
Mailbox = Annotated[str, AfterValidator(_mailbox)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Subject = Annotated[str, Field(min_length=1, max_length=500)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, populate_by_name=True)


class Mail(Body):
    """One mail expected: the campaign's name, and its subject where that differs (* stands for any text)."""

    mail: Subject
    subject: Subject | None = None
    at: Hour | None = None
    after: Duration = timedelta()
    window: Duration = timedelta(hours=1)

    def step(self) -> Step:
        return Step(self.mail, self.subject or self.mail, self.at, self.after, self.window)


class PathBody(Body):
    clicks: bool = False
    expect: list[Mail] = []
    never: list[Subject] = []

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.expect and not self.never:
            raise ValueError("say which mail to expect, or which must never come")
        for subject in self.never:
            if any(fits(mail.step().subject, subject) for mail in self.expect):
                raise ValueError(f"“{subject}” is both expected and never to come")
        return self


class PlanBody(Body):
    program: Annotated[str, Field(min_length=1, max_length=200)]
    destination: Name
    list_name: Annotated[str, Field(alias="list", min_length=1, max_length=200)]
    address: Mailbox
    every: Duration
    at: Hour
    starts: date | None = None
    grace: Duration = timedelta()
    click_after: Duration = timedelta(days=1)
    fields: dict[str, bool | int | float | date | str] = {}
    paths: Annotated[dict[Name, PathBody], Field(min_length=1)]

    @field_validator("every")
    @classmethod
    def _whole_days(cls, value: timedelta) -> timedelta:
        if value < timedelta(days=1) or value % timedelta(days=1):
            raise ValueError("write whole days, at least 1 day")
        return value


SECTIONS: dict[str, type[BaseModel]] = {KIND: PlanBody}


def apply(section: str, name: str, body: BaseModel, *, base_dir: Path, by: str, now: datetime) -> Change:
    """Write the plan; seeds already placed keep what was expected of them. DefinitionError if it is wrong."""
    assert isinstance(body, PlanBody), section
    _check_tags(name, body)
    values = _values(name, body)
    with transaction.atomic():
        plan = SeedPlan.objects.select_for_update().filter(name=name).first()
        created = plan is None
        if plan is None:
            plan = SeedPlan(name=name, starts=_first_day(body.at, now))
        changed = [field for field, value in values.items() if created or getattr(plan, field) != value]
        for field in changed:
            setattr(plan, field, values[field])
        if changed:
            plan.changed_by, plan.changed_at = by, now
            plan.save()
        if _write_paths(plan, body.paths, now):
            changed.append("paths")
    return written(KIND, name, created, changed)


def export(section: str) -> dict[str, dict[str, object]]:
    """Every plan by name, in the words that `apply` takes."""
    plans = SeedPlan.objects.select_related("destination").prefetch_related("paths")
    return {
        plan.name: _body(plan).model_dump(mode="json", by_alias=True, exclude_defaults=True) for plan in plans
    }


def _values(name: str, body: PlanBody) -> dict[str, Any]:
    """The plan's columns."""
    destination = Destination.objects.filter(name=body.destination).first()
    if destination is None:
        known = ", ".join(Destination.objects.values_list("name", flat=True)) or "none"
        message = f"there is no destination “{body.destination}”; defined: {known}"
        raise DefinitionError(KIND, name, "destination", message)
    return {
        "program": body.program,
        "destination": destination,
        "list_name": body.list_name,
        "address": body.address,
        "fields": body.model_dump(mode="json")["fields"],
        "every_days": body.every.days,
        "at": body.at,
        **({"starts": body.starts} if body.starts else {}),
        "grace": body.grace,
        "click_after": body.click_after,
    }


def _first_day(at: time, now: datetime) -> date:
    """The day on which the clock next shows `at`."""
    return slots.following(now.astimezone(zone()).date(), 1, at, now, zone()).astimezone(zone()).date()


def _write_paths(plan: SeedPlan, bodies: dict[str, PathBody], now: datetime) -> bool:
    """Whether any path changed. One that is no longer defined stays for the sake of its seeds."""
    changed = bool(plan.paths.filter(removed_at=None).exclude(name__in=bodies).update(removed_at=now))
    there = {path.name: path for path in plan.paths.all()}
    for position, (name, body) in enumerate(bodies.items()):
        path = there.get(name) or SeedPath(plan=plan, name=name)
        values: dict[str, Any] = {
            "position": position,
            "clicks": body.clicks,
            "expect": [mail.step().to_json() for mail in body.expect],
            "never": body.never,
            "removed_at": None,
        }
        if path.pk is None or any(getattr(path, field) != value for field, value in values.items()):
            for field, value in values.items():
                setattr(path, field, value)
            path.save()
            changed = True
    return changed


def _check_tags(name: str, body: PlanBody) -> None:
    """Two paths whose names come to the same address could not be told apart."""
    seen = {tag: f"“{path}” of “{plan}”" for plan, path, tag in _tags_of_others(name)}
    for path in body.paths:
        own = tag(body.address, name, path)
        if own in seen:
            raise DefinitionError(
                KIND, name, f"paths.{path}", f"gets the same address as {seen[own]}: rename it"
            )
        seen[own] = f"“{path}”"


def _tags_of_others(name: str) -> Iterator[tuple[str, str, str]]:
    for path in SeedPath.objects.exclude(plan__name=name).select_related("plan"):
        yield path.plan.name, path.name, tag(path.plan.address, path.plan.name, path.name)


def _body(plan: SeedPlan) -> PlanBody:
    return PlanBody(
        program=plan.program,
        destination=plan.destination.name,
        list_name=plan.list_name,
        address=plan.address,
        every=timedelta(days=plan.every_days),
        at=plan.at,
        starts=plan.starts,
        grace=plan.grace,
        click_after=plan.click_after,
        fields=plan.fields,
        paths={
            path.name: PathBody(
                clicks=path.clicks,
                expect=[Mail.model_validate(mail) for mail in path.expect],
                never=path.never,
            )
            for path in plan.paths.all()
            if path.removed_at is None
        },
    )
