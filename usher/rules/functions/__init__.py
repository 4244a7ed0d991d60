"""The functions of the language: one file per family; adding one touches nothing else."""

from __future__ import annotations

from usher.rules.functions import conversions, numbers, rows, text, time
from usher.rules.functions.registry import Function, RowFunction

FUNCTIONS: dict[str, Function] = {
    function.name: function for family in (text, conversions, numbers, time) for function in family.FUNCTIONS
}
ROW_FUNCTIONS: dict[str, RowFunction] = {function.name: function for function in rows.FUNCTIONS}

__all__ = ["FUNCTIONS", "ROW_FUNCTIONS", "Function", "RowFunction"]
