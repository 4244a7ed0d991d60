"""A program's graph: a start, steps, and the exits that are looked at before every move.

Its JSON, as it is kept in ProgramVersion.graph:

    {"start": {"schedule": "0 7 * * *", "rule": "TAG_X = true", "limit": {"once_in_days": 365},
               "first": "send-1"},
     "exits": [{"name": "no longer lapsed", "rule": "not (TAG_X = true)"}],
     "nodes": {"send-1": {"kind": "send", "campaign": "We miss you", "next": "wait-2"},
               "wait-2": {"kind": "wait", "minutes": 10080, "next": "decision-3"},
               "decision-3": {"kind": "decision", "rule": "exists(clicks)", "yes": "end-4", "no": "end-5"},
               "end-4": {"kind": "end", "name": "came back"}, …}}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from usher.lib.schedule import ScheduleError, cron

#: How people leave without reaching an end or an exit of the program's own.
BUILT_IN_EXITS = ("deleted", "unsubscribed", "bounced", "suppressed")
LONGEST_NAME = 64
LONGEST_WAIT = timedelta(days=3660)


class GraphError(ValueError):
    """A graph that cannot run; `problems` say what to mend, each naming its node."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Start:
    first: str
    #: A cron line, and who is enrolled at its moments; without both, only joins and requests enrol.
    schedule: str | None = None
    rule: str | None = None
    #: A contact enters at most once in so many days; 0: at most once ever; None: as often as it comes.
    once_in_days: int | None = None


@dataclass(frozen=True, slots=True)
class Send:
    campaign: str
    next: str


@dataclass(frozen=True, slots=True)
class Wait:
    length: timedelta
    next: str


@dataclass(frozen=True, slots=True)
class Decision:
    rule: str
    yes: str
    no: str


@dataclass(frozen=True, slots=True)
class End:
    name: str


Node = Send | Wait | Decision | End


@dataclass(frozen=True, slots=True)
class Exit:
    name: str
    rule: str


@dataclass(frozen=True, slots=True)
class Graph:
    start: Start
    nodes: Mapping[str, Node]
    exits: tuple[Exit, ...] = ()

    def rules(self) -> Iterator[tuple[str, str]]:
        """Where each rule stands, and its text."""
        if self.start.rule:
            yield "start", self.start.rule
        for one in self.exits:
            yield f"exit “{one.name}”", one.rule
        for key, node in self.nodes.items():
            if isinstance(node, Decision):
                yield key, node.rule


def ways(node: Node) -> tuple[str, ...]:
    """The keys of the nodes that follow this one."""
    match node:
        case Decision(yes=yes, no=no):
            return yes, no
        case Send(next=following) | Wait(next=following):
            return (following,)
        case End():
            return ()


def spoken(length: timedelta) -> str:
    """7 days, 1 hour, 90 minutes."""
    minutes = length // timedelta(minutes=1)
    unit, size = next(one for one in (("day", 1440), ("hour", 60), ("minute", 1)) if minutes % one[1] == 0)
    return f"{minutes // size} {unit}{'' if minutes == size else 's'}"


def in_order(graph: Graph) -> list[str]:
    """The nodes' keys as they are walked from the start, yes before no; then any that nobody reaches."""
    seen: dict[str, None] = {}
    ahead = [graph.start.first]
    while ahead:
        key = ahead.pop()
        if key not in seen:
            seen[key] = None
            ahead += reversed(ways(graph.nodes[key]))
    return [*seen, *(key for key in graph.nodes if key not in seen)]


def parse(data: Mapping[str, Any]) -> Graph:
    """The graph of a version's JSON, whole and runnable. GraphError."""
    problems: list[str] = []
    nodes: dict[str, Node] = {}
    for key, body in dict(data.get("nodes") or {}).items():
        try:
            nodes[key] = _node(body)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            problems.append(f"{key}: {_missing(error)}")
    try:
        start = _start(data["start"])
        exits = tuple(Exit(str(one["name"]), str(one["rule"])) for one in data.get("exits") or [])
    except (KeyError, TypeError, ValueError, ScheduleError) as error:
        raise GraphError([*problems, f"start: {_missing(error)}"]) from None
    graph = Graph(start, nodes, exits)
    problems += _of_shape(graph) if not problems else []
    if problems:
        raise GraphError(problems)
    return graph


def dump(graph: Graph) -> dict[str, Any]:
    """The JSON again: `parse(dump(graph)) == graph`."""
    start = graph.start
    limit = None if start.once_in_days is None else {"once_in_days": start.once_in_days}
    return {
        "start": {"schedule": start.schedule, "rule": start.rule, "limit": limit, "first": start.first},
        "exits": [{"name": one.name, "rule": one.rule} for one in graph.exits],
        "nodes": {key: _dumped(node) for key, node in graph.nodes.items()},
    }


def _dumped(node: Node) -> dict[str, Any]:
    match node:
        case Send(campaign=campaign, next=following):
            return {"kind": "send", "campaign": campaign, "next": following}
        case Wait(length=length, next=following):
            return {"kind": "wait", "minutes": length // timedelta(minutes=1), "next": following}
        case Decision(rule=rule, yes=yes, no=no):
            return {"kind": "decision", "rule": rule, "yes": yes, "no": no}
        case End(name=name):
            return {"kind": "end", "name": name}


def _missing(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _start(body: Mapping[str, Any]) -> Start:
    limit = body.get("limit") or {}
    days = limit.get("once_in_days")
    schedule = body.get("schedule")
    if bool(schedule) != bool(body.get("rule")):
        raise ValueError("a schedule and a rule belong together: who is enrolled, and when that is looked at")
    return Start(
        first=str(body["first"]),
        schedule=cron(schedule) if schedule else None,
        rule=body.get("rule") or None,
        once_in_days=None if days is None else int(days),
    )


def _node(body: Mapping[str, Any]) -> Node:
    match body.get("kind"):
        case "send":
            return Send(str(body["campaign"]), str(body["next"]))
        case "wait":
            return Wait(_length(body), str(body["next"]))
        case "decision":
            return Decision(str(body["rule"]), str(body["yes"]), str(body["no"]))
        case "end":
            return End(str(body.get("name") or "end"))
        case other:
            raise ValueError(f"{other!r} is not one of send, wait, decision, end")


def _length(body: Mapping[str, Any]) -> timedelta:
    length = timedelta(days=body.get("days", 0), hours=body.get("hours", 0), minutes=body.get("minutes", 0))
    if not timedelta(minutes=1) <= length <= LONGEST_WAIT:
        raise ValueError("a wait lasts at least a minute and at most ten years")
    return length


def _of_shape(graph: Graph) -> list[str]:
    nodes, problems = graph.nodes, list(_of_names(graph))
    targets = [("start", graph.start.first)]
    targets += [(key, way) for key, node in graph.nodes.items() for way in ways(node)]
    problems += [f"{key}: leads to {to!r}, which is not there" for key, to in targets if to not in nodes]
    if problems:
        return problems
    reached = _reachable(graph, [graph.start.first])
    problems += [f"{key}: no way leads there" for key in graph.nodes if key not in reached]
    ending = _leading_to_an_end(graph)
    problems += [f"{key}: from there no way leads to an end" for key in reached if key not in ending]
    problems += [f"{key}: is in a loop without a wait" for key in _in_a_tight_loop(graph)]
    return problems


def _of_names(graph: Graph) -> Iterator[str]:
    names = [(f"exit “{one.name}”", one.name) for one in graph.exits]
    names += [(key, node.name) for key, node in graph.nodes.items() if isinstance(node, End)]
    for where, name in names:
        if not name.strip() or len(name) > LONGEST_NAME:
            yield f"{where}: a name has 1 to {LONGEST_NAME} characters"
        if name in BUILT_IN_EXITS:
            yield f"{where}: the name {name!r} is kept for people who left in that way by themselves"
    for key in graph.nodes:
        if not key or len(key) > LONGEST_NAME:
            yield f"{key}: a node's key has 1 to {LONGEST_NAME} characters"


def _reachable(graph: Graph, begin: list[str], through_waits: bool = True) -> set[str]:
    seen: set[str] = set()
    stack = list(begin)
    while stack:
        key = stack.pop()
        if key not in seen:
            seen.add(key)
            node = graph.nodes[key]
            if through_waits or not isinstance(node, Wait):
                stack += ways(node)
    return seen


def _leading_to_an_end(graph: Graph) -> set[str]:
    found = {key for key, node in graph.nodes.items() if isinstance(node, End)}
    while True:
        more = {key for key, node in graph.nodes.items() if found.intersection(ways(node))} - found
        if not more:
            return found
        found |= more


def _in_a_tight_loop(graph: Graph) -> Iterator[str]:
    for key, node in graph.nodes.items():
        if not isinstance(node, Wait) and key in _reachable(graph, list(ways(node)), through_waits=False):
            yield key
