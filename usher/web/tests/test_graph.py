"""Graphs of every shape are laid out with each step drawn once."""

from __future__ import annotations

from usher.web.figures.graph import Drawn, draw
from usher.web.figures.steps import Step, Way


def graph(**ways: str) -> dict[str, Step]:
    """Steps by key, each with the keys it leads to: a="b", b="c d" (a decision), c="" (an end)."""
    return {
        key: Step(
            key,
            "decision" if len(to.split()) > 1 else "wait",
            key,
            tuple(Way(one, one) for one in to.split()),
        )
        for key, to in ways.items()
    }


def shape(line: list[Drawn]) -> list[object]:
    """Keys in their places: a fork is a list of branches after its step; drawn elsewhere has a *."""
    found: list[object] = []
    for one in line:
        found.append(one.step.key + "*" * one.again)
        if one.forks:
            found.append([shape(branch) for _, branch in one.forks])
    return found


def test_it_draws_a_line() -> None:
    assert shape(draw(graph(a="b", b="c", c=""), "a")) == ["a", "b", "c"]


def test_it_draws_forks_inside_forks() -> None:
    steps = graph(a="b c", b="d e", c="", d="", e="")
    assert shape(draw(steps, "a")) == ["a", [["b", [["d"], ["e"]]], ["c"]]]


def test_it_goes_on_below_a_fork_whose_branches_meet() -> None:
    steps = graph(a="b c", b="d", c="d", d="e", e="")
    line = draw(steps, "a")
    assert shape(line) == ["a", [["b"], ["c"]], "d", "e"]
    assert line[0].joined


def test_it_joins_an_inner_fork_where_the_outer_one_joins() -> None:
    steps = graph(a="b c", b="d e", c="f", d="f", e="f", f="")
    assert shape(draw(steps, "a")) == ["a", [["b", [["d"], ["e"]]], ["c"]], "f"]


def test_it_points_at_a_step_that_is_drawn_elsewhere() -> None:
    steps = graph(a="b c", b="d", c="d e", d="", e="")
    assert shape(draw(steps, "a")) == ["a", [["b", "d"], ["c", [["d*"], ["e"]]]]]


def test_it_draws_a_loop_once() -> None:
    steps = graph(a="b", b="c d", c="a", d="")
    assert shape(draw(steps, "a")) == ["a", "b", [["c", "a*"], ["d"]]]
