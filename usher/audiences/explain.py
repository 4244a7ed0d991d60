"""Why one customer is, or is not, in an audience: as of the last evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.conf import settings

from usher import rules
from usher.audiences.errors import AudienceError
from usher.audiences.models import Audience
from usher.audiences.published import last_done, members_sql
from usher.audiences.rulebook import titled, with_names
from usher.rules.explain import Explanation
from usher.sources import sql
from usher.sources.open import Opened, open_tables

if TYPE_CHECKING:
    import ibis.expr.types as ir


def explain_member(audience: Audience, key: str, now: datetime) -> Explanation:
    """What holds and what does not of the audience's rule, for one customer.

    The moment is that of the last evaluation, so that the answer is about what is published; `now` where
    nothing was evaluated yet. The data are read as they are. AudienceError for an unknown customer.
    """
    last = last_done()
    moment = last.now if last else now
    with open_tables(again=False) as opened:
        person = _Person(opened, key, moment)
        if not audience.has_rule:
            return _by_hand(audience, key, moment)
        return rules.explain(rules.parse(audience.rule), person.schema, person.values)


def _by_hand(audience: Audience, key: str, moment: datetime) -> Explanation:
    put = audience.assignments.filter(key=key, removed_at=None).first()
    zone = ZoneInfo(settings.TIME_ZONE)
    if put is None:
        return Explanation(f"{titled(audience)} is not on this customer", False, False, (), "put it on")
    text = f"put on by {put.by} ({put.cause}) on {put.at.astimezone(zone):%Y-%m-%d %H:%M}"
    return Explanation(text, True, True, (), "take it off")


class _Person:
    """One customer's rows of every table."""

    def __init__(self, opened: Opened, key: str, now: datetime) -> None:
        self.opened = opened
        self.now = now
        self.schema = with_names(opened.schema, Audience.objects.all())
        self.tables = {name: self._mine(name, table, key) for name, table in opened.tables.items()}
        subject = self.opened.connection.compile(self.tables[opened.subject.name].count())
        if not sql.row(opened.duckdb, subject)[0]:
            raise AudienceError(f"there is no customer {key} in {opened.subject.name}")

    def values(self, nodes: Mapping[str, rules.Node]) -> Mapping[str, object]:
        """What these parts of a rule come to, for this customer."""
        selected = rules.select(
            nodes,
            self.schema,
            self.tables,
            now=self.now,
            zone=ZoneInfo(settings.TIME_ZONE),
            members=self._members,
        )
        query = f"SELECT {', '.join(map(sql.name, nodes))} FROM ({self.opened.connection.compile(selected)})"
        return dict(zip(nodes, sql.row(self.opened.duckdb, query), strict=True))

    def _mine(self, name: str, table: ir.Table, key: str) -> ir.Table:
        column = table[self.opened.opened[name].table.key]
        return table.filter(column.cast("string") == key)

    def _members(self, kind: str, name: str) -> ir.Table:
        audience = next(one for one in Audience.objects.filter(name=name) if one.asked_as == kind)
        view = f"members_{audience.pk}"
        keys = f"SELECT key AS {sql.name(self.opened.subject.key)} FROM {members_sql(audience)}"
        self.opened.duckdb.execute(f"CREATE OR REPLACE VIEW {view} AS {keys}")
        return self.opened.connection.table(view)
