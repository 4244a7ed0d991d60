from __future__ import annotations

from collections.abc import Callable
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from usher.destinations.models import Destination
from usher.lib.changes import DefinitionError
from usher.seeds.definitions import PlanBody, apply, export
from usher.seeds.models import SeedPath, SeedPlan
from usher.seeds.tests.conftest import WIN_BACK, at


def body(**changes: Any) -> PlanBody:
    values = yaml.safe_load(WIN_BACK) | changes
    return PlanBody.model_validate({name: value for name, value in values.items() if value is not None})


def put(name: str = "Win back seeds", hour: str = "06:00", **changes: Any) -> str:
    change = apply("seeds", name, body(**changes), base_dir=Path(), by="Olga", now=at(5, hour))
    return str(change)


def test_it_writes_the_plan_and_its_paths(engage: Destination) -> None:
    assert put().startswith("created seeds “Win back seeds” (program, ")
    plan = SeedPlan.objects.get()
    assert (plan.every_days, plan.at, plan.starts) == (10, time(6, 30), date(1998, 1, 1))
    assert (plan.fields, plan.changed_by) == ({"TAG_LAPSED_BUYER": True}, "Olga")
    clicks, does_not = plan.paths.all()
    assert (clicks.clicks, clicks.never) == (True, ["Your favourites are waiting"])
    assert [step.after for step in does_not.steps()] == [timedelta(), timedelta(days=7)]


def test_the_same_definition_again_changes_nothing(engage: Destination) -> None:
    put()
    assert put(hour="12:00") == "unchanged seeds “Win back seeds”"


def test_it_says_which_fields_it_changed(engage: Destination) -> None:
    put()
    assert put(every="7 days", grace="1 minute") == "updated seeds “Win back seeds” (every_days, grace)"
    assert put(every="7 days", grace="1 minute", paths={"all": {"never": ["Goodbye"]}}) == (
        "updated seeds “Win back seeds” (paths)"
    )
    assert sorted(SeedPath.objects.filter(removed_at=None).values_list("name", flat=True)) == ["all"]


def test_without_a_first_day_it_starts_with_the_next_slot_and_stays_there(engage: Destination) -> None:
    put(starts=None, hour="06:31")
    assert SeedPlan.objects.get().starts == date(1998, 1, 6)
    put(starts=None, hour="06:00")
    assert SeedPlan.objects.get().starts == date(1998, 1, 6)


def test_what_is_exported_can_be_applied(engage: Destination, define: Callable[..., SeedPlan]) -> None:
    put(fields={"TAG_X": True, "SINCE": date(1998, 1, 1), "N": 3}, click_after="2 hours")
    exported = yaml.safe_load(yaml.safe_dump(export("seeds"), allow_unicode=True, sort_keys=False))
    assert exported["Win back seeds"] == {
        "program": "Win back",
        "destination": "engage",
        "list": "Usher seeds",
        "address": "seed@seeds.example.com",
        "every": "10 days",
        "at": "06:30",
        "starts": "1998-01-01",
        "click_after": "2 hours",
        "fields": {"TAG_X": True, "SINCE": "1998-01-01", "N": 3},
        "paths": {
            "clicks": {
                "clicks": True,
                "expect": [{"mail": "We miss you", "at": "07:00", "window": "30 minutes"}],
                "never": ["Your favourites are waiting"],
            },
            "does not click": {
                "expect": [
                    {"mail": "We miss you", "at": "07:00", "window": "30 minutes"},
                    {
                        "mail": "Your favourites are waiting",
                        "at": "07:00",
                        "after": "7 days",
                        "window": "30 minutes",
                    },
                ],
            },
        },
    }
    again = PlanBody.model_validate(exported["Win back seeds"])
    change = apply("seeds", "Win back seeds", again, base_dir=Path(), by="Olga", now=at(6, "06:00"))
    assert str(change) == "unchanged seeds “Win back seeds”"


def test_a_destination_that_is_not_there_is_named(engage: Destination) -> None:
    with pytest.raises(DefinitionError, match="there is no destination “dotmailer”; defined: engage"):
        put(destination="dotmailer")


def test_paths_whose_seeds_would_share_an_address_are_refused(engage: Destination) -> None:
    with pytest.raises(DefinitionError, match="gets the same address as “a b”: rename it"):
        put(paths={"a b": {"never": ["x"]}, "a-b": {"never": ["x"]}})
    put()
    with pytest.raises(DefinitionError, match="gets the same address as “clicks” of “Win back seeds”"):
        put(name="Win-back seeds")


def test_yaml_may_read_an_hour_as_a_number(engage: Destination) -> None:
    put(at=yaml.safe_load("10:30"))
    assert SeedPlan.objects.get().at == time(10, 30)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"every": "36 hours"}, "write whole days"),
        ({"every": "0 days"}, "write whole days"),
        ({"every": "often"}, "not a duration"),
        ({"at": "25:00"}, "time"),
        ({"address": "seed"}, "@"),
        ({"address": "seed+x@example.com"}, r"without a \+"),
        ({"paths": {}}, "at least 1"),
        ({"paths": {"all": {}}}, "say which mail to expect"),
        ({"paths": {"all": {"expect": [{"mail": "A*"}], "never": ["abc"]}}}, "both expected and never"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        body(**changes)
