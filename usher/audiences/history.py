"""Who an audience gained and lost between two dates, and which part of its rule made them come or go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

import duckdb
from django.conf import settings

from usher import rules
from usher.audiences.errors import NotEvaluatedError
from usher.audiences.models import Audience, Evaluation
from usher.audiences.published import members_sql, snapshot
from usher.audiences.rulebook import with_names
from usher.rules.describe import clause_phrase
from usher.rules.facts import inner
from usher.sources import sql
from usher.sources.open import Opened, open_tables

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: Said of a change that the data, as they are today, do not show any more.
CHANGED_SINCE = "the data have changed since, so that the part of the rule cannot be told any more"
Change = Literal["gained", "lost"]


@dataclass(frozen=True)
class Part:
    """A condition of the rule that was not what it was before: `now` true or false."""

    text: str
    now: bool


@dataclass(frozen=True)
class Turn:
    """One customer who came or went.

    `parts` are the conditions that flipped, where the cause is the rule; where they cannot be told, `unknown`
    says why.
    """

    key: str
    change: Change
    cause: str
    at: datetime
    evaluation: int
    parts: tuple[Part, ...] = ()
    unknown: str = ""


@dataclass(frozen=True)
class Turns:
    """Some of those who came and went, the latest first, and how many there are in all."""

    turns: Sequence[Turn]
    total: int


def between(
    audience: Audience,
    start: datetime,
    end: datetime,
    *,
    change: Change | None = None,
    offset: int = 0,
    limit: int = 50,
) -> Turns:
    """Who was gained and lost by the evaluations as of later than `start` and not later than `end`.

    The parts of the rule are asked anew, as of the evaluation and of the one before it, over the data as they
    are now. Somebody can come and go more than once.
    """
    done = Evaluation.objects.filter(state=Evaluation.State.DONE, chain__isnull=False)
    runs = {run.pk: run for run in done.filter(now__gt=start, now__lte=end)}
    total, turns = _read(audience, runs, change, offset, limit)
    if any(turn.cause == "rule" for turn in turns):
        with open_tables(again=False) as opened:
            asked = [
                turn
                for number, some in groupby(turns, key=lambda turn: turn.evaluation)
                for turn in _explained(opened, audience, runs[number], list(some))
            ]
        turns = asked
    return Turns(turns, total)


def _read(
    audience: Audience, runs: Mapping[int, Evaluation], change: Change | None, offset: int, limit: int
) -> tuple[int, list[Turn]]:
    """A page of the changes in the files of these runs."""
    parts = list(_told(audience, runs.values()))
    if not parts:
        return 0, []
    found = f"FROM ({' UNION ALL '.join(parts)})" + (f" WHERE change = {sql.text(change)}" if change else "")
    numbers = ", ".join(f"({run.pk}, {run.number})" for run in runs.values())
    with duckdb.connect() as connection:
        (total,) = sql.row(connection, f"SELECT count(*) {found}")
        rows = connection.execute(
            f"SELECT key, change, cause, evaluation FROM (SELECT * {found})"
            f" JOIN (VALUES {numbers}) AS runs(evaluation, number) USING (evaluation)"
            " ORDER BY number DESC, try_cast(key AS BIGINT), key LIMIT ? OFFSET ?",
            [limit, offset],
        ).fetchall()
    return total, [Turn(key, what, cause, runs[run].now, run) for key, what, cause, run in rows]


def _told(audience: Audience, runs: Iterable[Evaluation]) -> Iterator[str]:
    """Queries of the changes that were written, and of the members of a first evaluation, which were not."""
    files = [run.changes for run in runs if run.change_rows and run.changes.exists()]
    columns = "key, change, cause, evaluation"
    if files:
        yield f"SELECT {columns} FROM read_parquet({sql.texts(files)}) WHERE audience = {audience.pk}"
    for run in runs:
        if str(audience.pk) in run.marks.get("gains", {}):
            with suppress(NotEvaluatedError):
                members = members_sql(audience, run)
                yield (
                    f"SELECT key, 'gained' AS change, 'rule' AS cause, {run.pk} AS evaluation FROM {members}"
                )


def _explained(opened: Opened, audience: Audience, run: Evaluation, turns: list[Turn]) -> Iterator[Turn]:
    """The turns of one run; those that the rule made with the parts of it that flipped."""
    mine = [turn for turn in turns if turn.cause == "rule"]
    answers = _Flips(opened, audience, run).of([turn.key for turn in mine]) if mine else {}
    for turn in turns:
        if turn.cause != "rule":
            yield turn
        elif isinstance(found := answers.get((turn.key, turn.change), CHANGED_SINCE), str):
            yield replace(turn, unknown=found)
        else:
            yield replace(turn, parts=found)


class _Flips:
    """A rule as it was at one run, asked as of that run and as of the one before it."""

    def __init__(self, opened: Opened, audience: Audience, run: Evaluation) -> None:
        self.opened, self.run = opened, run
        self.rule = rules.parse(snapshot(audience, run).rule)
        self.schema = with_names(opened.schema, Audience.objects.all())
        earlier = Evaluation.objects.filter(
            chain=run.chain, number__lt=run.number, snapshots__audience=audience, snapshots__error=""
        )
        self.before = earlier.order_by("-number").first()

    def of(self, keys: Sequence[str]) -> dict[tuple[str, Change], tuple[Part, ...] | str]:
        """(key, change) -> the leaves that flipped with the rule; a text when that cannot be told."""
        if self.before is None:
            return {(key, "gained"): "nothing was evaluated before" for key in keys}
        parts = {"whole": self.rule} | {f"part{n}": part for n, part in enumerate(_leaves(self.rule))}
        try:
            before, now = (self._asked(parts, keys, run) for run in (self.before, self.run))
        except (rules.RuleError, duckdb.Error) as problem:
            reason = f"the rule cannot be asked any more: {str(problem).splitlines()[0]}"
            return {(key, change): reason for key in keys for change in ("gained", "lost")}
        texts = [clause_phrase(part, self.schema) for name, part in parts.items() if name != "whole"]
        found: dict[tuple[str, Change], tuple[Part, ...] | str] = {}
        for key in keys:
            was, now_is = before.get(key), now.get(key)
            if was and now_is and was[0] != now_is[0]:
                flipped = zip(texts, was[1:], now_is[1:], strict=True)
                parts_of = tuple(Part(text, new) for text, old, new in flipped if old != new)
                found[key, "gained" if now_is[0] else "lost"] = parts_of
        return found

    def _asked(
        self, parts: Mapping[str, rules.Node], keys: Sequence[str], run: Evaluation
    ) -> dict[str, tuple[bool, ...]]:
        """For each of the customers: whether the parts hold, as of a run."""
        selected = rules.select(
            parts,
            self.schema,
            self._tables(keys),
            now=run.now,
            zone=ZoneInfo(settings.TIME_ZONE),
            members=lambda kind, name: self._members(kind, name, run),
        )
        key = sql.name(self.opened.subject.key)
        query = f"SELECT {key}::VARCHAR, {', '.join(parts)} FROM ({self.opened.connection.compile(selected)})"
        return {row[0]: tuple(map(bool, row[1:])) for row in self.opened.duckdb.execute(query).fetchall()}

    def _tables(self, keys: Sequence[str]) -> Mapping[str, ir.Table]:
        """The rows of these customers; what links lead to is whole."""
        found = {}
        for name, one in self.opened.opened.items():
            table = self.opened.connection.table(name)
            mine = name not in self.opened.schema.lookups
            found[name] = table.filter(table[one.key].cast("string").isin(keys)) if mine else table
        return found

    def _members(self, kind: str, name: str, run: Evaluation) -> ir.Table:
        audience = next(one for one in Audience.objects.filter(name=name) if one.asked_as == kind)
        view, key = f"members_{audience.pk}_{run.pk}", sql.name(self.opened.subject.key)
        query = f"SELECT key AS {key} FROM {members_sql(audience, run)}"
        self.opened.duckdb.execute(f"CREATE OR REPLACE VIEW {view} AS {query}")
        return self.opened.connection.table(view)


def _leaves(node: rules.Node) -> list[rules.Node]:
    """The conditions that are not made of conditions, each once."""
    below = inner(node)
    found = [leaf for part in below for leaf in _leaves(part)] if below else [node]
    return list(dict.fromkeys(found))
