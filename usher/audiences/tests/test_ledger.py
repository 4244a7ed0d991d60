from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from usher.audiences import ledger as ledgers
from usher.audiences import numbers
from usher.audiences.ledger import EMPTY, Changes, Ledger, begin
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


def add(ledger: Ledger, *rows: tuple[int, int, int]) -> None:
    """Question, place and number of each."""
    columns = list(ledger.columns.values())
    parts = [(one, np.array([at], np.int32), np.array([number]), columns[one]) for one, at, number in rows]
    ledger.add(Changes.gathered(parts), ledger.base.with_name(f"added{len(ledger.added)}.arrow"))


def more_keys(ledger: Ledger, *keys: str) -> None:
    ledger.more_keys(pa.chunked_array([list(keys)]), ledger.base.with_name("keys.arrow"))


def read(ledger: Ledger, *places: int) -> dict[str, list[int]]:
    found = ledger.among(np.array(places, dtype=np.int32))
    return {column: values.tolist() for column, values in found.items()}


def test_it_says_the_base_with_all_that_was_added_since(ledger: Ledger, tmp_path: Path) -> None:
    add(ledger, (1, 0, 120), (0, 0, 2), (0, 2, -7))
    add(ledger, (0, 0, 1), (1, 1, 20))
    more_keys(ledger, "dan")
    add(ledger, (0, 3, 4))

    noted = Ledger.of(ledger.mark(tmp_path, tmp_path))
    assert read(noted, 2, 0) == {"orders": [0, 6], "last": [9, 120]}
    assert read(noted, 3, 1) == {"orders": [4, 0], "last": [EMPTY["max"], 50]}
    assert noted.column("orders").tolist() == [6, 0, 0, 4]
    assert noted.column("last").tolist() == [120, 50, 9, EMPTY["max"]]


def test_numbers_are_read_at_some_places_alone(ledger: Ledger) -> None:
    add(ledger, (0, 0, 2), (1, 0, 120), (0, 2, -7))
    more_keys(ledger, "dan", "eve")
    add(ledger, (0, 4, 4), (0, 0, 1))
    places = np.array([0, 2, 3, 4], np.int32)
    assert ledger.at("orders", places).tolist() == [6, 0, 0, 4]
    assert ledger.at("last", places).tolist() == [120, 9, EMPTY["max"], EMPTY["max"]]
    assert ledger.at("orders", places[:0]).tolist() == []


def test_what_is_put_to_a_number_several_times_is_put_to_it_as_one() -> None:
    places, put = np.array([5, 1, 5, 2], np.int32), np.array([3, 4, -1, 0])
    made = Changes.gathered([(1, places, put, "max"), (0, places, put, "sum")])
    assert made.questions.tolist() == [0, 0, 1, 1, 1]
    assert made.places.tolist() == [1, 5, 1, 2, 5]
    assert made.numbers.tolist() == [4, 2, 4, 0, 3]
    numbers = np.array([10, 20, 30])
    assert made.put_to(numbers, np.array([1, 3, 5], np.int32), 0, "sum").tolist() == [14, 20, 32]


@pytest.mark.parametrize("keys", [[7, 2, 900], [7, 2, 90_000_000], ["ann", "bob", "7"]])
def test_keys_are_found_however_far_they_lie_apart(
    engine: duckdb.DuckDBPyConnection, tmp_path: Path, keys: list[object]
) -> None:
    engine.register("people", pa.table({"key": keys, "orders": [1, 2, 3]}))
    made = begin(engine, "SELECT key, orders FROM people", {"orders": "sum"}, tmp_path / "base.arrow")
    asked = pa.chunked_array([[keys[2], keys[0]], [keys[1]]])
    assert made.placed(engine, asked).tolist() == [2, 0, 1]
    unknown = pa.chunked_array([[keys[2], "-1" if isinstance(keys[0], str) else -1]])
    assert made.placed(engine, unknown).tolist() == [2, -1]


def test_who_has_no_place_has_done_nothing(ledger: Ledger) -> None:
    assert read(ledger, -1, 2, -1) == {"orders": [0, 7, 0], "last": [EMPTY["max"], 9, EMPTY["max"]]}
    assert read(ledger) == {"orders": [], "last": []}


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_begun_anew_it_says_the_same_in_one_file(
    ledger: Ledger,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    batch: int,
) -> None:
    monkeypatch.setattr(ledgers, "BATCH", batch)
    for _ in range(3):
        add(ledger, (0, 1, 5), (1, 2, 11))
    more_keys(ledger, "dan")
    add(ledger, (0, 3, 1))
    made = ledger.anew(tmp_path / "anew.arrow", ["last", "orders"])
    assert sorted(one.name for one in tmp_path.iterdir()) == ["anew.arrow"]
    assert read(made, 0, 1, 2, 3) == {"orders": [3, 15, 7, 1], "last": [100, 50, 11, EMPTY["max"]]}


def test_it_is_full_when_much_was_added(ledger: Ledger) -> None:
    add(ledger, (0, 0, 1), (0, 1, 1), (0, 2, 1))
    assert not ledger.is_full
    add(ledger, (1, 0, 1))
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
