from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from usher.audiences import published
from usher.audiences.errors import NotEvaluatedError, StaleError
from usher.audiences.evaluate import evaluate
from usher.audiences.models import Audience
from usher.audiences.tests.conftest import CUSTOMERS, NOW, Define, members
from usher.audiences.timeline import changes_of

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
SPOILT = {"buyers": "cuntry = 3", "LAPSED": "count(orders"}


def spoil(name: str, rule: str = "cuntry = 3") -> None:
    """As when a column goes, or a definition is written into the database by other hands."""
    Audience.objects.filter(name=name).update(rule=rule)


def test_one_rule_that_does_not_fit_keeps_its_members_and_the_others_go_on(
    buyers: Audience, define: Define, shop: Path
) -> None:
    define("customer_lists", "british", rule='country = "GB"')
    evaluate(NOW)
    spoil("british")
    later = NOW + 40 * DAY
    run = evaluate(later)
    assert (run.state, run.failed) == ("done", 1)
    assert run.error.startswith("customer list “british” could not be evaluated: There is no column")
    assert (members("british"), members("buyers")) == (["1", "2"], ["1", "2", "3"])
    published.demand_fresh(buyers)
    british = Audience.objects.get(name="british")
    with pytest.raises(StaleError, match=r"“british” could not be evaluated .* is as of 1998-01-01 06:00"):
        published.demand_fresh(british)
    stale = published.snapshot(british)
    assert (stale.as_of, stale.size, "cuntry" in stale.error) == (NOW, 2, True)


def test_what_needs_a_rule_that_does_not_fit_is_set_aside_with_it(buyers: Audience, define: Define) -> None:
    define("customer_lists", "both", rule='audience("buyers") and tag("LAPSED")')
    define("customer_lists", "few", rule='audience("both") and country = "GB"')
    evaluate(NOW)
    spoil("LAPSED", "count(orders")
    run = evaluate(NOW + DAY)
    assert run.failed == 3
    few = published.snapshot(Audience.objects.get(name="few"))
    assert few.error.startswith(
        "needs customer list “both”, which could not be evaluated: needs auto tag “LAPSED”, which could not"
    )
    assert members("few") == ["2"]


def test_a_rule_that_is_mended_is_worked_out_for_everybody_and_tells_what_changed(
    buyers: Audience, define: Define
) -> None:
    define("customer_lists", "british", rule='country = "GB"')
    evaluate(NOW)
    spoil("british")
    evaluate(NOW + DAY)
    define("customer_lists", "british", rule='country = "FR"')
    run = evaluate(NOW + 2 * DAY)
    assert (run.failed, members("british")) == (0, ["3", "4"])
    steps = [(step.change, step.cause) for step in changes_of("1") if step.name == "british"]
    assert steps == [("gained", "rule"), ("lost", "definition")]
    published.demand_fresh(Audience.objects.get(name="british"))


def test_rules_in_a_circle_are_left_out_by_name(buyers: Audience, define: Define) -> None:
    define("customer_lists", "a", rule='country = "GB"')
    define("customer_lists", "b", rule='audience("a")')
    spoil("a", 'audience("b")')
    run = evaluate(NOW)
    assert (run.state, run.failed, members("buyers")) == ("done", 2, ["1", "2"])
    with pytest.raises(
        NotEvaluatedError, match="customer list “a” could not be evaluated yet: these rules need"
    ):
        published.members_sql(Audience.objects.get(name="a"))


def test_a_rule_that_fails_while_it_runs_is_found_among_the_others(
    buyers: Audience, define: Define, shop: Path
) -> None:
    """Twice this does not go into a whole number; nobody can see that from the rule."""
    big = "9000000000000000000"
    header, *rows = CUSTOMERS.strip().split("\n")
    (shop / "customers.csv").write_text("\n".join([f"{header},much", *(f"{row},{big}" for row in rows)]))
    for number in range(5):
        define("customer_lists", f"list{number}", rule=f"id > {number}")
    Audience.objects.create(name="broken", kind="customer_list", rule="much + much > 3")
    run = evaluate(NOW)
    assert (run.state, run.failed) == ("done", 1), run.error
    assert "customer list “broken”" in run.error
    assert members("list2") == ["3", "4"]


def test_a_customer_who_is_gone_leaves_a_stale_audience_too(
    buyers: Audience, define: Define, shop: Path
) -> None:
    define("customer_lists", "british", rule='country = "GB"')
    evaluate(NOW)
    spoil("british")
    (shop / "customers.csv").write_text(CUSTOMERS.replace("2,bob@example.com,GB\n", ""))
    for _ in range(2):
        evaluate(NOW + DAY)
        assert members("british") == ["1"]
    assert [step.cause for step in changes_of("2") if step.change == "lost"] == ["gone"] * 3


def test_when_nothing_can_be_evaluated_the_run_has_failed(buyers: Audience) -> None:
    evaluate(NOW)
    for name, rule in SPOILT.items():
        spoil(name, rule)
    run = evaluate(NOW + DAY)
    assert (run.state, members("buyers")) == ("failed", ["1", "2"])
    assert run.error.startswith("nothing could be evaluated. auto tag “LAPSED”: ")
