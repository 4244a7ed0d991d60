"""The field of a rule: what is wrong and what was meant, the English, the count; and what is saved by it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from usher.audiences import tagging
from usher.audiences.models import Audience, ComputedField
from usher.lib import clock
from usher.rules.functions import FUNCTIONS, ROW_FUNCTIONS
from usher.sources.check import check as check_sources
from usher.web.figures.rulefield import judged

pytestmark = pytest.mark.django_db


@pytest.fixture
def read_shop(house: None) -> None:
    """The scene, whose tables have been looked at."""
    check_sources(clock.now())


def check(page: Client, text: str, value: str = "false") -> dict[str, Any]:
    found: dict[str, Any] = page.post("/rules/check", {"text": text, "value": value}).json()
    return found


def test_it_says_a_right_rule_in_english(read_shop: None, page: Client) -> None:
    found = check(page, "count(orders)>0")
    assert found == {
        "slips": [],
        "english": "Customers who have ordered at least once.",
        "formatted": "count(orders) > 0",
    }


def test_it_names_what_is_wrong_and_mends_it_in_its_place(read_shop: None, page: Client) -> None:
    text = "count(ordrs) > 3 and emial is set"
    slips = check(page, text)["slips"]
    assert [text[one["fix"]["start"] : one["fix"]["end"]] for one in slips] == ["ordrs", "emial"]
    assert [one["fix"]["text"] for one in slips] == ["orders", "email"]


def test_it_mends_a_function_and_leaves_what_stands_in_its_brackets(read_shop: None) -> None:
    text = "cuont(orders) > 3"
    (slip,) = judged(text).slips
    assert slip.fix
    assert text[: slip.fix.start] + slip.fix.text + text[slip.fix.end :] == "count(orders) > 3"


def test_it_mends_a_name_inside_its_quotes(read_shop: None) -> None:
    text = 'tag("STAF") or email is set'
    (slip,) = judged(text).slips
    assert slip.fix
    assert text[: slip.fix.start] + slip.fix.text + text[slip.fix.end :] == 'tag("STAFF") or email is set'


@pytest.mark.parametrize(
    "text", ["count(orders) >", "email is", '"', "   count(orders) > 3 and", "((", "=", "🎭 = 1"]
)
def test_what_cannot_be_read_is_marked_within_the_text(read_shop: None, text: str) -> None:
    (slip,) = judged(text).slips
    assert 0 <= slip.start < slip.end <= len(text)
    assert slip.message


def test_an_empty_field_is_neither_right_nor_wrong(read_shop: None) -> None:
    assert (judged(" \n").slips, judged(" \n").fits) == ((), False)


def test_a_value_is_no_condition(read_shop: None, page: Client) -> None:
    assert check(page, "count(orders)")["slips"]
    assert check(page, "count(orders)", "true")["slips"] == []


def test_it_says_when_no_source_was_read_yet(page: Client) -> None:
    assert "no source has been read yet" in check(page, "count(orders) > 0")["slips"][0]["message"]


def test_it_counts_and_shows_a_few(read_shop: None, page: Client) -> None:
    shown = page.post("/rules/preview", {"text": "count(orders) > 0", "token": "a"}).content.decode()
    assert '<span class="big">120</span>' in shown
    assert "of 120 customers" in shown
    assert shown.count("<li>") == 10


def test_it_says_why_it_does_not_count(read_shop: None, page: Client) -> None:
    shown = page.post("/rules/preview", {"text": "count(ordrs) > 0", "token": "a"}).content.decode()
    assert "Not counted." in shown
    assert "ordrs" in shown


def test_it_counts_in_one_line_where_there_is_little_room(read_shop: None, page: Client) -> None:
    given = {"text": 'audience("mailable")', "token": "a", "short": "true"}
    shown = page.post("/rules/preview", given).content.decode()
    assert '<b class="num">120</b>' in shown
    assert "<table" not in shown


def test_leaving_the_page_is_answered_with_nothing(page: Client) -> None:
    assert page.post("/rules/leave", {"token": ["a", "b"]}).status_code == 204


def test_it_makes_an_auto_tag(read_shop: None, page: Client) -> None:
    given = {"name": "OFTEN", "rule": "count(orders) >= 3", "group": "Win back", "folder": "House / Best"}
    answer = page.post("/audiences/new/auto_tag", given, follow=True)
    assert "“OFTEN” is saved." in answer.content.decode()
    made = Audience.objects.get(name="OFTEN")
    assert (made.kind, made.rule, made.folder) == ("auto_tag", "count(orders) >= 3", "House/Best")
    assert made.group
    assert made.group.name == "Win back"


def test_a_wrong_rule_is_not_saved_and_what_was_typed_is_kept(read_shop: None, page: Client) -> None:
    given = {"name": "OFTEN", "rule": "cuont(orders) >= 3", "description": "Come back"}
    shown = page.post("/audiences/new/auto_tag", given).content.decode()
    assert "There is no function called cuont." in shown
    assert "cuont(orders) &gt;= 3</textarea>" in shown
    assert "Come back</textarea>" in shown
    assert not Audience.objects.filter(name="OFTEN").exists()


def test_a_name_that_is_taken_is_refused_at_its_field(read_shop: None, page: Client) -> None:
    given = {"name": "LAPSED_BUYER", "rule": "count(orders) >= 3"}
    shown = page.post("/audiences/new/auto_tag", given).content.decode()
    assert "the name is taken by auto tag “LAPSED_BUYER”" in shown
    assert Audience.objects.get(name="LAPSED_BUYER").rule.startswith("count(orders) > 0")


def test_a_changed_tag_keeps_its_name_and_the_members_that_its_definition_names(
    read_shop: None, page: Client
) -> None:
    staff = Audience.objects.get(name="STAFF")
    tagging.tag(staff, ["1", "2"], by="file", at=clock.now(), cause="definition")
    page.post(f"/audiences/{staff.pk}/edit", {"name": "CREW", "description": "Us"})
    staff.refresh_from_db()
    assert (staff.name, staff.description, tagging.current(staff)) == ("STAFF", "Us", ["1", "2"])


def test_a_list_is_renamed_unless_rules_speak_of_it(read_shop: None, page: Client) -> None:
    listed = Audience.objects.get(name="mailable")
    given = {"name": "to mail", "rule": "email is set"}
    page.post(f"/audiences/{listed.pk}/edit", given)
    assert Audience.objects.get(pk=listed.pk).name == "to mail"
    page.post("/audiences/new/customer_list", {"name": "others", "rule": 'not audience("to mail")'})
    shown = page.post(f"/audiences/{listed.pk}/edit", {**given, "name": "again"}).content.decode()
    assert "is spoken of by that name in customer list “others”" in shown
    assert Audience.objects.get(pk=listed.pk).name == "to mail"


def test_it_makes_and_changes_a_computed_field(read_shop: None, page: Client) -> None:
    page.post("/audiences/new/computed_field", {"name": "SPENT", "rule": "sum(orders.total)"})
    made = ComputedField.objects.get(name="SPENT")
    assert (made.expression, made.type) == ("sum(orders.total)", "number")
    page.post(f"/audiences/fields/{made.pk}", {"name": "ELSE", "rule": "last(orders.ordered_on)"})
    made.refresh_from_db()
    assert (made.name, made.expression, made.type) == ("SPENT", "last(orders.ordered_on)", "date")
    assert "last(orders.ordered_on)" in page.get("/audiences/fields").content.decode()


def test_it_checks_without_script(read_shop: None, page: Client) -> None:
    given = {"name": "", "rule": "emial is set", "do": "check"}
    shown = page.post("/audiences/new/auto_tag", given).content.decode()
    assert "Did you mean email?" in shown


@pytest.mark.parametrize(
    "path", ["/audiences/new/frozen_list", "/audiences/new/nonsense", "/audiences/fields/999"]
)
def test_what_cannot_be_made_is_not_there(page: Client, path: str) -> None:
    assert page.get(path).status_code == 404


def test_it_helps_with_every_function(page: Client) -> None:
    shown = page.get("/rules/functions").content.decode()
    for name in [*ROW_FUNCTIONS, *(name for name, one in FUNCTIONS.items() if one.ibis)]:
        assert f"<code>{name}(" in shown
