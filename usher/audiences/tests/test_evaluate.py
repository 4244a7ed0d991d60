from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from usher.audiences import evaluate as evaluating
from usher.audiences import published, rulebook, tagging
from usher.audiences.errors import InUseError, NotEvaluatedError, StaleError
from usher.audiences.evaluate import evaluate
from usher.audiences.models import Audience, ComputedField, Evaluation
from usher.audiences.tests.conftest import CUSTOMERS, NOW, ORDERS, Define, members
from usher.audiences.timeline import changes_of
from usher.sources.guard import accept
from usher.sources.open import open_tables

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)

#: The same questions in plain SQL over the same file, independent of rules and sources.
PLAIN = """
    SELECT customer_id::VARCHAR AS key, count(*) AS orders, max(ordered_on) AS last,
           max(ordered_on) <= TIMESTAMP '{now}' - INTERVAL 180 DAY AS lapsed
    FROM read_csv('examples/musicshop/orders.csv', strict_mode = false)
    WHERE ordered_on <= TIMESTAMP '{now}' GROUP BY 1 ORDER BY 1
"""


def test_two_nights_of_the_music_shop_equal_plain_sql(musicshop: None) -> None:
    nights = []
    for now in (NOW, NOW + DAY):
        with duckdb.connect() as connection:
            rows = connection.execute(PLAIN.format(now=f"{now:%Y-%m-%d %H:%M}")).fetchall()
        assert evaluate(now, slot=now).state == "done"
        staff = {"1", "2", "3", "4", "5"}
        assert members("mailable") == [key for key, *_ in rows if key not in staff]
        lapsed = [key for key, _, _, yes in rows if yes]
        assert members("LAPSED_BUYER") == lapsed
        for name, column in (("ORDERS", 1), ("LAST_ORDER", 2)):
            relation = published.values_sql(ComputedField.objects.get(name=name))
            with duckdb.connect() as connection:
                values = connection.execute(f"SELECT key, value FROM {relation} ORDER BY key").fetchall()
            assert values == [(row[0], row[column]) for row in rows]
        nights.append(set(lapsed))
    first, second = nights
    tag = Audience.objects.get(name="LAPSED_BUYER")
    assert [(night.size, night.gained, night.lost) for night in published.history(tag)] == [
        (17231, 17231, 0),
        (17233, len(second - first), len(first - second)),
    ]
    back = min(first - second, key=int)
    assert [(step.at, step.change, step.cause) for step in changes_of(back) if step.name == tag.name] == [
        (NOW, "gained", "rule"),
        (NOW + DAY, "lost", "rule"),
    ]


def test_rows_after_the_moment_do_not_exist_yet(buyers: Audience) -> None:
    evaluate(NOW)
    assert (members("buyers"), members("LAPSED")) == (["1", "2"], ["2"])
    evaluate(datetime(1998, 2, 1, tzinfo=UTC))
    assert members("buyers") == ["1", "2", "3"]


def test_a_rule_may_speak_of_tags_and_lists_which_come_first(buyers: Audience, define: Define) -> None:
    define("tags", "STAFF", members=["2", "77"])
    define("customer_lists", "mailable", rule='audience("buyers") and not tag("STAFF")')
    define("customer_lists", "quiet", rule='not audience("mailable") and not tag("LAPSED")')
    run = evaluate(NOW)
    assert (run.state, run.error) == ("done", "")
    assert members("STAFF") == ["2"]  # 77 is nobody
    assert (members("mailable"), members("quiet")) == (["1"], ["3", "4"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,email,country\n", r"shop\.customers has no rows \(it had 4 when it was last used\)"),
        ("id,email,country\n1,alice@example.com,GB\n", r"shop\.customers has 1 rows, and had 4"),
        ("id,country\n1,GB\n2,GB\n3,FR\n4,FR\n", "has no column email"),
        ('id,email,country\n1,a@example.com,"GB\n2,b@example.com,GB\n3,c@x.y,FR\n', "does not end"),
        ("", "the file is empty"),
    ],
)
def test_a_source_that_looks_like_an_accident_is_refused_and_nobody_leaves(
    buyers: Audience, shop: Path, content: str, message: str
) -> None:
    evaluate(NOW)
    (shop / "customers.csv").write_text(content)
    run = evaluate(NOW + DAY)
    assert run.state == "refused"
    assert re.search(message, run.error), run.error
    assert members("buyers") == ["1", "2"]
    assert [night.now for night in published.history(buyers)] == [NOW]
    with pytest.raises(StaleError, match="as of 1998-01-02 06:00 refused"):
        published.demand_fresh(buyers)
    (shop / "customers.csv").write_text(CUSTOMERS)
    assert evaluate(NOW + 2 * DAY).state == "done"
    published.demand_fresh(buyers)


def test_a_halved_related_table_is_refused_too(buyers: Audience, shop: Path) -> None:
    evaluate(NOW)
    (shop / "orders.csv").write_text(ORDERS.split("\n2,")[0].replace("1,1997-12-30,5", "") + "\n")
    run = evaluate(NOW + DAY)
    assert (run.state, members("buyers")) == ("refused", ["1", "2"])
    assert "shop.orders has 1 rows, and had 4" in run.error


def test_a_column_that_is_gone_and_accepted_leaves_the_rule_that_needs_it_as_it_was(
    buyers: Audience, define: Define, shop: Path
) -> None:
    define("customer_lists", "british", rule='country = "GB"')
    evaluate(NOW)
    (shop / "customers.csv").write_text(CUSTOMERS.replace(",country", ",land"))
    refused = evaluate(NOW + DAY)
    assert refused.state == "refused"
    assert "shop.customers has no column country any more" in refused.error
    accept("customers", "columns", by="alice", reason="it is called land now", at=NOW)
    evaluate(NOW + DAY)
    assert members("british") == ["1", "2"]


def test_a_slot_that_is_done_is_not_done_again(buyers: Audience) -> None:
    first = evaluate(NOW, slot=NOW)
    assert evaluate(NOW + DAY, slot=NOW) == first
    assert Evaluation.objects.count() == 1


def test_a_run_killed_before_or_after_its_files_were_in_place_is_repeated_with_the_same_result(
    buyers: Audience, data_dir: Path
) -> None:
    evaluate(NOW, slot=NOW)
    later = datetime(1998, 2, 1, 6, tzinfo=UTC)

    def killed(after_rename: bool) -> Evaluation:
        run = evaluating._begin(later, later)
        with open_tables() as opened:
            evaluating.prepare(run, opened)
        if after_rename:
            evaluating._scratch(run).rename(run.folder)
        return run

    for after_rename in (False, True):
        run = killed(after_rename)
        assert members("buyers") == ["1", "2"]  # nothing of it is seen
        assert Evaluation.objects.get(pk=run.pk).state == "running"
    run = evaluate(later, slot=later)
    assert (run.state, members("buyers")) == ("done", ["1", "2", "3"])
    assert [(night.size, night.gained, night.lost) for night in published.history(buyers)] == [
        (2, 2, 0),
        (3, 1, 0),
    ]
    assert [step.at for step in changes_of("3")] == [later]
    left = sorted(path.name for path in (data_dir / "audiences").iterdir())
    assert left == sorted(str(one.pk) for one in Evaluation.objects.filter(state="done"))


def test_a_run_that_was_killed_is_marked_by_the_next_one(buyers: Audience) -> None:
    killed = evaluating._begin(NOW, None)
    evaluate(NOW)
    killed.refresh_from_db()
    assert (killed.state, killed.error) == ("failed", "the process ended before the run did")
    published.demand_fresh(buyers)


def test_every_change_has_its_cause(define: Define, shop: Path) -> None:
    define("tags", "VIP", members=["1"])
    define("customer_lists", "british", rule='country = "GB"')
    vip = Audience.objects.get(name="VIP")
    tagging.tag(vip, ["2", "3"], by="bob", at=NOW, cause="import")
    evaluate(NOW)
    tagging.untag(vip, ["2"], by="carol", at=NOW + DAY, cause="user")
    define("customer_lists", "british", rule='country = "FR"')
    (shop / "customers.csv").write_text(CUSTOMERS.replace("3,carol@example.com,FR\n", ""))
    evaluate(NOW + 2 * DAY)
    steps = [(step.name, step.change, step.cause) for key in "1234" for step in changes_of(key)]
    assert steps == [
        ("VIP", "gained", "definition"),
        ("british", "gained", "rule"),
        ("british", "lost", "definition"),
        ("VIP", "gained", "import"),
        ("british", "gained", "rule"),
        ("VIP", "lost", "user"),
        ("british", "lost", "definition"),
        ("VIP", "gained", "import"),
        ("VIP", "lost", "gone"),
        ("british", "gained", "definition"),
    ]


def test_a_tag_put_later_is_not_there_yet_but_one_that_is_defined_holds_always(define: Define) -> None:
    define("tags", "VIP", members=["1"])
    tagging.tag(Audience.objects.get(), ["2"], by="bob", at=NOW + DAY, cause="user")
    evaluate(NOW - 30 * DAY)
    assert members("VIP") == ["1"]
    evaluate(NOW + 2 * DAY)
    assert members("VIP") == ["1", "2"]


def test_an_audience_that_others_need_is_not_deleted(buyers: Audience, define: Define) -> None:
    define("customer_lists", "fr", rule='audience("buyers") and country = "FR"')
    with pytest.raises(InUseError, match="customer list “buyers” is used by customer list “fr”"):
        rulebook.delete(buyers)
    rulebook.delete(Audience.objects.get(name="fr"))
    rulebook.delete(buyers)
    assert [one.name for one in Audience.objects.all()] == ["LAPSED"]


def test_an_audience_that_was_never_evaluated_says_so(buyers: Audience) -> None:
    with pytest.raises(NotEvaluatedError, match="customer list “buyers” was not evaluated yet"):
        published.members_sql(buyers)
