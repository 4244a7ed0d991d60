from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from usher.audiences import definitions, tagging
from usher.audiences.models import Audience
from usher.audiences.tests.conftest import CUSTOMERS, MUSICSHOP, NOW, Define
from usher.lib.changes import DefinitionError

pytestmark = pytest.mark.django_db


def test_what_was_exported_applies_as_unchanged(musicshop: None) -> None:
    actions = set()
    for section, model in definitions.SECTIONS.items():
        for name, body in definitions.export(section).items():
            valid = model.model_validate(body)
            change = definitions.apply(section, name, valid, base_dir=MUSICSHOP, by="bob", now=NOW)
            actions.add(change.action)
    assert actions == {"unchanged"}
    assert definitions.export("evaluation") == {"evaluation": {"schedule": "0 6 * * *"}}


def test_a_change_names_the_fields_it_wrote(define: Define) -> None:
    define("tag_groups", "House")
    assert str(define("tags", "STAFF", members=[1, 2])) == "created tag “STAFF” (members)"
    assert str(define("tags", "STAFF", members=["1", "2"])) == "unchanged tag “STAFF”"
    assert (
        str(define("tags", "STAFF", group="House", members=["1"])) == "updated tag “STAFF” (group, members)"
    )
    assert tagging.current(Audience.objects.get()) == ["1"]


def test_a_definition_leaves_alone_what_people_tagged(define: Define) -> None:
    define("tags", "STAFF", members=["1"])
    staff = Audience.objects.get()
    assert tagging.tag(staff, ["1", "2"], by="bob", at=NOW, cause="user") == 1
    define("tags", "STAFF", members=[])
    assert tagging.current(staff) == ["2"]
    assert "members" not in definitions.export("tags")["STAFF"]


def test_a_misspelt_rule_is_refused_with_position_and_suggestion(define: Define) -> None:
    with pytest.raises(DefinitionError) as caught:
        define("auto_tags", "BRITISH", rule='contry = "GB"')
    assert str(caught.value).startswith("auto tag “BRITISH”, rule: ")
    assert "country" in str(caught.value)
    assert "(character 1)" in str(caught.value)
    with pytest.raises(DefinitionError, match=r"(?s)computed field “N”, value: .*\^"):
        define("computed_fields", "N", value="count(orders where")
    assert not Audience.objects.exists()


def test_a_rule_that_is_no_condition_is_refused(define: Define) -> None:
    with pytest.raises(DefinitionError, match="customer list “x”, rule"):
        define("customer_lists", "x", rule="count(orders)")


def test_a_new_column_can_be_spoken_of_at_once(define: Define, shop: Path) -> None:
    (shop / "customers.csv").write_text(CUSTOMERS.replace("country", "land"))
    define("customer_lists", "british", rule='land = "GB"')


def test_rules_that_need_each_other_are_refused_by_name(define: Define) -> None:
    define("customer_lists", "a", rule='country = "GB"')
    define("customer_lists", "b", rule='audience("a")')
    with pytest.raises(DefinitionError, match="so none can be first: customer list “a”, customer list “b”"):
        define("customer_lists", "a", rule='country = "GB" and not audience("b")')
    assert Audience.objects.get(name="a").rule == 'country = "GB"'
    with pytest.raises(DefinitionError, match="customer list “a”"):
        define("customer_lists", "a", rule='audience("a")')


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "a name has 1 to 60 characters"),
        ("x" * 61, "a name has 1 to 60 characters"),
        ("two\nlines", "a name holds no line breaks"),
        (" VIP", "a name does not begin or end with a space"),
    ],
)
def test_a_name_that_cannot_be_read_is_refused(define: Define, name: str, message: str) -> None:
    with pytest.raises(DefinitionError, match=f"tag “{name}”, name: {message}"):
        define("tags", name)


def test_a_tag_may_have_any_readable_name(define: Define) -> None:
    define("tags", "Gönner 2026 (Oper)")
    define("customer_lists", "patrons", rule='tag("Gönner 2026 (Oper)")')


def test_a_name_is_used_once_among_tags_and_once_among_lists(define: Define) -> None:
    define("tags", "GB")
    define("customer_lists", "GB", rule='country = "GB"')
    with pytest.raises(DefinitionError, match="the name is taken by tag “GB”"):
        define("auto_tags", "GB", rule='country = "GB"')
    with pytest.raises(DefinitionError, match="the name is taken by customer list “GB”"):
        define("customer_lists", "gb", rule='country = "GB"')


def test_an_unknown_group_and_a_strange_schedule_say_what_to_write(define: Define) -> None:
    define("tag_groups", "House")
    with pytest.raises(DefinitionError, match="there is no tag group “Hose”; did you mean “House”"):
        define("tags", "STAFF", group="Hose")
    with pytest.raises(DefinitionError, match="write 06:05 or a cron line"):
        define("evaluation", schedule="at dawn")


def test_every_kind_is_defined_and_spoken_of(define: Define) -> None:
    define("static_lists", "gala", members=[1, "2"], folder=" Events / 2026/ ", owner="alice")
    define("external_audiences", "app users", expires_on="1998-02-01")
    define("segments", "British", rule='country = "GB"')
    rule = 'segment("British") and not audience("gala") or audience("app users")'
    define("customer_lists", "both", rule=rule)
    with pytest.raises(DefinitionError, match=r"Did you mean .*British"):
        define("customer_lists", "typo", rule='segment("Brittish")')
    assert definitions.export("static_lists") == {
        "gala": {"folder": "Events/2026", "owner": "alice", "members": ["1", "2"]}
    }
    assert definitions.export("external_audiences") == {"app users": {"expires_on": date(1998, 2, 1)}}
    assert definitions.export("segments") == {"British": {"rule": 'country = "GB"'}}
    assert str(define("external_audiences", "app users", expires_on="1998-02-01")).startswith("unchanged")


def test_another_last_day_lets_an_expired_audience_live_again(define: Define) -> None:
    define("external_audiences", "app", expires_on="1998-01-01")
    Audience.objects.update(expired_at=NOW)
    define("external_audiences", "app", expires_on="1998-01-01")
    assert Audience.objects.get().expired_at == NOW
    define("external_audiences", "app", expires_on="1998-03-01")
    assert Audience.objects.get().expired_at is None


def test_lists_of_all_kinds_share_their_names_and_segments_have_their_own(define: Define) -> None:
    define("static_lists", "gala")
    define("segments", "Gala", rule="id > 0")
    with pytest.raises(DefinitionError, match="the name is taken by static list “gala”"):
        define("external_audiences", "GALA")


def test_a_customer_list_is_written_as_areas_and_kept_as_one_rule(define: Define) -> None:
    define("segments", "British", rule='country = "GB"')
    written = [
        [{"segment": "British"}, {"not": "count(orders) > 3"}],
        {"not": [{"segment": "British"}, "email is set"]},
    ]
    define("customer_lists", "mixed", areas=written, pre=["email is set"])
    rule = (
        'segment("British") and not count(orders) > 3 or not (segment("British") and email is set)'
        " among email is set"
    )
    assert definitions.export("customer_lists") == {"mixed": {"rule": rule}}
    assert str(define("customer_lists", "mixed", rule=rule)) == "unchanged customer list “mixed”"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "a customer list has a `rule` or `areas`"),
        ({"rule": "id > 0", "areas": [["id > 0"]]}, "a customer list has a `rule` or `areas`"),
        ({"rule": "id > 0", "pre": ["id > 0"]}, "`pre` belongs to `areas`"),
    ],
)
def test_a_list_is_a_rule_or_areas(define: Define, body: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        define("customer_lists", "x", **body)


def test_a_slip_in_an_area_names_the_area(define: Define) -> None:
    with pytest.raises(DefinitionError, match="customer list “x”, areas: area 2: "):
        define("customer_lists", "x", areas=[["id > 0"], ["id >"]])
    with pytest.raises(DefinitionError, match="customer list “x”, areas: area 1 has no condition"):
        define("customer_lists", "x", areas=[[]])


def test_a_key_that_no_customer_can_have_is_refused(define: Define) -> None:
    with pytest.raises(DefinitionError, match="members: '' cannot be a customer's key"):
        define("tags", "VIP", members=["1", ""])


def test_a_group_has_a_name_that_no_other_has_in_any_case(define: Define) -> None:
    define("tag_groups", "House")
    for name, said in (
        ("HOUSE", "there is a tag group “House” already"),
        (" House", "does not begin or end with a space"),
        ("Ho\nuse", "no line breaks"),
        ("x" * 61, "1 to 60 characters"),
    ):
        with pytest.raises(DefinitionError, match=said):
            define("tag_groups", name)
    assert define("tag_groups", "House").action == "unchanged"
