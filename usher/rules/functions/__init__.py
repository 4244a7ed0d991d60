"""The functions of the language: one file per family; adding one touches nothing else."""

from __future__ import annotations

from usher.rules.functions import rows, text
from usher.rules.functions.planned import PLANNED
from usher.rules.functions.registry import Function, RowFunction

FUNCTIONS: dict[str, Function] = {function.name: function for function in text.FUNCTIONS}
ROW_FUNCTIONS: dict[str, RowFunction] = {function.name: function for function in rows.FUNCTIONS}

__all__ = ["FUNCTIONS", "PLANNED", "ROW_FUNCTIONS", "Function", "RowFunction"]
