"""Answers that are kept stay exact when something about them goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from usher.audiences import difference, ledger, scope
from usher.audiences.evaluate import evaluate
from usher.audiences.models import Audience, Evaluation
from usher.audiences.tests.conftest import CUSTOMERS, NOW, TABLES, members
from usher.audiences.work import Work
from usher.sources import definitions as sources
from usher.sources import guard

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
HEAD = "customer,ordered_on,value\n"
BOTH = 'audience("keenest") and count(orders where ordered_on within 20 days) > 0'
#: More than is added up exactly.
GREAT = 9_000_000_000_000_000


@pytest.fixture
def till(tmp_path: Path, db: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with orders to which orders are only added; two of one customer are very great."""
    monkeypatch.setattr(scope, "MOST", 1.0)  # however many can have changed
    (tmp_path / "customers.csv").write_text(CUSTOMERS)
    file = tmp_path / "orders.csv"
    file.write_text(f"{HEAD}1,1997-12-30,5\n2,1997-06-01,{GREAT}\n2,1997-07-01,{GREAT}\n")
    tables = {**TABLES, "orders": {**TABLES["orders"], "append_only": True}}
    body = sources.SourceBody.model_validate({"files": True, "tables": tables})
    sources.apply("sources", "shop", body, base_dir=tmp_path, by="alice", now=NOW)
    return file


@pytest.fixture
def recent(till: Path) -> Audience:
    rule = "count(orders where ordered_on within 7 days) > 0"
    return Audience.objects.create(name="recent", kind="customer_list", rule=rule)


def kept(run: Evaluation) -> int:
    """How many questions are answered by what is kept."""
    return len(run.marks["kept"]["orders"]["columns"])


def test_a_new_rule_whose_answers_cannot_be_kept_takes_nothing_from_the_others(
    recent: Audience, till: Path
) -> None:
    assert kept(evaluate(NOW)) == 1
    for name, rule in (("great", f"sum(orders.value) > {GREAT}"), ("often", "count(orders) > 1")):
        Audience.objects.create(name=name, kind="customer_list", rule=rule)
    with till.open("a") as rows:
        rows.write("3,1998-01-02,7\n3,1998-01-02,7\n")

    run = evaluate(NOW + 2 * DAY)

    assert (run.error, run.incremental, kept(run)) == ("", True, 2)
    assert members("recent") == ["1", "3"]
    assert members("great") == ["2"]
    assert members("often") == ["2", "3"]
    assert evaluate(NOW + 6 * DAY).incremental
    assert members("recent") == ["3"]


def test_a_great_amount_far_down_is_the_fault_of_the_values(tmp_path: Path) -> None:
    amounts = f"CASE WHEN key = 700000 THEN {10**17} ELSE key END::DECIMAL(16, 0)::BIGINT AS paid"
    query = f"SELECT key, {amounts} FROM range(800000) AS keys(key)"
    with pytest.raises(duckdb.DataError, match="Conversion Error"):
        ledger.begin(duckdb.connect(), query, {"paid": "sum"}, tmp_path / "base.arrow")


def test_a_table_that_was_empty_at_first_is_built_on(recent: Audience, till: Path) -> None:
    till.write_text(HEAD)
    guard.accept("orders", "empty", by="alice", reason="nobody came yet", at=NOW)
    assert evaluate(NOW).error == ""
    assert evaluate(NOW + DAY).error == ""
    with till.open("a") as rows:
        rows.write("3,1998-01-02,7\n")
    assert evaluate(NOW + 2 * DAY).error == ""
    assert members("recent") == ["3"]
    assert evaluate(NOW + 3 * DAY).incremental


def test_a_look_at_those_concerned_that_failed_is_told_as_a_look_at_everybody(
    recent: Audience, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate(NOW)
    monkeypatch.setattr(difference, "compare", failing_once(difference.compare))
    run = evaluate(NOW + 10 * DAY)
    assert (run.state, run.incremental, members("recent")) == ("done", False, [])


def failing_once(act: Callable[[Work], None]) -> Callable[[Work], None]:
    failures = [duckdb.InternalException("the engine broke")]

    def attempt(work: Work) -> None:
        if failures:
            raise failures.pop()
        act(work)

    return attempt


def test_whoever_another_rule_brings_in_is_answered_by_what_was_kept_of_them(
    recent: Audience, till: Path
) -> None:
    """Nothing happened to Bob himself: he is looked at because Alice went, and his orders are kept ones."""
    till.write_text(f"{HEAD}1,1997-12-30,5\n1,1997-12-31,5\n2,1997-12-29,5\n")
    for name, rule in (("keenest", 'country = "GB" top 1 by count(orders)'), ("both", BOTH)):
        Audience.objects.create(name=name, kind="customer_list", rule=rule)
    evaluate(NOW)
    assert members("both") == ["1"]
    customers = till.with_name("customers.csv")
    customers.write_text(CUSTOMERS.replace("1,alice@example.com,GB", "1,alice@example.com,FR"))
    with till.open("a") as rows:
        rows.write("3,1998-01-01,5\n")

    run = evaluate(NOW + DAY)

    assert (run.error, run.incremental, members("both")) == ("", True, ["2"])


def test_who_first_does_something_in_the_night_of_a_rewritten_rule_has_one_place(
    recent: Audience, till: Path
) -> None:
    """The only rule is worked out for everybody: nobody is looked at because of what is kept."""
    evaluate(NOW)
    Audience.objects.filter(name="recent").update(rule=recent.rule.replace("7", "8"))
    with till.open("a") as rows:
        rows.write("3,1998-01-01,7\n")
    assert evaluate(NOW + DAY).incremental
    with till.open("a") as rows:
        rows.write("3,1998-01-02,7\n4,1998-01-02,7\n")

    run = evaluate(NOW + 2 * DAY)

    assert (run.incremental, members("recent")) == (True, ["1", "3", "4"])
    (noted,) = run.marks["kept"]["orders"]["ledgers"]
    assert sorted(ledger.Ledger.of(noted).places["key"].to_pylist()) == [1, 2, 3, 4]
