"""The ledger of what was pushed: read as one table, written as sets."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime

import duckdb
import pyarrow as pa
import pyarrow.csv
from django.db import connection, transaction

from usher.syncs.models import Run, Sync

_COLUMNS = {
    "key": pa.string(),
    "email": pa.string(),
    "hash": pa.string(),
    "fields": pa.string(),
    "state": pa.string(),
    "reason": pa.string(),
    "on_list": pa.bool_(),
}


def read(sync: Sync) -> pa.Table:
    """key, email, hash, fields (JSON text), state, reason and on_list of everybody in the ledger."""
    with connection.cursor() as cursor, cursor.copy(_READ, [sync.pk]) as copy:
        text = b"".join(bytes(block) for block in copy)
    return pyarrow.csv.read_csv(
        io.BytesIO(text),
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=_COLUMNS, true_values=["t"], false_values=["f"], strings_can_be_null=False
        ),
    )


def write_import(run: Run, rows: pa.Table, faults: Mapping[str, str], now: datetime) -> dict[str, int]:
    """Enter an import's rows: pushed, or refused for the reason that the platform gave for the address.

    `rows` are a plan's upserts; how many of them were refused, by action. Entering them twice is harmless.
    """
    refused = pa.table(
        {"address": list(faults.keys()), "said": list(faults.values())},
        schema=pa.schema([("address", pa.string()), ("said", pa.string())]),
    )
    with duckdb.connect() as database:
        database.register("rows_sent", rows)
        database.register("faults", refused)
        entries = database.sql(
            """select key, email, fields, hash, coalesce(said, '') as reason,
                      case when said is null then 'pushed' else 'refused' end as state, action
               from rows_sent left join faults on lower(email) = address"""
        ).to_arrow_table()
        database.register("entries", entries)
        counted = database.execute(
            "select action, count(*) from entries where state = 'refused' group by action"
        ).fetchall()
    with transaction.atomic(), connection.cursor() as cursor:
        _stage(entries.drop_columns(["action"]))
        cursor.execute(_ENTER_IMPORT, [run.sync_id, run.pk, now])
    return dict(counted)


def write_removals(run: Run, keys: list[str]) -> None:
    """Strike those who are off the list now."""
    with connection.cursor() as cursor:
        cursor.execute("delete from syncs_pushed where sync_id = %s and key = any(%s)", [run.sync_id, keys])


def write_refusals(run: Run, rows: pa.Table, now: datetime) -> None:
    """Enter refusals of ours (key, email, reason): people for whom nothing was sent."""
    with transaction.atomic(), connection.cursor() as cursor:
        _stage(rows.select(["key", "email", "reason"]))
        cursor.execute(_ENTER_REFUSALS, [run.sync_id, run.pk, now])


def clear(sync: Sync) -> None:
    """Forget everything: the list it speaks of is not there, or no longer meant."""
    sync.ledger.all().delete()
    sync.list_id, sync.fields_there = "", {}
    sync.save(update_fields=["list_id", "fields_there"])


def _stage(rows: pa.Table) -> None:
    """Copy rows into the temporary table `staged`, every column as text."""
    text = io.BytesIO()
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="all_valid")
    pyarrow.csv.write_csv(rows, text, options)
    columns = ", ".join(f"{name} text" for name in rows.column_names)
    with connection.cursor() as cursor:
        cursor.execute(f"drop table if exists staged; create temp table staged ({columns}) on commit drop")
        with cursor.copy("copy staged from stdin (format csv)") as copy:
            copy.write(text.getbuffer())


_READ = """
    copy (select key, email, hash, fields, state, reason, on_list
          from syncs_pushed where sync_id = %s) to stdout (format csv, header, force_quote *)"""

# Who was refused under the address that is on the list stays there: only the change was refused.
_ENTER_IMPORT = """
    insert into syncs_pushed as had (sync_id, run_id, at, key, email, fields, hash, state, reason, on_list)
    select %s, %s, %s, key, email, fields::jsonb, hash, state, reason, state = 'pushed' from staged
    on conflict (sync_id, key) do update
    set run_id = excluded.run_id, at = excluded.at, email = excluded.email, fields = excluded.fields,
        hash = excluded.hash, state = excluded.state, reason = excluded.reason,
        on_list = excluded.on_list or (had.on_list and lower(had.email) = lower(excluded.email))"""

_ENTER_REFUSALS = """
    insert into syncs_pushed (sync_id, run_id, at, key, email, fields, hash, state, reason, on_list)
    select distinct on (key)
           %s, %s, %s::timestamptz, key, coalesce(email, ''), '{}'::jsonb, '', 'refused', reason, false
    from staged order by key
    on conflict (sync_id, key) do update
    set run_id = excluded.run_id, at = excluded.at, email = excluded.email, fields = excluded.fields,
        hash = '', state = 'refused', reason = excluded.reason, on_list = false"""
