"""One evaluation while it is worked out: what it is given, what it has selected, and what it set aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import duckdb

from usher.audiences import rulebook
from usher.audiences.before import Before
from usher.audiences.keeping import Keeping
from usher.audiences.models import Audience, ComputedField, Evaluation
from usher.audiences.rulebook import Entry, Name, Rulebook, Unfit
from usher.audiences.who import Who
from usher.sources import sql
from usher.sources.open import Opened

if TYPE_CHECKING:
    import ibis.expr.types as ir

Thing = TypeVar("Thing", Audience, ComputedField)
Group = Literal["other", "kept", "any"]
#: Group -> since which level a customer in `affected` is looked at, as SQL.
LEVELS: Mapping[Group, str] = {"other": "other", "kept": "kept", "any": "least(kept, other)"}


@dataclass(frozen=True)
class Frame:
    """A table of DuckDB with what was selected: `key` (as in the tables) and columns.

    Of everybody, or of the customers in `affected` up to a level: those whose rows are looked at (`other`),
    those for whom the kept answers changed (`kept`), or both (`any`).
    """

    table: str
    columns: tuple[str, ...]
    whole: bool
    level: int = 0
    group: Group = "other"

    @property
    def looked_at(self) -> str:
        """SQL: of a row of `affected` or `old`, whether the customer is in the frame's domain."""
        return f"coalesce({LEVELS[self.group]} <= {self.level}, false)"


@dataclass
class Work:
    run: Evaluation
    opened: Opened
    book: Rulebook
    #: Where files are written that nobody reads yet.
    folder: Path
    before: Before | None
    frames: list[Frame] = field(default_factory=list)
    unfit: list[Unfit] = field(default_factory=list)
    #: Column -> seconds that its selection took, shared among those selected together.
    seconds: dict[str, float] = field(default_factory=dict)
    #: The last level up to which customers were put into `affected`.
    level: int = 0
    #: What is kept of the answers about other tables.
    keeping: Keeping = field(init=False)
    #: The number that the run will have when it is published.
    number: int = 0

    #: The columns that are answered by numbers alone: whom they gain and lose is in `moved` from the start.
    flipped: frozenset[str] = frozenset()
    #: Who was in what, as published before.
    who: Who | None = field(init=False)

    def __post_init__(self) -> None:
        self.keeping = Keeping(self)
        self.who = Who.of(self.before.run.marks.get("who")) if self.before else None

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        return self.opened.duckdb

    @property
    def key(self) -> str:
        return sql.name(self.opened.subject.key)

    @property
    def subject(self) -> str:
        return sql.name(self.opened.subject.name)

    @property
    def key_type(self) -> str:
        return "BIGINT" if self.opened.key_type == "int64" else "VARCHAR"

    @property
    def expired(self) -> list[Audience]:
        """The audiences that have nobody any more, whatever their rule says."""
        return [one for one in self._things(Audience) if rulebook.expired(one, self.run.now)]

    @property
    def by_hand(self) -> list[Audience]:
        """The audiences whose members do not come from a rule: by assignment, or none."""
        return [*self.book.by_hand, *(one for one in self.expired if one not in self.book.by_hand)]

    @property
    def audiences(self) -> list[int]:
        return [one.pk for one in self._things(Audience)]

    @property
    def things(self) -> list[Audience | ComputedField]:
        """All that is defined."""
        return [*self._things(Audience), *self._things(ComputedField)]

    @property
    def fields(self) -> dict[int, str]:
        """The computed fields that were published before, with DuckDB's type of their values."""
        things = self._things(ComputedField)
        found = {one.pk: self.before.good(column_of(one)) for one in things} if self.before else {}
        return {pk: last.type for pk, last in found.items() if last}

    def _things(self, kind: type[Thing]) -> list[Thing]:
        found: list[Audience | ComputedField] = [*self.book.by_hand]
        found += [one.thing for level in self.book.levels for one in level]
        found += [one.thing for one in self.book.unfit]
        return [one for one in found if isinstance(one, kind)]

    @property
    def lost(self) -> set[str]:
        """The columns that could not be evaluated."""
        return {column_of(one.thing) for one in self.unfit}

    def aside(self, entries: list[Entry]) -> list[Entry]:
        """The entries that can still be evaluated; what needs an unfit one becomes unfit."""
        lost = self.lost
        return rulebook.set_aside([one for one in entries if one.column not in lost], self.unfit)

    def frame_of(self, column: str) -> Frame:
        return next(frame for frame in self.frames if column in frame.columns)

    def tables(self, whole: bool, group: Group) -> Mapping[str, ir.Table]:
        """All rows, or the rows of affected customers; what links lead to is whole in any case."""
        if whole:
            return self.opened.tables
        if group == "kept":
            near = self.opened.connection.table("near_people_kept")
            return {**self.opened.tables, self.opened.subject.name: near}
        return {
            name: self.opened.connection.table(name if name in self.opened.schema.lookups else f"near_{name}")
            for name in self.opened.opened
        }

    def members(self, kind: str, name: str, whole: bool, group: Group) -> ir.Table:
        """The keys of an audience that was selected before, of everybody or of the affected customers."""
        column = f"a_{self._audience((kind, name))}"
        if column in self.flipped:
            return self._view(column, self._after_flips(column, whole), whole, group)
        frame = self.frame_of(column)
        keys = f"SELECT key AS {self.key} FROM {frame.table} WHERE {column}"
        same = frame.group in (group, "any") and frame.level == self.level
        if not frame.whole and (whole or not same):
            keys += f" UNION ALL SELECT key::{self.key_type} FROM ({self._unchanged(column, frame, whole)})"
        return self._view(column, keys, whole, group)

    def _view(self, column: str, keys: str, whole: bool, group: Group) -> ir.Table:
        view = f"{'all' if whole else group}_members_{column}"
        self.connection.execute(f"CREATE OR REPLACE VIEW {view} AS {keys}")
        return self.opened.connection.table(view)

    def _after_flips(self, column: str, whole: bool) -> str:
        """The members who were published before, without those who left, and those who came."""
        assert self.before
        audience = int(column[2:])
        old = (
            f"SELECT key FROM {self.before.state.members(audience)}"
            if whole
            else f"SELECT key FROM old WHERE {column}"
        )
        left = f"SELECT key FROM moved WHERE audience = {-audience}"
        return (
            f"SELECT key::{self.key_type} AS {self.key} FROM (({old}) EXCEPT ({left})"
            f" UNION ALL SELECT key FROM moved WHERE audience = {audience})"
        )

    def _unchanged(self, column: str, frame: Frame, whole: bool) -> str:
        """The members who were not looked at for a frame: they are what they were."""
        if not whole:
            return f"SELECT key FROM old WHERE {column} AND NOT {frame.looked_at}"
        assert self.before
        looked = f"SELECT text AS key FROM affected WHERE {frame.looked_at}"
        return (
            f"SELECT key FROM {self.before.state.members(int(column[2:]))} ANTI JOIN ({looked}) USING (key)"
        )

    def _audience(self, name: Name) -> int:
        return next(one.pk for one in self._things(Audience) if rulebook.name_of(one) == name)


def column_of(thing: Audience | ComputedField) -> str:
    return f"{'a' if isinstance(thing, Audience) else 'f'}_{thing.pk}"
