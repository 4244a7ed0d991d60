"""Whom a rule finds as of any moment: worked out from the rows, with nothing that was published."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

import duckdb
from django.conf import settings

from usher import rules
from usher.audiences import hand
from usher.audiences.errors import AudienceError, NotEvaluatedError
from usher.audiences.models import Audience
from usher.audiences.published import members_sql
from usher.audiences.rulebook import expired, with_names
from usher.rules import nodes
from usher.sources import sql
from usher.sources.open import Opened, open_tables

if TYPE_CHECKING:
    import ibis.expr.types as ir

_BATCH = 10_000


@dataclass(frozen=True)
class Found:
    """The customers, in the order of their keys; the first column is the key."""

    columns: tuple[str, ...]
    now: datetime
    answer: duckdb.DuckDBPyConnection

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Once."""
        while batch := self.answer.fetchmany(_BATCH):
            yield from batch


@contextmanager
def whom(
    node: rules.Node, now: datetime, *, value: bool = False, sample: int | None = None
) -> Iterator[Found]:
    """Those for whom the rule holds (with `value`: who have a value of it), while the tables are open.

    All of them, or `sample` of them.

    Tags, segments and lists that it speaks of are worked out as of the same moment. SourceError,
    AudienceError, RuleError.
    """
    with open_tables() as opened, tempfile.TemporaryDirectory() as scratch:
        asking = Asking(opened, now, Path(scratch))
        looked = {rules.format(node): node} if value else looked_at(node)
        shown = {text: part for text, part in looked.items() if text != opened.subject.key}
        named = {f"value_{number}": part for number, part in enumerate(shown.values())}
        key = sql.name(opened.subject.key)
        found = f"SELECT {', '.join([key, *named])} FROM {_kept(asking, node, named, value)}"
        if sample is not None:
            # by a hash of the key: the same customers come again, and they are spread evenly
            found = f"SELECT * FROM ({found} ORDER BY hash({key}), {key} LIMIT {sample})"
        answer = opened.duckdb.execute(f"{found} ORDER BY {key}")
        yield Found((opened.subject.key, *shown), now, answer)


def how_many(node: rules.Node, now: datetime, *, value: bool = False) -> int:
    """How many customers `whom` finds; the same errors."""
    with open_tables() as opened, tempfile.TemporaryDirectory() as scratch:
        kept = _kept(Asking(opened, now, Path(scratch)), node, {"value_0": node} if value else {}, value)
        (count,) = sql.row(opened.duckdb, f"SELECT count(*) FROM {kept}")
    return int(count)


def _kept(asking: Asking, node: rules.Node, named: Mapping[str, rules.Node], value: bool) -> str:
    """For a FROM clause: those who are found, with their key and the named values."""
    query = asking.selected(named if value else {"rule": node, **named})
    return f"({query}) WHERE {'value_0 IS NOT NULL' if value else 'rule'}"


def looked_at(node: rules.Node) -> Mapping[str, rules.Node]:
    """The columns and the figures of related tables that a rule looks at, as they are written."""
    match node:
        case nodes.Path():
            return {rules.format(node): node}
        case nodes.Aggregate(name="exists", table=table, where=where):
            counted = nodes.Aggregate("count", table, None, where)
            return {rules.format(counted): counted}
        case nodes.Aggregate():
            return {rules.format(node): node}
        case nodes.Sequence():
            return {}
        case _:
            return {text: part for child in nodes.children(node) for text, part in looked_at(child).items()}


@dataclass
class Asking:
    """One question to the open tables; audiences that are needed for it become tables of keys.

    With `published` their members are those last published; of what was not evaluated yet, as of `now`.
    """

    opened: Opened
    now: datetime
    scratch: Path
    published: bool = False
    ready: dict[int, str] = field(default_factory=dict)
    #: Those under way, outermost first: one that needs itself is refused.
    path: list[str] = field(default_factory=list)
    loaded: bool = False

    def selected(self, expressions: Mapping[str, rules.Node]) -> str:
        selected = rules.select(
            expressions,
            with_names(self.opened.schema, Audience.objects.all()),
            self.opened.tables,
            now=self.now,
            zone=ZoneInfo(settings.TIME_ZONE),
            members=self.members,
        )
        return str(self.opened.connection.compile(selected))

    def members(self, kind: Literal["tag", "segment", "audience"], name: str) -> ir.Table:
        audience = next(one for one in Audience.objects.filter(name=name) if one.asked_as == kind)
        if audience.pk not in self.ready:
            self.ready[audience.pk] = self._made(audience)
        return self.opened.connection.table(self.ready[audience.pk])

    def _made(self, audience: Audience) -> str:
        if audience.name in self.path:
            named = ", ".join(self.path)
            raise AudienceError(f"these rules need each other, so none can be first: {named}")
        table = f"members_{audience.pk}"
        if self.published and (known := self._as_published(audience)):
            self.opened.duckdb.execute(f"CREATE TEMP VIEW {table} AS {known}")
            return table
        self.path.append(audience.name)
        query = self._by_rule(audience) if audience.has_rule else self._by_hand(audience)
        none = " LIMIT 0" if expired(audience, self.now) else ""
        self.opened.duckdb.execute(f"CREATE TEMP TABLE {table} AS {query}{none}")
        self.path.pop()
        return table

    def _as_published(self, audience: Audience) -> str:
        try:
            return f"SELECT key AS {sql.name(self.opened.subject.key)} FROM {members_sql(audience)}"
        except NotEvaluatedError:
            return ""

    def _by_rule(self, audience: Audience) -> str:
        query = self.selected({"rule": rules.parse(audience.rule)})
        return f"SELECT {sql.name(self.opened.subject.key)} FROM ({query}) WHERE rule"

    def _by_hand(self, audience: Audience) -> str:
        if not self.loaded:
            filled = [one.pk for one in Audience.objects.all() if not one.has_rule]
            hand.load(self.opened.duckdb, filled, self.now, self.scratch)
            self.loaded = True
        key = sql.name(self.opened.subject.key)
        return f"SELECT key AS {key} FROM assigned WHERE audience = {audience.pk} AND NOT removed"
