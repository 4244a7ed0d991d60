"""A rule as an English sentence."""

from __future__ import annotations

from usher.rules.format import format
from usher.rules.nodes import Node
from usher.rules.schema import Schema


def describe(node: Node, schema: Schema) -> str:
    """A sentence a marketer agrees with."""
    return f"{schema.subject.capitalize()} for whom {format(node)}."
