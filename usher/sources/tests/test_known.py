from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from usher.sources import known, relation
from usher.sources.models import Table
from usher.sources.open import open_tables
from usher.sources.tests.conftest import CUSTOMERS, Define

pytestmark = pytest.mark.django_db

COUNT = "SELECT count(*) FROM {}"


def test_it_asks_again_only_when_the_data_have_changed(define: Define, shop: Path) -> None:
    define()
    table = Table.objects.get(name="customers")
    before = relation.of_files(table)
    with duckdb.connect() as connection:
        assert known.rows(connection, table, before, COUNT.format(before.scan)) == [[3]]
    # the connection is closed: who asked it now would fail
    assert known.rows(connection, table, before, COUNT.format(before.scan)) == [[3]]
    (shop / "customers.csv").write_text(CUSTOMERS + "4,dan@example.com,\n")
    after = relation.of_files(table)
    with duckdb.connect() as connection:
        assert known.rows(connection, table, after, COUNT.format(after.scan)) == [[4]]


def test_data_of_which_nothing_is_known_are_always_asked(define: Define) -> None:
    define()
    table = Table.objects.get(name="customers")
    unknown = relation.Relation("numbers", "numbers")
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE numbers AS SELECT 1")
        assert known.rows(connection, table, unknown, COUNT.format("numbers")) == [[1]]
        connection.execute("INSERT INTO numbers VALUES (2)")
        assert known.rows(connection, table, unknown, COUNT.format("numbers")) == [[2]]


def test_the_second_opening_of_unchanged_files_reads_no_rows(define: Define) -> None:
    define()
    with open_tables():
        pass
    path = relation.copies_folder(Table.objects.get(name="orders")) / "known.json"
    stored = json.loads(path.read_text())
    counting = next(question for question in stored["answers"] if "count(*)" in question)
    stored["answers"][counting] = [[99]]
    path.write_text(json.dumps(stored))
    with open_tables() as opened:
        assert opened.opened["orders"].rows == 99


def test_a_changed_duckdb_file_has_another_signature(shop: Path) -> None:
    with duckdb.connect(str(shop / "shop.db")) as connection:
        connection.execute("CREATE TABLE people AS SELECT 1 AS id")
    before = relation.of_database("people", shop / "shop.db").signature
    assert relation.of_database("people", shop / "shop.db").signature == before
    with duckdb.connect(str(shop / "shop.db")) as connection:
        connection.execute("INSERT INTO people VALUES (2)")
    assert relation.of_database("people", shop / "shop.db").signature != before


def test_a_view_of_other_files_is_read_each_time(define: Define, shop: Path) -> None:
    (shop / "people.csv").write_text("id,email\n1,alice@example.com\n")
    with duckdb.connect(str(shop / "crm.db")) as connection:
        connection.execute(f"CREATE VIEW people AS FROM read_csv('{shop}/people.csv')")
    people = {"customers": {"table": "people", "key": "id", "email": "email", "subject": True}}
    define(people, name="crm", url="duckdb:///crm.db")
    (shop / "people.csv").write_text("id,email\n1,alice@example.com\n2,bob@example.com\n")
    with open_tables() as opened:
        assert opened.opened["customers"].rows == 2
