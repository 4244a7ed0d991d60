from __future__ import annotations

from pathlib import Path

import pytest

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


@pytest.mark.parametrize("name", ["LAPSED BUYER", "lapsed", "A_NAME_OF_17_CHRS", ""])
def test_a_tag_name_that_no_platform_takes_is_refused_when_it_is_defined(define: Define, name: str) -> None:
    with pytest.raises(DefinitionError, match="1 to 16 characters out of A-Z, 0-9 and _"):
        define("tags", name)


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
