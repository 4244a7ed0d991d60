"""Who is in what, and which value everybody has, as SQL over a base and the changes after (or before) it.

A base holds one row for each customer: `key`, `a_<id>` for each audience, `f_<id>` for each computed field.
Each evaluation writes what it changed. A gain counts 1, a loss -1: the sum over some evaluations in a row is
what they came to, so that changes can also be undone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from usher.audiences.errors import NotEvaluatedError
from usher.audiences.models import Evaluation
from usher.sources import sql

#: Changes that lie between a base and what is asked for, and which way they are gone.
SIGN = "CASE change WHEN 'gained' THEN 1 ELSE -1 END"


@dataclass(frozen=True)
class State:
    """What was published as of one evaluation, as files."""

    base: Path
    changes: tuple[Path, ...] = ()
    #: Changed values, from the base on; empty when the base is later than what is asked for.
    values: tuple[Path, ...] = ()
    #: The base is later than what is asked for: its changes are undone.
    undone: bool = False

    @property
    def known(self) -> frozenset[str]:
        """The columns of the base."""
        return frozenset(pq.read_schema(self.base).names)

    def members(self, audience: int) -> str:
        """A subquery with the keys of an audience, in one column `key`."""
        column = f"a_{audience}"
        there = f"SELECT key FROM {_parquet([self.base])} WHERE {column}" if column in self.known else _NOBODY
        if not self.changes:
            return f"({there})"
        sign = f"-({SIGN})" if self.undone else SIGN
        moved = (
            f"SELECT key, sum({sign}) AS n FROM {_parquet(self.changes)}"
            f" WHERE audience = {audience} GROUP BY key"
        )
        return (
            f"(WITH moved AS MATERIALIZED ({moved}) SELECT key FROM ({there}) ANTI JOIN"
            " (SELECT key FROM moved WHERE n < 0) USING (key)"
            " UNION ALL SELECT key FROM moved WHERE n > 0)"
        )

    def field(self, field: int, kind: str) -> str:
        """A subquery with `key` and `value` (of DuckDB's type `kind`) of all who have one."""
        column = f"f_{field}"
        there = _NOBODY.replace("key", f"key, NULL::{kind} AS value")
        if column in self.known:
            rows = f"FROM {_parquet([self.base])} WHERE {column} IS NOT NULL"
            there = f"SELECT key, {column}::{kind} AS value {rows}"
        if not self.values:
            return f"({there})"
        moved = (
            f"SELECT key, {_LATEST} AS latest FROM {_parquet(self.values)} WHERE field = {field} GROUP BY key"
        )
        return (
            f"(WITH moved AS MATERIALIZED ({moved})"
            f" SELECT key, value FROM ({there}) ANTI JOIN moved USING (key)"
            f" UNION ALL SELECT key, latest.value::{kind} FROM moved WHERE latest.value IS NOT NULL)"
        )

    def rows(self, audiences: Iterable[int], fields: Mapping[int, str], among: str = "") -> str:
        """A subquery with a row for each customer: `key`, `a_<id>` (never null) and `f_<id>` of these.

        `fields`: id -> DuckDB's type. `among` names a table: only keys in its column `key`. Customers without
        anything may be missing.
        """
        known, tags, kinds = self.known, list(audiences), dict(fields)
        only = f" SEMI JOIN {among} USING (key)" if among else ""
        parts = [f"b AS (FROM {_parquet([self.base])}{only})"]
        joins = ""
        if self.changes and tags:
            parts.append(f"m AS ({_flips(self.changes, tags, only)})")
            joins += " FULL JOIN m USING (key)"
        if self.values and kinds:
            latest = "".join(f", {_LATEST} FILTER (field = {one}) AS f_{one}" for one in kinds)
            parts.append(f"v AS (SELECT key{latest} FROM {_parquet(self.values)}{only} GROUP BY key)")
            joins += " FULL JOIN v USING (key)"
        shown = ["key"]
        for place, one in enumerate(tags):
            before = f"coalesce(b.a_{one}, false)" if f"a_{one}" in known else "false"
            flipped = f" <> {_flipped(place)}" if " m " in joins else ""
            shown.append(f"({before}{flipped}) AS a_{one}")
        for one, kind in kinds.items():
            value = f"b.f_{one}::{kind}" if f"f_{one}" in known else f"NULL::{kind}"
            if " v " in joins:
                value = f"CASE WHEN v.f_{one} IS NULL THEN {value} ELSE v.f_{one}.value::{kind} END"
            shown.append(f"{value} AS f_{one}")
        return f"(WITH {', '.join(parts)} SELECT {', '.join(shown)} FROM b{joins})"


def _flips(changes: Sequence[Path], tags: Sequence[int], only: str) -> str:
    """A query with a bit for each audience that a customer is in now and was not, or the reverse.

    Whoever comes must have been out and the reverse: an odd number of changes is a change.
    """
    bits = ", ".join(f"({one}, {place // BITS}, {1 << place % BITS})" for place, one in enumerate(tags))
    words = "".join(
        f", coalesce(bit_xor(bit) FILTER (word = {word}), 0) AS flips{word}"
        for word in range((len(tags) - 1) // BITS + 1)
    )
    return (
        f"SELECT key{words} FROM {_parquet(changes)}{only}"
        f" JOIN (VALUES {bits}) AS places(audience, word, bit) USING (audience) GROUP BY key"
    )


def _flipped(place: int) -> str:
    return f"(coalesce(m.flips{place // BITS}, 0) & {1 << place % BITS} <> 0)"


#: So many audiences share a whole number.
BITS = 62
_NOBODY = "SELECT key FROM (SELECT '' AS key) WHERE false"
#: The last word on a value: a structure, so that a value that is no more differs from one never changed.
_LATEST = "arg_max({'value': value}, number)"


def state_of(run: Evaluation) -> State:
    """The files that say what this evaluation published; NotEvaluatedError when they are gone."""
    if run.number is None or run.chain is None:
        raise NotEvaluatedError(f"{run} was not published, or by an older version; evaluate again")
    chain = Evaluation.objects.filter(state=Evaluation.State.DONE, chain=run.chain).order_by("number")
    chain = chain.defer("marks")  # they are long, and no part of what was published
    before = chain.filter(number__lte=run.number, base_rows__isnull=False).reverse()
    for base in before:
        if base.base.exists():
            later = list(chain.filter(number__gt=base.number, number__lte=run.number))
            return _whole(run, State(base.base, _changes(later), _values(later)))
    after = chain.filter(number__gt=run.number, base_rows__isnull=False)
    for base in after:
        if base.base.exists():
            later = list(chain.filter(number__gt=run.number, number__lte=base.number))
            return _whole(run, State(base.base, _changes(later), undone=True))
    raise NotEvaluatedError(f"the files of {run} are gone; evaluate again")


def _changes(runs: Sequence[Evaluation]) -> tuple[Path, ...]:
    return tuple(run.changes for run in runs if run.change_rows)


def _values(runs: Sequence[Evaluation]) -> tuple[Path, ...]:
    return tuple(run.values for run in runs if run.change_rows and run.values.exists())


def _whole(run: Evaluation, state: State) -> State:
    missing = [path for path in state.changes if not path.exists()]
    if missing:
        raise NotEvaluatedError(f"members as of {run} cannot be told: {missing[0]} is gone")
    return state


def _parquet(paths: Sequence[Path]) -> str:
    return f"read_parquet({sql.texts(paths)})"
