"""The made-up shop as an installation of its own: defined, opened as the rooms open it, gone afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import yaml

from bench.ground import NOW
from bench.shop import Shop

TABLES: dict[str, dict[str, object]] = {
    "customers": {"key": "customer_id", "email": "email", "subject": True},
    "orders": {"key": "customer_id", "at": "ordered_at", "noun": "order", "append_only": True},
    "events": {"key": "customer_id", "at": "happened_at", "noun": "event", "append_only": True},
}


@contextmanager
def installed(shop: Shop, rules: Mapping[str, str]) -> Iterator[None]:
    """The shop's tables as the only source, with a customer list for each rule."""
    from usher.definitions.apply import apply

    folder = shop.folder / "definitions"
    folder.mkdir(exist_ok=True)
    tables = {name: {"file": files, **TABLES[name]} for name, files in shop.tables.items()}
    lists = {name: {"rule": rule} for name, rule in rules.items()}
    content = {"sources": {"shop": {"files": True, "tables": tables}}, "customer_lists": lists}
    (folder / "shop.yaml").write_text(yaml.safe_dump(content))
    clear()
    try:
        apply(folder, by="bench", now=NOW)
        yield
    finally:
        clear()


def clear() -> None:
    """No source, no audience and no evaluation is left, on the disk neither."""
    from django.conf import settings

    from usher.audiences.models import Audience, ComputedField, Evaluation, TagGroup
    from usher.sources.models import Source
    from usher.syncs.models import Sync

    for model in (Sync, Evaluation, Audience, ComputedField, TagGroup, Source):
        model.objects.all().delete()
    shutil.rmtree(settings.USHER_DATA_DIR / "audiences", ignore_errors=True)


class Desk:
    """The shop's tables open as an evaluation opens them, for rules and for SQL by hand on one engine.

    SQL by hand reads the files themselves, as the views by_hand_customers, by_hand_orders and so on.
    """

    def __init__(self, opened: Any, shop: Shop) -> None:
        self.opened = opened
        self.engine: duckdb.DuckDBPyConnection = opened.duckdb
        for name, files in shop.tables.items():
            self.engine.execute(f"create view by_hand_{name} as from read_parquet('{files}')")

    def compiled(self, rules: Mapping[str, str], now: datetime = NOW) -> str:
        """The SQL that `usher.rules` makes of them: the customer's key and a column each."""
        from django.conf import settings

        from usher import rules as language

        table = language.select(
            {name: language.parse(rule) for name, rule in rules.items()},
            self.opened.schema,
            self.opened.tables,
            now=now,
            zone=ZoneInfo(settings.TIME_ZONE),
        )
        return str(self.opened.connection.compile(table))

    def keep(self, name: str, query: str) -> None:
        """The answer to a query as a table."""
        self.engine.execute(f"create or replace table {name} as {query}")

    def demand_alike(self, what: str, one: str, other: str) -> None:
        """AssertionError when two queries do not answer the same rows."""
        query = (
            f"select count(*) from ((({one}) except all ({other})) union all (({other}) except all ({one})))"
        )
        (differing,) = self.engine.execute(query).fetchall()[0]
        if differing:
            raise AssertionError(f"{what}: the rule and the SQL differ in {differing} rows")


@contextmanager
def desk(shop: Shop) -> Iterator[Desk]:
    """A desk at the installed shop."""
    from usher.sources.open import open_tables

    with open_tables() as opened:
        yield Desk(opened, shop)
