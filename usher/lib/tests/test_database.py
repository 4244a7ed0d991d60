"""The connection to the database, and statements that are prepared."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, connections, transaction

from usher.lib.database.base import DatabaseWrapper
from usher.lib.database.ready import Ready

pytestmark = pytest.mark.django_db


def _backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        return int(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_the_server_closed_a_moment_ago_is_made_anew() -> None:
    assert isinstance(connections["default"], DatabaseWrapper)
    before = _backend()
    assert [connection.is_usable() for _ in range(3)] == [True, True, True]
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("select pg_terminate_backend(%s, 5000)", [before])
    other.close()
    assert not connection.is_usable()
    connection.close()
    assert _backend() != before


def test_a_ready_statement_reads_objects_and_what_stands_behind_them() -> None:
    User.objects.create_user("ann", first_name="Ann")
    ready = Ready("select u.*, 1 + %(more)s from auth_user u where u.username = %(name)s", u=User)
    for more in (1, 70_000):
        found = ready.row({"name": "ann", "more": more})
        assert found is not None
        user, sum_ = found
        assert (user, user.first_name, user.is_active, sum_) == (
            User.objects.get(),
            "Ann",
            True,
            1 + more,
        )
    assert ready.row({"name": "bob", "more": 1}) is None


def test_a_ready_statement_is_prepared_once_in_a_connection() -> None:
    ready = Ready("select username from auth_user where username <> %(name)s")
    for name in ("a", "b", "c"):
        ready.rows({"name": name})
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from pg_prepared_statements where statement like %s", ["%<> $1%"])
        assert cursor.fetchone() == (1,)


def test_an_error_of_a_ready_statement_is_djangos_and_takes_its_savepoint_back() -> None:
    User.objects.create_user("ann")
    ready = Ready("insert into auth_user (username) values (%(name)s)")
    with pytest.raises(IntegrityError), transaction.atomic():
        ready.run({"name": "ann"})
    assert Ready("update auth_user set first_name = %(name)s").run({"name": "Bo"}) == 1
    assert User.objects.get().first_name == "Bo"
