"""Who a customer is, when addresses change and when several customers have one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from usher.audiences.desired import desired
from usher.audiences.evaluate import evaluate
from usher.audiences.models import Audience
from usher.audiences.tests.conftest import CUSTOMERS, NOW, TABLES, Define, members
from usher.sources import definitions as sources


@pytest.fixture
def everybody(define: Define) -> Audience:
    define("customer_lists", "everybody", rule="id is set")
    return Audience.objects.get(name="everybody")


def say(shop: Path, **fields: str) -> None:
    """Define the table of customers with these fields besides."""
    tables = {**TABLES, "customers": {**TABLES["customers"], **fields}}
    body = sources.SourceBody.model_validate({"files": True, "tables": tables})
    sources.apply("sources", "shop", body, base_dir=shop, by="alice", now=NOW)


def mailed(audience: Audience) -> dict[str, str]:
    return {row["key"]: row["email"] for row in desired(audience, {}, []).rows.to_pylist()}


def test_a_changed_address_loses_and_gains_nobody(everybody: Audience, shop: Path) -> None:
    evaluate(NOW)
    (shop / "customers.csv").write_text(CUSTOMERS.replace("bob@example.com", "robert@example.org"))
    run = evaluate(NOW + timedelta(days=1))
    snapshot = run.snapshots.get(audience=everybody)
    assert (snapshot.size, snapshot.gained, snapshot.lost) == (4, 0, 0)
    assert members("everybody") == ["1", "2", "3", "4"]
    assert mailed(everybody)["2"] == "robert@example.org"


def test_the_first_row_of_an_address_has_it_unless_the_newest_is_asked_for(
    everybody: Audience, shop: Path
) -> None:
    """Alice is there twice: customer 9 stands first in the file, customer 1 was seen last."""
    rows = [
        "id,email,country,seen",
        "9,ALICE@example.com ,GB,1997-01-01",
        "1,alice@example.com,GB,1997-06-01",
    ]
    (shop / "customers.csv").write_text("\n".join([*rows, "2,bob@example.com,GB,"]) + "\n")
    say(shop)
    evaluate(NOW)
    assert mailed(everybody) == {"2": "bob@example.com", "9": "ALICE@example.com"}
    say(shop, updated="seen", same_email="newest")
    assert mailed(everybody) == {"1": "alice@example.com", "2": "bob@example.com"}
    assert desired(everybody, {}, []).refused.to_pylist() == [
        {"key": "9", "email": "ALICE@example.com", "reason": "the same address as customer 1"}
    ]


def test_an_address_is_its_holders_also_where_the_holder_is_no_member(define: Define, shop: Path) -> None:
    (shop / "customers.csv").write_text(CUSTOMERS + "5,alice@example.com,FR\n")
    define("customer_lists", "french", rule='country = "FR"')
    evaluate(NOW)
    wanted = desired(Audience.objects.get(name="french"), {}, [])
    assert wanted.rows["key"].to_pylist() == ["3", "4"]
    assert wanted.refused["reason"].to_pylist() == ["the same address as customer 1"]
