"""Two rows with one key, two customers with one address: which of them counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from usher.sources.check import check
from usher.sources.findings import Finding
from usher.sources.holders import not_holding
from usher.sources.open import open_tables
from usher.sources.tests.conftest import NOW, TABLES, Define

pytestmark = pytest.mark.django_db

#: Alice moved (2 rows with key 1); Bob and his twin share an address; Carol is there twice with one address.
PEOPLE = """id,email,mobile,seen
1,alice@old.example.com,07700900001,1997-01-01
2,bob@example.com,,1997-06-01
1,alice@example.com,07700900002,1997-03-01
3, BOB@example.com ,,1997-09-01
4,carol@example.com,,
4,carol@example.com,,
5,,,
6,,,
"""


@pytest.fixture
def shop(shop: Path) -> Path:
    (shop / "customers.csv").write_text(PEOPLE)
    return shop


def customers(**fields: Any) -> dict[str, Any]:
    return {"customers": {**TABLES["customers"], **fields}}


def addresses() -> list[tuple[object, ...]]:
    with open_tables() as opened:
        return opened.duckdb.execute("SELECT id, email FROM customers WHERE id < 3 ORDER BY 1").fetchall()


def not_holders() -> list[tuple[object, ...]]:
    with open_tables() as opened:
        return opened.duckdb.execute(f"SELECT key, holder FROM {not_holding(opened)} ORDER BY 1").fetchall()


def finding(kind: str) -> Finding:
    (table,) = check(NOW)
    (found,) = [one for one in table.findings if one.kind == kind]
    return found


def test_the_first_row_of_a_key_counts(define: Define) -> None:
    define(customers(same_key="first"))
    assert addresses() == [(1, "alice@old.example.com"), (2, "bob@example.com")]
    found = finding("duplicate_keys")
    assert (found.count, str(found.places[0])) == (2, "customers.csv, row 4, id: the key 1 was there before")
    assert found.text == "rows whose key was there before were left out: the first row of a key is used"


@pytest.mark.parametrize("column", ["updated", "at"])
def test_the_newest_row_of_a_key_counts(define: Define, column: str) -> None:
    define(customers(same_key="newest", **{column: "seen"}))
    assert addresses() == [(1, "alice@example.com"), (2, "bob@example.com")]
    found = finding("duplicate_keys")
    assert (found.count, str(found.places[0])) == (2, "customers.csv, row 2, id: the key 1 has a newer row")
    assert found.text == "rows were left out that have a newer row with the same key"


def test_updated_comes_before_at(define: Define, shop: Path) -> None:
    (shop / "customers.csv").write_text(
        "id,email,joined,changed\n1,a@example.com,1997-01-02,1997-01-03\n1,b@example.com,1997-01-01,1997-01-04\n"
    )
    define(customers(same_key="newest", at="joined", updated="changed"))
    assert addresses() == [(1, "b@example.com")]


def test_the_first_customer_of_an_address_has_it_whatever_its_case_and_spaces(define: Define) -> None:
    define(customers(same_key="first"))
    assert not_holders() == [("3", "2")]
    found = finding("shared_addresses")
    assert (found.count, found.text) == (
        1,
        "customers have the address of another one, who alone is mailed: the first row has it",
    )
    assert [str(place) for place in found.places] == [
        "customers.csv, row 5, email: BOB@example.com is the address of customer 2"
    ]


def test_the_newest_customer_of_an_address_has_it(define: Define) -> None:
    define(customers(same_key="first", same_email="newest", updated="seen"))
    assert not_holders() == [("2", "3")]
    assert "the newest row has it" in finding("shared_addresses").text


def test_nobody_shares_an_address_that_is_missing(define: Define, shop: Path) -> None:
    (shop / "customers.csv").write_text('id,email\n1,\n2,\n3," "\n4," "\n')
    define(customers())
    assert not_holders() == []


def test_an_address_is_had_in_a_table_of_a_database_too(define: Define, shop: Path) -> None:
    with duckdb.connect(str(shop / "crm.db")) as connection:
        connection.execute(
            "CREATE TABLE people AS FROM (VALUES ('a', 'x@example.com'), ('b', 'X@example.com')) t(id, email)"
        )
    people = {"customers": {"table": "people", "key": "id", "email": "email", "subject": True}}
    define(people, name="crm", url="duckdb:///crm.db")
    assert not_holders() == [("b", "a")]


def test_a_mobile_number_is_carried_as_it_is(define: Define) -> None:
    define(customers(same_key="newest", updated="seen", mobile="mobile"))
    with open_tables() as opened:
        assert opened.subject.mobile == "mobile"
        found = opened.duckdb.execute("SELECT mobile FROM customers WHERE id = 1").fetchall()
    assert found == [("07700900002",)]
