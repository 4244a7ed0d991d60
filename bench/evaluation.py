"""Evaluating a rule, beside hand-written DuckDB SQL for the same question over the same files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import duckdb

from bench.ground import NOW, Figure, median_seconds, seconds

RULE = "count(orders) > 0 and not exists(orders where ordered_on within 180 days)"
BY_HAND = """
select customer_id from '{customers}' where customer_id in (
    select customer_id from '{orders}' where ordered_on <= timestamp '1998-01-01 06:00'
    group by customer_id
    having count(*) filter (where ordered_on > timestamp '1998-01-01 06:00' - interval 180 day) = 0)
"""
#: The shop's history this many times over: 943,000 customers, 2.8 million orders.
TIMES = 40


def figures(root: Path) -> Iterator[Figure]:
    """One rule at full size, and a whole night of the shop."""
    customers, orders = _enlarge(root)
    by_hand = BY_HAND.format(customers=customers, orders=orders)
    with duckdb.connect() as engine:
        expected = engine.execute(f"select count(*) from ({by_hand})").fetchall()[0]
        limit = median_seconds(lambda: engine.sql(by_hand).to_arrow_table())
    import ibis

    found: list[int] = []
    backend = ibis.duckdb.connect()
    backend.read_parquet(customers, table_name="customers")
    backend.read_parquet(orders, table_name="orders")
    ours = median_seconds(lambda: found.append(_ours(backend)))
    backend.disconnect()

    if set(found) != {expected[0]}:
        raise AssertionError(f"the rule finds {found[0]} customers, the SQL {expected[0]}")
    yield Figure(
        "one rule over 2.8 M orders of 943,000 customers",
        ours,
        "s",
        limit,
        "hand-written SQL",
        "≤ 1.2 ×",
        False,
    )
    yield from _a_night(root)


def _enlarge(root: Path) -> tuple[Path, Path]:
    from usher.demo.stage import example

    customers, orders = root / "customers.parquet", root / "orders.parquet"
    with duckdb.connect() as engine:
        copies = f"range({TIMES}) as copy(number)"
        engine.sql(
            f"copy (select customer_id + 100000 * number as customer_id, email from "
            f"'{example() / 'customers.csv'}', {copies}) to '{customers}'"
        )
        engine.sql(
            f"copy (select customer_id + 100000 * number as customer_id, ordered_on, cds, value from "
            f"'{example() / 'orders.csv'}', {copies}) to '{orders}'"
        )
    return customers, orders


def _ours(backend: Any) -> int:
    """Members by our compiler: parsed, compiled and run anew."""
    from usher import rules

    tables = {name: backend.table(name) for name in ("customers", "orders")}
    schema = rules.Schema(
        columns={"customer_id": "number", "email": "text"},
        key="customer_id",
        subject="customers",
        tables={
            "orders": rules.Table(
                name="orders",
                columns={"customer_id": "number", "ordered_on": "date", "cds": "number", "value": "number"},
                key="customer_id",
                at="ordered_on",
            )
        },
    )
    table = rules.select({"hit": rules.parse(RULE)}, schema, tables, now=NOW, zone=UTC)
    return int(table.filter(table.hit).select("customer_id").to_pyarrow().num_rows)


def _a_night(root: Path) -> Iterator[Figure]:
    from usher.audiences.evaluate import evaluate
    from usher.definitions.apply import apply
    from usher.demo.stage import example

    apply(example() / "definitions", by="bench", now=NOW)
    first = seconds(lambda: evaluate(NOW))
    again = median_seconds(lambda: evaluate(NOW), 3)
    query = BY_HAND.format(customers=example() / "customers.csv", orders=example() / "orders.csv")
    with duckdb.connect() as engine:
        limit = median_seconds(lambda: engine.sql(query).to_arrow_table())
    yield Figure(
        f"a night of the music shop evaluated and published (the first: {first:.2f} s)",
        again,
        "s",
        limit,
        "hand-written SQL for one of its four rules, from the CSV files",
        "≤ 1 s",
        False,
    )
