"""A night of the music shop, beside hand-written SQL for one of its rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb

from bench.ground import NOW, Figure, median_seconds, seconds

BY_HAND = """
select customer_id from '{customers}' where customer_id in (
    select customer_id from '{orders}' where ordered_on <= timestamp '1998-01-01 06:00'
    group by customer_id
    having count(*) filter (where ordered_on > timestamp '1998-01-01 06:00' - interval 180 day) = 0)
"""


def figures(root: Path) -> Iterator[Figure]:
    """The first night aside; what is measured is the one after, in which nothing has changed."""
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
