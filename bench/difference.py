"""What changed between two states of five million customers, as an evaluation finds it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bench.ground import Figure, seconds

CUSTOMERS = 5_000_000
AUDIENCES = 8
COLUMNS = [f"a_{number}" for number in range(1, AUDIENCES + 1)]
#: Every five hundredth customer is new and as many are gone; in each audience a thousandth changes.
FIRST = {"old": 0, "new": CUSTOMERS // 500}

BARE = """
create or replace table moved_by_hand as
select key, {befores}, {afters} from '{old}' o full join '{new}' n using (key) where {differing}"""


def figures(root: Path) -> Iterator[Figure]:
    """Both states lie in Parquet files, as they were published, sorted by key."""
    from usher.sources.open import connect

    files = {name: root / f"{name}-state.parquet" for name in FIRST}
    backend = connect()
    for name, path in files.items():
        backend.con.execute(f"copy ({_state(name)} order by key) to '{path}' (format parquet)")
    turns = [_turn(backend.con, files) for _ in range(3)]
    _demand_alike(backend.con)
    backend.disconnect()
    yield Figure(
        f"the difference of two states of {CUSTOMERS / 1e6:g} M customers with {AUDIENCES} audiences",
        min(took for took, _ in turns),
        "s",
        min(limit for _, limit in turns),
        "a bare join of the two files",
        "≤ 1.5 s",
        False,
    )


def _state(name: str) -> str:
    flips = f" <> (hash(hash(i, '{{column}} flips')) % 1000 = 0 and {name == 'new'})"
    members = ", ".join(
        f"(hash(hash(i, '{column}')) % {2 + number} = 0){flips.format(column=column)} as {column}"
        for number, column in enumerate(COLUMNS)
    )
    return f"select i::varchar as key, {members} from range({FIRST[name]}, {FIRST[name] + CUSTOMERS}) as n(i)"


def _turn(engine: Any, files: dict[str, Path]) -> tuple[float, float]:
    """Seconds of both. What was published is a file, what was selected a table; by hand both are files."""
    for table in ("moved", "revalued", "everybody"):
        engine.execute(f"drop table if exists {table}")
    engine.execute(f"create table selected as from '{files['new']}'")
    return seconds(lambda: _compare(engine, files["old"])), seconds(lambda: engine.execute(_bare(files)))


def _compare(engine: Any, published: Path) -> None:
    """The step of an evaluation that compares what it selected with what was published."""
    from usher.audiences.difference import compare
    from usher.audiences.state import State
    from usher.audiences.work import Frame

    frames = [Frame("selected", tuple(COLUMNS), whole=True)]
    before = SimpleNamespace(state=State(published))
    compare(SimpleNamespace(connection=engine, frames=frames, before=before, fields={}))  # type: ignore[arg-type]


def _bare(files: dict[str, Path]) -> str:
    return BARE.format(
        befores=", ".join(f"o.{column} as o_{column}" for column in COLUMNS),
        afters=", ".join(f"n.{column} as n_{column}" for column in COLUMNS),
        differing=" or ".join(
            f"coalesce(o.{column}, false) <> coalesce(n.{column}, false)" for column in COLUMNS
        ),
        **files,
    )


def _demand_alike(engine: Any) -> None:
    each = " + ".join(
        f"count(*) filter (coalesce(o_{column}, false) <> coalesce(n_{column}, false))" for column in COLUMNS
    )
    (by_hand,) = engine.execute(f"select {each} from moved_by_hand").fetchone()
    (ours,) = engine.execute("select count(*) from moved").fetchone()
    if ours != by_hand:
        raise AssertionError(f"{ours} changes were found, and there are {by_hand}")
