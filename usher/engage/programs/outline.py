"""A program as a marketer writes it, a list of steps with lists inside, and the graph it stands for.

    - send: We miss you
    - wait: 7 days
    - if: exists(clicks where campaign = "We miss you")
      yes: [{end: came back}]
      no: [{send: Your favourites are waiting}, {wait: 14 days}]
    - end: no answer

A branch without an end goes on with the step behind its `if`. A step's key tells its place: `3-no-1-send`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from usher.engage.programs.graph import Decision, End, Graph, Node, Send, Wait, spoken, ways

#: The outcome of a path that runs out of steps.
FINISHED = "finished"
_LENGTH = re.compile(r"(\d{1,6}) (minute|hour|day|week)s?\Z")


class Step(BaseModel):
    """One of: send, wait, if (with yes and no), end."""

    model_config = ConfigDict(extra="forbid")

    send: str | None = None
    wait: str | None = None
    condition: str | None = Field(None, alias="if")
    yes: list[Step] = Field(default_factory=list)
    no: list[Step] = Field(default_factory=list)
    end: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _words(cls, body: Any) -> Any:
        """YAML reads the keys yes and no as true and false."""
        if isinstance(body, dict):
            return {{True: "yes", False: "no"}.get(key, key): value for key, value in body.items()}
        return body

    @field_validator("wait")
    @classmethod
    def _length(cls, text: str | None) -> str | None:
        if text is not None and not _LENGTH.match(text.strip()):
            raise ValueError(f"{text!r} is not a time such as 7 days, 12 hours or 30 minutes")
        return text

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        said = [one for one in (self.send, self.wait, self.condition, self.end) if one is not None]
        if len(said) != 1:
            raise ValueError("a step is one of: send, wait, if, end")
        if self.condition is None and (self.yes or self.no):
            raise ValueError("`yes` and `no` belong to an `if`")
        return self


def nodes_of(steps: Sequence[Step]) -> tuple[str, dict[str, Node]]:
    """The first node's key and all nodes. A step that nothing leads to is in it, for the check to name."""
    nodes: dict[str, Node] = {}
    return _line(steps, "", None, nodes), nodes


def _line(steps: Sequence[Step], place: str, then: str | None, nodes: dict[str, Node]) -> str:
    """Adds the nodes of a list of steps; its first key. `then` is where its last step leads."""
    keys = [f"{place}{number}-{_kind(step)}" for number, step in enumerate(steps, 1)]
    if then is None and not (steps and steps[-1].end):
        then = f"{place}{len(steps) + 1}-end"
        _add_end(nodes, then, steps)
    for number, (key, step) in enumerate(zip(keys, steps, strict=True), 1):
        following = keys[number] if number < len(keys) else then
        nodes[key] = _node(step, f"{place}{number}", following or key, nodes)
    return keys[0] if keys else str(then)


def _add_end(nodes: dict[str, Node], key: str, steps: Sequence[Step]) -> None:
    if not (steps and steps[-1].condition and _closed(steps[-1])):
        nodes[key] = End(FINISHED)


def _closed(step: Step) -> bool:
    """Whether both branches of an `if` end by themselves."""
    return all(
        branch and (branch[-1].end or (branch[-1].condition and _closed(branch[-1])))
        for branch in (step.yes, step.no)
    )


def _node(step: Step, place: str, following: str, nodes: dict[str, Node]) -> Node:
    if step.send is not None:
        return Send(step.send, following)
    if step.wait is not None:
        return Wait(length_of(step.wait), following)
    if step.end is not None:
        return End(step.end)
    yes = _line(step.yes, f"{place}-yes-", following, nodes)
    no = _line(step.no, f"{place}-no-", following, nodes)
    return Decision(str(step.condition), yes, no)


def _kind(step: Step) -> str:
    return next(
        kind for kind in ("send", "wait", "end", "if") if kind == "if" or getattr(step, kind) is not None
    )


def length_of(text: str) -> timedelta:
    """The length of `7 days`; ValueError."""
    found = _LENGTH.match(text.strip())
    if not found:
        raise ValueError(f"{text!r} is not a time such as 7 days")
    return int(found[1]) * timedelta(**{f"{found[2]}s": 1})


def steps_of(graph: Graph) -> list[dict[str, Any]]:
    """The list of steps again, as YAML has it, for a graph without loops."""
    return _written(graph, graph.start.first, None)


def _written(graph: Graph, key: str, stop: str | None) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    while key != stop:
        node = graph.nodes[key]
        match node:
            case Send(campaign=campaign):
                steps.append({"send": campaign})
            case Wait(length=length):
                steps.append({"wait": spoken(length)})
            case End(name=name):
                return [*steps, {"end": name}]
            case Decision(rule=rule, yes=yes, no=no):
                join = _join(graph, yes, no)
                branches = {"yes": _written(graph, yes, join), "no": _written(graph, no, join)}
                steps.append({"if": rule, **branches})
                if join is None:
                    return steps
                key = join
                continue
        key = ways(node)[0]
    return steps


def _join(graph: Graph, yes: str, no: str) -> str | None:
    """The first step that both branches come to."""
    after_no = set(_walk(graph, no))
    return next((key for key in _walk(graph, yes) if key in after_no), None)


def _walk(graph: Graph, begin: str) -> list[str]:
    """Every node from there on, nearest first."""
    found = [begin]
    for key in found:
        found += [way for way in ways(graph.nodes[key]) if way not in found]
    return found
