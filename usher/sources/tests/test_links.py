from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from usher import rules
from usher.lib.changes import DefinitionError
from usher.sources.check import check
from usher.sources.errors import SourceError, SourceRefusedError
from usher.sources.guard import guard
from usher.sources.models import Table
from usher.sources.open import Opened, open_tables, stored_schema
from usher.sources.tests.conftest import NOW, TABLES, Define

pytestmark = pytest.mark.django_db

#: Alice bought an opera and a play in one order, Bob a play; line 5 is of no order, line 4 of no play.
ORDERS = "order_id,customer,shop_id\nA1,1,01\nA2,2,02\nA3,9,02\n"
LINES = "line,order_id,performance_id,price\n1,A1,100,10\n2,A1,200,20\n3,A2,200,30\n4,A2,999,5\n5,A9,100,1\n"
PERFORMANCES = "id,genre,venue_id\n100,opera,7\n200,play,8\n"
VENUES = "id,town\n7,London\n8,Bath\n"

LINKED: dict[str, Any] = {
    "customers": TABLES["customers"],
    "orders": {"file": "orders.csv", "key": "customer", "id": "order_id", "noun": "order"},
    "order_lines": {
        "file": "lines.csv",
        "key": "orders.customer",
        "links": {"order_id": "orders", "performance_id": "performances"},
        "noun": "ticket",
    },
    "performances": {
        "file": "performances.csv",
        "key": "id",
        "lookup": True,
        "links": {"venue": {"column": "venue_id", "table": "venues"}},
    },
    "venues": {"file": "venues.csv", "key": "id", "lookup": True},
}


@pytest.fixture
def shop(shop: Path) -> Path:
    for name, text in {
        "orders": ORDERS,
        "lines": LINES,
        "performances": PERFORMANCES,
        "venues": VENUES,
    }.items():
        (shop / f"{name}.csv").write_text(text)
    return shop


def changed(**changes: dict[str, Any]) -> dict[str, Any]:
    return {name: {**body, **changes.get(name, {})} for name, body in LINKED.items()}


def rows(opened: Opened, query: str) -> list[tuple[object, ...]]:
    return opened.duckdb.execute(query).fetchall()


def test_rules_see_links_and_what_they_lead_to(define: Define) -> None:
    define(LINKED)
    with open_tables() as opened:
        schema = opened.schema
    assert sorted(schema.tables) == ["order_lines", "orders"]
    assert schema.tables["order_lines"].links == {
        "orders": rules.Link("order_id", "orders"),
        "performances": rules.Link("performance_id", "performances"),
    }
    assert {name: table.key for name, table in schema.lookups.items()} == {
        "orders": "order_id",
        "performances": "id",
        "venues": "id",
    }
    assert schema.lookups["performances"].links == {"venue": rules.Link("venue_id", "venues")}
    assert stored_schema() == schema


def test_the_customers_may_have_links_of_their_own(define: Define, shop: Path) -> None:
    (shop / "customers.csv").write_text("id,email,home\n1,alice@example.com,7\n2,bob@example.com,\n")
    links = {"home_venue": {"column": "home", "table": "venues"}}
    define(changed(customers={"links": links}))
    with open_tables() as opened:
        assert opened.schema.links == {"home_venue": rules.Link("home", "venues")}


def test_a_key_may_be_reached_through_a_link(define: Define) -> None:
    define(LINKED)
    with open_tables() as opened:
        table = opened.schema.tables["order_lines"]
        assert table.key == opened.opened["order_lines"].key == "_key"
        assert "_key" not in table.columns
        assert rows(opened, "SELECT line, _key FROM order_lines ORDER BY line") == [
            (1, 1),
            (2, 1),
            (3, 2),
            (4, 2),
        ]


@pytest.mark.parametrize(
    ("rule", "keys"),
    [
        ('count(order_lines where performances.genre = "opera") > 0', [1]),
        ('exists(order_lines where performances.venue.town = "Bath")', [1, 2]),
        ('exists(order_lines where orders.shop_id = "02")', [2]),
        ("sum(order_lines.price) >= 30", [1, 2]),
    ],
)
def test_rules_reach_through_links(define: Define, rule: str, keys: list[int]) -> None:
    define(LINKED)
    with open_tables() as opened:
        asked = {"found": rules.parse(rule)}
        found = rules.select(asked, opened.schema, opened.tables, now=NOW, zone=UTC)
        query = f"SELECT id FROM ({opened.connection.compile(found)}) WHERE found ORDER BY id"
        assert rows(opened, query) == [(key,) for key in keys]


def test_a_key_may_be_reached_through_several_links(define: Define, shop: Path) -> None:
    (shop / "scans.csv").write_text("line_id,gate\n1,N\n3,S\n77,S\n")
    scans = {"file": "scans.csv", "key": "order_lines.orders.customer", "links": {"line_id": "order_lines"}}
    define({**changed(order_lines={"id": "line"}), "scans": scans})
    with open_tables() as opened:
        assert rows(opened, "SELECT gate, _key FROM scans ORDER BY gate") == [("N", 1), ("S", 2)]


def test_keys_that_meet_through_a_link_are_compared_alike(define: Define, shop: Path) -> None:
    """The venues have codes, of which those in the performances happen to be whole numbers."""
    (shop / "venues.csv").write_text("id,town\n7,London\n8,Bath\nX9,Leeds\n")
    define(LINKED)
    with open_tables() as opened:
        assert opened.schema.lookups["performances"].columns["venue_id"] == "text"
        assert opened.schema.lookups["performances"].columns["id"] == "number"
        joined = "FROM performances p JOIN venues v ON p.venue_id = v.id ORDER BY p.id"
        assert rows(opened, f"SELECT genre, town {joined}") == [("opera", "London"), ("play", "Bath")]
        assert opened.schema.tables["orders"].columns["customer"] == "number"


def test_a_code_that_leads_somewhere_is_no_number(define: Define, shop: Path) -> None:
    define(changed(orders={"links": {"shop_id": "venues"}}))
    with open_tables() as opened:
        assert rows(opened, "SELECT DISTINCT shop_id FROM orders ORDER BY 1") == [("01",), ("02",)]


def test_rows_that_lead_nowhere_are_counted(define: Define) -> None:
    define(LINKED)
    found = {one.table: [(f.kind, f.count, f.text) for f in one.findings] for one in check(NOW)}
    assert found["order_lines"] == [
        ("links_to_nothing", 1, "rows whose order_id is not in orders"),
        ("links_to_nothing", 1, "rows whose performance_id is not in performances"),
    ]
    assert found["orders"] == [("orphans", 1, "rows belong to nobody in customers and are not counted")]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"order_lines": {"links": {"performance_id": "performance"}, "key": "line"}},
            r"tables\.order_lines\.links\.performance: there is no table performance; did you mean perform",
        ),
        (
            {"orders": {"id": ""}},
            r"tables\.order_lines\.links\.orders: the rows of orders have no key of their own; name",
        ),
        ({"orders": {"links": {"shop": "venues"}}}, r"shop\.orders: .*orders\.csv has no column shop"),
        (
            {"order_lines": {"key": "orders.buyer"}},
            "customers' key should be in .*orders, which has no buyer",
        ),
        ({"order_lines": {"key": "orders.shop.owner"}}, r"tables\.order_lines\.key: its customers are not"),
        ({"order_lines": {"at": "orders.placed"}}, "its time should be in .*orders, which has no placed"),
        (
            {"order_lines": {"at": "orders.shop_id"}},
            r"order_lines: the column orders\.shop_id holds texts, not",
        ),
        (
            {"order_lines": {"at": "orders.shop.opened"}},
            r"tables\.order_lines\.at: its time is not found; ord",
        ),
        ({"order_lines": {"key": "order.customer"}}, r"lines\.csv has no column order\.customer"),
    ],
)
def test_a_link_to_what_is_not_there_is_an_error_of_the_definition(
    define: Define, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DefinitionError, match=message):
        define(changed(**changes))
    assert not Table.objects.exists()


def test_a_table_that_links_lead_to_is_not_taken_away(define: Define) -> None:
    define(LINKED)
    without = {name: body for name, body in LINKED.items() if name != "venues"}
    with pytest.raises(
        DefinitionError, match=r"tables\.performances\.links\.venue: there is no table venues"
    ):
        define(without)


def test_two_links_to_one_table_need_names(define: Define) -> None:
    twice = {"shop_id": "venues", "order_id": "venues"}
    with pytest.raises(ValueError, match="two links are called venues; write them as `name:"):
        define(changed(orders={"links": twice}))


def test_linked_tables_are_exported_as_they_were_applied(define: Define) -> None:
    from usher.sources import definitions

    define(LINKED)
    body = definitions.export("sources")["shop"]
    assert body["tables"]["order_lines"]["key"] == "orders.customer"
    assert define(body["tables"]).action == "unchanged"


def test_a_lookup_with_one_key_twice_is_refused_until_it_says_which_row_counts(
    define: Define, shop: Path
) -> None:
    (shop / "venues.csv").write_text(VENUES + "7,Leeds\n")
    define(LINKED)
    with (
        open_tables() as opened,
        pytest.raises(SourceRefusedError, match=r"shop\.venues has 1 rows whose key"),
    ):
        guard(opened, NOW)
    define(changed(venues={"same_key": "first"}))
    with open_tables() as opened:
        guard(opened, NOW)
        assert rows(opened, "SELECT town FROM venues ORDER BY id") == [("London",), ("Bath",)]


def test_one_order_twice_counts_once_and_orders_without_a_number_all_count(
    define: Define, shop: Path
) -> None:
    (shop / "orders.csv").write_text(ORDERS + "A1,2,02\n,1,01\n,1,02\n")
    define(changed(orders={"same_key": "first"}))
    with open_tables() as opened:
        guard(opened, NOW)
        found = rows(opened, "SELECT order_id, customer FROM orders ORDER BY ALL")
        assert found == [("A1", 1), ("A2", 2), ("A3", 9), (None, 1), (None, 1)]
        assert rows(opened, "SELECT count(*) FROM order_lines") == [(4,)]


def test_a_table_whose_way_to_the_customers_is_broken_says_so(define: Define, shop: Path) -> None:
    define(LINKED)
    (shop / "orders.csv").unlink()
    with pytest.raises(SourceError, match=r"shop\.orders: there is no file"):
        open_tables()
    errors = {one.table: one.error for one in check(NOW)}
    assert "there is no file" in errors["orders"]
    assert "its customers' key is reached through orders, which cannot be used" in errors["order_lines"]
    assert errors["performances"] == ""


@pytest.mark.parametrize(
    ("rule", "keys"),
    [
        ("exists(order_lines)", [1]),
        ("exists(order_lines where orders.placed within 2 days)", [1]),
        ("last(order_lines.price) = 20", [1]),
        ("did (order_lines where price = 10) then (order_lines where price = 20)", []),
        ("max(order_lines.orders.placed) before 1 hour ago", [1]),
    ],
)
def test_the_time_of_a_row_may_be_reached_through_a_link(
    define: Define, shop: Path, rule: str, keys: list[int]
) -> None:
    """The order of line 3 is still to come: nobody sees the line before."""
    (shop / "orders.csv").write_text(
        "order_id,customer,shop_id,placed\nA1,1,01,1997-12-31T10:00Z\nA2,2,02,1998-01-02T10:00Z\n"
    )
    define(changed(order_lines={"at": "orders.placed"}))
    with open_tables() as opened:
        assert opened.schema == stored_schema()
        table = opened.schema.tables["order_lines"]
        assert (table.at, table.columns["orders.placed"]) == ("orders.placed", "instant")
        assert opened.newest("order_lines", NOW) == datetime(1997, 12, 31, 10, tzinfo=UTC)
        node = rules.parse(rule)
        assert rules.check(node, opened.schema, condition=True) == []
        found = rules.select({"found": node}, opened.schema, opened.tables, now=NOW, zone=UTC)
        query = f"SELECT id FROM ({opened.connection.compile(found)}) WHERE found ORDER BY id"
        assert rows(opened, query) == [(key,) for key in keys]


def test_which_row_is_newer_is_not_told_by_the_time_of_another(define: Define) -> None:
    with pytest.raises(ValueError, match="`newest` needs `updated` or `at`, a column"):
        define(changed(order_lines={"at": "orders.placed", "id": "line", "same_key": "newest"}))
