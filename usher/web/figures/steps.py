"""A program's steps in words, read from the graph of its version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _l
from django.utils.translation import ngettext

from usher import rules
from usher.engage.programs.graph import Decision, End, Graph, GraphError, Node, Send, Wait, parse
from usher.rules.nodes import Aggregate, Comparison, Literal, Path


@dataclass(frozen=True)
class Way:
    """Where a step leads; a decision's ways are labelled yes and no."""

    to: str
    label: str = ""


@dataclass(frozen=True)
class Step:
    key: str
    #: send, wait, decision or end
    kind: str
    title: str
    ways: tuple[Way, ...]


def steps(graph: Graph) -> dict[str, Step]:
    return {key: _step(key, node) for key, node in graph.nodes.items()}


def _step(key: str, node: Node) -> Step:
    match node:
        case Send():
            return Step(key, "send", _("Send “%(mail)s”") % {"mail": node.campaign}, (Way(node.next),))
        case Wait():
            return Step(key, "wait", _("Wait %(time)s") % {"time": waited(node.length)}, (Way(node.next),))
        case Decision():
            return Step(
                key, "decision", question(node.rule), (Way(node.yes, _("yes")), Way(node.no, _("no")))
            )
        case End():
            return Step(key, "end", node.name[:1].upper() + node.name[1:], ())


#: Rules that programs ask most, as people say them: aggregate over which table -> question.
_ASKED = {
    "clicks": _l("Clicked “%(mail)s”?"),
    "opens": _l("Opened “%(mail)s”?"),
    "sends": _l("Was sent “%(mail)s”?"),
}


def question(rule: str) -> str:
    """A decision's rule as the graph shows it."""
    try:
        node = rules.parse(rule)
    except rules.RuleError:
        return rule
    match node:
        case Aggregate(
            name="exists",
            table=table,
            where=Comparison(operator="=", left=Path(("campaign",)), right=Literal(mail)),
        ) if table in _ASKED:
            return _ASKED[table] % {"mail": mail}
    return rule


def waited(length: timedelta) -> str:
    """7 days, 12 hours, 1 day 6 hours."""
    minutes = length // timedelta(minutes=1)
    days, hours, rest = minutes // 1440, minutes % 1440 // 60, minutes % 60
    parts = [
        ngettext("%(number)d day", "%(number)d days", days) % {"number": days} if days else "",
        ngettext("%(number)d hour", "%(number)d hours", hours) % {"number": hours} if hours else "",
        ngettext("%(number)d minute", "%(number)d minutes", rest) % {"number": rest} if rest else "",
    ]
    return " ".join(part for part in parts if part)


def steps_of(graph: Mapping[str, Any]) -> dict[str, Step]:
    """The steps of a version's JSON by key; none for a graph that cannot run."""
    try:
        return steps(parse(graph))
    except GraphError:
        return {}
