"""Why one person is in or out of an audience, and since when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from usher.audiences.english import key_of
from usher.audiences.errors import AudienceError
from usher.audiences.explain import explain_member
from usher.audiences.models import Audience
from usher.audiences.timeline import Step, changes_of
from usher.rules.explain import Explanation, Row
from usher.sources.errors import SourceError


@dataclass(frozen=True)
class Leaf:
    """A condition; `nested`: the page that says why this person is in the audience it asks for, or not.

    `missing`: what it looks at has no value.
    """

    text: str
    holds: bool
    value: object
    depth: int
    other: object = None
    rows: tuple[Row, ...] = ()
    nested: int | None = None
    missing: bool = False


@dataclass(frozen=True)
class Why:
    """`trouble` says why there is no explanation."""

    key: str
    explanation: Explanation | None = None
    #: The latest gain or loss of this audience by this person.
    last: Step | None = None
    trouble: str = ""

    @property
    def leaves(self) -> list[Leaf]:
        """The conditions, those inside one another indented."""
        whole = self.explanation
        if whole is None:
            return []
        parts = whole.children if len(whole.children) > 1 else (whole,)
        return [leaf for part in parts for leaf in _leaves(part, 0)]


def why(audience: Audience, asked: str, now: datetime) -> Why | None:
    """The explanation for a customer key or a whole address; None when nobody was asked about."""
    if not asked:
        return None
    try:
        key = key_of(asked)
        found = explain_member(audience, key, now)
        steps = [step for step in changes_of(key) if step.audience == audience.pk]
    except (AudienceError, SourceError) as problem:
        return Why(asked, trouble=str(problem))
    return Why(key, found, steps[-1] if steps else None)


def _leaves(part: Explanation, depth: int) -> Iterator[Leaf]:
    """A negation stands for what it negates, with its value: saying both would say the same twice."""
    inner = part
    while inner.negation:
        (inner,) = inner.children
    nested = _audience(inner.nested) if inner.nested else None
    yield Leaf(part.text, part.holds, inner.value, depth, inner.other, inner.rows, nested, inner.missing)
    for one in inner.children:
        yield from _leaves(one, depth + 1)


def _audience(nested: tuple[str, str]) -> int | None:
    kind, name = nested
    return next((one.pk for one in Audience.objects.filter(name=name) if one.asked_as == kind), None)
