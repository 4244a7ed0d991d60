from __future__ import annotations

from datetime import date, timedelta

import duckdb
import pytest

from usher.audiences import assigning, tagging
from usher.audiences.assigning import Who
from usher.audiences.evaluate import evaluate
from usher.audiences.matching import Word
from usher.audiences.models import Audience
from usher.audiences.tests.conftest import CUSTOMERS, NOW, Define, members

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def test_audiences_of_every_kind_are_evaluated_and_combined(define: Define, shop: object) -> None:
    define("tags", "VIP", members=["1"])
    define("static_lists", "gala", members=["1", "2"])
    define("external_audiences", "app")
    define("segments", "British", rule='country = "GB"')
    define(
        "customer_lists",
        "mixed",
        areas=[[{"segment": "British"}, {"not": 'tag("VIP")'}], ['audience("app")']],
        pre=['not email = "dan@example.com"'],
    )
    app = Audience.objects.get(name="app")
    words = [Word(1, "3", "key"), Word(2, "4", "key"), Word(3, "77", "key")]
    assigning.assign(app, words, Who("app", NOW, "api"), action="replace")
    assert evaluate(NOW).state == "done"
    assert [members(name) for name in ("VIP", "gala", "app", "British")] == [
        ["1"],
        ["1", "2"],
        ["3", "4"],
        ["1", "2"],
    ]
    assert members("mixed") == ["2", "3"]


def test_a_pushed_key_becomes_a_member_when_its_customer_comes(define: Define, shop: object) -> None:
    define("external_audiences", "app")
    app = Audience.objects.get(name="app")
    assigning.assign(app, [Word(1, "5", "key")], Who("app", NOW, "api"))
    evaluate(NOW)
    assert members("app") == []
    (shop / "customers.csv").write_text(CUSTOMERS + "5,eve@example.com,GB\n")  # type: ignore[operator]
    evaluate(NOW + DAY)
    assert members("app") == ["5"]


def test_an_expired_audience_has_no_members_and_says_why_they_left(define: Define) -> None:
    define("customer_lists", "british", rule='country = "GB"', expires_on=date(1998, 1, 2))
    define("static_lists", "gala", members=["1"], expires_on=date(1998, 1, 2))
    evaluate(NOW)
    Audience.objects.update(expired_at=NOW + DAY)
    run = evaluate(NOW + DAY)
    assert (members("british"), members("gala")) == ([], [])
    with duckdb.connect() as connection:
        left = connection.execute(
            f"SELECT DISTINCT name, change, cause FROM read_parquet('{run.changes}') ORDER BY ALL"
        ).fetchall()
    assert left == [("british", "lost", "expired"), ("gala", "lost", "expired")]
    assert tagging.current(Audience.objects.get(name="gala")) == ["1"]
