"""What a function has to say of itself, once, for every pass over a rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from usher.rules.clock import Clock
from usher.rules.schema import Type

if TYPE_CHECKING:
    import ibis.expr.types as ir

ANY: tuple[Type, ...] = ("text", "number", "date", "instant", "boolean")
TIMES: tuple[Type, ...] = ("date", "instant")


@dataclass(frozen=True)
class Function:
    """A function of single values.

    `ibis` and `python` get the clock of the evaluation (`now`, `zone`) first. `ibis` takes arguments as
    columns, and those in `literal` as they were written. `python` takes values as an event holds them, of any
    type. Both answer null (None) for a value they have no answer for: `not` of it is then not true either.
    """

    name: str
    takes: tuple[tuple[Type, ...], ...]  # what each argument may be
    returns: Type | Literal["same"]  # same: what the last one is; all that may be anything are then alike
    says: str  # for the docs and while typing: "the text in small letters"
    # of a condition: (arguments in words, negated); of a value: (arguments in words)
    phrase: Callable[..., str]
    ibis: Callable[..., ir.Value] | None  # None: asked of single events only
    python: Callable[..., Any] | None  # None: asked of sets of people only
    example: str  # a rule for the theatre of the docs (usher/rules/theatre.py)
    optional: int = 0  # so many of the last arguments may be left out
    repeats: bool = False  # the last argument may come again and again
    literal: tuple[int, ...] = ()  # the arguments that must be written out
    wrong: Callable[[Any], str | None] = lambda value: None  # what is wrong with a written-out argument
    of_all: bool = False  # compares a person with all others (quantiles)
    moves: bool = False  # changes as time passes, whatever anybody does (days_since)

    def wrong_count(self, count: int) -> str | None:
        """What is wrong with so many arguments, in words."""
        most, least = len(self.takes), len(self.takes) - self.optional
        if least <= count and (count <= most or self.repeats):
            return None
        expected = (
            f"at least {least}" if self.repeats else f"{least} or {most}" if self.optional else f"{most}"
        )
        return f"{self.name} takes {expected} value{'s' * (expected != '1')}, not {count}."

    def takes_at(self, number: int) -> tuple[Type, ...]:
        """What the argument may be; the last one may repeat."""
        return self.takes[min(number, len(self.takes) - 1)]


@dataclass(frozen=True)
class RowFunction:
    """A function of the rows of a related table, or of one of their columns.

    `ibis` gets the clock, the rows, the column (or None), the condition and the time column, and answers one
    value per group; `empty` is the value for a subject without such rows (None: missing).
    """

    name: str
    of_column: bool
    takes: tuple[Type, ...]
    returns: Type | None  # None: the type of the column
    says: str
    phrase: str  # "the sum of {column}"
    ibis: Callable[[Clock, ir.Table, Any, Any, Any], ir.Value] | None  # None: compiled by name
    example: str
    empty: int | bool | None = None
    needs_time: bool = False
    score: bool = False  # 1 to 5 among all who have such rows
