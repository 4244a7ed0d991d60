"""Lay a program's steps out top down: forks side by side, branches joined where they meet again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from usher.web.figures.steps import Step


@dataclass(frozen=True)
class Drawn:
    """One step in its place. `again`: it is drawn elsewhere and only pointed at here."""

    step: Step
    forks: list[tuple[str, list[Drawn]]] = field(default_factory=list)
    joined: bool = False
    again: bool = False


def draw(steps: Mapping[str, Step], first: str) -> list[Drawn]:
    """The line that starts at the step `first`. Every step is drawn once, whatever the shape of the graph."""
    return _line(steps, first, None, set())


def _line(steps: Mapping[str, Step], key: str | None, stop: str | None, seen: set[str]) -> list[Drawn]:
    line: list[Drawn] = []
    while key is not None and key != stop and key in steps:
        step = steps[key]
        if key in seen:
            return [*line, Drawn(step, again=True)]
        seen.add(key)
        if len(step.ways) < 2:
            line.append(Drawn(step))
            key = step.ways[0].to if step.ways else None
            continue
        join = _meeting(steps, key)
        forks = [(way.label, _line(steps, way.to, join, seen)) for way in step.ways]
        line.append(Drawn(step, forks, joined=join is not None))
        key = join
    return line


def _meeting(steps: Mapping[str, Step], key: str) -> str | None:
    """The first step that every way out of this one leads to, if there is one."""
    found = _certain(steps, key, {}, set())
    later = (found or frozenset()) - {key}
    # the nearest of them is the one that most others follow
    return max(later, key=lambda step: (len(_certain(steps, step, {}, set()) or ()), step), default=None)


def _certain(
    steps: Mapping[str, Step], key: str, known: dict[str, frozenset[str]], on_the_way: set[str]
) -> frozenset[str] | None:
    """The steps that everybody at `key` reaches, itself included; None while it is being worked out."""
    if key in on_the_way:
        return None
    if key not in known:
        on_the_way.add(key)
        ways = [steps[way.to] for way in steps[key].ways if way.to in steps]
        sets = [found for way in ways if (found := _certain(steps, way.key, known, on_the_way)) is not None]
        on_the_way.discard(key)
        known[key] = frozenset({key}).union(frozenset.intersection(*sets) if sets else ())
    return known[key]
