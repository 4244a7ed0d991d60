"""A customer list as areas in a form: changed by buttons, saved as one rule, opened again without loss."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from usher.audiences.areas import Area, Areas, Part
from usher.audiences.models import Audience
from usher.lib import clock
from usher.sources.check import check
from usher.web.figures import areas

pytestmark = pytest.mark.django_db

TWO = {
    "name": "two",
    "areas": "1",
    "pre-0-rule": "email is set",
    "a-0": "1",
    "a-0-0-rule": "count(orders) > 0",
    "a-0-1-segment": "Known",
    "a-0-1-not": "on",
    "a-1": "1",
    "a-1-not": "on",
    "a-1-0-rule": 'tag("STAFF")',
    "a-1-1-rule": "count(orders) > 5",
}
ONE_RULE = (
    'count(orders) > 0 and not segment("Known") or not (tag("STAFF") and count(orders) > 5)'
    " among email is set"
)


@pytest.fixture
def known(house: None) -> None:
    """The scene, whose tables have been looked at, with a segment."""
    check(clock.now())
    Audience.objects.create(name="Known", kind=Audience.Kind.SEGMENT, rule="email is set")


def fields(shown: str) -> dict[str, str]:
    """What a browser would send of the page's areas."""
    found = dict(re.findall(r'<input type="(?:hidden|search)"[^>]*name="([^"]+)"[^>]*value="([^"]*)"', shown))
    found |= dict(re.findall(r'(?s)<textarea id="[^"]+" name="([^"]+)"[^>]*>(.*?)</textarea>', shown))
    found |= dict.fromkeys(re.findall(r'type="checkbox" name="([^"]+)" checked', shown), "on")
    kept = {name: value for name, value in found.items() if re.match(r"(areas|pre|a)\b", name)}
    return {name: value.replace("&quot;", '"').replace("&gt;", ">") for name, value in kept.items()}


def test_areas_are_saved_as_one_rule_and_opened_again(known: None, page: Client) -> None:
    page.post("/audiences/new/customer_list", TWO)
    made = Audience.objects.get(name="two")
    assert made.rule == ONE_RULE
    shown = page.get(f"/audiences/{made.pk}/edit").content.decode()
    assert fields(shown) == {name: value for name, value in TWO.items() if name != "name"}


def test_areas_become_a_rule_and_areas_again(known: None, page: Client) -> None:
    as_rule = page.post("/audiences/new/customer_list", {**TWO, "do": "as-rule"}).content.decode()
    assert "count(orders) &gt; 0 and not segment(&quot;Known&quot;)" in as_rule
    assert 'name="name" value="two"' in as_rule
    again = page.post("/audiences/new/customer_list", {"name": "two", "rule": ONE_RULE, "do": "as-areas"})
    assert fields(again.content.decode()) == {name: value for name, value in TWO.items() if name != "name"}


def test_a_button_adds_and_takes_away_and_keeps_what_was_typed(known: None, page: Client) -> None:
    shown = page.post("/audiences/new/customer_list", {**TWO, "do": "add-rule:a-1"}).content.decode()
    assert fields(shown)["a-1-2-rule"] == ""
    assert fields(shown)["pre-0-rule"] == "email is set"
    shown = page.post("/audiences/new/customer_list", {**TWO, "do": "add-segment:pre"}).content.decode()
    assert fields(shown)["pre-1-segment"] == ""
    shown = page.post("/audiences/new/customer_list", {**TWO, "do": "drop:a-0:0"}).content.decode()
    assert fields(shown)["a-0-0-segment"] == "Known"
    shown = page.post("/audiences/new/customer_list", {**TWO, "do": "drop-area:0"}).content.decode()
    assert fields(shown)["a-0-0-rule"] == 'tag("STAFF")'
    assert "a-1" not in fields(shown)


def test_empty_parts_are_left_out(known: None) -> None:
    kept = Areas((Area((Part("email is set"), Part(), Part(segment=" "))), Area((Part(" "),))))
    assert areas.rule_of(kept) == "email is set"


def test_areas_without_anything_are_not_saved(known: None, page: Client) -> None:
    given = {"name": "nobody", "areas": "1", "a-0": "1", "a-0-0-rule": ""}
    assert (
        "Write a condition, or choose a segment"
        in page.post("/audiences/new/customer_list", given).content.decode()
    )
    assert not Audience.objects.filter(name="nobody").exists()


def test_a_slip_in_one_part_is_told_and_kept(known: None, page: Client) -> None:
    given = {"name": "slip", "areas": "1", "a-0": "1", "a-0-0-rule": "count(ordrs) > 1"}
    shown = page.post("/audiences/new/customer_list", given).content.decode()
    assert "Did you mean orders?" in shown
    assert fields(shown)["a-0-0-rule"] == "count(ordrs) > 1"
    assert not Audience.objects.filter(name="slip").exists()


def test_it_names_the_rule_of_each_area_behind_the_pre_filter(known: None, page: Client) -> None:
    found = page.post("/rules/areas", {**TWO, "a-1-1-rule": "count(ordrs) > 5"}).json()
    assert found["whole"] == ""
    assert found["areas"] == ['count(orders) > 0 and not segment("Known") among email is set', ""]
    found = page.post("/rules/areas", TWO).json()
    assert found["whole"] == ONE_RULE
    assert found["english"].startswith("Customers ")


def test_a_new_list_begins_with_one_empty_area(known: None, page: Client) -> None:
    assert fields(page.get("/audiences/new/customer_list").content.decode()) == {
        "areas": "1",
        "a-0": "1",
        "a-0-0-rule": "",
    }
