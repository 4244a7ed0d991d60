"""A graph is read whole, or its problems are told."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import pytest

from usher.engage.programs.graph import GraphError, dump, parse
from usher.engage.programs.tests.conftest import WIN_BACK


def with_nodes(**nodes: dict[str, Any]) -> dict[str, Any]:
    return {"start": {"first": next(iter(nodes))}, "nodes": nodes}


def test_it_comes_back_as_it_was() -> None:
    graph = parse(WIN_BACK)
    assert parse(dump(graph)) == graph
    assert graph.start.once_in_days == 365
    assert graph.nodes["week"].length == timedelta(days=7)  # type: ignore[union-attr]


def test_a_loop_through_a_wait_is_fine() -> None:
    parse(
        with_nodes(
            a={"kind": "wait", "hours": 1, "next": "b"},
            b={"kind": "decision", "rule": "true", "yes": "c", "no": "a"},
            c={"kind": "end", "name": "done"},
        )
    )


@pytest.mark.parametrize(
    ("nodes", "problem"),
    [
        ({"a": {"kind": "send", "campaign": "C", "next": "b"}}, "a: leads to 'b', which is not there"),
        ({"a": {"kind": "teleport"}}, "a: 'teleport' is not one of send, wait, decision, end"),
        ({"a": {"kind": "send", "next": "a"}}, "a: 'campaign' is missing"),
        ({"a": {"kind": "wait", "next": "a"}}, "a: a wait lasts at least a minute and at most ten years"),
        ({"a": {"kind": "end"}, "b": {"kind": "end"}}, "b: no way leads there"),
        ({"a": {"kind": "wait", "days": 1, "next": "a"}}, "a: from there no way leads to an end"),
        (
            {
                "a": {"kind": "decision", "rule": "x", "yes": "b", "no": "a"},
                "b": {"kind": "end"},
            },
            "a: is in a loop without a wait",
        ),
        ({"a": {"kind": "end", "name": "unsubscribed"}}, "a: the name 'unsubscribed' is kept for people"),
        ({"a": {"kind": "end", "name": "x" * 65}}, "a: a name has 1 to 64 characters"),
    ],
)
def test_problems_name_the_node(nodes: dict[str, Any], problem: str) -> None:
    with pytest.raises(GraphError) as raised:
        parse(with_nodes(**nodes))
    assert any(found.startswith(problem) for found in raised.value.problems), raised.value.problems


@pytest.mark.parametrize(
    "start", [{}, {"first": "miss", "schedule": "0 7 * * *"}, {"first": "miss", "rule": "x"}]
)
def test_a_start_is_whole(start: dict[str, Any]) -> None:
    graph = copy.deepcopy(WIN_BACK) | {"start": start}
    with pytest.raises(GraphError, match="start: "):
        parse(graph)
