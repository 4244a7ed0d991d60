from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from usher.audiences import rulebook
from usher.audiences.errors import InUseError
from usher.audiences.models import Audience, ComputedField, TagGroup
from usher.definitions.expiry import settle
from usher.definitions.remove import remove_audience, remove_field, remove_group
from usher.definitions.uses import uses
from usher.destinations.models import Destination
from usher.engage.models import Account, Campaign, Program, ProgramVersion
from usher.seeds.models import SeedPlan
from usher.syncs.models import Sync

pytestmark = pytest.mark.django_db
NOW = datetime(1998, 1, 1, 6, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def vip() -> Audience:
    group = TagGroup.objects.create(name="House")
    return Audience.objects.create(name="VIP", kind="tag", group=group)


def sync(audience: Audience, **fields: object) -> Sync:
    platform = Destination.objects.get_or_create(name="platform", kind="dotdigital")[0]
    return Sync.objects.create(
        name="nightly", audience=audience, destination=platform, list_name="All", defined_at=NOW, **fields
    )


def test_what_nothing_depends_on_goes(vip: Audience) -> None:
    remove_audience(vip)
    remove_group(TagGroup.objects.get())
    remove_field(ComputedField.objects.create(name="N", expression="count(orders)", type="number"))
    assert not Audience.objects.exists()


def test_an_audience_is_kept_by_all_that_depends_on_it_and_the_error_names_it(vip: Audience) -> None:
    mailable = Audience.objects.create(name="mailable", kind="customer_list", rule='not tag("VIP")')
    ComputedField.objects.create(name="GUEST", expression='tag("VIP")', type="boolean")
    Audience.objects.create(name="broken", kind="customer_list", rule='tag("VIP')
    sync(mailable, tags=["VIP"], tag_groups=["House"])
    account = Account.objects.create(name="us", created_at=NOW)
    graph = {
        "start": {"first": "end-1", "schedule": "0 7 * * *", "rule": "TAG_VIP = true"},
        "nodes": {"end-1": {"kind": "end"}},
    }
    program = Program.objects.create(account=account, name="Welcome", created_at=NOW)
    ProgramVersion.objects.create(program=program, number=1, graph=graph, created_at=NOW)
    content = {"text": "Dear @tag_vip@", "html": "", "created_at": NOW, "updated_at": NOW}
    Campaign.objects.create(account=account, name="Hello", subject="TAG_VIPS", **content)
    SeedPlan.objects.create(
        name="seeds",
        program="Welcome",
        destination=Destination.objects.get(),
        list_name="All",
        address="seed@example.com",
        fields={"TAG_VIP": True},
        every_days=1,
        at="06:00",
        starts=date(1998, 1, 1),
        changed_at=NOW,
    )
    assert [str(use) for use in uses(vip)] == [
        "customer list “mailable” (its rule)",
        "computed field “GUEST” (its value)",
        "sync “nightly” (its tags)",
        "sync “nightly” (its tag group “House”)",
        "program “Welcome” (start)",
        "campaign “Hello” (its content)",
        "seed plan “seeds” (its fields)",
    ]
    with pytest.raises(InUseError, match="tag “VIP” is used by customer list “mailable” "):
        remove_audience(vip)
    with pytest.raises(InUseError, match="customer list “mailable” is used by sync “nightly” "):
        remove_audience(mailable)
    with pytest.raises(InUseError, match=r"tag group “House” is used by tag “VIP” .*, sync “nightly”"):
        remove_group(TagGroup.objects.get())
    assert Audience.objects.count() == 3


def test_a_segment_and_a_list_of_one_name_are_not_taken_for_each_other() -> None:
    opera = Audience.objects.create(name="opera", kind="segment", rule="id > 0")
    Audience.objects.create(name="opera", kind="customer_list", rule='segment("opera")')
    assert [str(use) for use in uses(opera)] == ["customer list “opera” (its rule)"]
    remove_audience(Audience.objects.get(kind="customer_list"))
    remove_audience(opera)


def test_an_audience_expires_on_its_day_unless_something_depends_on_it(vip: Audience) -> None:
    vip.expires_on = date(1998, 1, 2)
    vip.save()
    assert settle(NOW) == []
    assert not rulebook.expired(Audience.objects.get(), NOW)
    settle(NOW + DAY)
    expired = Audience.objects.get()
    assert (expired.expired_at, rulebook.expired(expired, NOW + DAY)) == (NOW + DAY, True)
    assert not rulebook.expired(expired, NOW)
    mailable = Audience.objects.create(name="mailable", kind="customer_list", rule='not tag("VIP")')
    (overdue,) = settle(NOW + 2 * DAY)
    assert (overdue.audience.name, str(overdue.uses[0])) == ("VIP", "customer list “mailable” (its rule)")
    assert not rulebook.expired(Audience.objects.get(name="VIP"), NOW + 2 * DAY)
    mailable.delete()
    assert settle(NOW + 3 * DAY) == []
    assert rulebook.expired(Audience.objects.get(), NOW + 3 * DAY)


def test_a_computed_field_that_a_sync_takes_is_kept(vip: Audience) -> None:
    field = ComputedField.objects.create(name="ORDERS", expression="count(orders)", type="number")
    sync(vip, fields={"N": "ORDERS"})
    with pytest.raises(InUseError, match="computed field “ORDERS” is used by sync “nightly”"):
        remove_field(field)
