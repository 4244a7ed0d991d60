"""What every destination keeps, whatever stands behind it."""

from __future__ import annotations

import datetime as dt
import time

import pyarrow as pa

from usher.destinations.base import Platform
from usher.destinations.tests.platforms import Served, connect, list_members, unsubscribe


def load(platform: Platform, list_id: str, rows: pa.Table) -> str:
    """An import that has come to its end."""
    import_id = platform.start_import(list_id, rows)
    ends = time.monotonic() + 20
    while platform.import_progress(import_id).state == "running" and time.monotonic() < ends:
        time.sleep(0.05)
    assert platform.import_progress(import_id).state == "done"
    return import_id


def addresses(*emails: str) -> pa.Table:
    return pa.table({"email": list(emails)})


def test_it_knows_the_account(any_platform: Served) -> None:
    with connect(any_platform) as platform:
        assert platform.check().id


def test_a_list_is_made_once_whatever_its_letter_case(any_platform: Served) -> None:
    with connect(any_platform) as platform:
        made = platform.ensure_list("Usher sync")
        assert platform.ensure_list("usher SYNC") == made
        assert [it.name for it in platform.lists() if it.id == made] == ["Usher sync"]


def test_a_field_is_made_once_with_its_type(any_platform: Served) -> None:
    with connect(any_platform) as platform:
        for _ in range(2):
            platform.ensure_field("ORDERS", "number")
            platform.ensure_field("Last_Order", "date")
            platform.ensure_field("TAG_VIP", "boolean")
            platform.ensure_field("NOTE", "text")
        there = platform.fields()
    assert {name: there[name] for name in ("ORDERS", "LAST_ORDER", "TAG_VIP", "NOTE")} == {
        "ORDERS": "number",
        "LAST_ORDER": "date",
        "TAG_VIP": "boolean",
        "NOTE": "text",
    }


def test_an_import_carries_every_kind_of_value(any_platform: Served) -> None:
    with connect(any_platform) as platform:
        for name, kind in (
            ("ORDERS", "number"),
            ("SPENT", "number"),
            ("DAY", "date"),
            ("TAG_VIP", "boolean"),
        ):
            platform.ensure_field(name, kind)  # type: ignore[arg-type]
        list_id = platform.ensure_list("values")
        load(
            platform,
            list_id,
            pa.table(
                {
                    "email": ["ann@x.io", "bob@x.io"],
                    "FIRSTNAME": ['Ödön "Don", née\nO\'Neil', None],
                    "ORDERS": [3, None],
                    "SPENT": [1234.5, 0.0],
                    "DAY": [dt.date(1998, 1, 2), None],
                    "TAG_VIP": [True, False],
                }
            ),
        )
    found = list_members(any_platform, "values")
    ann, bob = found["ann@x.io"], found["bob@x.io"]
    assert ann["FIRSTNAME"] == 'Ödön "Don", née\nO\'Neil'
    assert (float(ann["ORDERS"]), float(ann["SPENT"]), float(bob["SPENT"])) == (3, 1234.5, 0)
    assert (str(ann["DAY"])[:10], str(ann["TAG_VIP"]).lower(), str(bob["TAG_VIP"]).lower()) == (
        "1998-01-02",
        "true",
        "false",
    )
    assert not {"FIRSTNAME", "ORDERS", "DAY"} & set(bob)


def test_an_import_empties_what_has_no_value_any_more(any_platform: Served) -> None:
    with connect(any_platform) as platform:
        list_id = platform.ensure_list("emptied")
        load(platform, list_id, pa.table({"email": ["ann@x.io"], "FIRSTNAME": ["Ann"]}))
        load(platform, list_id, pa.table({"email": ["ann@x.io"], "FIRSTNAME": pa.array([None], pa.string())}))
    assert list_members(any_platform, "emptied") == {"ann@x.io": {}}


def test_an_import_revives_nobody_and_names_them(any_platform: Served) -> None:
    unsubscribe(any_platform, "bob@x.io")
    with connect(any_platform) as platform:
        list_id = platform.ensure_list("sticky")
        report = platform.import_report(load(platform, list_id, addresses("ann@x.io", "BOB@x.io")))
        bob = platform.contact("bob@x.io")
    assert report.faults == {"bob@x.io": "Unsubscribed"}
    assert report.counters["unsubscribed"] == 1
    assert list(list_members(any_platform, "sticky")) == ["ann@x.io"]
    assert bob is None or not bob.mailable


def test_the_same_import_twice_is_as_once(any_platform: Served) -> None:
    with connect(any_platform) as platform:
        list_id = platform.ensure_list("twice")
        for _ in range(2):
            load(platform, list_id, addresses("ann@x.io", "bob@x.io"))
    assert set(list_members(any_platform, "twice")) == {"ann@x.io", "bob@x.io"}


def test_removals_take_off_the_list_and_leave_the_contact(any_platform: Served) -> None:
    with connect(any_platform) as platform:
        list_id = platform.ensure_list("shrinking")
        load(platform, list_id, addresses("a@x.io", "b@x.io", "c@x.io", "d@x.io"))
        for emails, size in ((["A@x.io"], 4), (["b@x.io", "c@x.io", "gone@x.io"], 3)):
            removal = platform.remove(list_id, emails, list_size=size)
            assert removal
            ends = time.monotonic() + 20
            while platform.removal_progress(removal).state == "running" and time.monotonic() < ends:
                time.sleep(0.05)
        still = platform.contact("b@x.io")
    assert list(list_members(any_platform, "shrinking")) == ["d@x.io"]
    assert still is not None
    assert still.mailable


def test_removing_nobody_who_is_there_asks_for_no_removal(any_platform: Served) -> None:
    with connect(any_platform) as platform:
        list_id = platform.ensure_list("untouched")
        assert platform.remove(list_id, ["nobody@x.io"], list_size=0) is None


def test_one_contact_is_added_with_its_fields(any_platform: Served) -> None:
    with connect(any_platform) as platform:
        platform.ensure_field("TAG_VIP", "boolean")
        list_id = platform.ensure_list("seeds")
        added = platform.add_one(list_id, "seed+1@x.io", {"TAG_VIP": True})
        found = platform.contact("seed+1@x.io")
    assert added.mailable
    assert found is not None
    assert (found.id, str(found.fields["TAG_VIP"]).lower()) == (added.id, "true")
    assert list(list_members(any_platform, "seeds")) == ["seed+1@x.io"]


def test_an_unknown_contact_is_none(any_platform: Served) -> None:
    with connect(any_platform) as platform:
        assert platform.contact("who+ever@x.io") is None
