"""Whom the keys and e-mail addresses of a list mean: looked up all at once among the customers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import duckdb
import pyarrow as pa

from usher.sources import sql
from usher.sources.check import is_address
from usher.sources.errors import SourceError
from usher.sources.open import open_tables

#: What a word is: a customer's key, an address, or whichever of them fits (the key first).
By = Literal["key", "email", "either"]
#: Places are told of so many words; all are counted.
KEPT = 1_000
LONGEST_KEY = 255
_BATCH = 50_000


@dataclass(frozen=True)
class Word:
    """One entry of a list: `row` is its line in the file, or its place in the list, from 1."""

    row: int
    text: str
    by: By


@dataclass(frozen=True)
class Place:
    """An entry that means nobody, or nobody certain."""

    row: int
    value: str
    state: Literal["unknown", "ambiguous", "bad"]
    reason: str


@dataclass(frozen=True)
class Match:
    """Entries read, and how many of them are what; `matched` counts customers, each once."""

    read: int
    matched: int
    unknown: int
    ambiguous: int
    bad: int
    #: Entries that mean a customer whom another entry means already.
    doubled: int
    #: The first KEPT entries that are not matched, in order.
    places: tuple[Place, ...]
    #: Why unknown keys cannot be told from known ones; empty when they can.
    problem: str
    connection: duckdb.DuckDBPyConnection

    def keys(self, *, unknown: bool = False) -> Iterator[str]:
        """The customers' keys, each once; with `unknown` also the keys that no customer has."""
        answer = self.connection.cursor().execute(self._meant(unknown))
        while rows := answer.fetchmany(_BATCH):
            yield from (row[0] for row in rows)

    def size(self, *, unknown: bool = False) -> int:
        """How many keys there are."""
        return int(sql.row(self.connection, f"SELECT count(*) FROM ({self._meant(unknown)})")[0])

    def _meant(self, unknown: bool) -> str:
        also = "OR state = 'unknown' AND kind != 'email'" if unknown else ""
        return f"SELECT DISTINCT coalesce(key, word) FROM _judged WHERE state = 'matched' {also}"


def is_key(text: str) -> bool:
    """Whether a text can be a customer's key at all."""
    return 0 < len(text) <= LONGEST_KEY and text.isprintable() and text == text.strip()


@contextmanager
def match(words: Iterable[Word], *, need_customers: bool = True) -> Iterator[Match]:
    """Look the words up. SourceError when the customers cannot be read.

    Without `need_customers` keys are then taken as they are, and `problem` says why.
    """
    with _workspace(need_customers) as (connection, customers, problem):
        _load(connection, words)
        connection.execute(_judged(customers))
        yield _told(connection, problem)


@contextmanager
def _workspace(need_customers: bool) -> Iterator[tuple[duckdb.DuckDBPyConnection, str, str]]:
    """A DuckDB with room for the words, and a query of all customers: key and email as text."""
    try:
        opened = open_tables(again=False)
    except SourceError as missing:
        if need_customers:
            raise
        with duckdb.connect() as plain:
            yield plain, "SELECT '' AS key, '' AS email LIMIT 0", str(missing)
        return
    with opened:
        subject = opened.subject
        key, email = f"{sql.name(subject.key)}::VARCHAR", f"lower(trim({sql.name(subject.email)}::VARCHAR))"
        yield opened.duckdb, f"SELECT {key} AS key, {email} AS email FROM {sql.name(subject.name)}", ""


def _load(connection: duckdb.DuckDBPyConnection, words: Iterable[Word]) -> None:
    connection.execute("CREATE TABLE _given (place BIGINT, word VARCHAR, kind VARCHAR)")
    rest = iter(words)
    while batch := list(islice(rest, _BATCH)):
        part = pa.table(
            {
                "place": [word.row for word in batch],
                "word": [word.text.strip() for word in batch],
                "kind": [word.by for word in batch],
            }
        )
        connection.register("_part", part)
        connection.execute("INSERT INTO _given FROM _part")
        connection.unregister("_part")


def _judged(customers: str) -> str:
    """Each word with the key that it means and what it is; of doubled words each stands for itself."""
    return f"""
        CREATE TABLE _judged AS
        WITH _people AS ({customers}),
        addressed AS (
            SELECT email, min(key) AS key, count(DISTINCT key) AS many FROM _people
            WHERE email IN (SELECT lower(word) FROM _given WHERE kind != 'key') GROUP BY email
        ),
        keyed AS (SELECT DISTINCT key FROM _people WHERE key IN (SELECT word FROM _given))
        SELECT place, word, kind, coalesce(keyed.key, addressed.key) AS key,
            CASE WHEN word = '' THEN 'it is empty'
                 WHEN regexp_matches(word, '[\\x00-\\x1f\\x7f]') THEN 'it holds a control character'
                 WHEN contains(word, chr(65533)) THEN 'it is not UTF-8 text'
                 WHEN length(word) > {LONGEST_KEY} THEN 'it is longer than {LONGEST_KEY} characters'
                 WHEN kind = 'email' AND NOT {is_address("word")} THEN 'it is not an e-mail address'
            END AS wrong,
            CASE WHEN wrong IS NOT NULL THEN 'bad'
                 WHEN keyed.key IS NOT NULL THEN 'matched'
                 WHEN addressed.many > 1 THEN 'ambiguous'
                 WHEN addressed.many = 1 THEN 'matched'
                 ELSE 'unknown' END AS state,
            addressed.many
        FROM _given
        LEFT JOIN keyed ON kind != 'email' AND keyed.key = word
        LEFT JOIN addressed ON kind != 'key' AND keyed.key IS NULL AND addressed.email = lower(word)"""


def _told(connection: duckdb.DuckDBPyConnection, problem: str) -> Match:
    counts = ", ".join(f"count(*) FILTER (state = '{state}')" for state in ("unknown", "ambiguous", "bad"))
    matched = "count(DISTINCT key) FILTER (state = 'matched')"
    doubled = f"count(*) FILTER (state = 'matched') - {matched}"
    read, people, unknown, ambiguous, bad, twice = sql.row(
        connection, f"SELECT count(*), {matched}, {counts}, {doubled} FROM _judged"
    )
    listed = connection.execute(
        "SELECT place, word, state, wrong, many, kind FROM _judged WHERE state != 'matched'"
        f" ORDER BY place, word LIMIT {KEPT}"
    ).fetchall()
    if problem:
        listed, unknown = [one for one in listed if one[2] == "bad"], 0
    places = tuple(map(_place, listed))
    return Match(read, people, unknown, ambiguous, bad, twice, places, problem, connection)


def _place(found: tuple[int, str, Literal["unknown", "ambiguous", "bad"], str | None, int, By]) -> Place:
    row, word, state, wrong, many, by = found
    noun = {"key": "key", "email": "address", "either": "key or address"}[by]
    said = {"unknown": f"no customer has this {noun}", "ambiguous": f"{many} customers have this address"}
    return Place(row, word[:100], state, wrong or said[state])
