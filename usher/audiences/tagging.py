"""Put customers into audiences that have no rule, and take them out: as sets, with who, when and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from usher.audiences.errors import AudienceError, NotConfirmedError
from usher.audiences.models import Audience
from usher.audiences.rulebook import titled

#: What people, files and other systems may fill. A frozen list has its members for good.
BY_HAND = (Audience.Kind.TAG, Audience.Kind.STATIC_LIST, Audience.Kind.EXTERNAL)


#: From so many members on, taking more than half of them out has to be confirmed.
MANY = 100


@dataclass(frozen=True)
class Replaced:
    """What putting other members in the place of the old ones did."""

    added: int
    removed: int
    same: int


def tag(
    audience: Audience, keys: Iterable[str], *, by: str, at: datetime, cause: str, origin: str = ""
) -> int:
    """Put these customers in; who is in stays as they are. Answers how many are new.

    `cause` is user, import, api or definition; `origin` says of what it was a part (a file, a list).
    A million keys take one COPY and one statement; `keys` is read once, without the database.
    """
    demand_by_hand(audience)
    with _given(audience, keys) as cursor:
        return _add(cursor, audience, (cause, by, origin, at))


def untag(audience: Audience, keys: Iterable[str], *, by: str, at: datetime, cause: str) -> int:
    """Take these customers out; answers how many were in."""
    demand_by_hand(audience)
    with _given(audience, keys) as cursor:
        cursor.execute(_REMOVE + " AND key IN (SELECT key FROM given_keys)", [at, by, cause, audience.pk])
        return int(cursor.rowcount)


def replace(
    audience: Audience,
    keys: Iterable[str],
    *,
    by: str,
    at: datetime,
    cause: str,
    origin: str = "",
    confirmed: bool = True,
) -> Replaced:
    """Make these customers the members, all of them and nobody else, in one transaction.

    Unless `confirmed`, NotConfirmedError where it would leave nobody, or take out more than half of more
    than MANY; then all stay.
    """
    demand_by_hand(audience)
    with _given(audience, keys) as cursor:
        # NOT EXISTS and not NOT IN: the latter keeps no index and compares every pair
        absent = " AND NOT EXISTS (SELECT FROM given_keys WHERE given_keys.key = audiences_assignment.key)"
        cursor.execute(_REMOVE + absent, [at, by, cause, audience.pk])
        removed = cursor.rowcount
        added = _add(cursor, audience, (cause, by, origin, at))
        cursor.execute("SELECT count(DISTINCT key) FROM given_keys")
        done = Replaced(added, removed, cursor.fetchone()[0] - added)
        if not confirmed:
            _demand_meant(audience, done)
        return done


def empty(audience: Audience, *, by: str, at: datetime, cause: str) -> int:
    """Take everybody out; answers how many were in."""
    return replace(audience, (), by=by, at=at, cause=cause).removed


def fill(frozen: Audience, keys: Iterable[str], *, by: str, at: datetime, cause: str, origin: str) -> int:
    """The members of a frozen list, once, when it is made."""
    with _given(frozen, keys) as cursor:
        return _add(cursor, frozen, (cause, by, origin, at))


def _demand_meant(audience: Audience, done: Replaced) -> None:
    before = done.removed + done.same
    nobody = done.removed and not done.added + done.same
    if nobody or (before > MANY and done.removed * 2 > before):
        raise NotConfirmedError(
            f"{titled(audience)}: {done.removed:,} of {before:,} members would be taken out"
            f" and {done.added:,} put in; nothing was done, because that has to be confirmed"
        )


def compare(audience: Audience, keys: Iterable[str]) -> Replaced:
    """What `replace` would do with these keys; nothing is written."""
    with _given(audience, keys) as cursor:
        cursor.execute(_COMPARE, [audience.pk])
        return Replaced(*cursor.fetchone())


def demand_by_hand(audience: Audience) -> None:
    """AudienceError for an audience that nobody may fill by hand: one with a rule, or a frozen one."""
    if audience.has_rule:
        raise AudienceError(f"{titled(audience)} is kept by its rule; nobody can be put in or out by hand")
    if audience.kind not in BY_HAND:
        raise AudienceError(f"{titled(audience)} is frozen: its members stay as they are")


def current(audience: Audience) -> list[str]:
    """The keys that are in it at present, sorted."""
    assigned = audience.assignments.filter(removed_at=None)
    return list(assigned.order_by("key").values_list("key", flat=True))


_REMOVE = """UPDATE audiences_assignment SET removed_at = %s, removed_by = %s, removed_cause = %s
             WHERE audience_id = %s AND removed_at IS NULL"""
_ADD = """INSERT INTO audiences_assignment
              (audience_id, key, cause, by, origin, at, removed_by, removed_cause)
          SELECT DISTINCT %s::bigint, key, %s, %s, %s, %s::timestamptz, '', '' FROM given_keys
          ON CONFLICT (audience_id, key) WHERE removed_at IS NULL DO NOTHING"""
_COMPARE = """SELECT count(*) FILTER (WHERE have.key IS NULL), count(*) FILTER (WHERE given.key IS NULL),
                     count(*) FILTER (WHERE have.key = given.key)
              FROM (SELECT DISTINCT key FROM given_keys) given
              FULL JOIN (SELECT key FROM audiences_assignment
                         WHERE audience_id = %s AND removed_at IS NULL) have ON have.key = given.key"""


def _add(cursor: CursorWrapper, audience: Audience, how: tuple[str, str, str, datetime]) -> int:
    cursor.execute(_ADD, [audience.pk, *how])
    return int(cursor.rowcount)


@contextmanager
def _given(audience: Audience, keys: Iterable[str]) -> Iterator[CursorWrapper]:
    """The keys as the temporary table `given_keys`, in a transaction that has the audience to itself."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT FROM audiences_audience WHERE id = %s FOR NO KEY UPDATE", [audience.pk])
        cursor.execute("CREATE TEMPORARY TABLE IF NOT EXISTS given_keys (key text) ON COMMIT DROP")
        cursor.execute("TRUNCATE given_keys")
        with cursor.copy("COPY given_keys FROM STDIN") as copy:
            for key in keys:
                copy.write_row((key,))
        cursor.execute("ANALYZE given_keys")
        yield cursor
