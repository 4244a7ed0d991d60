"""Refuse to build on data that look like an accident: empty, halved, changed, doubled or too old."""

from __future__ import annotations

from datetime import datetime

from usher.sources.errors import SourceRefusedError
from usher.sources.models import Acceptance, Table
from usher.sources.open import Opened
from usher.sources.read import OpenTable

Guard = Acceptance.Guard

#: Guard -> what it says of a table: what is wrong, by how much, and what to do.
Refusals = dict[str, str]


def guard(opened: Opened, now: datetime) -> None:
    """SourceRefusedError when a table looks like an accident that nobody has accepted.

    What was refused is kept on the tables, so that a person can `accept` it. What was accepted is let
    through, and is used up by `remember`.
    """
    waiting = Acceptance.objects.filter(table__in=[one.table for one in opened.opened.values()], used_at=None)
    opened.accepted[:] = waiting
    for acceptance in opened.accepted:
        acceptance.used_at = now
    passed = {(acceptance.table_id, acceptance.guard) for acceptance in opened.accepted}
    refused = []
    for name, one in opened.opened.items():
        found = refusals(one, opened.newest(name, now) if one.table.max_age else None, now)
        note(one.table, found)
        refused += [text for kind, text in found.items() if (one.table.pk, kind) not in passed]
    if refused:
        raise SourceRefusedError("\n".join(refused))


def remember(opened: Opened) -> None:
    """Note what a good run has built on, and that what was accepted for it is used up.

    To be called in the transaction that publishes the run: then a run that fails uses nothing up.
    """
    tables = [one.table for one in opened.opened.values()]
    for one in opened.opened.values():
        one.table.good_rows, one.table.refusals = one.rows, {}
        one.table.good_columns = one.table.columns = dict(one.columns)
    Table.objects.bulk_update(tables, ["good_rows", "good_columns", "columns", "refusals"])
    Acceptance.objects.bulk_update(opened.accepted, ["used_at"])


def accept(table: str, guard: str, *, by: str, reason: str, at: datetime) -> Acceptance:
    """Let what a guard says of a table pass, once: the next run that is published uses it up.

    Accepting again before that run replaces the words. Table.DoesNotExist; ValueError for an unknown guard.
    """
    said, _ = Acceptance.objects.update_or_create(
        table=Table.objects.get(name=table),
        guard=Guard(guard),
        used_at=None,
        defaults={"by": by, "reason": reason, "at": at},
    )
    return said


def accept_refused(table: str, *, by: str, reason: str, at: datetime) -> list[Acceptance]:
    """Accept all that the last run or check refused of a table; nothing when it refused nothing."""
    refused = Table.objects.get(name=table).refusals
    return [accept(table, kind, by=by, reason=reason, at=at) for kind in refused]


def refusals(one: OpenTable, newest: datetime | None, now: datetime) -> Refusals:
    """What the guards say of a table; `newest` is its newest row, asked for only where an age is allowed."""
    said = {
        **_too_few(one),
        Guard.COLUMNS: _columns(one),
        Guard.DUPLICATE_KEYS: _duplicates(one),
        Guard.STALE: _stale(one.table, newest, now),
    }
    once = f"or let it through once: usher sources accept {one.table.name} --reason …"
    return {str(kind): f"{one.table} {text}, {once}" for kind, text in said.items() if text}


def note(table: Table, found: Refusals) -> None:
    """Keep what was refused of a table, for the person who is asked."""
    if table.refusals != found:
        table.refusals = found
        table.save(update_fields=["refusals"])


def _too_few(one: OpenTable) -> Refusals:
    before, location = one.table.good_rows, one.table.location
    if one.rows == 0 and before != 0:
        had = f"it had {before:,} when it was last used" if before else "it should hold some"
        return {Guard.EMPTY: f"has no rows ({had}); nothing was changed. Mend {location}"}
    if before and one.rows * 2 < before:
        return {
            Guard.SHRUNK: f"has {one.rows:,} rows, and had {before:,} when it was last used;"
            f" nothing was changed. Mend {location}"
        }
    return {}


def _columns(one: OpenTable) -> str:
    """A column that rules may speak of is gone, or holds something else than before."""
    gone, changed = [], []
    for column, before in one.table.good_columns.items():
        kind = one.columns.get(column)
        if kind is None:
            gone.append(f"has no column {column} any more")
        elif kind != before and column not in one.table.key_columns:
            changed.append(f"has {kind} in the column {column}, which was {before}")
    advice = ", say the type in the table's definition" * bool(changed)
    mend = f"; nothing was changed. Mend {one.table.location}{advice}"
    return f"{' and '.join([*gone, *changed])}{mend}" if gone or changed else ""


def _duplicates(one: OpenTable) -> str:
    if not one.doubled or one.table.same_key:
        return ""
    first = next(
        str(place) for finding in one.findings for place in finding.places if finding.kind == "duplicate_keys"
    )
    return (
        f"has {one.doubled:,} rows whose key another row has ({first}); nothing was changed."
        f" Mend {one.table.location}, say `same_key: first` or `same_key: newest` in the table's definition"
    )


def _stale(table: Table, newest: datetime | None, now: datetime) -> str:
    if not table.max_age or (newest and now - newest <= table.max_age):
        return ""
    seen = f"has its newest row of {newest:%Y-%m-%d %H:%M}" if newest else "has no row with a time"
    return (
        f"{seen}, and {table.max_age.days} days are allowed; nothing was changed."
        f" Bring {table.location} up to date"
    )
