from __future__ import annotations

from typing import Any

import pytest

from usher.audiences import definitions as audiences
from usher.destinations.models import Destination
from usher.destinations.tests import published
from usher.lib.changes import DefinitionError
from usher.syncs import definitions
from usher.syncs.members import wanted
from usher.syncs.models import Sync
from usher.syncs.run import run
from usher.syncs.tests.conftest import NOON, Shop

ANN = ("1", "ann@x.io", 2, "1997-11-01", "true")


@pytest.fixture
def defined(shop: Shop) -> Shop:
    shop.open([ANN])
    with published.serve() as gone:
        shop.connect(gone)
    return shop


def test_an_export_applied_again_changes_nothing(defined: Shop) -> None:
    defined.sync(guard={"share": "25%", "floor": 10}, create_fields=False)
    body = definitions.export("syncs")["nightly"]
    assert body == {
        "audience": "mailable",
        "destination": "platform",
        "list": "Usher sync",
        "fields": {"ORDERS": "orders", "LAST_ORDER": "last_order"},
        "tags": ["VIP"],
        "schedule": "5 6 * * *",
        "guard": {"share": "25%", "floor": 10},
        "create_fields": False,
    }
    checked = definitions.SECTIONS["syncs"].model_validate(body)
    again = definitions.apply("syncs", "nightly", checked, base_dir=defined.folder, by="t", now=NOON)
    assert again.action == "unchanged"


def test_another_list_starts_afresh(shop: Shop) -> None:
    with published.serve() as account:
        shop.open([ANN])
        shop.connect(account)
        run(shop.sync(), NOON, sleep=lambda seconds: None)
        moved = shop.sync(list="Another list")
        assert (moved.list_id, moved.ledger.count()) == ("", 0)
        run(moved, NOON, sleep=lambda seconds: None)
        assert list(account.members("Another list")) == ["ann@x.io"]
        assert list(account.members("Usher sync")) == ["ann@x.io"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"audience": "mailabel"}, "audience: there is no audience “mailabel”; did you mean “mailable”?"),
        ({"destination": "dotdigital"}, "destination: there is no destination “dotdigital”; define it first"),
        ({"tags": ["VIPS"]}, "tags: there is no tag “VIPS”; did you mean “VIP”?"),
        ({"fields": {"A_FIELD_NAME_OF_21_CH": "orders"}}, "fields: the platform takes names of the form"),
        ({"fields": {"LAST ORDER": "orders"}}, "fields: the platform takes names of the form"),
        ({"fields": {"Email": "orders"}}, "fields: the platform keeps the name Email for itself"),
        ({"fields": {"tag_vip": "orders"}}, "fields: TAG_VIP is filled twice"),
        ({"schedule": "25:00"}, "schedule: '25:00' is not a schedule"),
    ],
)
def test_what_is_wrong_is_named(defined: Shop, change: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        defined.sync(**change)
    assert str(caught.value).startswith(f"sync “nightly”, {message}")
    assert not Sync.objects.exists()


def test_a_group_brings_all_its_tags(defined: Shop) -> None:
    defined._apply(audiences, "tag_groups", "Synced", {})
    defined._apply(audiences, "tags", "GALA", {"group": "Synced"})
    sync = defined.sync(tag_groups=["synced"])
    assert sync.all_tags == ["VIP", "GALA"]
    assert list(sync.columns) == ["ORDERS", "LAST_ORDER", "TAG_VIP", "TAG_GALA"]
    assert definitions.export("syncs")["nightly"]["tag_groups"] == ["Synced"]
    with pytest.raises(DefinitionError, match="there is no tag group “Synchd”; did you mean “Synced”"):
        defined.sync(tag_groups=["Synchd"])


@pytest.mark.parametrize("tag", ["Gala 2026", "gala", "A_NAME_OF_17_CHRS", "GALÀ"])
def test_a_tag_that_no_platform_takes_is_refused_when_it_is_synced(defined: Shop, tag: str) -> None:
    defined._apply(audiences, "tag_groups", "Synced", {})
    defined._apply(audiences, "tags", tag, {"group": "Synced"})
    with pytest.raises(DefinitionError) as caught:
        defined.sync(tags=[tag])
    assert str(caught.value).startswith(
        f"sync “nightly”, tags: “{tag}”: a tag that is synced has a name of 1 to"
    )
    with pytest.raises(DefinitionError, match=f"tag_groups: “{tag}” of the group “Synced”: a tag that is"):
        defined.sync(tag_groups=["Synced"])


def test_a_destination_takes_so_many_tags_and_no_more(defined: Shop) -> None:
    for number in range(100):
        defined._apply(audiences, "tags", f"T{number}", {})
    defined.sync(tags=[f"T{number}" for number in range(99)])
    defined.sync("second", tags=["T0", "T99"])
    with pytest.raises(DefinitionError, match="101 tags would be synced to “platform”, which takes 100"):
        defined.sync("third", tags=["VIP"])
    platform = Destination.objects.get()
    platform.settings["synced_tags"] = 101
    platform.save()
    assert defined.sync("third", tags=["VIP"]).all_tags == ["VIP"]


def test_a_list_that_is_called_like_a_tag_is_not_taken_for_it(defined: Shop) -> None:
    defined._apply(audiences, "static_lists", "VIP", {"members": ["0"]})
    defined._apply(audiences, "segments", "VIP", {"rule": "id > 0"})
    sync = defined.sync(audience="VIP")
    assert sync.audience.kind == "static_list"
    defined.next_night([ANN])
    assert wanted(defined.sync()).rows["TAG_VIP"].to_pylist() == [True]
