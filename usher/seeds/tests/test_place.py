from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from usher.seeds.models import Expectation, Placement, SeedPlan
from usher.seeds.place import _intend as intend
from usher.seeds.place import place, tag
from usher.seeds.tests.conftest import CLICKS, DOES_NOT, at
from usher.seeds.tests.platform import Platform


def day(moment: datetime) -> str:
    return f"{moment:%d %H:%M}"


def expected() -> list[tuple[str, str, bool, str, str]]:
    return [
        (
            row.placement.path.name,
            row.mail,
            row.must_arrive,
            f"{row.due_at:%d %H:%M}",
            f"{row.window_closes_at:%d %H:%M}",
        )
        for row in Expectation.objects.order_by("placement__path__position", "position")
    ]


def test_it_places_nothing_before_the_first_slot(plan: SeedPlan, platform: Platform) -> None:
    assert place(at(1, "06:29")) == 0
    assert platform.added() == []


def test_it_places_one_seed_a_path_by_single_adds_with_the_plans_fields(
    plan: SeedPlan, platform: Platform
) -> None:
    assert place(at(1, "06:30")) == 2
    assert platform.added() == [CLICKS, DOES_NOT]
    assert platform.lists == {"Usher seeds": 1}
    assert platform.fields == {"TAG_LAPSED_BUYER": "Boolean", "USHER_SEED": "Boolean"}
    values = {field["key"]: field["value"] for field in platform.contacts[CLICKS]["dataFields"]}
    assert values == {"TAG_LAPSED_BUYER": True, "USHER_SEED": True}
    seed = Placement.objects.get(address=CLICKS)
    assert (seed.state, seed.contact_id, seed.placed_at) == ("placed", "100", at(1, "06:30"))


def test_it_writes_down_what_each_seed_expects(plan: SeedPlan, platform: Platform) -> None:
    place(at(1, "06:30"))
    assert expected() == [
        ("clicks", "We miss you", True, "01 07:00", "01 07:30"),
        ("clicks", "Your favourites are waiting", False, "01 06:30", "08 07:30"),
        ("does not click", "We miss you", True, "01 07:00", "01 07:30"),
        ("does not click", "Your favourites are waiting", True, "08 07:00", "08 07:30"),
    ]


def test_it_places_once_a_slot_however_often_it_is_asked(plan: SeedPlan, platform: Platform) -> None:
    assert [place(at(1, "06:30")), place(at(1, "06:30")), place(at(5, "12:00"))] == [2, 0, 0]
    assert place(at(11, "06:30")) == 2
    assert len(platform.added()) == 4


def test_it_reckons_from_the_moment_of_placement_when_it_comes_late(
    plan: SeedPlan, platform: Platform
) -> None:
    place(at(3, "09:00"))
    assert platform.added() == [CLICKS, DOES_NOT]  # named after the slot
    assert expected()[0] == ("clicks", "We miss you", True, "04 07:00", "04 07:30")


def test_it_calls_again_after_a_crash_between_the_intent_and_the_call(
    plan: SeedPlan, platform: Platform
) -> None:
    intend(plan, at(1, "06:30"))
    assert platform.calls == []
    assert place(at(1, "06:40")) == 2
    assert platform.added() == [CLICKS, DOES_NOT]
    assert place(at(1, "06:50")) == 0


def test_it_does_not_add_twice_when_the_answer_was_lost(plan: SeedPlan, platform: Platform) -> None:
    platform.loses_answer = True
    assert place(at(1, "06:30")) == 0
    assert [seed.state for seed in Placement.objects.all()] == ["intended", "intended"]
    platform.loses_answer = False
    assert place(at(1, "07:10")) == 2
    assert platform.added() == [CLICKS, DOES_NOT]
    # it was there before the program's hour, so the first reckoning stands
    assert Placement.objects.get(address=CLICKS).placed_at == at(1, "06:30")
    assert expected()[0] == ("clicks", "We miss you", True, "01 07:00", "01 07:30")


def test_it_tries_again_later_and_moves_the_windows_when_the_platform_was_down(
    plan: SeedPlan, platform: Platform
) -> None:
    platform.trouble = 503
    assert place(at(1, "06:30")) == 0
    seed = Placement.objects.get(address=CLICKS)
    assert (seed.state, seed.next_try_at) == ("intended", at(1, "06:35"))
    assert "503" in seed.error
    platform.trouble = 0
    assert place(at(1, "06:34")) == 0
    assert place(at(1, "08:00")) == 2
    assert expected()[0] == ("clicks", "We miss you", True, "02 07:00", "02 07:30")


def test_it_gives_up_at_once_what_waiting_does_not_mend(plan: SeedPlan, platform: Platform) -> None:
    platform.trouble = 401
    place(at(1, "06:30"))
    seed = Placement.objects.get(address=CLICKS)
    assert (seed.state, seed.next_try_at) == ("failed", None)
    assert seed.error


def test_it_gives_up_a_seed_whose_next_slot_has_come(plan: SeedPlan, platform: Platform) -> None:
    platform.trouble = 503
    place(at(1, "06:30"))
    platform.trouble = 0
    assert place(at(11, "06:30")) == 2
    assert [seed.state for seed in Placement.objects.order_by("slot")] == [
        "failed",
        "failed",
        "placed",
        "placed",
    ]


def test_it_places_no_second_seed_on_the_day_on_which_the_hour_was_moved(
    define: Callable[..., SeedPlan], platform: Platform
) -> None:
    define()
    place(at(1, "06:30"))
    define(at="06:45")
    assert place(at(1, "06:45")) == 0
    assert place(at(11, "06:45")) == 2


def test_a_removed_path_gets_no_more_seeds(define: Callable[..., SeedPlan], platform: Platform) -> None:
    define()
    place(at(1, "06:30"))
    define(paths={"clicks": {"clicks": True, "expect": [{"mail": "We miss you"}]}})
    assert place(at(11, "06:30")) == 1
    assert Placement.objects.count() == 3


@pytest.mark.parametrize(
    ("plan", "path", "expected"),
    [
        ("Win back", "does not click", "win-back-does-not-click"),
        ("Fête", "clicks", "f-te-clicks-a930c7"),
        ("日本", "東京", "478afb"),
    ],
)
def test_addresses_are_made_of_names(plan: str, path: str, expected: str) -> None:
    assert tag("seed@example.com", plan, path) == expected


def test_long_names_fit_an_address_and_stay_apart() -> None:
    tags = {tag("seed@example.com", "a" * 100, path) for path in ("b", "c")}
    assert len(tags) == 2
    assert {len(f"seed+{one}-20000101") for one in tags} == {64}


def test_a_program_that_starts_on_joining_is_reckoned_from_the_placement(
    define: Callable[..., SeedPlan], platform: Platform
) -> None:
    define(paths={"all": {"expect": [{"mail": "Welcome", "after": "2 hours", "window": "10 minutes"}]}})
    place(at(1, "06:31"))
    row = Expectation.objects.get()
    assert (row.due_at, row.window_closes_at) == (at(1, "08:31"), at(1, "08:31") + timedelta(minutes=10))
