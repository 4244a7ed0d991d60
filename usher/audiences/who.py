"""Who is in what as last published, as bits in a ledger: read for some customers without the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from usher.audiences.ledger import By, Ledger, begin
from usher.sources import sql

if TYPE_CHECKING:
    from usher.audiences.work import Work

#: So many audiences share a whole number.
BITS = 62


@dataclass
class Who:
    """`audiences` in the order of their bits; the columns of the ledger are `w0`, `w1` and so on."""

    audiences: list[int]
    ledger: Ledger

    @classmethod
    def of(cls, mark: Mapping[str, Any] | None) -> Who | None:
        """From what an evaluation noted; None when there is nothing, or files are gone."""
        found = cls(list(mark["audiences"]), Ledger.of(mark["ledger"])) if mark else None
        return found if found and found.ledger.is_there else None

    def near(self, work: Work, among: str) -> str:
        """The name of a table with `key` (text) and the words of the keys in the column `key` of another."""
        found = self.ledger.find(work.connection, "who", f"SELECT key::{work.key_type} FROM {among}")
        rows = work.connection.sql(
            f"SELECT a.key, p.place FROM {among} a LEFT JOIN {found} p ON p.key = a.key::{work.key_type}"
        ).to_arrow_table()
        words = self.ledger.among(rows["place"].fill_null(-1).to_numpy())
        work.connection.register("near_people_who", pa.table({"key": rows["key"], **words}))
        return "near_people_who"

    def column(self, audience: int, table: str) -> str:
        """SQL: whether the words in a table say that a customer is in an audience."""
        if audience not in self.audiences:
            return "false"
        place = self.audiences.index(audience)
        return f"({table}.w{place // BITS} & {1 << place % BITS} <> 0)"

    def move(self, work: Work) -> None:
        """Put what was gained and lost (the table `moved`) to the ledger."""
        self.audiences += [one for one in work.audiences if one not in self.audiences]
        self.ledger.columns |= dict.fromkeys(_words(self.audiences), "xor")
        keys, connection = f"SELECT key::{work.key_type} AS key FROM moved", work.connection
        if not sql.row(connection, "SELECT count(*) FROM moved")[0]:
            return
        found = self.ledger.find(connection, "who", keys)
        newly = f"FROM ({keys}) ANTI JOIN {found} USING (key)"
        if sql.row(connection, f"SELECT count(*) {newly}")[0]:
            file = work.folder / "who_keys.arrow"
            self.ledger.more_keys(connection, f"SELECT DISTINCT key {newly}", file)
            found = self.ledger.find(connection, "who", keys)
        self.ledger.add(
            connection,
            f"SELECT word::SMALLINT AS question, place, bit_xor(bit) AS number FROM moved m"
            f" JOIN {found} p ON p.key = m.key::{work.key_type}"
            f" JOIN {_places(self.audiences)} ON abs(m.audience) = places.audience GROUP BY ALL",
            work.folder / "who_added.arrow",
        )
        if self.ledger.is_full:
            self.ledger = self.ledger.anew(work.folder / "who_base.arrow", self.ledger.columns)

    def mark(self, scratch: Path, home: Path) -> dict[str, Any]:
        return {"audiences": self.audiences, "ledger": self.ledger.mark(scratch, home)}


def first(work: Work, audiences: Sequence[int], everything: str) -> Who:
    """From a query with the key (text) of each customer and a column for each of the audiences."""
    words = "".join(
        f", {word_of([f'a_{one}' for one in audiences[at : at + BITS]])} AS {word}"
        for at, word in zip(range(0, len(audiences) or 1, BITS), _words(audiences), strict=True)
    )
    query = f"SELECT key::{work.key_type} AS key{words} FROM ({everything})"
    columns: dict[str, By] = dict.fromkeys(_words(audiences), "xor")
    return Who(list(audiences), begin(work.connection, query, columns, work.folder / "who.arrow"))


def word_of(conditions: Sequence[str]) -> str:
    """SQL: a whole number with a bit for each of at most `BITS` conditions, the first the lowest."""
    bits = [f"CASE WHEN {one} THEN {1 << place} ELSE 0 END" for place, one in enumerate(conditions)]
    return f"({' | '.join(['0::BIGINT', *bits])})"


def _words(audiences: Sequence[int]) -> list[str]:
    return [f"w{number}" for number in range((max(len(audiences), 1) - 1) // BITS + 1)]


def _places(audiences: Sequence[int]) -> str:
    places = ", ".join(
        f"({one}, {place // BITS}, {1 << place % BITS}::BIGINT)" for place, one in enumerate(audiences)
    )
    return f"(VALUES {places}) AS places(audience, word, bit)"
