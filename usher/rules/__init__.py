"""One language for conditions: read, check, say in English, compile for sets of people or for one event."""

from __future__ import annotations

from usher.rules.check import check, type_of
from usher.rules.complete import Completion, complete
from usher.rules.describe import describe
from usher.rules.engines import Engine
from usher.rules.errors import Problem, RuleError
from usher.rules.explain import Explanation, explain
from usher.rules.format import format
from usher.rules.nodes import Node
from usher.rules.parse import parse
from usher.rules.references import References, references
from usher.rules.schema import Link, Schema, Table, Type
from usher.rules.to_ibis import select
from usher.rules.to_python import to_python

__all__ = [
    "Completion",
    "Engine",
    "Explanation",
    "Link",
    "Node",
    "Problem",
    "References",
    "RuleError",
    "Schema",
    "Table",
    "Type",
    "check",
    "complete",
    "describe",
    "explain",
    "format",
    "parse",
    "references",
    "select",
    "to_python",
    "type_of",
]
