"""Program moves, beside a bare update of as many rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from bench.ground import NOW, Figure, account, seconds

PEOPLE = 100_000
GRAPH = {
    "start": {"schedule": "0 7 * * *", "rule": "BENCH = true", "limit": {"once_in_days": 365}, "first": "1"},
    "exits": [{"name": "no longer so", "rule": "not (BENCH = true)"}],
    "nodes": {
        "1": {"kind": "wait", "minutes": 1440, "next": "2"},
        "2": {"kind": "decision", "rule": 'exists(clicks where campaign = "Bench")', "yes": "3", "no": "4"},
        "3": {"kind": "end", "name": "clicked"},
        "4": {"kind": "wait", "minutes": 1440, "next": "5"},
        "5": {"kind": "end", "name": "no answer"},
    },
}


def figures(root: Path) -> Iterator[Figure]:
    """Everybody enters, waits, is decided upon, waits again and ends: exit looked at before every move."""
    from usher.engage.models import DataField, Move, Program, ProgramVersion
    from usher.engage.programs import graph, runner

    own = account()
    DataField.objects.get_or_create(account=own, name="BENCH", defaults={"type": "Boolean"})
    _people(own.pk)
    program = Program.objects.create(account=own, name="Bench", status="Active", created_at=NOW)
    ProgramVersion.objects.create(
        program=program, number=1, graph=graph.dump(graph.parse(GRAPH)), created_at=NOW
    )
    limit = PEOPLE / _bare_update()
    at_seven = NOW.replace(hour=7)
    took = 0.0
    for day in range(3):
        moment = at_seven + timedelta(days=day)
        took += seconds(lambda moment=moment: runner.tick(moment))  # type: ignore[misc]
    moves = Move.objects.filter(enrolment__program=program).count()
    if moves < 5 * PEOPLE:
        raise AssertionError(f"only {moves} moves of {PEOPLE} people")
    yield Figure(
        "program moves, each with its row and its exit check", moves / took, "moves/s", limit,
        "a bare UPDATE with INSERT", "≥ 20,000 moves/s",
    )  # fmt: skip
    program.enrolments.all().delete()
    program.delete()


def _people(account: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            """insert into engage_contact (account_id, email, email_key, mobile_number, status, status_at,
                                           opt_in_type, email_type, data, is_seed, created_at, updated_at)
               select %s, 'bench' || n || '@example.net', 'bench' || n || '@example.net', '', 'Subscribed',
                      %s, 'Unknown', 'Html', '{"BENCH": true, "ORDERS": 3}', false, %s, %s
               from generate_series(1, %s) n""",
            [account, NOW, NOW, NOW, PEOPLE],
        )
        cursor.execute("analyze engage_contact")


def _bare_update() -> float:
    """The same two effects, an update and a row that tells of it, with no questions asked."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "create table bench_rows as select n id, 0 node, now() due from generate_series(1, %s) n",
            [PEOPLE],
        )
        cursor.execute("create index on bench_rows (node, due)")
        cursor.execute(
            "create table bench_told (id bigserial primary key, row bigint, at timestamptz, why text)"
        )
        work = """with moved as (update bench_rows set node = 1, due = now() returning id)
                  insert into bench_told (row, at, why) select id, now(), 'waited 7 days' from moved"""
        took = seconds(lambda: cursor.execute(work))
        cursor.execute("drop table bench_rows, bench_told")
    return took
