"""The YAML of the audiences' sections: what may be written, and what it means."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from usher.audiences.areas import Area, Areas, Part


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class TagGroupBody(Body):
    description: str = ""


class AudienceBody(Body):
    """What every audience can be told. From the day `expires_on` it has no members, unless it is in use."""

    description: str = ""
    owner: str = ""
    folder: str = ""
    expires_on: date | None = None


class TagBody(AudienceBody):
    """A tag put by hand; `members` are the keys that the definition puts it on."""

    group: str | None = None
    members: list[str | int] = Field(default_factory=list)


class StaticListBody(AudienceBody):
    """A list put together by hand or by files; `members` are the keys that the definition puts on it."""

    members: list[str | int] = Field(default_factory=list)


class ExternalAudienceBody(AudienceBody):
    """An audience whose members another system pushes in."""


class AutoTagBody(AudienceBody):
    group: str | None = None
    rule: str


class SegmentBody(AudienceBody):
    """A condition that rules ask for by name: segment("Has e-mail")."""

    rule: str


class OfSegment(Body):
    segment: str

    def part(self) -> Part:
        return Part(segment=self.segment)


class NotPart(Body):
    not_: Annotated[str | OfSegment, Field(alias="not")]

    def part(self) -> Part:
        inner = Part(rule=self.not_) if isinstance(self.not_, str) else self.not_.part()
        return Part(inner.rule, inner.segment, negated=True)


#: A condition as a rule, `{segment: NAME}`, or `{not: …}` of one of them.
PartBody = str | OfSegment | NotPart


class NotArea(Body):
    not_: Annotated[list[PartBody], Field(alias="not")]


class CustomerListBody(AudienceBody):
    """A rule; or areas, of which one must hold, each a list of parts that all hold; after a pre filter."""

    rule: str = ""
    areas: list[list[PartBody] | NotArea] = Field(default_factory=list)
    pre: list[PartBody] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_of_two(self) -> CustomerListBody:
        if bool(self.rule.strip()) == bool(self.areas):
            raise ValueError("a customer list has a `rule` or `areas`, one of them")
        if self.pre and not self.areas:
            raise ValueError("`pre` belongs to `areas`; in a rule write … among …")
        return self

    def written(self) -> Areas:
        """The areas as they were written."""
        areas = [
            Area(_parts(one.not_), negated=True) if isinstance(one, NotArea) else Area(_parts(one))
            for one in self.areas
        ]
        return Areas(tuple(areas), _parts(self.pre))


class ComputedFieldBody(Body):
    value: str


class EvaluationBody(Body):
    """A time of day ("06:00") or a cron line, in the installation's time zone."""

    schedule: str


def _parts(bodies: list[PartBody]) -> tuple[Part, ...]:
    return tuple(Part(rule=one) if isinstance(one, str) else one.part() for one in bodies)
