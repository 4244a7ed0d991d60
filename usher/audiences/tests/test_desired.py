from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from usher.audiences.desired import desired
from usher.audiences.errors import AudienceError, StaleError
from usher.audiences.evaluate import evaluate
from usher.audiences.explain import explain_member
from usher.audiences.models import Audience
from usher.audiences.published import Member, page
from usher.audiences.tests.conftest import CUSTOMERS, NOW, Define
from usher.rules.changes import SetMember

pytestmark = pytest.mark.django_db


@pytest.fixture
def everybody(buyers: Audience, define: Define) -> Audience:
    define("computed_fields", "ORDERS", value="count(orders)")
    define("computed_fields", "LAST_ORDER", value="last(orders.ordered_on)")
    define("computed_fields", "SPENT", value="sum(orders.value)")
    define("customer_lists", "everybody", rule="id > 0")
    return Audience.objects.get(name="everybody")


def test_each_member_has_one_typed_row_with_the_fields_in_order(everybody: Audience) -> None:
    evaluate(NOW)
    wanted = desired(
        everybody, {"LAND": "country", "ORDERS": "ORDERS", "LAST": "LAST_ORDER", "EMAIL": "email"}, ["LAPSED"]
    )
    assert [f"{field.name} {field.type}" for field in wanted.rows.schema] == [
        "key string",
        "email string",
        "LAND string",
        "ORDERS int64",
        "LAST date32[day]",
        "EMAIL string",
        "TAG_LAPSED bool",
    ]
    assert [tuple(row.values()) for row in wanted.rows.to_pylist()] == [
        ("1", "alice@example.com", "GB", 2, date(1997, 12, 30), "alice@example.com", False),
        ("2", "bob@example.com", "GB", 1, date(1997, 6, 1), "bob@example.com", True),
        ("3", "carol@example.com", "FR", 0, None, "carol@example.com", False),
        ("4", "dan@example.com", "FR", 0, None, "dan@example.com", False),
    ]
    assert wanted.refused.num_rows == 0


def test_addresses_that_cannot_be_mailed_are_refused_with_a_reason(everybody: Audience, shop: Path) -> None:
    (shop / "customers.csv").write_text(
        CUSTOMERS.replace("bob@example.com", "bob at home").replace("carol@example.com", "")
        + "5,Alice@Example.com,GB\n6, eve@example.com ,GB\n"
    )
    evaluate(NOW)
    (shop / "customers.csv").write_text((shop / "customers.csv").read_text().replace("4,dan", "7,dan"))
    wanted = desired(everybody, {}, [])
    assert wanted.rows.to_pylist() == [
        {"key": "1", "email": "alice@example.com"},
        {"key": "6", "email": "eve@example.com"},
    ]
    assert [tuple(row.values()) for row in wanted.refused.to_pylist()] == [
        ("2", "bob at home", "not an e-mail address"),
        ("3", None, "no e-mail address"),
        ("4", None, "no longer among the customers"),
        ("5", "Alice@Example.com", "the same address as customer 1"),
    ]


def test_unknown_columns_and_tags_are_named_with_a_suggestion(everybody: Audience) -> None:
    evaluate(NOW)
    with pytest.raises(AudienceError, match=r"contry is neither a column .*did you mean country"):
        desired(everybody, {"LAND": "contry"}, [])
    with pytest.raises(AudienceError, match="there is no tag “LAPSD”; did you mean LAPSED"):
        desired(everybody, {}, ["LAPSD"])


def test_a_stale_audience_is_only_given_when_that_is_allowed(everybody: Audience, shop: Path) -> None:
    run = evaluate(NOW)
    (shop / "orders.csv").unlink()
    evaluate(NOW)
    with pytest.raises(StaleError, match="there is no file"):
        desired(everybody, {}, [])
    (shop / "orders.csv").write_text("customer,ordered_on,value\n1,1997-01-01,1\n")
    assert desired(everybody, {}, [], allow_stale=True).evaluation == run


def test_members_are_paged_and_found_by_key_or_part_of_the_address(everybody: Audience) -> None:
    evaluate(NOW)
    assert page(everybody, "", 1, 2).members == [
        Member("2", "bob@example.com"),
        Member("3", "carol@example.com"),
    ]
    assert (page(everybody, "CAROL").total, page(everybody, "4").members[0].email) == (1, "dan@example.com")
    assert page(everybody, "' OR 1=1 --").total == 0


def test_an_explanation_says_what_holds_for_one_customer(everybody: Audience) -> None:
    evaluate(NOW)
    lapsed = Audience.objects.get(name="LAPSED")
    assert explain_member(lapsed, "2", NOW).holds
    alice = explain_member(lapsed, "1", NOW)
    assert not alice.holds
    assert [child.holds for child in alice.children] == [True, False]
    with pytest.raises(AudienceError, match="there is no customer 99 in customers"):
        explain_member(lapsed, "99", NOW)


def test_an_explanation_shows_the_rows_behind_a_value(everybody: Audience) -> None:
    evaluate(NOW)
    lapsed = Audience.objects.get(name="LAPSED")
    bought, lately = explain_member(lapsed, "1", NOW).children
    assert [(row.values, row.source) for row in bought.rows] == [
        ({"ordered_on": date(1997, 12, 30)}, "orders.csv row 3"),
        ({"ordered_on": date(1997, 1, 1)}, "orders.csv row 2"),
    ]
    assert [row.at for row in lately.children[0].rows] == [date(1997, 12, 30)]


def test_who_is_compared_with_all_others_is_explained_among_them(define: Define) -> None:
    define("auto_tags", "GOOD", rule="exists(orders)")
    define("auto_tags", "BEST", rule='tag("GOOD") top 1 by sum(orders.value)')
    evaluate(NOW)
    best = Audience.objects.get(name="BEST")
    bob, alice = (explain_member(best, key, NOW) for key in ("2", "1"))
    assert (bob.holds, bob.value, alice.holds, alice.value) == (True, 20.0, False, 16.5)
    assert bob.children[0].nested == ("tag", "GOOD")
    assert [row.values["value"] for row in alice.rows] == [5.0, 11.5]
    assert bob.to_flip == (
        "No single change is certain to take them out."
        " It takes losing the tag “GOOD”, on which its own rule decides: see why there."
    )
    assert alice.to_flip == (
        "No single change is certain to bring them in. The tag “GOOD” has a rule of its own: see why there."
    )


def test_what_would_flip_the_answer_is_looked_for_in_nested_rules(define: Define) -> None:
    define("tags", "VIP", members=["1"])
    define("auto_tags", "GOOD", rule='tag("VIP") and exists(orders)')
    define("customer_lists", "best", rule='tag("GOOD") and email is set')
    evaluate(NOW)
    found = explain_member(Audience.objects.get(name="best"), "1", NOW)
    assert (found.holds, found.children[0].nested) == (True, ("tag", "GOOD"))
    assert found.to_flip == "Taking away the tag “VIP” would take them out."
    assert found.change == SetMember("tag", "VIP", False)


def test_a_tag_put_by_hand_is_explained_by_who_put_it(define: Define) -> None:
    define("tags", "VIP", members=["1"])
    vip = Audience.objects.get()
    assert "it was not evaluated yet" in explain_member(vip, "1", NOW).text
    evaluate(NOW)
    assert explain_member(vip, "1", NOW).text == "put on by alice (definition) on 1998-01-01 06:00"
    assert explain_member(vip, "1", NOW).holds
    assert not explain_member(vip, "2", NOW).holds
    vip.assignments.all().delete()
    left = explain_member(vip, "1", NOW)
    assert (left.holds, left.text) == (
        True,
        "tag “VIP” is not on this customer; the next evaluation publishes that",
    )
