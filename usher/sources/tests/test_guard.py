from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from usher.sources.check import check
from usher.sources.errors import SourceRefusedError
from usher.sources.guard import accept, accept_refused, guard, remember
from usher.sources.models import Acceptance, Table
from usher.sources.open import open_tables
from usher.sources.tests.conftest import CUSTOMERS, NOW, ORDERS, TABLES, Define

pytestmark = pytest.mark.django_db

LATER = datetime(1998, 1, 2, 6, tzinfo=UTC)


def run(now: datetime = NOW) -> None:
    """A run that is published."""
    with open_tables() as opened:
        guard(opened, now)
        remember(opened)


def refused(now: datetime = NOW) -> str:
    """A run that is refused, and why."""
    with open_tables() as opened, pytest.raises(SourceRefusedError) as caught:
        guard(opened, now)
    return str(caught.value)


def let_through(table: str, kind: str) -> Acceptance:
    return accept(table, kind, by="alice", reason="the museum closed", at=NOW)


def tables(**changes: dict[str, Any]) -> dict[str, Any]:
    return {name: {**body, **changes.get(name, {})} for name, body in TABLES.items()}


def test_an_empty_table_is_refused_and_can_be_let_through(define: Define, shop: Path) -> None:
    define()
    run()
    (shop / "orders.csv").write_text("customer,ordered_on,value\n")
    assert refused() == (
        "shop.orders has no rows (it had 4 when it was last used); nothing was changed."
        f" Mend {shop}/orders*.csv, or let it through once: usher sources accept orders --reason …"
    )
    let_through("orders", "empty")
    run()
    run()  # it is what the last run built on


def test_half_the_rows_gone_is_refused_and_can_be_let_through_once(define: Define, shop: Path) -> None:
    (shop / "orders.csv").write_text(ORDERS + ORDERS.split("\n", 1)[1])
    define()
    run()
    (shop / "orders.csv").write_text(ORDERS.replace("3,1998-02-01,7.25\n", ""))
    assert "shop.orders has 3 rows, and had 8 when it was last used; nothing was changed." in refused()
    let_through("orders", "shrunk")
    run()
    (shop / "orders.csv").write_text("customer,ordered_on,value\n1,1997-01-01,1\n")
    assert "shop.orders has 1 rows, and had 3 when it was last used" in refused()


def test_data_older_than_allowed_are_refused_and_can_be_let_through(define: Define) -> None:
    define(tables(orders={"max_age_days": 7}))
    run()
    late = datetime(1998, 1, 10, tzinfo=UTC)
    assert "shop.orders has its newest row of 1997-12-30 00:00, and 7 days are allowed;" in refused(late)
    let_through("orders", "stale")
    run(late)
    assert "7 days are allowed" in refused(late)


def test_a_column_that_is_gone_or_retyped_is_refused_and_let_through_once(define: Define, shop: Path) -> None:
    define()
    run()
    (shop / "customers.csv").write_text(CUSTOMERS.replace("born", "birthday"))
    (shop / "orders.csv").write_text(
        ORDERS.replace("11.50", "a").replace(",5\n", ",b\n").replace("20.00", "c")
    )
    said = refused()
    assert "shop.customers has no column born any more; nothing was changed. Mend" in said
    assert "shop.orders has text in the column value, which was number; nothing was changed." in said
    let_through("customers", "columns")
    let_through("orders", "columns")
    run()
    with open_tables() as opened:
        assert dict(opened.schema.columns) == {"id": "number", "email": "text", "birthday": "date"}
    run()


def test_a_type_that_is_declared_is_no_surprise(define: Define, shop: Path) -> None:
    define()
    run()
    (shop / "orders.csv").write_text(ORDERS.replace("11.50", "a").replace(",5\n", ",b\n"))
    define(tables(orders={"types": {"value": "text"}}))
    run()


def test_a_check_does_not_make_a_lost_column_good(define: Define, shop: Path) -> None:
    define()
    run()
    (shop / "customers.csv").write_text(CUSTOMERS.replace("born", "birthday"))
    customers, _ = check(NOW)
    assert list(customers.refused) == ["columns"]
    assert "has no column born any more" in refused()
    assert "say the type" not in refused()  # there is no column to say it of


def test_customers_with_one_key_are_refused_until_the_definition_says_which_counts(
    define: Define, shop: Path
) -> None:
    (shop / "customers.csv").write_text(CUSTOMERS + "2,second@example.com,\n2,third@example.com,\n")
    define()
    assert refused() == (
        "shop.customers has 2 rows whose key another row has"
        " (customers.csv, row 5, id: the key 2 was there before); nothing was changed."
        f" Mend {shop}/customers.csv, say `same_key: first` or `same_key: newest` in the table's definition,"
        " or let it through once: usher sources accept customers --reason …"
    )
    define(tables(customers={"same_key": "first"}))
    run()


def test_customers_with_one_key_can_be_let_through_once(define: Define, shop: Path) -> None:
    (shop / "customers.csv").write_text(CUSTOMERS + "2,second@example.com,\n")
    define()
    let_through("customers", "duplicate_keys")
    run()
    assert "1 rows whose key another row has" in refused()


def test_a_run_that_is_published_uses_an_acceptance_up(define: Define, shop: Path) -> None:
    define()
    run()
    (shop / "orders.csv").write_text("customer,ordered_on,value\n1,1997-01-01,1\n")
    refused()
    said = let_through("orders", "shrunk")
    assert (said.by, said.reason, said.at, said.used_at) == ("alice", "the museum closed", NOW, None)
    run(LATER)
    said.refresh_from_db()
    assert said.used_at == LATER


def test_a_run_that_fails_uses_nothing_up(define: Define, shop: Path) -> None:
    define()
    run()
    (shop / "orders.csv").write_text("customer,ordered_on,value\n1,1997-01-01,1\n")
    let_through("orders", "shrunk")
    with open_tables() as opened:
        guard(opened, NOW)  # and fails before it is published
    with open_tables() as opened, transaction.atomic():
        guard(opened, NOW)
        remember(opened)
        transaction.set_rollback(True)  # as when it is killed while it publishes
    run(LATER)
    assert Acceptance.objects.get().used_at == LATER


def test_an_acceptance_that_was_not_needed_does_not_wait_for_a_later_accident(
    define: Define, shop: Path
) -> None:
    define()
    run()
    let_through("orders", "shrunk")
    run()
    (shop / "orders.csv").write_text("customer,ordered_on,value\n1,1997-01-01,1\n")
    assert "has 1 rows, and had 4" in refused()


def test_accepting_one_thing_lets_nothing_else_through(define: Define, shop: Path) -> None:
    define()
    run()
    (shop / "orders.csv").write_text("customer,ordered_on\n1,1997-01-01\n")
    said = refused()
    assert "has 1 rows, and had 4" in said
    assert "has no column value any more" in said
    let_through("orders", "shrunk")
    assert "has 1 rows" not in refused()
    assert "has no column value any more" in refused()


def test_what_was_refused_last_can_be_accepted_together(define: Define, shop: Path) -> None:
    define()
    run()
    (shop / "orders.csv").write_text("customer,ordered_on\n1,1997-01-01\n")
    refused()
    assert sorted(Table.objects.get(name="orders").refusals) == ["columns", "shrunk"]
    said = accept_refused("orders", by="bob", reason="we dropped prices", at=NOW)
    assert sorted(one.guard for one in said) == ["columns", "shrunk"]
    assert len(accept_refused("orders", by="bob", reason="again", at=LATER)) == 2
    assert Acceptance.objects.count() == 2
    run()
    assert Table.objects.get(name="orders").refusals == {}
    assert accept_refused("orders", by="bob", reason="", at=NOW) == []


def test_only_what_a_guard_can_say_is_accepted(define: Define) -> None:
    define()
    with pytest.raises(ValueError, match="everything"):
        let_through("orders", "everything")
    with pytest.raises(Table.DoesNotExist):
        let_through("nothing", "empty")
