"""Audiences: the rule in words, members, export, and why."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest
from django.template.loader import render_to_string
from django.test import Client

from usher.audiences import evaluate
from usher.audiences.models import Audience
from usher.audiences.published import Night
from usher.lib import clock
from usher.rules.explain import Explanation
from usher.sources.check import check as check_sources
from usher.sources.models import Table
from usher.syncs.models import Sync
from usher.web.export import inert
from usher.web.figures import audiences as figures
from usher.web.figures.why import Why
from usher.web.templatetags.usher import sentence
from usher.web.tests import scene

pytestmark = pytest.mark.django_db


def path_of(name: str) -> str:
    return f"/audiences/{Audience.objects.get(name=name).pk}"


def read(answer: object) -> str:
    return answer.content.decode()  # type: ignore[attr-defined]


def test_it_says_the_rule_in_english_first(shop: None, page: Client) -> None:
    shown = read(page.get(path_of("LAPSED_BUYER")))
    english = "Customers who have ordered at least once, and not in the last 180 days."
    assert english in shown
    assert shown.index(english) < shown.index("<b>count</b>(orders) &gt; 0 <b>and</b>")


def test_it_pages_members_in_their_order(shop: None, page: Client) -> None:
    first = read(page.get(path_of("LAPSED_BUYER")))
    assert "80 rows" in first
    assert "page 1 of 2" in first
    assert ">1</a></td>" in first
    last = read(page.get(path_of("LAPSED_BUYER"), {"page": 2}))
    assert ">119</a></td>" in last
    assert ">1</a></td>" not in last


@pytest.mark.parametrize("asked", ["nonsense", "0", "-3", "99"])
def test_it_answers_a_page_that_is_not_there(shop: None, page: Client, asked: str) -> None:
    assert page.get(path_of("LAPSED_BUYER"), {"page": asked}).status_code == 200


def test_it_finds_members_by_key_and_by_part_of_the_address(shop: None, page: Client) -> None:
    assert "1 row<" in read(page.get(path_of("LAPSED_BUYER"), {"q": "CUSTOMER7@"})).replace("\n", "")
    assert ">119</a></td>" in read(page.get(path_of("LAPSED_BUYER"), {"q": "119"}))
    assert "No member matches “nobody”" in read(page.get(path_of("LAPSED_BUYER"), {"q": "nobody"}))


def test_it_sends_only_the_members_to_htmx(shop: None, page: Client) -> None:
    part = read(page.get(path_of("LAPSED_BUYER"), {"q": "7"}, headers={"HX-Request": "true"}))
    assert "<html" not in part
    assert "customer7@example.com" in part


def test_it_exports_members_that_a_spreadsheet_cannot_run(shop: None, page: Client) -> None:
    answer = page.get(path_of("mailable") + "/members.csv")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["key", "email", "ORDERS"]
    assert rows[1] == ["1", "customer1@example.com", "1"]
    assert ["120", "'=cmd|calc@example.com", "1"] in rows
    assert len(rows) == 121


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_it_makes_formulas_inert(text: str) -> None:
    assert inert(text) == f"'{text}"


def test_it_leaves_other_cells_alone() -> None:
    assert [inert(value) for value in ("a=b", "", None, -1)] == ["a=b", "", "", -1]


def test_it_explains_who_is_in(shop: None, page: Client) -> None:
    said = read(page.get(path_of("LAPSED_BUYER") + "/why", {"key": "Customer1@EXAMPLE.com"}))
    assert "who have ordered at least once" in said
    assert "Came in with the evaluation as of" in said


def test_it_says_that_a_value_is_missing(db: None) -> None:
    part = Explanation("the last order was over 180 days ago", False, missing=True)
    found = Why("1", part)
    assert [leaf.missing for leaf in found.leaves] == [True]
    said = render_to_string("usher/audiences/explained.html", {"why": found})
    assert '<em class="num">missing</em>' in said


def test_it_says_when_there_is_no_such_customer(shop: None, page: Client) -> None:
    said = read(page.get(path_of("LAPSED_BUYER") + "/why", {"key": "no such"}))
    assert "There is no customer no such in customers." in said


def test_it_labels_the_last_good_result_when_an_evaluation_was_refused(shop: None, page: Client) -> None:
    orders = Table.objects.get(name="orders")
    with open(orders.location, "w", encoding="utf-8") as file:
        file.write("customer_id,ordered_on,total\n")
    assert evaluate.evaluate(scene.NOW).state == "refused"
    for path in ("/audiences", path_of("LAPSED_BUYER")):
        shown = read(page.get(path))
        assert "What you see is the last good result." in shown
        assert "orders has no rows" in shown
    assert "The last evaluation came to nothing" in read(page.get("/"))


def test_it_shows_a_rule_without_letting_it_be_html(shop: None, page: Client) -> None:
    Audience.objects.filter(name="LAPSED_BUYER").update(rule='email = "<script>alert(1)</script>"')
    shown = read(page.get(path_of("LAPSED_BUYER")))
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert(1)" in shown


def test_an_evaluation_of_an_earlier_moment_stands_where_it_was_published() -> None:
    days = [(3, 10), (5, 30), (4, 20), (6, 40)]
    history = [Night(datetime(2026, 11, day, 6, tzinfo=UTC), size, 0, 0) for day, size in days]
    chart = figures.chart(history)
    assert chart["x"] == sorted(chart["x"])
    assert chart["y"] == [10, 30, 20, 40]
    assert [", an earlier moment" in said for said in chart["shown"]] == [False, False, True, False]


def test_a_sample_shows_key_and_address_once(house: None, page: Client) -> None:
    check_sources(clock.now())
    rule = "count(orders) > 0 and email is set and customer_id > 0"
    shown = page.post("/rules/preview", {"text": rule, "token": "t"}).content.decode()
    first = shown[shown.index("<li>") : shown.index("</li>")]
    assert first.count("@example.com") == 1
    assert "<code>count(orders)</code>" in first
    assert "<code>email</code>" not in first
    assert "<code>customer_id</code>" not in first


def test_messages_leave_out_the_commands_that_pages_have_buttons_for() -> None:
    told = "shop.orders has no rows, or let it through once: usher sources accept orders --reason …"
    assert sentence(told) == "Shop.orders has no rows."
    assert sentence("tag “VIP” was not evaluated yet; run `usher audiences evaluate`") == (
        "Tag “VIP” was not evaluated yet."
    )


@pytest.mark.parametrize(("defined", "said"), [(False, "How to define a source"), (True, "Make an auto tag")])
def test_without_audiences_the_next_step_is_offered(
    defined: bool, said: str, page: Client, request: pytest.FixtureRequest
) -> None:
    if defined:
        request.getfixturevalue("house")
        Sync.objects.all().delete()
        Audience.objects.all().delete()
    shown = read(page.get("/audiences"))
    assert "No audience yet." in shown
    assert said in shown
