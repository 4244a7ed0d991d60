from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_django import Settings

from usher.sources import columns, csvfile, relation
from usher.sources.errors import SourceError, SourceRefusedError


def read(path: Path, folder: Path) -> tuple[csvfile.Copy, list[tuple[object, ...]]]:
    """The copy of a file with the types its values vote for, and its rows."""
    import duckdb

    folder.mkdir(exist_ok=True)
    file = csvfile.look(path, folder)
    types = {name: columns.duckdb_type(columns.chosen(cast), cast) for name, cast in file.votes.items()}
    copy = csvfile.copy(file, types, folder)
    with duckdb.connect() as connection:
        return copy, connection.execute(f"FROM read_parquet('{copy.path}')").fetchall()


BROKEN = (
    "id,day,value,name\n"
    "1,1997-01-01,1.5,Ann\n"
    "2,1997-01-02,abc,Bob\n"
    "3,1997-01-03,2.5\n"
    "4,1997-13-03,2.5,Dan\n"
    '5,1997-01-05,2.5,"Q ""x""\né"\n'
    "6,1997-01-06,2.5,x,extra\n"
    "7,,,\n"
    "8,1997-01-08,3,Zoë\n"
)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_rows_that_do_not_fit_are_listed_with_row_number_column_and_reason_and_the_rest_goes_on(
    tmp_path: Path, ending: str
) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(BROKEN.replace("\n", ending).encode())
    copy, rows = read(path, tmp_path / "copies")
    assert [(row[0], row[2]) for row in rows] == [(1, 1.5), (5, 2.5), (7, None), (8, 3.0)]
    assert [str(place) for place in copy.bad] == [
        "orders.csv, row 3, value: “abc” is not a number",
        "orders.csv, row 4, name: 4 columns expected, 3 found",
        "orders.csv, row 5, day: “1997-13-03” is not a date",
        "orders.csv, row 7: 4 columns expected, 5 found",
    ]
    assert [copy.row_number(position) for position in range(4)] == [2, 6, 8, 9]


def test_a_mixture_of_line_endings_is_read_like_one(tmp_path: Path) -> None:
    path = tmp_path / "mixed.csv"
    path.write_bytes(b"id,name\n1,Ann\r\n2,Bo\rb\r\n")
    assert read(path, tmp_path / "copies")[1] == [(1, "Ann"), (2, "Bo b")]
    assert [
        one.suffix for one in (tmp_path / "copies").iterdir() if one.suffix not in (".json", ".parquet")
    ] == []


@pytest.mark.parametrize(
    "content",
    [
        'id,name\n1,Ann\n2,"Bob\n3,Carol\n4,Dan\n',
        'id,born,name\n1,1970-01-01,Ann\n2,"1970-01-01,Bob\n3,1970-01-01,Carol\n4,1970-01-01",Dan\n'
        "5,1970-01-01,Eve\n6,1970-01-01,Fay\n",
    ],
)
def test_a_quote_that_hides_rows_is_refused_and_says_where_it_starts(tmp_path: Path, content: str) -> None:
    path = tmp_path / "quote.csv"
    path.write_text(content)
    with pytest.raises(SourceRefusedError, match="starts in row 3 does not end"):
        read(path, tmp_path / "copies")


def test_a_row_that_is_not_utf_8_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes(b"id,name\n1,Ann\n2,caf\xe9\n3,Zo\xc3\xab\n")
    copy, rows = read(path, tmp_path / "copies")
    assert rows == [(1, "Ann"), (3, "Zoë")]
    assert [(place.row, place.reason) for place in copy.bad] == [(3, "not UTF-8")]


def test_semicolons_tabs_and_a_byte_order_mark_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "excel.csv"
    path.write_bytes("\ufeffid;name\n1;Ann, the first\n".encode())
    assert read(path, tmp_path / "copies")[1] == [(1, "Ann, the first")]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2", "x"], "BIGINT"),
        (["1.5", "2", "-3e5"], "DOUBLE"),
        (["007", "008", "1"], "VARCHAR"),
        (["+44 20", "1", "2", "x y"], "VARCHAR"),
        (["true", "False", ""], "BOOLEAN"),
        (["1997-01-01", "1997-02-01"], "DATE"),
        (["1997-01-01", "1997-02-01 10:30", "1997-02-01T10:30:00Z"], "TIMESTAMPTZ"),
        (["", ""], "VARCHAR"),
        (["1234567890123456789012"], "VARCHAR"),
    ],
)
def test_a_column_has_the_type_that_nearly_all_its_values_have(
    tmp_path: Path, values: list[str], kind: str
) -> None:
    path = tmp_path / "one.csv"
    path.write_text("id,x\n" + "".join(f"{row},{value}\n" for row, value in enumerate(values)))
    cast = csvfile.look(path, tmp_path).votes["x"]
    assert columns.duckdb_type(columns.chosen(cast), cast) == kind


def test_a_file_is_read_once_and_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "customers.csv"
    path.write_text("id,name\n1,Ann\n")
    first, _ = read(path, tmp_path / "copies")
    made = first.path.stat().st_mtime_ns
    assert read(path, tmp_path / "copies")[0].path.stat().st_mtime_ns == made
    path.write_text("id,name\n1,Ann\n2,Bob\n")
    assert read(path, tmp_path / "copies")[1] == [(1, "Ann"), (2, "Bob")]


def test_a_time_without_a_zone_is_read_in_the_zone_of_the_organisation(
    tmp_path: Path, settings: Settings
) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("id,at\n1,1998-07-01 12:00\n2,1998-07-01T12:00:00Z\n")
    for zone, first in (("Europe/Paris", 10), ("UTC", 12)):
        settings.TIME_ZONE = zone
        _, rows = read(path, tmp_path / "copies")
        assert [row[1] for row in rows] == [
            datetime(1998, 7, 1, first, tzinfo=UTC),
            datetime(1998, 7, 1, 12, tzinfo=UTC),
        ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("id,ID\n1,2\n", "occurs twice"),
        ("id,,x\n1,2,3\n", "a column has no name"),
    ],
)
def test_a_header_that_cannot_be_used_says_why(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "header.csv"
    path.write_text(content)
    with pytest.raises(SourceError, match=message):
        csvfile.look(path, tmp_path)


def test_copies_of_files_that_changed_long_ago_are_dropped(tmp_path: Path) -> None:
    day = 24 * 3600
    for age, name in enumerate(("new", "yesterday", "old")):
        (tmp_path / f"{name}.parquet").touch()
        (tmp_path / f"{name}.json").touch()
        os.utime(tmp_path / f"{name}.parquet", (10 * day - age * day, 10 * day - age * day))
    relation._drop_old(tmp_path, {tmp_path / "new.parquet"})
    assert sorted(path.stem for path in tmp_path.glob("*.parquet")) == ["new", "yesterday"]
    assert not (tmp_path / "old.json").exists()
