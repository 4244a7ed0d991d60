"""A run that looks only at who can have changed finds what a look at everybody finds, whatever happened."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pytest_django import Settings

from usher.audiences import flips, scope, tagging
from usher.audiences.evaluate import evaluate
from usher.audiences.models import Audience, ComputedField, Evaluation
from usher.sources import definitions as sources

pytestmark = pytest.mark.django_db
START = datetime(2024, 2, 27, 21, 30, tzinfo=UTC)
CHANGES = 1_000
PER_STEP = 40

INSTANT = pa.timestamp("us", tz="UTC")
TYPES: dict[str, dict[str, pa.DataType]] = {
    "customers": {
        "id": pa.int64(),
        "email": pa.string(),
        "country": pa.string(),
        "age": pa.int64(),
        "opted_in": pa.bool_(),
        "birthday": pa.date32(),
        "seen": INSTANT,
    },
    "orders": {
        "customer": pa.int64(),
        "at": INSTANT,
        "value": pa.float64(),
        "genre": pa.string(),
        "paid": pa.decimal128(10, 2),
        "items": pa.int16(),
    },
    "visits": {"customer": pa.int64(), "day": pa.date32(), "page": pa.string(), "changed": INSTANT},
    "notes": {"customer": pa.int64(), "text": pa.string(), "due": pa.date32()},
    "countries": {"code": pa.string(), "language": pa.string()},
    "genres": {"name": pa.string(), "mood": pa.string(), "owner": pa.int64()},
    "owners": {"number": pa.int64(), "town": pa.string()},
}
LOOKUPS = {"countries": ("GB", "FR", "DE", "IT"), "genres": ("opera", "jazz", "pop"), "owners": (1, 2, 3)}
TABLES: dict[str, dict[str, Any]] = {
    "customers": {
        "file": "customers.parquet",
        "key": "id",
        "email": "email",
        "subject": True,
        "links": {"country": "countries"},
    },
    "orders": {
        "file": "orders.parquet",
        "key": "customer",
        "at": "at",
        "append_only": True,
        "links": {"genre": "genres"},
    },
    "countries": {"file": "countries.parquet", "key": "code", "lookup": True},
    "genres": {"file": "genres.parquet", "key": "name", "lookup": True, "links": {"owner": "owners"}},
    "owners": {"file": "owners.parquet", "key": "number", "lookup": True},
    "visits": {"file": "visits.parquet", "key": "customer", "at": "day", "updated": "changed"},
    "notes": {"file": "notes.parquet", "key": "customer"},
}
RULES = (
    'country = "{country}"',
    'country != "{country}" and opted_in',
    "age > {number} or age is not set",
    "seen within {days} days",
    "birthday before {days} days ago",
    "birthday within next {days} days or seen before {months} months ago",
    "count(orders) >= {number}",
    "count(orders where at within {days} days) >= {number}",
    'exists(orders where genre = "{genre}" and at within {months} months)',
    "not exists(orders where at within {days} days)",
    "sum(orders.value where at within {days} days) > {value}",
    "last(orders.at) before {days} days ago",
    "first(orders.at) within {months} months",
    'last(orders.genre) = "{genre}"',
    'avg(orders.value) < {value} and max(orders.at) > "2024-03-01"',
    'exists(visits where day within {days} days and page = "{page}")',
    "last(visits.day) before {days} days ago",
    'count(visits) > {number} and not tag("VIP")',
    "exists(notes where due within next {days} days)",
    'count(notes where contains(text, "{page}")) = {number}',
    'audience("list0") and not audience("list1")',
    'tag("VIP") or audience("list2") or id = {number}',
    'audience("fickle") and count(orders where at within {days} days) > 0',
    "opted_in sample {percent}%",
    "opted_in top 1{number} by count(orders)",
    '(count(orders) > 0) among (opted_in or country = "{country}")',
    "count(orders) + count(visits) > {number}",
    "age between {number} and 40",
    "sum(orders.paid where at within {days} days) > {value}",
    'sum(orders.items where genre = "{genre}" and at within {months} months) = sum(orders.items)',
    "count(orders where at before {days} days ago and paid > 0) > {number}",
    'min(orders.items where genre != "{genre}") = 0 and last(orders.at) within {months} months',
    "first(orders.at) within {days} days or max(orders.paid) > {value}",
    "count(orders where paid is set) between 1 and {number}",
    'last(orders.at) before "2024-03-09" or not exists(orders where items > 0)',
    "max(orders.paid where paid < 100) != 0.1 and sum(orders.items) <= {number}.5",
    "count(orders where at within {days} days or items = 0) > 0",
    "{value} < sum(orders.paid where at within {months} months) and count(orders where items = 0) < 3",
    'countries.language = "en" and count(orders) > {number}',
    'exists(orders where genres.mood = "glad" and at within {days} days)',
    'count(orders where genres.owners.town = "Rome") >= {number}',
)
FIELDS = (
    "count(orders where at within {days} days)",
    "last(orders.at)",
    "sum(orders.value)",
    "last(visits.page where day within {months} months)",
    "count(notes)",
    "sum(orders.paid where at within {months} months)",
    "max(orders.at where items > 0)",
)


class Town:
    """Some people and their rows, in files that are written anew where something happened."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.folder = folder
        self.now = START
        self.next_id = 150
        self.rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TYPES}
        self.rows["customers"] = [self.person(number) for number in range(1, 150)]
        self.tables: set[str] = set(TYPES)
        for _ in range(400):
            self.rows["orders"].append(self.order(self.now - timedelta(days=self.random.random() * 300)))
            self.rows["visits"].append(self.visit())
        for _ in range(100):
            self.rows["notes"].append(self.note())
        for name, keys in LOOKUPS.items():
            self.rows[name] = [self.row_of(name, key) for key in keys]
        self.write()

    def write(self) -> None:
        for name in sorted(self.tables):
            columns = {column: [row[column] for row in self.rows[name]] for column in TYPES[name]}
            scratch = self.folder / f"{name}.tmp"
            pq.write_table(pa.table(columns, schema=pa.schema(list(TYPES[name].items()))), scratch)
            scratch.replace(self.folder / f"{name}.parquet")
        self.tables = set()

    def pick(self, *choices: Any) -> Any:
        return self.random.choice(choices)

    def day(self, spread: int) -> Any:
        return (self.now + timedelta(days=self.random.randint(-spread, spread))).date()

    def person(self, key: int) -> dict[str, Any]:
        seen = self.now - timedelta(hours=self.random.random() * 4000 - 100)
        return {
            "id": key,
            "email": f"person{key}-{self.random.randint(1, 9)}@example.com",
            "country": self.pick("GB", "FR", "DE", "", None),
            "age": self.pick(None, *range(0, 60, 7)),
            "opted_in": self.pick(True, False, None),
            "birthday": self.pick(None, self.day(400)),
            "seen": self.pick(None, seen),
        }

    def somebody(self) -> int:
        return self.random.randint(1, self.next_id + 2)

    def order(self, at: datetime) -> dict[str, Any]:
        genre = self.pick("opera", "jazz", "pop", None)
        return {
            "customer": self.somebody(),
            "at": at,
            "value": self.pick(None, 5.5, 10.0, 40.25),
            "genre": genre,
            "paid": self.pick(None, Decimal("-2.50"), Decimal("0.10"), Decimal("9999.99")),
            "items": self.pick(None, 0, 1, 30_000),
        }

    def visit(self) -> dict[str, Any]:
        page = self.pick("home", "tickets", None)
        return {"customer": self.somebody(), "day": self.day(200), "page": page, "changed": self.now}

    def note(self) -> dict[str, Any]:
        return {
            "customer": self.somebody(),
            "text": self.pick("home call", "tickets", None),
            "due": self.day(60),
        }

    def happen(self) -> None:
        """One change of one kind."""
        self.pick(
            self.customer,
            self.customer,
            self.ordered,
            self.ordered,
            self.visited,
            self.noted,
            self.looked_up,
            self.tagged,
            self.ruled,
        )()

    def customer(self) -> None:
        self.tables.add("customers")
        people = self.rows["customers"]
        what = self.pick("come", "go", "change", "move", "change")
        if what == "come":
            people.append(self.person(self.next_id))
            self.next_id += 1
        elif what == "go" and len(people) > 100:
            people.remove(self.random.choice(people))
        elif what == "move":
            self.random.choice(people)["email"] = f"new{self.random.random()}@example.com"
        else:
            one = self.random.choice(people)
            one |= self.person(one["id"])

    def ordered(self) -> None:
        """Later than all that are there; at times of a day that is still to come."""
        self.tables.add("orders")
        last = max(row["at"] for row in self.rows["orders"])
        at = max(last, self.now) + timedelta(minutes=self.random.randint(1, 90))
        self.rows["orders"].append(self.order(at))
        if self.random.random() < 0.01:  # nobody keeps to what they said
            self.rows["orders"].remove(self.random.choice(self.rows["orders"]))

    def visited(self) -> None:
        self.tables.add("visits")
        if self.random.random() < 0.5:
            self.rows["visits"].append(self.visit())
        else:
            one = self.random.choice(self.rows["visits"])
            one |= self.visit() | {"customer": one["customer"]}

    def noted(self) -> None:
        self.tables.add("notes")
        if self.random.random() < 0.6:
            self.rows["notes"].append(self.note())
        else:
            self.rows["notes"].remove(self.random.choice(self.rows["notes"]))

    def looked_up(self) -> None:
        name = self.pick(*LOOKUPS)
        self.tables.add(name)
        rows = self.rows[name]
        if self.random.random() < 0.3 and len(rows) == len(LOOKUPS[name]):  # more would look like an accident
            rows.remove(self.random.choice(rows))
        else:
            made = self.row_of(name, self.pick(*LOOKUPS[name]))
            key = next(iter(made))
            self.rows[name] = [row for row in rows if row[key] != made[key]] + [made]

    def row_of(self, name: str, key: Any) -> dict[str, Any]:
        """A row of what links lead to."""
        if name == "countries":
            return {"code": key, "language": self.pick("en", "fr", None)}
        if name == "genres":
            return {"name": key, "mood": self.pick("glad", "sad", None), "owner": self.pick(1, 2, 9, None)}
        return {"number": key, "town": self.pick("Rome", "Bath")}

    def tagged(self) -> None:
        keys = [str(self.somebody()) for _ in range(2)]
        tag = Audience.objects.get(name="VIP")
        at = self.now - timedelta(days=self.random.randint(-2, 2))
        if self.random.random() < 0.6:
            tagging.tag(tag, keys, by="bob", at=at, cause="user")
        else:
            tagging.untag(tag, keys, by="bob", at=at, cause="user")

    def ruled(self) -> None:
        if self.random.random() < 0.4:  # rules are rewritten more rarely than people come and go
            one = self.random.choice(list(Audience.objects.filter(kind="customer_list").order_by("pk")[3:]))
            one.rule = self.rule()
            one.save()

    def rule(self, text: str = "") -> str:
        return self.filled(text or self.random.choice(RULES))

    def filled(self, text: str) -> str:
        return text.format(
            country=self.pick("GB", "FR"),
            number=self.random.randint(0, 4),
            days=self.pick(1, 2, 7, 30, 90),
            months=self.pick(1, 2, 6),
            value=self.pick(5, 20.5, 60),
            genre=self.pick("opera", "jazz"),
            page=self.pick("home", "tickets"),
            percent=self.pick(10, 50),
        )

    def pass_time(self) -> None:
        kind = self.pick("minutes", "hours", "day", "day", "days", "months", "none")
        self.now += {
            "minutes": timedelta(minutes=self.random.randint(1, 50)),
            "hours": timedelta(hours=self.random.randint(1, 20)),
            "day": timedelta(days=1),
            "days": timedelta(days=self.random.randint(2, 9)),
            "months": timedelta(days=self.random.randint(25, 60)),
            "none": timedelta(),
        }[kind]


@pytest.fixture
def town(tmp_path: Path, db: None, settings: Settings) -> Town:
    settings.TIME_ZONE = "Europe/London"
    made = Town(tmp_path, seed=20240227)
    body = sources.SourceBody.model_validate({"files": True, "tables": TABLES})
    sources.apply("sources", "town", body, base_dir=tmp_path, by="alice", now=START)
    Audience.objects.create(name="VIP", kind="tag")
    Audience.objects.create(
        name="fickle", kind="customer_list", rule=made.rule("opted_in top 10 by count(orders)")
    )
    for number, text in enumerate(RULES):
        Audience.objects.create(name=f"list{number}", kind="customer_list", rule=made.rule(text))
    for number, text in enumerate(FIELDS):
        ComputedField.objects.create(name=f"F{number}", expression=made.filled(text), type="number")
    return made


def check(run: Evaluation) -> None:
    """A look at everybody finds nothing else; the next run does not build on that look."""
    assert (run.state, run.error) == ("done", "")
    full = evaluate(run.now, full=True)
    assert (full.state, full.affected) == ("done", None)
    differing = [one for one in full.snapshots.all() if one.gained or one.lost]
    assert not differing, [(str(one.audience), one.rule, one.gained, one.lost) for one in differing]
    assert full.change_rows == 0, "values differ"
    sizes = {one.column: one.size for one in run.snapshots.all()}
    assert sizes == {one.column: one.size for one in full.snapshots.all()}
    full.delete()


@pytest.mark.long
def test_it_equals_a_look_at_everybody_after_each_of_a_thousand_changes(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scope, "MOST", 1.0)  # however many can have changed
    evaluate(town.now)
    incremental, looked, kept, flipped = 0, 0, 0, 0
    find = flips.Flips.find

    def counted(self: flips.Flips, touched: Sequence[str]) -> None:
        nonlocal flipped
        find(self, touched)
        flipped += len(self.columns)

    monkeypatch.setattr(flips.Flips, "find", counted)
    for _ in range(CHANGES // PER_STEP):
        town.pass_time()
        for _ in range(PER_STEP):
            town.happen()
        town.write()
        run = evaluate(town.now)
        incremental += run.incremental
        kept += any(one["added"] for one in run.marks["kept"]["orders"]["ledgers"])
        looked += (run.affected or 0) < len(town.rows["customers"])
        check(run)
    assert incremental >= CHANGES // PER_STEP - 5, "rows that were taken from what is append-only"
    assert looked > CHANGES // PER_STEP // 2
    assert kept > CHANGES // PER_STEP // 4, "differences were added to what was kept"
    assert flipped > CHANGES // PER_STEP * 5, "rules were answered by numbers alone"


def test_it_looks_at_no_more_customers_than_something_happened_to(town: Town) -> None:
    """No clock: the customers that are looked at are counted."""
    Audience.objects.filter(name="fickle").delete()
    Audience.objects.filter(rule__contains="top").delete()
    Audience.objects.filter(rule__contains="fickle").delete()
    first = evaluate(town.now)
    assert (first.affected, first.full_because) == (
        None,
        "nothing was published before, or its files are gone",
    )
    assert evaluate(town.now).affected == 0
    for count in (1, 5, 20):
        chosen = town.random.sample(town.rows["customers"], count)
        for one in chosen:
            one["email"] = f"new{town.random.random()}@example.com"
        town.tables = {"customers"}
        town.write()
        assert evaluate(town.now).affected == count
    town.rows["notes"].append({"customer": 7, "text": "home", "due": None})
    town.tables = {"notes"}
    town.write()
    assert evaluate(town.now).affected == 1


def test_rows_taken_from_an_append_only_table_make_it_look_at_everybody(town: Town) -> None:
    evaluate(town.now)
    town.rows["orders"].pop()
    town.tables = {"orders"}
    town.write()
    run = evaluate(town.now)
    assert run.affected is None
    assert run.full_because.startswith("orders is said to be append-only, and of 400 rows up to 2024-02-26")
    assert run.full_because.endswith("there are 399 now")
    earlier = evaluate(town.now - timedelta(days=3))
    assert earlier.full_because == "the evaluation before was as of a later moment"
