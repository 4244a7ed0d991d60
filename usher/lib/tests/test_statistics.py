from __future__ import annotations

import pytest
from django.db import connection

from usher.lib import statistics


@pytest.fixture
def things(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("create table things (owner bigint, name text)")
        cursor.execute("insert into things select 1, n from generate_series(1, 20000) n")


def known() -> float:
    with connection.cursor() as cursor:
        cursor.execute("select reltuples from pg_class where oid = 'things'::regclass")
        return float(cursor.fetchall()[0][0])


def test_a_sample_is_taken_when_many_rows_are_new_to_their_owner(things: None) -> None:
    statistics.refresh_of(999, "things", "owner", 1)
    assert known() == -1
    statistics.refresh_of(1000, "things", "owner", 1)
    assert known() == 20_000
    with connection.cursor() as cursor:
        cursor.execute("insert into things select 2, n from generate_series(1, 3000) n")
    statistics.refresh_of(3000, "things", "owner", 1)
    assert known() == 20_000
    statistics.refresh_of(3000, "things", "owner", 2)
    assert known() == 23_000
