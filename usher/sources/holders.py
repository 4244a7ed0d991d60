"""Several customers with one e-mail address: which of them has it."""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from usher.sources import known, sql, views
from usher.sources.findings import KEPT, Finding
from usher.sources.models import Table
from usher.sources.open import Opened
from usher.sources.read import OpenTable


def not_holding(opened: Opened) -> str:
    """SQL for a FROM clause: the customers whose address is another's; `key` and that `holder`, as text.

    Addresses are compared trimmed and without regard to case. The holder is the first or the newest row, as
    the table's `same_email` says (first if it says nothing).
    """
    customers = opened.opened[opened.subject.name]
    if not _count(opened.duckdb, customers):
        return "(SELECT '' AS key, '' AS holder LIMIT 0)"
    return f"(SELECT key, holder FROM {_sharing(customers)} WHERE key != holder)"


def shared_addresses(connection: duckdb.DuckDBPyConnection, one: OpenTable) -> Iterable[Finding]:
    """The finding of the customers whose address is another's, if there are any."""
    table, data = one.table, one.relation
    count = _count(connection, one)
    if not count:
        return
    listed = (
        f"SELECT _file, _row, email, holder FROM {_sharing(one)} WHERE key != holder"
        f" ORDER BY _file, _row LIMIT {KEPT}"
    )
    places = tuple(
        data.place(file, row, table.email, f"{email} is the address of customer {holder}")
        for file, row, email, holder in known.rows(connection, table, data, listed)
    )
    which = "the newest row" if table.same_email == Table.Choice.NEWEST else "the first row"
    text = f"customers have the address of another one, who alone is mailed: {which} has it"
    yield Finding("shared_addresses", text, count, places)


def _count(connection: duckdb.DuckDBPyConnection, one: OpenTable) -> int:
    counting = f"SELECT count(*) FROM {_sharing(one)} WHERE key != holder"
    [[count]] = known.rows(connection, one.table, one.relation, counting)
    return int(count)


def _sharing(one: OpenTable) -> str:
    """The customers who are not alone with their address, each with the key of the one who has it."""
    table = one.table
    key, email = sql.name(table.key), f"trim({sql.name(table.email)}::VARCHAR)"
    shared = (
        f"SELECT lower({email}) FROM {one.relation.scan} WHERE {email} != '' GROUP BY 1 HAVING count(*) > 1"
    )
    order = views.order(table.same_email, table)
    first = f"first_value({key}::VARCHAR) OVER (PARTITION BY lower({email}) ORDER BY {order})"
    return (
        f"(SELECT _file, _row, {key}::VARCHAR AS key, {email} AS email, {first} AS holder"
        f" FROM ({views.rows(one, numbered=True)}) WHERE lower({email}) IN ({shared}))"
    )
