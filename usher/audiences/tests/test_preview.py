"""Who an unsaved rule finds; and counts that nobody waits for any more."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Timer

import duckdb
import pytest

from usher.audiences import evaluate, preview
from usher.audiences.models import Audience
from usher.audiences.preview import PreviewError, ReplacedError
from usher.audiences.tests.conftest import NOW, Define
from usher.rules import RuleError
from usher.sources.models import Table

#: Half a minute of work, when nobody ends it.
SLOW = " or ".join(f'count(orders where match(note, "*{n}?a[b-d]*e?{n}*")) > {n}' for n in range(40))


@pytest.fixture
def slow(shop: Path) -> None:
    """Two million orders with long notes."""
    note = "repeat(md5(range::VARCHAR), 8)"
    rows = f"SELECT range % 4 + 1 AS customer, DATE '1997-01-01' AS ordered_on, 1 AS value, {note} AS note"
    duckdb.sql(f"COPY ({rows} FROM range(2_000_000)) TO '{shop / 'orders.parquet'}'")
    Table.objects.filter(name="orders").update(location=str(shop / "orders.parquet"), columns={})


def test_it_counts_and_shows_customers_with_what_the_rule_looks_at(shop: Path) -> None:
    found = preview.preview('count(orders) > 0 and country = "GB"', NOW, token="tab")
    assert (found.count, found.of, found.now) == (2, 4, NOW)
    assert found.columns == ("count(orders)", "country")
    assert [(one.key, one.email, one.values) for one in found.sample] == [
        ("1", "alice@example.com", (2, "GB")),
        ("2", "bob@example.com", (1, "GB")),
    ]


def test_it_counts_the_rows_that_exists_asks_for(shop: Path) -> None:
    found = preview.preview("exists(orders where value > 10)", NOW, token="tab")
    assert found.columns == ("count(orders where value > 10)",)
    assert [one.values for one in found.sample] == [(1,), (1,)]


def test_it_shows_the_values_of_a_computed_field(shop: Path) -> None:
    found = preview.preview("sum(orders.value)", NOW, token="tab", value=True)
    assert found.columns == ("sum(orders.value)",)
    assert [(one.key, one.values) for one in found.sample][:2] == [("1", (16.5,)), ("2", (20.0,))]


def test_it_leaves_out_who_has_no_value(shop: Path) -> None:
    found = preview.preview("last(orders.value)", NOW, token="tab", value=True)
    assert [one.key for one in found.sample] == ["1", "2"]
    assert found.count == 2


def test_members_of_other_audiences_are_those_last_published(buyers: Audience, define: Define) -> None:
    evaluate.evaluate(NOW)
    define("customer_lists", "buyers", rule="count(orders) > 100")
    assert preview.preview('audience("buyers")', NOW, token="tab").count == 2


def test_what_was_never_evaluated_is_worked_out(define: Define) -> None:
    define("tags", "STAFF", members=["2"])
    define("segments", "Not staff", rule='not tag("STAFF")')
    define("customer_lists", "british", rule='country = "GB"')
    found = preview.preview('audience("british") and segment("Not staff")', NOW, token="tab")
    assert [one.key for one in found.sample] == ["1"]


def test_a_rule_that_does_not_fit_is_told(shop: Path) -> None:
    with pytest.raises(RuleError, match="There is no column"):
        preview.preview('cuontry = "GB"', NOW, token="tab")


def test_what_the_engine_gives_up_is_said_in_words(
    slow: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(preview, "MEMORY", "1MB")
    with pytest.raises(PreviewError) as caught:
        preview.preview("distinct(orders.note) > 1", NOW, token="tab")
    said = "a count may take 1MB of memory, and this one needs more; ask of fewer things at once"
    assert str(caught.value) == said
    assert "OutOfMemoryException" in caplog.text


def test_a_count_that_takes_too_long_is_given_up(slow: None) -> None:
    began = time.perf_counter()
    with pytest.raises(PreviewError, match="took longer"):
        preview.preview(SLOW, NOW, token="tab", limit=0.5)
    assert time.perf_counter() - began < 5


def test_a_count_ends_when_its_page_is_left(slow: None) -> None:
    began = time.perf_counter()
    Timer(0.8, preview.stop, ["tab"]).start()
    with pytest.raises(ReplacedError):
        preview.preview(SLOW, NOW, token="tab")
    assert time.perf_counter() - began < 5


def test_a_newer_count_of_the_same_editor_ends_the_older_one(shop: Path) -> None:
    with preview._turn("tab", 10) as older:
        assert preview.preview("count(orders) > 0", NOW, token="tab").count == 2
        assert older.replaced.is_set()


def test_a_third_count_at_once_is_told_to_come_again(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "PATIENCE", 0.05)
    with (
        preview._turn("one", 10),
        preview._turn("two", 10),
        pytest.raises(PreviewError, match="others are counting"),
    ):
        preview.preview("count(orders) > 0", NOW, token="three")
    assert preview.preview("count(orders) > 0", NOW, token="three").count == 2
