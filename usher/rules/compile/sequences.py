"""Sequences: who has rows that follow each other, by one ordered pass over the rows of all steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from usher.rules import nodes
from usher.rules.clock import Clock
from usher.rules.compile.links import linked, names_in
from usher.rules.compile.rows import KEY, Data, seen
from usher.rules.compile.values import Values
from usher.rules.moments import instant_of, length, local_time

if TYPE_CHECKING:
    import ibis
    import ibis.expr.types as ir


def matching(sequence: nodes.Sequence, data: Data) -> ibis.Table:
    """The keys, named `KEY`, of those who did all steps in time; some more than once.

    A step follows the latest fitting row before it: if any chain leads to a row, then one over that row does.
    Rows at one moment do not follow each other: the later step's row is sorted before the earlier step's.
    """
    import ibis

    rows = _rows_of(sequence, data)
    present = [step for step in sequence.steps if not step.absent]
    order = {"group_by": rows[KEY], "order_by": [rows["at"].asc(), rows["step"].desc()]}
    before, behind = ibis.window(**order, rows=(None, 0)), ibis.window(**order, rows=(0, None))
    if len(present) < len(sequence.steps):
        rows = rows.mutate(next=_times(rows, rows["step"] == len(present)).min().over(behind))
    reached = rows["step"] == 0
    for number, step in enumerate(present[1:], 1):
        rows = rows.mutate(previous=_times(rows, reached).max().over(before))
        reached = (rows["step"] == number) & _in_time(rows["previous"], rows["at"], step.within, data.clock)
    last = sequence.steps[-1]
    if last.absent:
        assert last.within is not None
        reached &= _over(rows["at"], last.within, data.clock)
        reached &= ~_in_time(rows["at"], rows["next"], last.within, data.clock).fill_null(False)
    return rows.filter(reached).select(KEY)


def _rows_of(sequence: nodes.Sequence, data: Data) -> ibis.Table:
    """The rows of all steps with their key, their time and the number of their step."""
    import ibis

    found = [_rows(step, data) for step in sequence.steps]
    if any(not rows["at"].type().is_timestamp() or rows["at"].type().timezone is None for rows in found):
        found = [rows.mutate(at=data.clock.dialect.local(data.clock.wall(rows["at"]))) for rows in found]
    else:
        found = [rows.mutate(at=data.clock.dialect.instant(rows["at"])) for rows in found]
    kind = "int64" if all(rows[KEY].type().is_integer() for rows in found) else "string"
    steps = [
        rows.select(**{KEY: rows[KEY].cast(kind)}, at=rows["at"], step=ibis.literal(number, "int8"))
        for number, rows in enumerate(found)
    ]
    return steps[0] if len(steps) == 1 else ibis.union(*steps)


def _rows(step: nodes.Step, data: Data) -> ibis.Table:
    table = data.schema.tables[step.table]
    assert table.at is not None, table.name
    rows = seen(table, data)
    asked, say = names_in(step.where), data.clock.dialect
    rows, names = linked(rows, asked, table.columns, table.links, data.schema, data.tables, say)
    rows = rows.filter(rows[table.key].notnull())
    if step.where is not None:
        rows = rows.filter(Values(rows, data.clock, names).condition(step.where))
    return rows.select(**{KEY: rows[table.key], "at": rows[table.at]})


def _times(rows: ibis.Table, where: Any) -> Any:
    import ibis

    return ibis.cases((where, rows["at"]))


def _in_time(earlier: Any, later: Any, within: nodes.Period | None, clock: Clock) -> Any:
    """Is there an `earlier` that is not longer ago than `within`?"""
    if within is None:
        return earlier.notnull()
    return later <= clock.dialect.later(earlier, int(length(within).total_seconds()))


def _over(at: ir.Value, within: nodes.Period, clock: Clock) -> Any:
    """Is the time in which something could follow over?"""
    now = instant_of(clock.now, clock.zone)
    end = now if at.type().timezone else local_time(now, clock.zone)
    return at <= clock.dialect.literal(end - length(within))
