"""Who is in what as last published, as bits in a ledger: read for some customers without the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from usher.audiences.ledger import By, Changes, Ledger, Numbers, Places, begin

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
        rows = work.connection.sql(f"SELECT key, key::{work.key_type} AS own FROM {among}").to_arrow_table()
        words = self.ledger.among(self.ledger.placed(work.connection, rows["own"]))
        work.connection.register("near_people_who", pa.table({"key": rows["key"], **words}))
        return "near_people_who"

    def column(self, audience: int, table: str) -> str:
        """SQL: whether the words in a table say that a customer is in an audience."""
        if audience not in self.audiences:
            return "false"
        place = self.audiences.index(audience)
        return f"({table}.w{place // BITS} & {1 << place % BITS} <> 0)"

    def holds(self, audience: int, words: Mapping[str, Numbers], rows: int) -> NDArray[np.bool_]:
        """The same of words in arrays with so many rows."""
        if audience not in self.audiences:
            return np.full(rows, False)
        place = self.audiences.index(audience)
        found: NDArray[np.bool_] = words[f"w{place // BITS}"] & (1 << place % BITS) != 0
        return found

    def move(self, work: Work) -> None:
        """Put what was gained and lost (the table `moved`) to the ledger."""
        self.audiences += [one for one in work.audiences if one not in self.audiences]
        self.ledger.columns |= dict.fromkeys(_words(self.audiences), "xor")
        rows = work.connection.sql(f"SELECT key::{work.key_type} AS key, abs(audience) AS one FROM moved")
        moved = rows.to_arrow_table()
        if not len(moved):
            return
        places = self.ledger.placed(work.connection, moved["key"])
        nowhere = np.flatnonzero(places < 0)
        if len(nowhere):
            coded = moved["key"].take(pa.array(nowhere)).combine_chunks().dictionary_encode()
            places[nowhere] = self.ledger.size + coded.indices.to_numpy()
            self.ledger.more_keys(pa.chunked_array([coded.dictionary]), work.folder / "who_keys.arrow")
        self.ledger.add(self._flips(places, moved["one"].to_numpy()), work.folder / "who_added.arrow")
        if self.ledger.is_full:
            self.ledger = self.ledger.anew(work.folder / "who_base.arrow", self.ledger.columns)

    def _flips(self, places: Places, audiences: Numbers) -> Changes:
        """The bits of these audiences at these places, turned round."""
        known = np.array(self.audiences)
        order = np.argsort(known)
        bits = order[np.searchsorted(known[order], audiences)]
        words = bits // BITS
        return Changes.gathered(
            [
                (word, places[words == word], np.left_shift(1, bits[words == word] % BITS), "xor")
                for word in range(len(self.ledger.columns))
            ]
        )

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
