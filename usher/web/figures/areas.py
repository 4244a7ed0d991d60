"""The areas of a customer list in a form: read from it, changed by its buttons, and shown again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from usher import rules
from usher.audiences import areas as written
from usher.audiences.areas import Area, Areas, Part
from usher.audiences.errors import AudienceError
from usher.audiences.models import Audience
from usher.rules import nodes
from usher.web.figures.rulefield import Judged, judged

#: The names of fields: pre-0-rule, pre-0-segment, pre-0-not; a-1-0-rule …, a-1-not; a-1: it is there.
_PART = re.compile(r"(?P<place>pre|a-(?P<area>\d{1,4}))-(?P<part>\d{1,4})-(?P<kind>rule|segment)")
_AREA = re.compile(r"a-(\d{1,4})")
T = TypeVar("T")


@dataclass(frozen=True)
class ShownPart:
    """One part in its card; `segment` is None for a condition."""

    name: str
    negated: bool
    segment: str | None
    judged: Judged
    number: int


@dataclass(frozen=True)
class Card:
    """One area, or the pre filter, whose place is pre."""

    place: str
    negated: bool
    parts: tuple[ShownPart, ...]
    number: int = 0


def opened(rule: str) -> Areas | None:
    """The areas of a stored rule; one empty area of no rule, None of a rule that cannot be read."""
    if not rule.strip():
        return Areas((Area((Part(),)),))
    try:
        return written.opened(rule)
    except rules.RuleError:
        return None


def posted(data: Mapping[str, str]) -> Areas:
    """What the form holds, with parts that are still empty."""
    numbers = sorted(int(found[1]) for name in data if (found := _AREA.fullmatch(name)))
    parts: dict[str, list[tuple[int, Part]]] = {}
    for name, value in data.items():
        if found := _PART.fullmatch(name):
            text = value.replace("\r\n", "\n")
            negated = f"{found['place']}-{found['part']}-not" in data
            # a segment without a name is told from a condition by a space
            part = Part(text, "", negated) if found["kind"] == "rule" else Part("", text or " ", negated)
            parts.setdefault(found["place"], []).append((int(found["part"]), part))
    ordered = {place: tuple(part for _, part in sorted(some, key=_first)) for place, some in parts.items()}
    areas = tuple(Area(ordered.get(f"a-{number}", ()), f"a-{number}-not" in data) for number in numbers)
    return Areas(areas, ordered.get("pre", ()))


def _first(numbered: tuple[int, Part]) -> int:
    return numbered[0]


def changed(areas: Areas, do: str) -> Areas:
    """After a button: add-area, drop-area:1, add-rule:pre, add-segment:a-0, drop:a-0:2."""
    verb, _, rest = do.partition(":")
    place, _, part = rest.partition(":")
    match verb:
        case "add-area":
            return replace(areas, areas=(*areas.areas, Area((Part(),))))
        case "drop-area":
            return replace(areas, areas=_without(areas.areas, place) or (Area((Part(),)),))
        case "add-rule":
            return _with_parts(areas, place, lambda parts: (*parts, Part()))
        case "add-segment":
            return _with_parts(areas, place, lambda parts: (*parts, Part(segment=" ")))
        case "drop":
            return _with_parts(areas, place, lambda parts: _without(parts, part))
        case _:
            return areas


def _with_parts(areas: Areas, place: str, change: Callable[[tuple[Part, ...]], tuple[Part, ...]]) -> Areas:
    if place == "pre":
        return replace(areas, pre=change(areas.pre))
    number = place.removeprefix("a-")
    some = [
        replace(area, parts=change(area.parts)) if str(at) == number else area
        for at, area in enumerate(areas.areas)
    ]
    return replace(areas, areas=tuple(some))


def _without(some: tuple[T, ...], number: str) -> tuple[T, ...]:
    return tuple(one for at, one in enumerate(some) if str(at) != number)


def rule_of(areas: Areas) -> str:
    """The one rule of it; parts without text are left out, and areas without parts. AudienceError."""
    filled = [replace(area, parts=_filled(area.parts)) for area in areas.areas]
    kept = tuple(area for area in filled if area.parts)
    if not kept:
        raise AudienceError("write a condition, or choose a segment")
    return written.rule_of(Areas(kept, _filled(areas.pre)))


def _filled(parts: Iterable[Part]) -> tuple[Part, ...]:
    return tuple(
        replace(part, segment=part.segment.strip()) for part in parts if (part.rule + part.segment).strip()
    )


def counted(areas: Areas) -> dict[str, object]:
    """The rule of the whole and of each area (of those whom the pre filter lets through); "" while unfit."""
    whole = judged(_or_nothing(areas))
    single = [_or_nothing(Areas((area,), areas.pre)) for area in areas.areas]
    return {
        "whole": whole.text if whole.fits else "",
        "english": whole.english,
        "areas": [text if judged(text).fits else "" for text in single],
    }


def _or_nothing(areas: Areas) -> str:
    try:
        return rule_of(areas)
    except AudienceError:
        return ""


def cards(areas: Areas) -> list[Card]:
    """The areas as they are shown, in order."""
    return [
        Card(f"a-{number}", area.negated, _shown(f"a-{number}", area.parts), number)
        for number, area in enumerate(areas.areas)
    ]


def pre_filter(areas: Areas) -> Card:
    return Card("pre", False, _shown("pre", areas.pre))


def _shown(place: str, parts: tuple[Part, ...]) -> tuple[ShownPart, ...]:
    return tuple(_shown_part(f"{place}-{number}", part, number) for number, part in enumerate(parts))


def _shown_part(name: str, part: Part, number: int) -> ShownPart:
    if not part.segment:
        return ShownPart(name, part.negated, None, judged(part.rule), number)
    segment = part.segment.strip()
    asked = rules.format(nodes.Membership("segment", segment)) if segment else ""
    return ShownPart(name, part.negated, segment, judged(asked), number)


def segments() -> list[str]:
    """The names that can be chosen from."""
    return list(
        Audience.objects.filter(kind=Audience.Kind.SEGMENT).order_by("name").values_list("name", flat=True)
    )
