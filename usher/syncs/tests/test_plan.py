from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest

from usher.destinations.dotdigital.client import Dotdigital
from usher.syncs import guard
from usher.syncs.plan import Plan, There, field_type, name_problem, plan

PUSHED = pa.schema(
    {
        "key": pa.string(),
        "email": pa.string(),
        "hash": pa.string(),
        "fields": pa.string(),
        "state": pa.string(),
        "reason": pa.string(),
        "on_list": pa.bool_(),
    }
)
WANTED = {
    "key": pa.string(),
    "email": pa.string(),
    "ORDERS": pa.int64(),
    "LAST_ORDER": pa.date32(),
    "TAG_VIP": pa.bool_(),
}
ALL_THERE = There("50", {"ORDERS": "number", "LAST_ORDER": "date", "TAG_VIP": "boolean"})
REFUSED = pa.schema({"key": pa.string(), "email": pa.string(), "reason": pa.string()})
DAY = dt.date(1998, 1, 1)


def wanted(*rows: tuple[Any, ...]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(WANTED, row, strict=True)) for row in rows], pa.schema(WANTED))


def refused(*rows: tuple[str, str | None, str]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(REFUSED.names, row, strict=True)) for row in rows], REFUSED)


def ledger_after(made: Plan, *, without: tuple[str, ...] = (), on_list: bool = True) -> pa.Table:
    """The ledger when everything of the plan was done, but the platform refused some keys."""
    rows = [
        {
            **{name: row[name] for name in ("key", "email", "hash", "fields")},
            "state": "refused" if row["key"] in without else "pushed",
            "reason": "Unsubscribed" if row["key"] in without else "",
            "on_list": row["key"] not in without or not on_list,
        }
        for row in made.upserts.to_pylist()
    ]
    return pa.Table.from_pylist(rows, PUSHED)


def planned(rows: pa.Table, pushed: pa.Table | None = None, **options: Any) -> Plan:
    given = {
        "refused": refused(),
        "there": ALL_THERE,
        "capabilities": Dotdigital.capabilities,
        "list_name": "Usher sync",
    }
    return plan(rows, pushed=PUSHED.empty_table() if pushed is None else pushed, **(given | options))


ANN = ("1", "ann@x.io", 2, DAY, True)
BOB = ("2", "bob@x.io", 1, None, False)
CAT = ("3", "cat@x.io", 0, DAY, None)


def numbers(made: Plan) -> tuple[int, ...]:
    return tuple(made.counts.as_dict().values())


def test_the_first_plan_adds_everybody_and_makes_what_is_missing() -> None:
    made = planned(wanted(ANN, BOB), there=There("", {"ORDERS": "number"}))
    assert numbers(made) == (2, 2, 0, 0, 0, 0)
    assert made.create_list
    assert made.create_fields == {"LAST_ORDER": "date", "TAG_VIP": "boolean"}
    assert made.upserts["action"].to_pylist() == ["add", "add"]
    assert made.calls == {
        "create list": 1,
        "create data field": 2,
        "import": 1,
        "import status": 1,
        "import report": 1,
    }


def test_nothing_to_do_is_no_call() -> None:
    made = planned(wanted(ANN, BOB), ledger_after(planned(wanted(ANN, BOB))))
    assert numbers(made) == (2, 0, 0, 2, 0, 0)
    assert made.is_empty
    assert made.calls == {}


def test_it_names_the_fields_that_changed() -> None:
    pushed = ledger_after(planned(wanted(ANN, BOB)))
    made = planned(wanted(("1", "ann@x.io", 3, DAY, False), BOB), pushed)
    assert numbers(made) == (2, 0, 1, 1, 0, 0)
    assert made.upserts["changed"].to_pylist() == ["ORDERS,TAG_VIP"]


def test_a_value_that_is_taken_away_is_a_change() -> None:
    pushed = ledger_after(planned(wanted(ANN)))
    made = planned(wanted(("1", "ann@x.io", 2, None, True)), pushed)
    assert made.upserts["changed"].to_pylist() == ["LAST_ORDER"]


def test_who_left_is_removed_and_counted_beside_the_rest() -> None:
    made = planned(wanted(ANN), ledger_after(planned(wanted(ANN, BOB))))
    assert numbers(made) == (1, 0, 0, 1, 0, 1)
    assert made.removals.to_pylist() == [{"key": "2", "email": "bob@x.io", "leaver": True, "off": True}]
    assert made.calls == {"look up contact": 1, "remove": 1, "removal status": 1}


def test_a_new_address_is_an_update_of_one_person() -> None:
    made = planned(wanted(("1", "ann@new.io", 2, DAY, True)), ledger_after(planned(wanted(ANN))))
    assert numbers(made) == (1, 0, 1, 0, 0, 0)
    assert made.upserts["changed"].to_pylist() == ["email"]
    assert made.removals.to_pylist() == [{"key": "1", "email": "ann@x.io", "leaver": False, "off": True}]


def test_letter_case_of_an_address_is_no_change() -> None:
    made = planned(wanted(("1", "Ann@X.io", 2, DAY, True)), ledger_after(planned(wanted(ANN))))
    assert made.is_empty


def test_two_people_may_swap_their_addresses() -> None:
    pushed = ledger_after(planned(wanted(ANN, BOB)))
    made = planned(wanted(("1", "bob@x.io", 2, DAY, True), ("2", "ann@x.io", 1, None, False)), pushed)
    assert numbers(made) == (2, 0, 2, 0, 0, 0)
    assert made.removals["off"].to_pylist() == [False, False]


def test_an_address_that_goes_to_somebody_else_stays_on_the_list() -> None:
    made = planned(wanted(("9", "ANN@x.io", 1, None, True)), ledger_after(planned(wanted(ANN))))
    assert numbers(made) == (1, 1, 0, 0, 0, 1)
    assert made.removals["off"].to_pylist() == [False]
    assert "remove" not in made.calls


def test_two_keys_with_one_address_give_it_to_who_had_it() -> None:
    rows = wanted(("0", "bob@x.io", 5, None, True), BOB)
    assert planned(rows).upserts["key"].to_pylist() == ["0"]
    made = planned(rows, ledger_after(planned(wanted(BOB))))
    assert numbers(made) == (2, 0, 0, 1, 1, 0)
    assert made.refusals.to_pylist() == [
        {"key": "0", "email": "bob@x.io", "reason": "the same address as 2", "news": True}
    ]


def test_who_the_platform_refused_is_left_alone_until_something_changes() -> None:
    pushed = ledger_after(planned(wanted(ANN, BOB)), without=("2",))
    made = planned(wanted(ANN, BOB), pushed)
    assert numbers(made) == (2, 0, 0, 1, 1, 0)
    assert made.is_empty
    assert made.refusals["reason"].to_pylist() == ["Unsubscribed"]
    again = planned(wanted(ANN, ("2", "bob@x.io", 2, None, False)), pushed)
    assert numbers(again) == (2, 1, 0, 1, 0, 0)


def test_who_was_refused_after_being_on_the_list_is_taken_off_when_leaving() -> None:
    pushed = ledger_after(planned(wanted(ANN, BOB)), without=("2",), on_list=False)
    made = planned(wanted(ANN), pushed)
    assert numbers(made) == (1, 0, 0, 1, 0, 1)
    never = planned(wanted(ANN), ledger_after(planned(wanted(ANN, BOB)), without=("2",)))
    assert numbers(never) == (1, 0, 0, 1, 0, 0)
    assert never.forgotten["key"].to_pylist() == ["2"]


def test_a_member_whose_address_was_lost_is_refused_and_taken_off() -> None:
    pushed = ledger_after(planned(wanted(ANN, BOB)))
    made = planned(wanted(ANN), pushed, refused=refused(("2", None, "no e-mail address")))
    assert numbers(made) == (2, 0, 0, 1, 1, 1)
    assert made.removals["email"].to_pylist() == ["bob@x.io"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x" * 1001, "NAME is longer than 1000 characters"),
        ("a\0b", "NAME holds a character that cannot be sent"),
    ],
)
def test_a_text_that_the_platform_cannot_hold_refuses_its_row(text: str, reason: str) -> None:
    rows = pa.table({"key": ["1", "2"], "email": ["a@x.io", "b@x.io"], "NAME": [text, 'O"Neil, Ödön\n🎵']})
    made = planned(rows, there=There("50", {"NAME": "text"}))
    assert made.refusals["reason"].to_pylist() == [reason]
    assert made.upserts["key"].to_pylist() == ["2"]


def test_a_number_that_is_none_refuses_its_row() -> None:
    rows = pa.table({"key": ["1", "2"], "email": ["a@x.io", "b@x.io"], "SPENT": [float("nan"), 12.5]})
    made = planned(rows, there=There("50", {"SPENT": "number"}))
    assert made.refusals["reason"].to_pylist() == ["SPENT is no number of at most 18 digits"]
    assert made.upserts["fields"].to_pylist() == ['{"SPENT":12.5}']


def test_a_sync_may_send_addresses_alone() -> None:
    rows = pa.table({"key": ["1"], "email": ["a@x.io"]})
    made = planned(rows)
    assert numbers(made) == (1, 1, 0, 0, 0, 0)
    assert planned(rows, ledger_after(made)).is_empty


def test_fields_may_be_called_like_our_own_columns() -> None:
    rows = pa.table({"key": ["1"], "email": ["a@x.io"], "HASH": ["h"], "ACTION": ["a"], "KEY": ["k"]})
    made = planned(rows, there=There("50", {}))
    assert made.imports[0].num_rows == 1
    assert made.upserts["fields"].to_pylist() == ['{"HASH":"h","ACTION":"a","KEY":"k"}']


def test_missing_things_that_may_not_be_made_stop_the_plan() -> None:
    made = planned(
        wanted(ANN), there=There("", {"ORDERS": "boolean"}), create_list=False, create_fields=False
    )
    assert guard.refusal(made) == (
        "the platform has no list “Usher sync”; make it there, or set create_list; "
        "the platform has no data field LAST_ORDER, TAG_VIP; make it there, or set create_fields; "
        "the data field ORDERS holds a boolean at the platform, not a number; map another"
    )


def test_an_empty_audience_is_refused() -> None:
    made = planned(wanted(), ledger_after(planned(wanted(ANN, BOB))))
    assert guard.refusal(made).startswith("the audience is empty: nothing is removed")


def test_an_audience_of_which_nobody_can_be_sent_is_refused() -> None:
    made = planned(
        wanted(), ledger_after(planned(wanted(ANN))), refused=refused(("1", "ann", "not an e-mail address"))
    )
    assert guard.refusal(made).startswith("none of the 1 people in the audience can be sent")


def test_it_holds_a_plan_that_would_remove_too_many() -> None:
    everybody = [(str(n), f"c{n}@x.io", n, None, False) for n in range(1100)]
    pushed = ledger_after(planned(wanted(*everybody)))
    few = planned(wanted(*everybody[:1000]), pushed)
    many = planned(wanted(*everybody[:980]), pushed)
    assert guard.hold(few, share=0.10, floor=100) == ""
    assert guard.hold(many, share=0.10, floor=100) == (
        "it would remove 120 of the 1,100 people on the list (11%), more than 10% and more than 100; "
        "look at the plan, then approve it with a reason"
    )
    assert guard.hold(many, share=0.10, floor=120) == ""
    assert guard.hold(many, share=0.11, floor=100) == ""


def test_the_same_question_gives_the_same_plan_whatever_the_order_of_the_rows() -> None:
    one, other = planned(wanted(ANN, BOB, CAT)), planned(wanted(CAT, ANN, BOB))
    assert one.upserts.equals(other.upserts)
    assert one.counts == other.counts


@pytest.mark.parametrize("name", ["A" * 21, "LAST ORDER", "ÄGE", "", "email"])
def test_names_that_the_platform_would_not_take_are_told(name: str) -> None:
    assert name_problem(name, Dotdigital.capabilities)


def test_a_column_of_lists_is_no_data_field() -> None:
    with pytest.raises(ValueError, match="GENRES holds list"):
        field_type("GENRES", pa.list_(pa.string()))
