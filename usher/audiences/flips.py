"""Whom rules about kept answers gain and lose: worked out from the numbers that changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from usher.audiences.ledger import EMPTY, Ledger, Numbers, Places
from usher.audiences.models import Audience
from usher.audiences.reckon import Reckoner, Truths, UnableError
from usher.rules import kept
from usher.rules.clock import Clock

if TYPE_CHECKING:
    from usher.audiences.rulebook import Entry
    from usher.audiences.work import Work

#: A ledger: the table that it is about, and its number among those about it.
Home = tuple[str, int]


class Flips:
    """The entries of an evaluation that are answered by numbers alone, each by those of one ledger."""

    def __init__(self, work: Work, entries: Sequence[Entry]) -> None:
        assert work.before
        self.work = work
        self.keeping = work.keeping
        zone = self.keeping.zone
        self.clocks = (Clock(work.before.run.now, zone), Clock(work.run.now, zone))
        #: Home -> its entries.
        self.entries: dict[Home, list[Entry]] = {}
        for entry in entries:
            if home := self._home(entry):
                self.entries.setdefault(home, []).append(entry)
        #: The keys that were looked at.
        self.looked_at: list[pa.ChunkedArray] = []
        #: Home and questions -> places, and the numbers there of each question before and now.
        self._pairs: dict[tuple[Home, tuple[str, ...]], tuple[Places, list[tuple[Numbers, Numbers]]]] = {}

    @property
    def columns(self) -> frozenset[str]:
        return frozenset(entry.column for entries in self.entries.values() for entry in entries)

    def _home(self, entry: Entry) -> Home | None:
        """The only ledger that it takes; None when it takes several, or asks for something else."""
        keeping = self.keeping
        if entry.column not in keeping.ready or not isinstance(entry.thing, Audience):
            return None
        asked = keeping.asked[entry.column]
        homes = {keeping.home(node.table, kept.column_of(node)) for node in asked}
        if len(homes) != 1:
            return None
        (home,) = homes
        nothing = {kept.column_of(node): np.empty(0, np.int64) for node in asked}
        try:
            Reckoner(nothing, self._kinds(home), self.clocks[1]).holds(keeping.rules[entry.column])
        except UnableError:
            return None
        return home

    def _kinds(self, home: Home) -> Mapping[str, str]:
        return {one: column["type"] for one, column in self.keeping.tables[home[0]].columns.items()}

    def _ledger(self, home: Home) -> Ledger:
        return self.keeping.tables[home[0]].ledgers[home[1]]

    def find(self, touched: Sequence[str]) -> None:
        """Put into `moved` whom these entries gain and lose.

        To be called when whoever did something has a place, and before anything is added to the ledgers.
        `touched`: queries of the customers whose own rows changed. They are compared with what was
        published, all others with what the numbers said before.
        """
        if not self.entries:
            return
        began = time.perf_counter()
        asked = self._keys(
            f"SELECT DISTINCT key FROM ({' UNION ALL '.join([*touched, self._none])}) AS q(key)"
        )
        for home in self.entries:
            asked = self._flip(home, asked)
        self._look_at(asked)
        spent = (time.perf_counter() - began) / len(self.columns)
        self.work.seconds |= dict.fromkeys(self.columns, spent)

    @property
    def _none(self) -> str:
        return f"SELECT NULL::{self.work.key_type}"

    def _keys(self, query: str) -> pa.ChunkedArray:
        return self.work.connection.sql(f"{query} WHERE key IS NOT NULL").to_arrow_table()["key"]

    def _flip(self, home: Home, asked: pa.ChunkedArray) -> pa.ChunkedArray:
        """Note whom the entries of a ledger gain and lose, but for those `asked` about.

        Answers these, and those who turn out to be no customers.
        """
        ledger = self._ledger(home)
        seen = np.full(ledger.size, False)
        places, audiences = [np.empty(0, np.int32)], [np.empty(0, np.int64)]
        for entry in self.entries[home]:
            found, was, is_now = self._compared(home, entry)
            seen[found] = True
            turned = np.flatnonzero(was != is_now)
            places.append(found[turned])
            audiences.append(np.where(is_now[turned], entry.thing.pk, -entry.thing.pk))
        keys = ledger.places["key"]
        self.looked_at.append(keys.take(pa.array(np.flatnonzero(seen))))
        moved, which = np.concatenate(places), np.concatenate(audiences)
        told = np.full(ledger.size, False)
        told[moved] = True
        known = ledger.placed(self.work.connection, asked)
        told[known[known >= 0]] = False
        some = np.flatnonzero(told)
        here = self._here(keys.take(pa.array(some)))
        told[some[~here]] = False
        left = told[moved]
        self._note(keys.take(pa.array(moved[left])), which[left], gone=False)
        return pa.chunked_array([*asked.chunks, *keys.take(pa.array(some[~here])).chunks], type=keys.type)

    def _compared(self, home: Home, entry: Entry) -> tuple[Places, Truths, Truths]:
        """The places where something changed for an entry; whether its rule held there, and holds now."""
        asked = tuple(sorted(map(kept.column_of, self.keeping.asked[entry.column])))
        if (home, asked) not in self._pairs:
            parts = [self._concerned(home, question) for question in asked]
            together = parts[0] if len(parts) == 1 else np.unique(np.concatenate(parts))
            self._pairs[home, asked] = together, [self._pair(home, question, together) for question in asked]
        places, pairs = self._pairs[home, asked]
        rule, kinds = self.keeping.rules[entry.column], self._kinds(home)
        was, is_now = (
            Reckoner({one: pair[at] for one, pair in zip(asked, pairs, strict=True)}, kinds, clock).holds(
                rule
            )
            for at, clock in enumerate(self.clocks)
        )
        return places, was, is_now

    def _concerned(self, home: Home, question: str) -> Places:
        """Where the answers to a question are not what they were, or a window's edge passed over them."""
        changes, _ = self.keeping.found[home[0]][home[1]]
        changed = changes.places[changes.part(self._number(home, question))]
        passed = self.keeping.passed(*home, question, [entry.column for entry in self.entries[home]])
        if not len(passed):
            return changed
        seen = np.full(self._ledger(home).size, False)
        seen[changed] = seen[passed] = True
        return np.flatnonzero(seen).astype(np.int32)

    def _number(self, home: Home, question: str) -> int:
        """Of the column in the ledger."""
        column = self.keeping.tables[home[0]].columns[question]["name"]
        return list(self._ledger(home).columns).index(column)

    def _pair(self, home: Home, question: str, places: Places) -> tuple[Numbers, Numbers]:
        """The numbers at some places, in order and each mentioned once, as they were and as they are."""
        column = self.keeping.tables[home[0]].columns[question]["name"]
        ledger, (changes, _) = self._ledger(home), self.keeping.found[home[0]][home[1]]
        was = ledger.at(column, places)
        return was, changes.put_to(was, places, self._number(home, question), ledger.columns[column])

    def _look_at(self, keys: pa.ChunkedArray) -> None:
        """Compare what the rules say of these with what was published of them."""
        if not len(keys):
            return
        here, published = self._here(keys), self._published(keys)
        for home, entries in self.entries.items():
            places = self._ledger(home).placed(self.work.connection, keys)
            answers = {one: self._now(home, one, places) for one in self._questions(home)}
            reckoner = Reckoner(answers, self._kinds(home), self.clocks[1])
            for entry in entries:
                held = published(entry.thing.pk)
                holds = reckoner.holds(self.keeping.rules[entry.column]) & here
                for gone in (False, True):
                    turned = np.flatnonzero((held != holds) & (here != gone))
                    signed = np.where(holds[turned], entry.thing.pk, -entry.thing.pk)
                    self._note(keys.take(pa.array(turned)), signed, gone=gone)

    def _questions(self, home: Home) -> set[str]:
        asked = (self.keeping.asked[entry.column] for entry in self.entries[home])
        return {kept.column_of(node) for questions in asked for node in questions}

    def _now(self, home: Home, question: str, places: Places) -> Numbers:
        """The numbers at any places, as they are; -1: nowhere."""
        order = np.argsort(places)
        there = order[places[order] >= 0]
        column = self.keeping.tables[home[0]].columns[question]["name"]
        found = np.full(len(places), EMPTY[self._ledger(home).columns[column]])
        found[there] = self._pair(home, question, places[there])[1]
        return found

    def _here(self, keys: pa.ChunkedArray) -> Truths:
        """Which of these keys are customers' now."""
        rows = pa.table({"key": keys, "row": pa.array(np.arange(len(keys)))})
        self.work.connection.register("near_asked", rows)
        query = f"SELECT row FROM {self.work.subject} c JOIN near_asked a ON a.key = c.{self.work.key}"
        here = np.full(len(keys), False)
        if len(keys):
            here[self.work.connection.sql(query).to_arrow_table()["row"].to_numpy()] = True
        return here

    def _published(self, keys: pa.ChunkedArray) -> Callable[[int], Truths]:
        """Of an audience, which of these were in it."""
        who = self.work.who
        assert who
        words = who.ledger.among(who.ledger.placed(self.work.connection, keys))
        return lambda audience: who.holds(audience, words, len(keys))

    def _note(self, keys: pa.ChunkedArray, audiences: Numbers, *, gone: bool) -> None:
        if len(keys):
            rows = pa.table({"key": keys, "audience": pa.array(audiences, pa.int64())})
            self.work.connection.register("moved_now", rows)
            self.work.connection.execute(
                f"INSERT INTO moved SELECT key::VARCHAR, {gone}, audience FROM moved_now"
            )
