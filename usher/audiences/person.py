"""One customer's rows of every table: what a rule comes to for them, and which rows made it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.conf import settings

from usher import rules
from usher.audiences.errors import AudienceError
from usher.audiences.models import Audience
from usher.audiences.published import members_sql
from usher.audiences.rulebook import expired, with_names
from usher.rules import nodes
from usher.rules.explain import SHOWN, Row, telling
from usher.rules.facts import about_all
from usher.rules.nodes import Node
from usher.sources import sql, views
from usher.sources.open import Opened

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from usher.rules.compile.values import Members

#: So many rows of a sequence's step are looked at.
STEPS = 1_000
#: The order in which rows are shown, after their time or column: that which made the value comes first.
_ORDERS = {"first": "ASC", "min": "ASC"}


class Person:
    """AudienceError when there is no such customer. `now`: what is later has not happened.

    The members of audiences are those last published, unless `members` answers with others.
    """

    def __init__(self, opened: Opened, key: str, now: datetime, members: Members | None = None) -> None:
        self.opened, self.key, self.now = opened, key, now
        self.members = members or self._published
        self.schema = with_names(opened.schema, Audience.objects.all())
        self.everybody = opened.tables
        self.mine = {name: self._mine(name, table) for name, table in self.everybody.items()}
        subject = self.opened.connection.compile(self.mine[self.schema.subject].count())
        if not sql.row(opened.duckdb, subject)[0]:
            raise AudienceError(f"there is no customer {key} in {opened.subject.name}")

    def values(self, expressions: Mapping[str, Node], now: datetime) -> Mapping[str, object]:
        """What these come to for this customer as of a moment; with everybody else where a rule compares."""
        together = {name: node for name, node in expressions.items() if about_all(node)}
        alone = {name: node for name, node in expressions.items() if name not in together}
        found: dict[str, object] = {}
        for tables, asked in ((self.mine, alone), (self.everybody, together)):
            if asked:
                selected = self._select(asked, self.schema, tables, now)
                key = f"{sql.name(self.schema.key)}::VARCHAR = ?"
                query = f"SELECT {_listed(asked)} FROM ({selected}) WHERE {key}"
                found |= zip(asked, sql.row(self.opened.duckdb, query, [self.key]), strict=True)
        return found

    def rule_of(self, part: nodes.Membership) -> Node | None:
        """The rule that decides on a tag, segment or list; None: none does, or it does not fit the data."""
        one = next(
            (one for one in Audience.objects.filter(name=part.name) if one.asked_as == part.kind), None
        )
        if one is None or not one.has_rule or expired(one, self.now):
            return None
        try:
            node = rules.parse(one.rule)
        except rules.RuleError:
            return None
        fits = not rules.check(node, self.schema, condition=True)
        return node if fits and not about_all(node) else None

    def rows(self, part: nodes.Aggregate | nodes.Step) -> Sequence[Row]:
        """The rows that an aggregate or a step asks for, the newest first, with their place in the source."""
        table, columns = self.schema.tables[part.table], telling(part, self.schema)
        limit = STEPS if isinstance(part, nodes.Step) else SHOWN
        self._number(part.table)
        asked = {f"c{number}": nodes.Path(tuple(name.split("."))) for number, name in enumerate(columns)}
        own = replace(
            self.schema,
            columns={**table.columns, "_number": "number"},
            key="_number",
            subject="_rows",
            tables={},
            links=table.links,
        )
        tables = {**self.everybody, "_rows": self.opened.connection.table("_rows")}
        selected = self._select({"fits": _fitting(part), **asked}, own, tables, self.now)
        found = self.opened.duckdb.execute(
            f"SELECT _file, _row, {_listed(asked)} FROM ({selected}) JOIN _rows USING (_number)"
            f" WHERE fits {_seen(table, self.now)} ORDER BY {_order(part, table, columns)} LIMIT {limit}"
        ).fetchall()
        return [self._row(table, columns, row) for row in found]

    def _row(self, table: rules.Table, columns: Sequence[str], found: Sequence[Any]) -> Row:
        file, row, *rest = found
        values = dict(zip(columns, rest, strict=True))
        return Row(table.name, values.get(table.at or ""), values, self._source(table.name, file, row))

    def _source(self, name: str, file: str | None, row: int | None) -> str:
        """`orders, 2024.csv row 17`, or just `orders.csv row 17`; of a database only the table's name."""
        one = self.opened.opened[name]
        if not file or row is None or one.table.source.url:
            return name
        place = one.relation.place(file, row, "", "")
        said = f"{Path(place.file).name} row {place.row}"
        return said if name in Path(place.file).stem else f"{name}, {said}"

    def _number(self, name: str) -> None:
        """The view `_rows`: this customer's rows of a table, each with a number, its file and place in it."""
        one, key = self.opened.opened[name], self.schema.tables[name].key
        reached = one.table.reaches
        view = f"SELECT *, NULL AS _file, NULL AS _row FROM {sql.name(name)}"
        rows = view if reached else views.rows(one, numbered=True)
        mine = f"{sql.name(key)}::VARCHAR = {sql.text(self.key)}"
        self.opened.duckdb.execute(
            "CREATE OR REPLACE TEMP TABLE _rows AS SELECT *, row_number() OVER () AS _number"
            f" FROM ({rows}) WHERE {mine}"
        )

    def _select(
        self, asked: Mapping[str, Node], schema: rules.Schema, tables: Mapping[str, ir.Table], now: datetime
    ) -> str:
        zone = ZoneInfo(settings.TIME_ZONE)
        selected = rules.select(asked, schema, tables, now=now, zone=zone, members=self.members)
        compiled: str = self.opened.connection.compile(selected)
        return compiled

    def _mine(self, name: str, table: ir.Table) -> ir.Table:
        if name in self.schema.lookups:
            return table
        key = self.schema.key if name == self.schema.subject else self.schema.tables[name].key
        return table.filter(table[key].cast("string") == self.key)

    def _published(self, kind: str, name: str) -> ir.Table:
        audience = next(one for one in Audience.objects.filter(name=name) if one.asked_as == kind)
        view = f"members_{audience.pk}"
        keys = f"SELECT key AS {sql.name(self.schema.key)} FROM {members_sql(audience)}"
        self.opened.duckdb.execute(f"CREATE OR REPLACE VIEW {view} AS {keys}")
        return self.opened.connection.table(view)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(sql.name, names))


def _fitting(part: nodes.Aggregate | nodes.Step) -> Node:
    """What a row must fulfil: the `where`, and that the column asked about is known."""
    tests = [part.where] if part.where else []
    if isinstance(part, nodes.Aggregate) and part.column:
        tests.append(nodes.IsSet(nodes.Path(tuple(part.column.split(".")))))
    return nodes.And(tuple(tests)) if tests else nodes.Literal(True, "boolean")


def _seen(table: rules.Table, now: datetime) -> str:
    if table.at is None:
        return ""
    return f"AND {sql.name(table.at)}::TIMESTAMPTZ <= {sql.text(now.isoformat())}::TIMESTAMPTZ"


def _order(part: nodes.Aggregate | nodes.Step, table: rules.Table, columns: Sequence[str]) -> str:
    name = part.name if isinstance(part, nodes.Aggregate) else ""
    by = part.column if isinstance(part, nodes.Aggregate) and name in ("min", "max") else table.at
    return f"{f'c{columns.index(by)}' if by else '_number'} {_ORDERS.get(name, 'DESC')} NULLS LAST, _number"
