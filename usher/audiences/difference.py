"""What an evaluation changed: who was gained and lost and why, and which values are new."""

from __future__ import annotations

from collections.abc import Sequence

from usher.audiences.who import BITS, word_of
from usher.audiences.work import Frame, Work

_TABLES = """
    CREATE TABLE moved (key VARCHAR, gone BOOLEAN, audience BIGINT);
    CREATE TABLE revalued (key VARCHAR, field BIGINT, value VARCHAR, more BIGINT);
"""


def begin(work: Work) -> None:
    """Make the tables `moved` (audience: negative when lost) and `revalued`."""
    work.connection.execute(_TABLES)


def compare(work: Work) -> None:
    """Put into them what was selected and is not as it was, by one join for all columns.

    What was selected of affected customers only is compared with what was published of them.
    """
    whole = [frame for frame in work.frames if frame.whole]
    if whole:
        columns = [column for frame in whole for column in frame.columns]
        new = _joined(work, whole)
        old = work.before.state.rows(*split(work, columns)) if work.before else ""
        _note(work, new, old, columns)
    for frame in work.frames:
        if not frame.whole:
            _note(work, _as_text(frame), f"(SELECT * FROM old WHERE {frame.looked_at})", frame.columns)


def moved_in(work: Work, frame: Frame, columns: Sequence[str]) -> str:
    """A query with the keys (text) whose membership differs in these columns of a frame."""
    assert work.before
    old = f"(SELECT * FROM old WHERE {frame.looked_at})"
    if frame.whole:
        old = work.before.state.rows(*split(work, columns))
    differing = " OR ".join(f"coalesce(n.{one}, false) <> coalesce(o.{one}, false)" for one in columns)
    return f"SELECT key FROM {_as_text(frame)} n FULL JOIN {old} o USING (key) WHERE {differing}"


def _as_text(frame: Frame) -> str:
    return f"(SELECT key::VARCHAR AS key, * EXCLUDE (key) FROM {frame.table})"


def _joined(work: Work, frames: Sequence[Frame]) -> str:
    """Frames of everybody side by side, as the table `everybody`: each has a row for each customer."""
    first, *others = frames
    joins = "".join(f" JOIN {one.table} USING (key)" for one in others)
    columns = "".join(f", {column}" for frame in frames for column in frame.columns)
    work.connection.execute(
        f"CREATE {'TABLE' if others else 'VIEW'} everybody AS"
        f" SELECT key::VARCHAR AS key{columns} FROM {first.table}{joins}"
    )
    for frame in frames if others else ():
        work.connection.execute(f"DROP TABLE {frame.table} CASCADE")
    together = Frame("everybody", tuple(column for frame in frames for column in frame.columns), whole=True)
    work.frames = [together, *(frame for frame in work.frames if not frame.whole)]
    return together.table


def split(work: Work, columns: Sequence[str]) -> tuple[list[int], dict[int, str]]:
    """The audiences of these columns, and the fields that were published before, with their types."""
    fields = work.fields
    tags = [int(one[2:]) for one in columns if one.startswith("a_")]
    return tags, {
        pk: fields[pk] for one in columns if one.startswith("f_") and (pk := int(one[2:])) in fields
    }


def _note(work: Work, new: str, old: str, columns: Sequence[str]) -> None:
    tags = [one for one in columns if one.startswith("a_")]
    fields = [one for one in columns if one.startswith("f_")]
    if not old:
        old = f"(SELECT key, {', '.join(columns)} FROM {new} LIMIT 0)"
    if tags:
        _note_members(work, new, old, tags)
    if fields:
        _note_values(work, new, old, fields)


def _note_members(work: Work, new: str, old: str, columns: Sequence[str]) -> None:
    """As words with a bit for each column, most of which are equal: only differences become rows."""
    for some in (columns[at : at + BITS] for at in range(0, len(columns), BITS)):
        bits = ", ".join(f"({one[2:]}, {1 << place}::BIGINT)" for place, one in enumerate(some))
        now, before = (f"(SELECT key, {word_of(some)} AS word FROM {table})" for table in (new, old))
        work.connection.execute(
            f"INSERT INTO moved SELECT key, gone, CASE WHEN held & bit <> 0 THEN audience ELSE -audience END"
            f" FROM (SELECT key, n.key IS NULL AS gone, coalesce(n.word, 0) AS held,"
            f" xor(held, coalesce(o.word, 0)) AS flips FROM {now} n FULL JOIN {before} o USING (key))"
            f" JOIN (VALUES {bits}) AS bits(audience, bit) ON flips & bit <> 0 WHERE flips <> 0"
        )


def _note_values(work: Work, new: str, old: str, columns: Sequence[str]) -> None:
    """Values are kept as texts; `more` counts a value where there was none as 1, and the reverse as -1."""
    known, types = work.fields, _types(work, new)
    made, conditions = [], []
    for column in columns:
        field, kind = int(column[2:]), types[column]
        had = f"o.{column}" if field in known else f"NULL::{kind}"
        more = f"(n.{column} IS NOT NULL)::INT - ({had} IS NOT NULL)::INT"
        # a value of another type than before is another value
        differs = f"n.{column} IS DISTINCT FROM {had}"
        if known.get(field, kind) != kind:
            differs = f"(n.{column} IS NOT NULL OR {had} IS NOT NULL)"
        value = f"{{'field': {field}, 'value': n.{column}::VARCHAR, 'more': {more}}}"
        made.append(f"CASE WHEN {differs} THEN {value} END")
        conditions.append(differs)
    work.connection.execute(
        f"INSERT INTO revalued SELECT key, one.field, one.value, one.more FROM ("
        f" SELECT key, unnest([{', '.join(made)}]) AS one"
        f" FROM {new} n FULL JOIN {old} o USING (key) WHERE {' OR '.join(conditions)}) WHERE one IS NOT NULL"
    )


def _types(work: Work, table: str) -> dict[str, str]:
    return {row[0]: row[1] for row in work.connection.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()}
