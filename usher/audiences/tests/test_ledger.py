from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pytest

from usher.audiences import ledger as ledgers
from usher.audiences import numbers
from usher.audiences.ledger import EMPTY, Ledger, begin
from usher.audiences.spans import within
from usher.rules.moves import Span

PEOPLE = "(VALUES ('ann', 3, 100), ('bob', 0, 50), ('cyd', 7, 9)) AS people(key, orders, last)"


@pytest.fixture
def engine() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


@pytest.fixture
def ledger(engine: duckdb.DuckDBPyConnection, tmp_path: Path) -> Ledger:
    """How often three people ordered, and when last."""
    query = f"SELECT key, orders::BIGINT AS orders, last::BIGINT AS last FROM {PEOPLE}"
    return begin(engine, query, {"orders": "sum", "last": "max"}, tmp_path / "base.arrow")


def add(engine: duckdb.DuckDBPyConnection, ledger: Ledger, *rows: tuple[int, int, int]) -> None:
    values = ", ".join(
        f"({question}::SMALLINT, {place}, {number}::BIGINT)" for question, place, number in rows
    )
    file = ledger.base.with_name(f"added{len(ledger.added)}.arrow")
    ledger.add(engine, f"SELECT * FROM (VALUES {values}) AS t(question, place, number)", file)


def read(ledger: Ledger, *places: int) -> dict[str, list[int]]:
    found = ledger.among(np.array(places, dtype=np.int32))
    return {column: values.tolist() for column, values in found.items()}


def test_it_says_the_base_with_all_that_was_added_since(
    engine: duckdb.DuckDBPyConnection, ledger: Ledger, tmp_path: Path
) -> None:
    add(engine, ledger, (1, 0, 120), (0, 0, 2), (0, 2, -7))
    add(engine, ledger, (0, 0, 1), (1, 1, 20))
    ledger.more_keys(engine, "SELECT 'dan' AS key", tmp_path / "keys.arrow")
    add(engine, ledger, (0, 3, 4))

    noted = Ledger.of(ledger.mark(tmp_path, tmp_path))
    assert read(noted, 2, 0) == {"orders": [0, 6], "last": [9, 120]}
    assert read(noted, 3, 1) == {"orders": [4, 0], "last": [EMPTY["max"], 50]}
    assert noted.column("orders").tolist() == [6, 0, 0, 4]
    assert noted.column("last").tolist() == [120, 50, 9, EMPTY["max"]]


def test_who_has_no_place_has_done_nothing(ledger: Ledger) -> None:
    assert read(ledger, -1, 2, -1) == {"orders": [0, 7, 0], "last": [EMPTY["max"], 9, EMPTY["max"]]}
    assert read(ledger) == {"orders": [], "last": []}


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_begun_anew_it_says_the_same_in_one_file(
    engine: duckdb.DuckDBPyConnection,
    ledger: Ledger,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    batch: int,
) -> None:
    monkeypatch.setattr(ledgers, "BATCH", batch)
    for _ in range(3):
        add(engine, ledger, (0, 1, 5), (1, 2, 11))
    ledger.more_keys(engine, "SELECT 'dan' AS key", tmp_path / "keys.arrow")
    add(engine, ledger, (0, 3, 1))
    made = ledger.anew(tmp_path / "anew.arrow", ["last", "orders"])
    assert sorted(one.name for one in tmp_path.iterdir()) == ["anew.arrow"]
    assert read(made, 0, 1, 2, 3) == {"orders": [3, 15, 7, 1], "last": [100, 50, 11, EMPTY["max"]]}


def test_it_is_full_when_much_was_added(engine: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    add(engine, ledger, (0, 0, 1), (0, 1, 1), (0, 2, 1))
    assert not ledger.is_full
    add(engine, ledger, (1, 0, 1))
    assert ledger.is_full


@pytest.mark.parametrize(
    ("answer", "kind", "number"),
    [
        ("12", "BIGINT", 12),
        ("-0.01", "DECIMAL(38, 2)", -1),
        ("DATE '1969-12-31'", "DATE", -1),
        ("TIMESTAMPTZ '1970-01-01 00:00:01+00'", "TIMESTAMP WITH TIME ZONE", 1_000_000),
    ],
)
def test_an_answer_becomes_a_whole_number_and_comes_back(
    engine: duckdb.DuckDBPyConnection, answer: str, kind: str, number: int
) -> None:
    engine.execute("SET TimeZone = 'UTC'")
    query = f"SELECT {numbers.whole(f'{answer}::{kind}', kind, 'max')} AS number"
    assert engine.execute(query).fetchall() == [(number,)]
    same = f"{numbers.shown('number', kind, 'max')} = {answer} FROM ({query})"
    assert engine.execute(f"SELECT {same}").fetchall() == [(True,)]


def test_an_amount_that_is_too_great_to_be_added_up_is_an_error(engine: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(duckdb.ConversionException):
        engine.execute(f"SELECT {numbers.whole(str(10**17), 'BIGINT', 'sum')}").fetchall()


def test_the_answers_that_the_edge_of_a_window_passed_are_found() -> None:
    day = 86_400_000_000
    start = datetime(1998, 1, 1, tzinfo=UTC)
    spans = [
        Span("orders", "at", datetime(1997, month, 1, tzinfo=UTC), datetime(1997, month, 2, tzinfo=UTC))
        for month in (3, 6)
    ]
    ends = [numbers.ends(span, "TIMESTAMP WITH TIME ZONE") for span in spans]
    last = [numbers.ends(Span("orders", "at", start, start), "TIMESTAMP WITH TIME ZONE")[0]]
    answers = np.array(
        [EMPTY["max"], ends[0][0] + day // 2, ends[0][1] + day, ends[1][1], *last], dtype=np.int64
    )
    assert within(answers, ends).tolist() == [1, 3]
