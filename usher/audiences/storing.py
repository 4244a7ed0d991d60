"""Write what an evaluation changed, and a base when it is time for one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from django.db.models import Sum

from usher.audiences import who
from usher.audiences.models import Audience, Evaluation, Snapshot
from usher.audiences.work import Work, column_of
from usher.sources import sql

#: A new base is written when the changes since the last are more than this share of what it says …
SHARE = 0.2
#: … or when so many evaluations have passed.
STEPS = 60
_FORMAT = "(FORMAT parquet, COMPRESSION zstd)"


def store(work: Work) -> list[Snapshot]:
    """Write the files of the run into its folder; answers what is to be published."""
    snapshots = _snapshots(work)
    work.run.marks["gains"] = _gains(work)
    _count(work, snapshots)
    _write_changes(work, snapshots)
    _write_base(work, snapshots)
    _write_who(work, snapshots)
    return list(snapshots.values())


def _snapshots(work: Work) -> dict[str, Snapshot]:
    """What was selected and what could not be, by column; the sizes are those of before."""
    reasons = {column_of(one.thing): one.reason for one in work.unfit}
    expired = {column_of(one) for one in work.expired}
    types = _types(work)
    found = {}
    for thing in work.things:
        column = column_of(thing)
        last = work.before.good(column) if work.before else None
        made = Snapshot(evaluation=work.run, size=last.size if last else 0, error=reasons.get(column, ""))
        made.audience, made.field = (thing, None) if isinstance(thing, Audience) else (None, thing)
        if not made.error:
            text = thing.rule if isinstance(thing, Audience) else thing.expression
            made.rule = "" if column in expired else text
            made.type, made.as_of = types.get(column, ""), work.run.now
        elif last:
            made.rule, made.type, made.as_of = last.rule, last.type, last.as_of
        found[column] = made
    return found


def _gains(work: Work) -> dict[str, list[str]]:
    """What the first base says by itself, as id -> name and kind: whoever is in it, the rule brought."""
    if work.before:
        return {}
    brought = (thing for thing in work.things if isinstance(thing, Audience) and thing.has_rule)
    return {str(one.pk): [one.name, one.kind] for one in brought}


def _types(work: Work) -> dict[str, str]:
    tables = {frame.table for frame in work.frames}
    return dict.fromkeys(work.flipped, "BOOLEAN") | {
        row[0]: row[1] for table in tables for row in work.connection.execute(f"DESCRIBE {table}").fetchall()
    }


def _count(work: Work, snapshots: dict[str, Snapshot]) -> None:
    moved = work.connection.execute("SELECT audience, count(*) FROM moved GROUP BY 1").fetchall()
    for audience, count in moved:
        made = snapshots[f"a_{abs(audience)}"]
        made.gained, made.lost = (count, made.lost) if audience > 0 else (made.gained, count)
    for made in snapshots.values():
        made.size += made.gained - made.lost
    revalued = work.connection.execute(
        "SELECT field, count(*), sum(more) FROM revalued GROUP BY 1"
    ).fetchall()
    for field, _, more in revalued:
        snapshots[f"f_{field}"].size += int(more)
    told = work.run.marks["gains"]
    moved = [row for row in moved if str(row[0]) not in told]
    work.run.change_rows = sum(row[1] for row in (*moved, *revalued))


def _write_changes(work: Work, snapshots: dict[str, Snapshot]) -> None:
    work.connection.execute(
        "CREATE TABLE causes (audience BIGINT, name TEXT, kind TEXT, gained TEXT, lost TEXT)"
    )
    causes = [_causes(work, made) for made in snapshots.values() if made.audience]
    if causes:
        rows = ", ".join(f"({one}, {', '.join(map(sql.text, texts))})" for one, *texts in causes)
        work.connection.execute(f"INSERT INTO causes VALUES {rows}")
    query = f"""
        SELECT c.audience, c.name, c.kind, m.key,
               CASE WHEN m.audience > 0 THEN 'gained' ELSE 'lost' END AS change,
               CASE WHEN m.audience > 0 THEN coalesce(a.cause, c.gained) WHEN m.gone THEN 'gone'
                    ELSE coalesce(nullif(a.removed_cause, ''), c.lost) END AS cause,
               {work.run.pk}::BIGINT AS evaluation
        FROM moved m JOIN causes c ON c.audience = abs(m.audience)
        LEFT JOIN assigned a ON a.audience = c.audience AND a.key = m.key
        WHERE m.audience NOT IN ({", ".join(["0", *work.run.marks["gains"]])})
        ORDER BY m.key, c.audience"""
    _copy(work, query, work.run.changes)
    query = f"SELECT field, key, value, {work.number}::BIGINT AS number FROM revalued ORDER BY field, key"
    if sql.row(work.connection, "SELECT count(*) FROM revalued")[0]:
        _copy(work, query, work.run.values)


def _causes(work: Work, made: Snapshot) -> tuple[int, str, str, str, str]:
    """A rule that was rewritten since moves people by its definition, not by what they did."""
    assert made.audience
    last = work.before.good(made.column) if work.before else None
    by = "rule" if last is None or last.rule == made.rule else "definition"
    lost = "expired" if made.audience in work.expired else by
    return made.audience.pk, made.audience.name, made.audience.kind, by, lost


def _write_base(work: Work, snapshots: dict[str, Snapshot]) -> None:
    """Everything as of now, when that is due; the run then has no need of changed values."""
    work.run.chain = work.before.run.chain if work.before else work.run.pk
    good = {column: made for column, made in snapshots.items() if made.as_of}
    if not _due(work, good):
        return
    (work.run.base_rows,) = _copy(work, f"{_everything(work, good)} ORDER BY key", work.run.base)
    _file(work, work.run.values).unlink(missing_ok=True)


def _everything(work: Work, good: dict[str, Snapshot]) -> str:
    """SQL: a row for each customer, with everything as of now."""
    everybody = next((frame for frame in work.frames if frame.whole), None)
    if everybody and good.keys() <= set(everybody.columns):
        return f"SELECT key{''.join(f', {column}' for column in good)} FROM {everybody.table}"
    merged = f" LEFT JOIN {_after(work, good)} r ON r.key = c.{work.key}::VARCHAR" if good else ""
    return f"SELECT c.{work.key}::VARCHAR AS key{_merged(good)} FROM {work.subject} c{merged}"


def _write_who(work: Work, snapshots: dict[str, Snapshot]) -> None:
    """Who is in what now: what is known of it goes on; else it is begun from everything."""
    if work.who:
        work.who.move(work)
    else:
        good = {column: made for column, made in snapshots.items() if made.as_of and made.audience}
        audiences = [made.audience_id for made in good.values() if made.audience_id]
        work.who = who.first(work, audiences, _everything(work, good))
    work.run.marks["who"] = work.who.mark(work.folder, work.run.folder)


def _due(work: Work, good: dict[str, Snapshot]) -> bool:
    if work.before is None:
        return True
    for column, made in good.items():
        last = work.before.good(column)
        if last and last.type != made.type:
            return True
    base = Evaluation.objects.defer("marks").get(pk=int(work.before.state.base.parent.name))
    since = Evaluation.objects.filter(chain=base.chain, number__gt=base.number)
    rows = list(since.values_list("change_rows", flat=True))
    changed = sum(rows) + work.run.change_rows
    said = base.snapshots.aggregate(all=Sum("size"))["all"] or 0
    return len(rows) + 1 >= STEPS or changed > SHARE * (said + (base.base_rows or 0))


def _after(work: Work, good: dict[str, Snapshot]) -> str:
    """Everything as of before with the changes of this run: SQL."""
    assert work.before
    values = _file(work, work.run.values)
    state = replace(
        work.before.state,
        changes=(*work.before.state.changes, _file(work, work.run.changes)),
        values=(*work.before.state.values, *([values] if values.exists() else [])),
    )
    fields = {made.field_id: made.type for made in good.values() if made.field_id}
    return state.rows([made.audience_id for made in good.values() if made.audience_id], fields)


def _merged(good: dict[str, Snapshot]) -> str:
    return "".join(
        f", coalesce(r.{column}, false) AS {column}" if made.audience else f", r.{column}"
        for column, made in good.items()
    )


def _copy(work: Work, query: str, path: Path) -> tuple[int]:
    """Write a file of the run; answers how many rows."""
    (rows,) = sql.row(work.connection, f"COPY ({query}) TO {sql.text(_file(work, path))} {_FORMAT}")
    return (rows,)


def _file(work: Work, path: Path) -> Path:
    """Where a file of the run stands before it is published."""
    return work.folder / path.name
