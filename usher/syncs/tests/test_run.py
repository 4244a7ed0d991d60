from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import httpx
import pytest

from usher.destinations.tests import published
from usher.destinations.tests.platforms import Killed, Naps, Served, Wire, list_members, unsubscribe
from usher.syncs.models import Pushed, Run, Step
from usher.syncs.run import BusyError, SyncError, approve, due, next_due, preview, resume, run
from usher.syncs.status import status
from usher.syncs.tests.conftest import NOON, Shop

ANN = ("1", "ann@x.io", 2, "1997-11-01", "true")
BOB = ("2", "bob@x.io", 1, "", "false")
CAT = ("3", "o'neil+cat@x.io", 7, "1997-12-31", "true")
DAN = ("4", "dan@x.io", 3, "1997-10-01", "false")


def crowd(first: int, last: int) -> list[tuple[Any, ...]]:
    return [(str(n), f"c{n}@x.io", n % 7, "1997-06-01", "false") for n in range(first, last)]


def numbers(one: Run) -> tuple[int, ...]:
    return (one.read, one.added, one.updated, one.unchanged, one.refused, one.removed)


def shown(served: Served, name: str = "Usher sync") -> dict[str, tuple[Any, ...]]:
    """{address: (orders, day of the last order, vip)} at the platform, whatever its way of writing values."""
    return {
        email: (
            int(float(fields.get("ORDERS") or 0)),
            str(fields.get("LAST_ORDER") or "")[:10],
            str(fields.get("TAG_VIP")).lower(),
        )
        for email, fields in list_members(served, name).items()
    }


def test_the_first_run_brings_everybody_and_a_second_makes_no_call(shop: Shop, any_platform: Served) -> None:
    shop.open([ANN, BOB, CAT])
    shop.connect(any_platform)
    sync = shop.sync()
    first = run(sync, NOON, sleep=Naps())
    assert (first.state, first.error) == ("done", "")
    assert numbers(first) == (3, 3, 0, 0, 0, 0)
    assert shown(any_platform) == {
        "ann@x.io": (2, "1997-11-01", "true"),
        "bob@x.io": (1, "", "false"),
        "o'neil+cat@x.io": (7, "1997-12-31", "true"),
    }
    wire = Wire()
    second = run(sync, NOON + timedelta(hours=1), sleep=Naps(), transport=wire)
    assert numbers(second) == (3, 0, 0, 3, 0, 0)
    assert (second.state, second.calls_made, wire.calls) == ("done", {}, [])


def test_a_night_sends_what_changed_and_nothing_else(shop: Shop, any_platform: Served) -> None:
    shop.open([ANN, BOB, CAT])
    shop.connect(any_platform)
    sync = shop.sync()
    run(sync, NOON, sleep=Naps())
    shop.next_night([("1", "ann@x.io", 3, "", "false"), ("2", "bob@new.io", 1, "", "false"), DAN])
    wire = Wire()
    night = run(sync, shop.now, sleep=Naps(), transport=wire)
    assert numbers(night) == (3, 1, 2, 0, 0, 1)
    assert shown(any_platform) == {
        "ann@x.io": (3, "", "false"),
        "bob@new.io": (1, "", "false"),
        "dan@x.io": (3, "1997-10-01", "false"),
    }
    assert sum(call.endswith("/Overwrite") for call in wire.calls) == 1
    assert len(wire.calls) == night.calls
    foreseen = dict(night.calls_foreseen)
    polled = {kind: night.calls_made[kind] for kind in ("import status", "removal status")}
    assert foreseen | polled == night.calls_made


def test_a_plan_is_what_apply_does(shop: Shop, any_platform: Served) -> None:
    shop.open([ANN, BOB])
    shop.connect(any_platform)
    sync = shop.sync()
    foreseen = preview(sync)
    assert list_members(any_platform, "Usher sync") == {}
    done = run(sync, NOON, sleep=Naps())
    assert foreseen.counts.as_dict() == done.planned
    assert numbers(done) == tuple(foreseen.counts.as_dict().values())


def test_who_opted_out_is_refused_with_the_reason_and_not_sent_again(
    shop: Shop, any_platform: Served
) -> None:
    unsubscribe(any_platform, "BOB@x.io")
    shop.open([ANN, BOB])
    shop.connect(any_platform)
    sync = shop.sync()
    first = run(sync, NOON, sleep=Naps())
    assert numbers(first) == (2, 1, 0, 0, 1, 0)
    assert list(shown(any_platform)) == ["ann@x.io"]
    assert status(sync, NOON).refused == {"Unsubscribed": 1}
    wire = Wire()
    second = run(sync, NOON, sleep=Naps(), transport=wire)
    assert numbers(second) == (2, 0, 0, 1, 1, 0)
    assert wire.calls == []
    shop.next_night([ANN, ("2", "bob@x.io", 9, "", "true")])
    third = run(sync, shop.now, sleep=Naps())
    assert numbers(third) == (2, 0, 0, 1, 1, 0)
    assert third.planned["added"] == 1
    assert list(shown(any_platform)) == ["ann@x.io"]


def test_refusals_of_the_audience_are_in_the_ledger_with_their_reason(
    shop: Shop, any_platform: Served
) -> None:
    shop.open([ANN, ("2", "no address", 1, "", "false"), ("3", "ANN@x.io", 1, "", "false")])
    shop.connect(any_platform)
    sync = shop.sync()
    assert numbers(run(sync, NOON, sleep=Naps())) == (3, 1, 0, 0, 2, 0)
    assert dict(sync.ledger.filter(state=Pushed.State.REFUSED).values_list("key", "reason")) == {
        "2": "not an e-mail address",
        "3": "the same address as customer 1",
    }


KillAt = Literal["before", "after"]


@pytest.mark.long
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_first_run_killed_at_any_call_ends_as_planned(
    shop: Shop, any_platform: Served, when: KillAt
) -> None:
    shop.open([ANN, BOB, CAT])
    shop.connect(any_platform)
    for call in range(30):
        sync = shop.sync(f"kill {call}", list=f"List {call}", fields={f"ORDERS_{call}": "orders"}, tags=[])
        wire = Wire(call, when=when)
        try:
            run(sync, NOON, NOON, sleep=Naps(), transport=wire)
        except Killed:
            ended = run(sync, NOON, NOON, sleep=Naps())
        else:
            break
        assert (ended.state, numbers(ended)) == ("done", (3, 3, 0, 0, 0, 0))
        assert set(list_members(any_platform, f"List {call}")) == {"ann@x.io", "bob@x.io", "o'neil+cat@x.io"}
        assert sync.ledger.filter(state=Pushed.State.PUSHED).count() == 3
        assert ended.calls >= len(wire.calls)
        assert sync.runs.count() == 1
    assert call >= 8


@pytest.mark.long
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("again", ["same slot", "next slot"])
def test_a_night_killed_at_any_call_ends_as_planned(
    shop: Shop, any_platform: Served, when: KillAt, again: str
) -> None:
    shop.open([ANN, BOB, CAT])
    shop.connect(any_platform)
    syncs = [shop.sync(f"kill {call}", list=f"List {call}") for call in range(8)]
    for sync in syncs:
        assert run(sync, NOON, sleep=Naps()).state == "done"
    shop.next_night([("1", "ann@new.io", 3, "", "false"), CAT, DAN])
    slot = shop.now if again == "same slot" else shop.now + timedelta(days=1)
    for call, sync in enumerate(syncs):
        try:
            run(sync, shop.now, shop.now, sleep=Naps(), transport=Wire(call, when=when))
        except Killed:
            ended = run(sync, slot, slot, sleep=Naps())
        else:
            break
        assert (ended.state, ended.error) == ("done", "")
        assert set(list_members(any_platform, f"List {call}")) == {
            "ann@new.io",
            "o'neil+cat@x.io",
            "dan@x.io",
        }
        assert sorted(sync.ledger.values_list("key", "email", "state", "on_list")) == [
            ("1", "ann@new.io", "pushed", True),
            ("3", "o'neil+cat@x.io", "pushed", True),
            ("4", "dan@x.io", "pushed", True),
        ]
    assert call == 7
    wire = Wire()
    assert run(syncs[0], slot, sleep=Naps(), transport=wire).state == "done"
    assert wire.calls == []


@pytest.mark.long
def test_a_lost_answer_is_got_over_within_the_run(shop: Shop, any_platform: Served) -> None:
    shop.open([ANN, BOB])
    shop.connect(any_platform)
    for call in range(9):
        sync = shop.sync(f"lost {call}", list=f"List {call}", fields={f"ORDERS_{call}": "orders"}, tags=[])
        done = run(sync, NOON, sleep=Naps(), transport=Wire(call, when="after", by=httpx.ReadError))
        assert (done.state, numbers(done)) == ("done", (2, 2, 0, 0, 0, 0))
        assert set(list_members(any_platform, f"List {call}")) == {"ann@x.io", "bob@x.io"}


def test_an_unreachable_platform_fails_the_run_and_it_is_due_again_later(shop: Shop) -> None:
    shop.open([ANN])
    with published.serve() as gone:
        shop.connect(gone)
    sync = shop.sync()
    at = datetime(1998, 1, 2, 6, 5, tzinfo=UTC)
    assert due(at) == [(sync, at)]
    failed = run(sync, at, at, sleep=Naps())
    assert (failed.state, failed.retry) == ("failed", True)
    assert "does not answer" in failed.error
    assert due(at) == []
    assert due(at + timedelta(minutes=5)) == [(sync, at)]


def test_wrong_credentials_say_what_to_do_and_are_not_tried_again(shop: Shop) -> None:
    with published.serve() as account:
        account.password = "another"
        shop.open([ANN])
        shop.connect(account)
        account.password = "changed since"
        failed = run(shop.sync(), NOON, sleep=Naps())
    assert (failed.state, failed.retry) == ("failed", False)
    assert failed.error.endswith("check both, and that the API user is enabled")
    assert account.seen == ["GET /v2/account-info"]


def test_an_empty_audience_is_refused_and_nothing_is_removed(shop: Shop, any_platform: Served) -> None:
    shop.open([ANN, BOB])
    shop.connect(any_platform)
    sync = shop.sync()
    run(sync, NOON, sleep=Naps())
    shop.next_night([], not_wanted=[ANN, BOB])
    wire = Wire()
    stopped = run(sync, shop.now, sleep=Naps(), transport=wire)
    assert stopped.state == "refused"
    assert stopped.error.startswith("the audience is empty")
    assert wire.calls == []
    assert len(list_members(any_platform, "Usher sync")) == 2


def test_a_plan_that_removes_too_many_is_held_until_somebody_approves_it(
    shop: Shop, any_platform: Served
) -> None:
    shop.open(crowd(1, 41))
    shop.connect(any_platform)
    sync = shop.sync(guard={"share": "10%", "floor": 3})
    run(sync, NOON, sleep=Naps())
    shop.next_night(crowd(1, 31), not_wanted=crowd(31, 41))
    wire = Wire()
    held = run(sync, shop.now, shop.now, sleep=Naps(), transport=wire)
    assert (held.state, held.removed, wire.calls) == ("held", 10, [])
    assert run(sync, shop.now, shop.now, sleep=Naps()).state == "held"
    with pytest.raises(SyncError, match="say why"):
        approve(held, by="ops", because=" ", now=shop.now)
    approve(held, by="ops", because="they moved to another list", now=shop.now)
    with pytest.raises(SyncError, match="not held"):
        approve(held, by="ops", because="again", now=shop.now)
    done = resume(held, shop.now, sleep=Naps())
    assert (done.state, done.approved_by, done.approved_because) == (
        "done",
        "ops",
        "they moved to another list",
    )
    assert len(list_members(any_platform, "Usher sync")) == 30


def test_a_held_plan_gives_way_to_a_later_run(shop: Shop, any_platform: Served) -> None:
    shop.open(crowd(1, 41))
    shop.connect(any_platform)
    sync = shop.sync(guard={"share": "10%", "floor": 3})
    run(sync, NOON, sleep=Naps())
    shop.next_night(crowd(1, 31), not_wanted=crowd(31, 41))
    held = run(sync, shop.now, sleep=Naps())
    shop.next_night(crowd(1, 41))
    assert run(sync, shop.now, sleep=Naps()).state == "done"
    with pytest.raises(SyncError, match="not held"):
        approve(held, by="ops", because="late", now=shop.now)


def test_an_import_that_the_platform_rejects_fails_the_run_and_is_planned_anew(shop: Shop) -> None:
    with published.serve() as account:
        shop.open([ANN])
        shop.connect(account)
        sync = shop.sync()
        account.ends = "RejectedByWatchdog"
        failed = run(sync, NOON, sleep=Naps())
        assert (failed.state, failed.retry) == ("failed", False)
        assert "watchdog" in failed.error
        assert not sync.ledger.exists()
        account.ends = "Finished"
        done = run(sync, NOON, sleep=Naps())
        assert numbers(done) == (1, 1, 0, 0, 0, 0)


def test_a_list_that_was_deleted_at_the_platform_is_made_and_filled_again(shop: Shop) -> None:
    with published.serve() as account:
        shop.open([ANN, BOB])
        shop.connect(account)
        sync = shop.sync()
        run(sync, NOON, sleep=Naps())
        account.lists.clear()
        shop.next_night([ANN, BOB, DAN])
        failed = run(sync, shop.now, shop.now, sleep=Naps())
        assert (failed.state, failed.retry) == ("failed", True)
        later = shop.now + timedelta(minutes=3)
        assert run(sync, later, shop.now, sleep=Naps()).state == "done"
        assert set(account.members("Usher sync")) == {"ann@x.io", "bob@x.io", "dan@x.io"}


def test_another_account_starts_afresh(shop: Shop) -> None:
    with published.serve() as one, published.serve() as other:
        shop.open([ANN, BOB])
        shop.connect(one)
        sync = shop.sync()
        run(sync, NOON, sleep=Naps())
        other.id = 8
        shop.connect(other)
        moved = run(sync, NOON, sleep=Naps())
        assert numbers(moved) == (2, 2, 0, 0, 0, 0)
        assert set(other.members("Usher sync")) == {"ann@x.io", "bob@x.io"}
        other.id = 8
        assert run(sync, NOON, sleep=Naps()).calls_made == {}


def test_the_same_account_under_another_address_is_recognised(shop: Shop) -> None:
    with published.serve() as one, published.serve() as other:
        shop.open([ANN])
        shop.connect(one)
        sync = shop.sync()
        run(sync, NOON, sleep=Naps())
        shop.connect(other)
        assert run(sync, NOON, sleep=Naps()).calls_made == {"account": 1}


def test_a_sync_that_is_running_is_refused_by_name(shop: Shop, django_db_blocker: Any) -> None:
    import psycopg
    from django.db import connection

    with published.serve() as account:
        shop.open([ANN])
        shop.connect(account)
        sync = shop.sync()
        with psycopg.connect(
            **connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}
        ) as elsewhere:
            elsewhere.execute("select pg_advisory_lock(%s, %s)", [0x5C, sync.pk])
            with pytest.raises(BusyError, match="“nightly” is running already"):
                run(sync, NOON)


def test_it_is_due_at_its_time_and_only_after_it_was_defined(shop: Shop) -> None:
    with published.serve() as account:
        shop.open([ANN])
        shop.connect(account)
        sync = shop.sync()
        assert due(NOON) == []
        slot = datetime(1998, 1, 2, 6, 5, tzinfo=UTC)
        assert next_due(NOON) == slot
        assert due(slot + timedelta(hours=3)) == [(sync, slot)]
        run(sync, slot, slot, sleep=Naps())
        assert due(slot + timedelta(hours=3)) == []
        assert run(sync, slot, slot, sleep=Naps()).pk == sync.runs.get().pk


def test_a_payload_that_was_changed_on_disk_is_not_sent(shop: Shop) -> None:
    with published.serve() as account:
        shop.open([ANN])
        shop.connect(account)
        sync = shop.sync()
        with pytest.raises(Killed):
            run(sync, NOON, NOON, sleep=Naps(), transport=Wire(4))
        one = sync.runs.get()
        step = one.steps.get(kind=Step.Kind.IMPORT)
        (one.folder / step.payload).write_bytes(b"something else")
        failed = run(sync, NOON, NOON, sleep=Naps())
        assert failed.state == "failed"
        assert "was changed after it was planned" in failed.error
        assert account.files == []
