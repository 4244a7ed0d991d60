"""Tables that customers' rows link to have keys of their own, of another type than the customers'."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from usher.audiences import evaluate as evaluating
from usher.audiences import scope, tagging
from usher.audiences.evaluate import evaluate
from usher.audiences.models import Audience, Snapshot
from usher.audiences.published import page
from usher.audiences.tests.conftest import NOW, TABLES
from usher.audiences.work import Work
from usher.sources import definitions as sources
from usher.sources.bodies import WORKING

BOOKINGS = "customer,booked_on,performance\n1,1997-12-01,P1\n2,1997-12-30,P2\n3,1997-11-01,P1\n"
PERFORMANCES = "id,genre\nP1,opera\nP2,play\n"
LINKED = {
    "customers": TABLES["customers"],
    "bookings": {
        "file": "bookings.csv",
        "key": "customer",
        "at": "booked_on",
        "links": {"performance": "performances"},
    },
    "performances": {"file": "performances.csv", "key": "id", "lookup": True},
}


@pytest.fixture
def theatre(shop: Path) -> Path:
    (shop / "bookings.csv").write_text(BOOKINGS)
    (shop / "performances.csv").write_text(PERFORMANCES)
    body = sources.SourceBody.model_validate({"files": True, "tables": LINKED})
    sources.apply("sources", "shop", body, base_dir=shop, by="alice", now=NOW)
    return shop


def test_keys_of_performances_are_not_taken_for_keys_of_customers(
    theatre: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scope, "MOST", 1.0)  # however many can have changed
    opera = 'exists(bookings where performances.genre = "opera" and booked_on within 40 days)'
    operagoers = Audience.objects.create(name="opera", kind="customer_list", rule=opera)
    lapsed = Audience.objects.create(
        name="lapsed", kind="customer_list", rule="not exists(bookings where booked_on within 60 days)"
    )
    staff = Audience.objects.create(name="STAFF", kind="tag")
    assert evaluate(NOW).state == "done"
    tagging.tag(staff, ["4"], by="alice", at=NOW, cause="user")

    later = evaluate(NOW + timedelta(days=10))

    assert (later.state, later.error, later.incremental) == ("done", "", True)
    assert [member.key for member in page(staff).members] == ["4"]
    assert [member.key for member in page(operagoers).members] == []
    assert [member.key for member in page(lapsed).members] == ["3", "4"]


def test_only_those_are_looked_at_whose_rows_lead_to_a_changed_performance(
    theatre: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scope, "MOST", 1.0)
    opera = 'exists(bookings where performances.genre = "opera")'
    operagoers = Audience.objects.create(name="opera", kind="customer_list", rule=opera)
    evaluate(NOW)
    assert [member.key for member in page(operagoers).members] == ["1", "3"]
    (theatre / "performances.csv").write_text("id,genre\nP1,opera\nP2,opera\nP3,opera\n")

    later = evaluate(NOW)

    assert (later.state, later.error, later.affected) == ("done", "", 1)
    assert [member.key for member in page(operagoers).members] == ["1", "2", "3"]
    assert evaluate(NOW, full=True).change_rows == 0


def test_both_are_looked_at_when_a_booking_through_which_tickets_are_reached_is_another_customers(
    theatre: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tickets say which booking they belong to, and only the booking says whose it is."""
    monkeypatch.setattr(scope, "MOST", 1.0)
    (theatre / "bookings.csv").write_text("id,customer,booked_on\nB1,1,1997-12-01\nB2,2,1997-12-30\n")
    (theatre / "tickets.csv").write_text("booking,price\nB1,10\nB1,20\nB2,30\n")
    bookings = {"file": "bookings.csv", "key": "customer", "id": "id", "at": "booked_on"}
    tickets = {"file": "tickets.csv", "key": "bookings.customer", "links": {"booking": "bookings"}}
    tables = {"customers": TABLES["customers"], "bookings": bookings, "tickets": tickets}
    body = sources.SourceBody.model_validate({"files": True, "tables": tables})
    sources.apply("sources", "shop", body, base_dir=theatre, by="alice", now=NOW)
    spenders = Audience.objects.create(name="spenders", kind="customer_list", rule="sum(tickets.price) > 25")
    evaluate(NOW)
    assert [member.key for member in page(spenders).members] == ["1", "2"]
    (theatre / "bookings.csv").write_text("id,customer,booked_on\nB1,3,1997-12-01\nB2,2,1997-12-30\n")

    later = evaluate(NOW)

    assert (later.state, later.error, later.affected) == ("done", "", 2)
    assert [member.key for member in page(spenders).members] == ["2", "3"]
    assert evaluate(NOW, full=True).change_rows == 0


def test_everybody_is_looked_at_when_a_look_at_those_concerned_cannot_be_taken(
    theatre: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(work: Work) -> None:
        work.connection.execute("SELECT nothing FROM nowhere")

    staff = Audience.objects.create(name="STAFF", kind="tag")
    evaluate(NOW)
    tagging.tag(staff, ["4"], by="alice", at=NOW, cause="user")
    monkeypatch.setattr(scope, "_draw_near", broken)

    later = evaluate(NOW + timedelta(days=10))

    assert (later.state, later.error) == ("done", "")
    assert later.full_because.startswith("a look at those concerned failed (Catalog Error")
    assert [member.key for member in page(staff).members] == ["4"]


def test_no_source_can_be_called_like_a_working_table(theatre: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: set[str] = set()
    compute = evaluating.compute

    def looked_at(work: Work, because: str) -> list[Snapshot]:
        found = compute(work, because)
        names = work.connection.execute("SELECT table_name FROM information_schema.tables").fetchall()
        made.update(name for (name,) in names)
        return found

    monkeypatch.setattr(scope, "MOST", 1.0)
    monkeypatch.setattr(evaluating, "compute", looked_at)
    staff = Audience.objects.create(name="STAFF", kind="tag")
    for name, rule in {"often": "count(bookings) > 1", "all": 'audience("often") or tag("STAFF")'}.items():
        Audience.objects.create(name=name, kind="customer_list", rule=rule)
    evaluate(NOW)
    tagging.tag(staff, ["4"], by="alice", at=NOW, cause="user")
    assert evaluate(NOW + timedelta(days=10)).incremental

    assert "affected" in made
    assert [name for name in made - set(LINKED) if not WORKING.fullmatch(name)] == []
    with pytest.raises(ValueError, match="published: evaluations call a table of their own so"):
        sources.SourceBody.model_validate({"files": True, "tables": {"published": TABLES["customers"]}})
