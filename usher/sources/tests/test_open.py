from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import psycopg
import pytest

from usher.sources.check import check
from usher.sources.errors import SourceError
from usher.sources.models import Table
from usher.sources.open import Opened, open_tables, stored_schema
from usher.sources.tests.conftest import CUSTOMERS, NOW, ORDERS, TABLES, Define

pytestmark = pytest.mark.django_db


def rows(opened: Opened, table: str, columns: str = "*") -> list[tuple[object, ...]]:
    return opened.duckdb.execute(f"SELECT {columns} FROM {table} ORDER BY ALL").fetchall()


def test_files_are_opened_with_types_and_a_glob_is_one_table(define: Define, shop: Path) -> None:
    (shop / "orders2.csv").write_text("value,customer,ordered_on\n9,2,1997-07-01\n")
    define()
    with open_tables() as opened:
        schema = opened.schema
        assert dict(schema.columns) == {"id": "number", "email": "text", "born": "date"}
        assert dict(schema.tables["orders"].columns) == {
            "customer": "number",
            "ordered_on": "date",
            "value": "number",
        }
        assert (schema.tables["orders"].at, schema.tables["orders"].noun) == ("ordered_on", "order")
        assert opened.tables["orders"].count().execute() == 5
        assert opened.data_as_of(NOW) == datetime(1997, 12, 30, tzinfo=UTC)
    assert stored_schema() == schema


def test_a_missing_file_names_source_table_and_path(define: Define, shop: Path) -> None:
    define()
    (shop / "orders.csv").unlink()
    with pytest.raises(SourceError, match=r"shop\.orders: there is no file .*orders\*\.csv; put it there"):
        open_tables()


def test_a_lost_column_that_the_table_needs_is_an_error(define: Define, shop: Path) -> None:
    define()
    (shop / "orders.csv").write_text("customer,value\n1,2\n")
    with pytest.raises(SourceError, match=r"shop\.orders: .*orders\.csv has no column ordered_on"):
        open_tables()


def test_keys_that_are_whole_numbers_in_one_table_and_codes_in_another_meet_as_text(
    define: Define, shop: Path
) -> None:
    (shop / "customers.csv").write_text(CUSTOMERS + "C4,dan@example.com,\n")
    (shop / "orders.csv").write_text(ORDERS)
    define()
    with open_tables() as opened:
        assert opened.key_type == "string"
        assert rows(opened, "customers", "id") == [("1",), ("2",), ("3",), ("C4",)]
        assert rows(opened, "orders", "DISTINCT customer") == [("1",), ("2",), ("3",)]


def test_the_first_row_of_a_key_is_used_and_the_others_are_listed(define: Define, shop: Path) -> None:
    (shop / "customers.csv").write_text(
        CUSTOMERS + "2,second@example.com,\n2,third@example.com,\n,none@example.com,\n"
    )
    define()
    with open_tables() as opened:
        assert rows(opened, "customers", "id, email") == [
            (1, "alice@example.com"),
            (2, "bob@example.com"),
            (3, "carol@example.com"),
        ]
        (finding,) = opened.problems["customers"]
        assert (finding.kind, finding.count) == ("duplicate_keys", 2)
        assert [str(place) for place in finding.places] == [
            "customers.csv, row 5, id: the key 2 was there before",
            "customers.csv, row 6, id: the key 2 was there before",
        ]


def test_a_check_counts_and_lists_what_is_wrong_and_keeps_it(define: Define, shop: Path) -> None:
    define()
    (shop / "customers.csv").write_text(
        CUSTOMERS + "x\n4,not an address,\n,nobody@example.com,\n5,,\n6,a@b,1990-01-01\n7,üñ@exämple.org,\n"
    )
    (shop / "orders.csv").write_text(ORDERS + "99,1997-01-01,1\n")
    customers, orders = check(NOW)
    assert (customers.rows, customers.error, orders.rows) == (8, "", 5)
    assert {finding.kind: finding.count for finding in customers.findings} == {
        "bad_rows": 1,
        "missing_keys": 1,
        "missing_addresses": 1,
        "bad_addresses": 2,
    }
    bad = next(finding for finding in customers.findings if finding.kind == "bad_addresses")
    assert [str(place) for place in bad.places] == [
        "customers.csv, row 6, email: “not an address” is not an e-mail address",
        "customers.csv, row 9, email: “a@b” is not an e-mail address",
    ]
    assert [(finding.kind, finding.count) for finding in orders.findings] == [("orphans", 1)]
    assert orders.data_as_of == datetime(1997, 12, 30, tzinfo=UTC)
    stored = Table.objects.get(name="customers")
    assert (stored.rows, stored.checked_at, len(stored.problems)) == (8, NOW, 4)


def test_a_check_of_a_broken_table_reports_it_and_goes_on_with_the_others(define: Define, shop: Path) -> None:
    define()
    (shop / "customers.csv").unlink()
    customers, orders = check(NOW)
    assert "there is no file" in customers.error
    assert (orders.rows, orders.error) == (4, "")


def test_a_duckdb_file_and_parquet_are_read_where_they_are(define: Define, shop: Path) -> None:
    with duckdb.connect(str(shop / "shop.db")) as connection:
        connection.execute("CREATE SCHEMA crm")
        connection.execute(
            "CREATE TABLE crm.people AS SELECT i AS id, i || '@example.com' AS email FROM range(3) t(i)"
        )
        orders = "SELECT 1 AS customer, TIMESTAMP '1997-06-01 12:00' AS at, [1] AS list"
        connection.execute(f"COPY ({orders}) TO '{shop}/orders.parquet'")
    people = {"customers": {"table": "crm.people", "key": "id", "email": "email", "subject": True}}
    define(people, name="crm", url="duckdb:///shop.db")
    define({"orders": {"file": "orders.parquet", "key": "customer", "at": "at"}}, name="files")
    with open_tables() as opened:
        assert rows(opened, "customers", "id") == [(0,), (1,), (2,)]
        assert dict(opened.schema.tables["orders"].columns) == {"customer": "number", "at": "instant"}
        assert opened.newest("orders", NOW) == datetime(1997, 6, 1, 12, tzinfo=UTC)
        assert [finding.kind for finding in opened.problems["orders"]] == ["columns_left_out"]


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """A database with the table crm.people, apart from the one that tests roll back."""
    url = os.environ["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS crm")
        connection.execute("DROP TABLE IF EXISTS crm.people")
        connection.execute(
            "CREATE TABLE crm.people (id uuid PRIMARY KEY, email text, spent numeric, since timestamptz,"
            " born date, agreed boolean, notes jsonb, tags text[])"
        )
        connection.execute(
            "INSERT INTO crm.people SELECT ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid,"
            " 'p' || i || '@example.com', 1.5 * i, '1997-01-01 00:00+02', '1970-01-01', true, '{}', '{a}'"
            " FROM generate_series(1, 3) i"
        )
        yield url
        connection.execute("DROP TABLE crm.people")


def test_a_postgresql_table_is_copied_and_read_anew_only_when_asked(
    define: Define, postgres_url: str
) -> None:
    define(
        {"customers": {"table": "crm.people", "key": "id", "email": "email", "subject": True}},
        name="crm",
        url=postgres_url,
    )
    with open_tables() as opened:
        assert dict(opened.schema.columns) == {
            "id": "text",
            "email": "text",
            "spent": "number",
            "since": "instant",
            "born": "date",
            "agreed": "boolean",
            "notes": "text",
        }
        assert rows(opened, "customers", "email, spent")[0] == ("p1@example.com", 1.5)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DELETE FROM crm.people WHERE email = 'p1@example.com'")
    with open_tables(again=False) as opened:
        assert opened.tables["customers"].count().execute() == 3
    with open_tables() as opened:
        assert opened.tables["customers"].count().execute() == 2


def test_a_database_that_does_not_answer_may_be_tried_again(define: Define, postgres_url: str) -> None:
    define(
        {"customers": {"table": "crm.people", "key": "id", "email": "email", "subject": True}},
        name="crm",
        url=postgres_url,
    )
    source = Table.objects.get().source
    source.set_url("postgresql://me:secret@127.0.0.1:9/crm")
    source.save()
    with pytest.raises(SourceError, match=r"crm\.customers: postgresql://me:\*\*\*@127") as caught:
        open_tables()
    assert caught.value.retry
    assert "secret" not in str(caught.value)


def test_what_is_no_finite_number_is_missing_and_told(define: Define, shop: Path) -> None:
    values = ["2.5", "NaN", "inf", *["1.5"] * 8]
    lines = "".join(f"{key},a{key}@example.com,{value}\n" for key, value in enumerate(values, 1))
    (shop / "customers.csv").write_text(f"id,email,n\n{lines}")
    query = "SELECT 1 AS customer, DATE '1997-01-01' AS ordered_on, 'NaN'::DOUBLE AS value"
    duckdb.sql(f"COPY ({query}) TO '{shop}/orders.parquet' (FORMAT parquet)")
    orders = {**TABLES["orders"], "file": "orders.parquet"}
    define({**TABLES, "customers": {**TABLES["customers"], "types": {"n": "number"}}, "orders": orders})
    with open_tables() as opened:
        assert opened.duckdb.sql("SELECT id FROM customers WHERE n IS NULL ORDER BY 1").fetchall() == [
            (2,),
            (3,),
        ]
        assert opened.duckdb.sql("SELECT value FROM orders").fetchall() == [(None,)]
    found = {one.table: [f for f in one.findings if f.kind == "not_numbers"] for one in check(NOW)}
    [told] = found["customers"]
    assert (told.count, told.text) == (2, "cells that hold no finite number count as missing")
    assert [str(place) for place in told.places] == [
        "customers.csv, row 3, n: “nan” is not a number",
        "customers.csv, row 4, n: “inf” is not a number",
    ]
    assert [one.count for one in found["orders"]] == [1]


def test_it_is_told_why_numbers_are_a_text(define: Define, shop: Path) -> None:
    (shop / "orders.csv").write_text(
        "customer,ordered_on,value,code\n1,1997-01-01,9223372036854775807,00123\n"
        "1,1997-01-02,18446744073709551615,00124\n1,1997-01-03,5,00125\n"
    )
    define()
    [told] = [one for found in check(NOW) for one in found.findings if one.kind == "numbers_as_text"]
    assert (told.count, told.text) == (
        2,
        "cells make value a text, where most are numbers: mend them, or say its type",
    )
    assert str(told.places[0]) == "orders.csv, row 2, value: “9223372036854775807”"
