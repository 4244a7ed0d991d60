"""The graph that a program runs, and those that people inside still walk."""

from __future__ import annotations

from functools import lru_cache

from usher.engage.models import Program, ProgramVersion
from usher.engage.programs.graph import Graph, parse


def current(program: Program) -> ProgramVersion | None:
    """The version that whoever enters now gets."""
    return program.versions.order_by("-number").first()


def graph_of(version: ProgramVersion) -> Graph:
    """The version's graph. A version never changes, so it is read once."""
    return _graph(version.pk) if version.pk else parse(version.graph)


@lru_cache(512)
def _graph(version: int) -> Graph:
    return parse(ProgramVersion.objects.values_list("graph", flat=True).get(pk=version))
