from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pytest_django import Settings

from usher.audiences import before, evaluate, history, published, rulebook, storing
from usher.audiences.errors import NotEvaluatedError
from usher.audiences.models import Audience, Evaluation
from usher.audiences.tests.conftest import CUSTOMERS, NOW, Define
from usher.audiences.work import Work
from usher.sources import definitions as sources
from usher.sources.open import Opened, open_tables

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def keys(query: str) -> list[str]:
    with duckdb.connect() as connection:
        return sorted(key for (key,) in connection.execute(f"SELECT key FROM {query}").fetchall())


def test_members_are_told_as_of_any_past_evaluation(buyers: Audience) -> None:
    lapsed = Audience.objects.get(name="LAPSED")
    found = []
    for day in (0, 40, 100, 20):
        run = evaluate.evaluate(NOW + day * DAY)
        found.append((run, published_keys(buyers), published_keys(lapsed)))
    assert [one[1:] for one in found] == [
        (["1", "2"], ["2"]),
        (["1", "2", "3"], ["2"]),
        (["1", "2", "3"], ["1", "2"]),
        (["1", "2"], ["2"]),
    ]
    for run, first, second in found:
        assert keys(published.members_sql(buyers, run)) == first
        assert keys(published.members_sql(lapsed, run)) == second
    assert keys(published.members_as_of(lapsed, NOW + 99 * DAY)) == ["2"]
    assert keys(published.members_as_of(lapsed, NOW + 500 * DAY)) == ["2"]  # what was published last
    with pytest.raises(NotEvaluatedError, match="as of 1997-12-31"):
        published.members_as_of(lapsed, NOW - DAY)


def published_keys(audience: Audience) -> list[str]:
    return keys(published.members_sql(audience))


def test_whoever_came_or_went_is_told_with_the_part_that_flipped(buyers: Audience) -> None:
    lapsed = Audience.objects.get(name="LAPSED")
    for day in (0, 40, 100):
        evaluate.evaluate(NOW + day * DAY)
    found = history.between(lapsed, NOW, NOW + 100 * DAY)
    [turn] = found.turns
    assert (found.total, turn.key, turn.change, turn.cause, turn.at) == (
        1,
        "1",
        "gained",
        "rule",
        NOW + 100 * DAY,
    )
    assert turn.parts == (history.Part("who have ordered in the last 90 days", False),)
    first = history.between(lapsed, NOW - DAY, NOW)
    assert [(one.key, one.parts, one.unknown) for one in first.turns] == [
        ("2", (), "nothing was evaluated before")
    ]
    assert history.between(lapsed, NOW, NOW + 100 * DAY, change="lost").total == 0


def test_a_part_that_todays_data_do_not_show_is_not_guessed(define: Define, shop: Path) -> None:
    define("customer_lists", "british", rule='country = "GB" and email is set')
    define("customer_lists", "everybody", rule="id > 0")
    british = Audience.objects.get(name="british")
    evaluate.evaluate(NOW)
    (shop / "customers.csv").write_text(CUSTOMERS.replace("2,bob@example.com,GB", "2,bob@example.com,FR"))
    evaluate.evaluate(NOW + DAY)
    (shop / "customers.csv").write_text(CUSTOMERS.replace("1,alice@example.com,GB\n", ""))
    evaluate.evaluate(NOW + 2 * DAY)
    turns = history.between(british, NOW, NOW + 9 * DAY).turns
    assert [(one.key, one.change, one.cause, one.unknown) for one in turns] == [
        ("1", "lost", "gone", ""),
        ("2", "gained", "rule", history.CHANGED_SINCE),
        ("2", "lost", "rule", history.CHANGED_SINCE),
    ]


def test_many_are_told_a_page_at_a_time_the_latest_first(define: Define, shop: Path) -> None:
    define("customer_lists", "all", rule="id > 0")
    audience = Audience.objects.get()
    evaluate.evaluate(NOW)
    (shop / "customers.csv").write_text(CUSTOMERS + "11,eve@example.com,GB\n9,finn@example.com,FR\n")
    evaluate.evaluate(NOW + DAY)
    found = history.between(audience, NOW - DAY, NOW + DAY, offset=1, limit=3)
    assert (found.total, [one.key for one in found.turns]) == (6, ["11", "1", "2"])


# 365 nights of 100,000 members with 1 % change, as the evaluation stores them.
PEOPLE, MEMBERS, NIGHTS, CHANGED = 120_000, 100_000, 365, 1_000


@pytest.fixture
def opened(tmp_path: Path, db: None) -> Opened:
    table = pa.table({"id": list(range(1, PEOPLE + 1)), "email": ["a@example.com"] * PEOPLE})
    pq.write_table(table, tmp_path / "people.parquet")
    people = {"file": "people.parquet", "key": "id", "email": "email", "subject": True}
    body = sources.SourceBody.model_validate({"files": True, "tables": {"people": people}})
    sources.apply("sources", "town", body, base_dir=tmp_path, by="alice", now=NOW)
    return open_tables()


def night(number: int, opened: Opened, moved: str) -> Evaluation:
    """What an evaluation does once it knows who moved."""
    run = Evaluation.objects.create(now=NOW + number * DAY, started_at=NOW + number * DAY)
    scratch = run.folder.with_suffix(".partial")
    scratch.mkdir(parents=True)
    work = Work(run, opened, rulebook.read(opened.schema), scratch, before.published(), number=number)
    opened.duckdb.execute(
        f"CREATE OR REPLACE TABLE moved AS {moved}; DROP TABLE IF EXISTS causes;"
        "CREATE OR REPLACE TABLE revalued (key VARCHAR, field BIGINT, value VARCHAR, more BIGINT);"
        "CREATE OR REPLACE TABLE assigned (audience BIGINT, key TEXT, cause TEXT, removed_cause TEXT);"
    )
    evaluate.publish(run, opened, storing.store(work))
    evaluate.prune(run)
    return run


@pytest.mark.long
def test_a_year_of_nights_is_kept_as_changes_and_every_night_can_be_told(opened: Opened) -> None:
    chance = random.Random(365)
    audience = Audience.objects.create(name="members", kind="customer_list", rule="id <= 100000")
    people = list(range(1, PEOPLE + 1))  # the members stand first
    runs = {evaluate.evaluate(NOW).pk: people[:MEMBERS]}
    told = {*chance.sample(range(2, NIGHTS), 6), NIGHTS}
    for number in range(2, NIGHTS + 1):
        lost, gained = _exchanged(chance, people)
        rows = [(str(key), audience.pk) for key in gained] + [(str(key), -audience.pk) for key in lost]
        moves = pa.table({"key": [row[0] for row in rows], "audience": [row[1] for row in rows]})
        opened.duckdb.register("moves", moves)
        run = night(number, opened, "SELECT key, false AS gone, audience FROM moves")
        if number in told:
            runs[run.pk] = people[:MEMBERS]
    for pk, members in runs.items():
        then = published.members_sql(audience, Evaluation.objects.get(pk=pk))
        assert keys(then) == sorted(map(str, members))
    everything = list(Evaluation.objects.all())
    changes = sum(one.changes.stat().st_size for one in everything)
    raw = 6 * (MEMBERS + (NIGHTS - 1) * CHANGED)
    assert changes < 3 * raw, (changes, raw)
    bases = [one.base.stat().st_size for one in everything if one.base.exists()]
    assert len(bases) == 2
    copies = NIGHTS * bases[0]
    assert changes + sum(bases) < copies / 10
    opened.close()


def _exchanged(chance: random.Random, people: list[int]) -> tuple[list[int], list[int]]:
    """Who of the members goes, and who of the others comes instead."""
    out = chance.sample(range(MEMBERS), CHANGED // 2)
    into = chance.sample(range(MEMBERS, PEOPLE), CHANGED // 2)
    lost, gained = [people[place] for place in out], [people[place] for place in into]
    for there, here, leaver, comer in zip(out, into, lost, gained, strict=True):
        people[there], people[here] = comer, leaver
    return lost, gained


def test_history_older_than_wanted_is_forgotten_and_the_rest_is_told(
    buyers: Audience, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.USHER_HISTORY_DAYS = 30
    monkeypatch.setattr(storing, "STEPS", 2)  # a base at every second evaluation
    runs = [evaluate.evaluate(NOW + day * DAY) for day in (0, 10, 20, 40, 50, 60, 70)]
    for run in runs:
        run.refresh_from_db()
    assert [run.chain is None for run in runs] == [True, True, True, False, False, False, False]
    assert [night.now for night in published.history(buyers)] == [NOW + day * DAY for day in (40, 50, 60, 70)]
    assert not runs[0].changes.exists()
    assert keys(published.members_sql(buyers, runs[3])) == ["1", "2", "3"]
    with pytest.raises(NotEvaluatedError):
        published.members_as_of(buyers, NOW + 20 * DAY)
