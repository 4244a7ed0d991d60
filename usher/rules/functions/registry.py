"""What a function has to say of itself, once, for every pass over a rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from usher.rules.schema import Type

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True)
class Function:
    """A function of single values.

    `ibis` takes the first argument as a column and the others as they were written (literals as Python
    values). `python` takes values as an event holds them, of any type. Both answer null (None) for a value
    they have no answer for: `not` of it is then not true either.
    """

    name: str
    takes: tuple[Type, ...]
    returns: Type
    phrase: Callable[
        ..., str
    ]  # of a condition: (arguments in words, negated); of a value: (arguments in words)
    ibis: Callable[..., ir.Value]
    python: Callable[..., Any]
    literal: tuple[int, ...] = ()  # the arguments that must be written out
    wrong: Callable[[str], str | None] = lambda text: None  # what is wrong with a written-out argument


@dataclass(frozen=True)
class RowFunction:
    """A function of the rows of a related table, or of one of their columns.

    `ibis` gets the rows, the column (or None), the condition and the time column, and answers one value per
    group; `empty` is the value for a subject without such rows (None: missing).
    """

    name: str
    of_column: bool
    takes: tuple[Type, ...]
    returns: Type | None  # None: the type of the column
    phrase: str  # "the sum of {column}"
    ibis: Callable[[ir.Table, Any, Any, Any], ir.Value]
    empty: int | bool | None = None
    needs_time: bool = False
