"""What a sync is to bring about: one row for each member who can be mailed, with the fields asked for."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from usher.audiences.errors import AudienceError
from usher.audiences.models import Audience, ComputedField, Evaluation
from usher.audiences.published import customers, demand_fresh, members_sql, snapshot, values_sql
from usher.rules import Type
from usher.sources import columns as kinds
from usher.sources import sql
from usher.sources.check import is_address
from usher.sources.holders import not_holding
from usher.sources.open import Opened, open_tables

#: Rule type -> the DuckDB type that a data field is given in; whole numbers stay whole.
_GIVEN: Mapping[Type, str] = {
    "text": "VARCHAR",
    "number": "DOUBLE",
    "date": "DATE",
    "instant": "TIMESTAMPTZ",
    "boolean": "BOOLEAN",
}


@dataclass(frozen=True)
class Desired:
    """`rows`: key, email, the fields in the order asked; `refused`: key, email, reason. Sorted by key."""

    rows: pa.Table
    refused: pa.Table
    evaluation: Evaluation


def desired(
    audience: Audience, columns: Mapping[str, str], tags: Sequence[str], *, allow_stale: bool = False
) -> Desired:
    """The members of `audience`, with values as the last evaluation published them.

    `columns` maps a data field to a column of the customers table or a computed field; each tag gives the
    boolean TAG_<NAME>. A column of customers is read now. Members without a usable address, or whose
    address another customer has, are refused. AudienceError for an unknown name.
    """
    if not allow_stale:
        demand_fresh(audience)
    mine = snapshot(audience)
    with open_tables(again=False) as opened:
        opened.duckdb.execute("SET TimeZone = 'UTC'")
        made = _query(opened, members_sql(audience), columns, tags)
        opened.duckdb.execute(f"CREATE TABLE wanted AS {made}")
        rows = _typed(opened.duckdb, [*columns, *(f"TAG_{name}" for name in tags)])
        refused = _arrow(
            opened.duckdb, "SELECT key, email, reason FROM wanted WHERE reason != '' ORDER BY key"
        )
    return Desired(rows, refused, mine.evaluation)


def _query(opened: Opened, members: str, columns: Mapping[str, str], tags: Sequence[str]) -> str:
    """Members with their address, why it cannot be used, and the values v0, v1, … of the fields."""
    fields = {one.name: one for one in ComputedField.objects.filter(name__in=columns.values())}
    values, joins = [], []
    for number, name in enumerate(columns.values()):
        if name in fields:
            joins.append(_joined(values_sql(fields[name]), f"f{number}"))
            values.append(f"f{number}.value AS v{number}")
        else:
            values.append(f"c.{sql.name(_column(opened, name))} AS v{number}")
    for number, tag in enumerate(_tags(tags), start=len(columns)):
        joins.append(_joined(members_sql(tag), f"t{number}"))
        values.append(f"t{number}.key IS NOT NULL AS v{number}")
    address = f"trim(c.{sql.name(opened.subject.email)}::VARCHAR)"
    shown = ", ".join(["m.key", f"{address} AS email", "c._key IS NULL AS gone", "h.holder", *values])
    people = f"{members} m LEFT JOIN {customers(opened)} ON c._key = m.key"
    joins.append(f"LEFT JOIN {not_holding(opened)} h ON h.key = m.key")
    return f"SELECT *, {_REASON} AS reason FROM (SELECT {shown} FROM {people} {' '.join(joins)})"


def _joined(rows: str, alias: str) -> str:
    return f"LEFT JOIN {rows} {alias} ON {alias}.key = m.key"


#: Empty when the row can be used. Of several customers with one address, one has it.
_REASON = f"""CASE
    WHEN gone THEN 'no longer among the customers'
    WHEN coalesce(email, '') = '' THEN 'no e-mail address'
    WHEN NOT {is_address("email")} THEN 'not an e-mail address'
    WHEN holder IS NOT NULL THEN 'the same address as customer ' || holder
    ELSE '' END"""


def _column(opened: Opened, name: str) -> str:
    known = opened.opened[opened.subject.name].columns
    if name not in known:
        names = [*known, *ComputedField.objects.values_list("name", flat=True)]
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(names)}"
        raise AudienceError(f"{name} is neither a column of {opened.subject.name} nor a computed field{hint}")
    return name


def _tags(names: Sequence[str]) -> list[Audience]:
    known = {one.name: one for one in Audience.objects.all() if one.is_tag}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise AudienceError(f"there is no tag “{name}”" + (f"; did you mean {near[0]}?" if near else ""))
    return [known[name] for name in names]


def _typed(connection: duckdb.DuckDBPyConnection, fields: Sequence[str]) -> pa.Table:
    """The usable rows; the fields get their names only here, since DuckDB takes EMAIL and email for one."""
    described = {row[0]: row[1] for row in connection.execute("DESCRIBE wanted").fetchall()}
    shown = [f"v{number}::{_given(described[f'v{number}'])} AS v{number}" for number in range(len(fields))]
    listed = ", ".join(["key", "email", *shown])
    rows = _arrow(connection, f"SELECT {listed} FROM wanted WHERE reason = '' ORDER BY key")
    return rows.rename_columns(["key", "email", *fields])


def _given(kind: str) -> str:
    ours = kinds.rule_type(kind) or "text"
    whole = ours == "number" and kind.endswith(("INT", "INTEGER")) and kind not in ("HUGEINT", "UBIGINT")
    return "BIGINT" if whole else _GIVEN[ours]


def _arrow(connection: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    return connection.sql(query).to_arrow_table()
