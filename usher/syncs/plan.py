"""Plan a sync: what to send so that the platform holds what the audience says. Pure: no network, no database.

Everybody who is read ends in exactly one of four numbers: read = added + updated + unchanged + refused.
`removed` stands beside them: people who are on the list and are no longer wanted there.

A person is a key, not an address. When the address of a key changes, that is one update of one person: the
old address is taken off the list (unless somebody else wants it there) and the new one is put on it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import cast

import duckdb
import pyarrow as pa

from usher.destinations.base import Capabilities, FieldType, Work

#: Columns of data fields are called "field.NAME" in plans and payloads, so none is mistaken for ours.
FIELD = "field."


@dataclass(frozen=True)
class There:
    """What the platform is known to have: the list's id ("" if none), and data fields by upper-case name."""

    list_id: str
    fields: Mapping[str, FieldType]


@dataclass(frozen=True)
class Counts:
    read: int
    added: int
    updated: int
    unchanged: int
    refused: int
    removed: int

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


@dataclass(frozen=True)
class Plan:
    """What would be done. Every table is in order of key, so the same question gives the same plan."""

    list_name: str
    create_list: bool
    create_fields: Mapping[str, FieldType]
    #: key, email, action (add or update), changed (names with commas between), old_email, hash,
    #: fields (JSON text), and a column "field.NAME" for each data field
    upserts: pa.Table
    #: key, email, leaver (no longer wanted; else the old address of somebody who stays),
    #: off (the address is to be taken off the list)
    removals: pa.Table
    #: key, email, reason, news (not yet in the ledger)
    refusals: pa.Table
    #: key: in the ledger, never on the list, and gone
    forgotten: pa.Table
    counts: Counts
    #: On the list now, as far as the ledger knows.
    on_list: int
    imports: list[pa.Table]
    calls: Mapping[str, int]
    #: Why it cannot be applied, each with what to do.
    problems: list[str]

    @property
    def is_empty(self) -> bool:
        """Nothing to send, and nothing to write down."""
        return not (
            self.create_list
            or self.create_fields
            or self.upserts.num_rows
            or self.removals.num_rows
            or self.forgotten.num_rows
            or any(self.refusals["news"].to_pylist())
        )


def plan(
    desired: pa.Table,
    refused: pa.Table,
    pushed: pa.Table,
    *,
    there: There,
    capabilities: Capabilities,
    list_name: str,
    create_list: bool = True,
    create_fields: bool = True,
) -> Plan:
    """The plan that takes the platform from `pushed` to `desired`.

    desired: key, email, and a column for each data field. refused: key, email, reason. pushed: the ledger's
    key, email, hash, fields (JSON text), state, reason, on_list.
    """
    names = [name for name in desired.column_names if name not in ("key", "email")]
    kinds = {name: field_type(name, desired.schema.field(name).type) for name in names}
    with duckdb.connect() as database:
        database.execute("set TimeZone = 'UTC'")
        database.register(
            "desired_rows", desired.rename_columns([_working_name(it) for it in desired.column_names])
        )
        database.register("refused_rows", refused)
        database.register("pushed", pushed)
        for statement in _statements(desired, kinds, capabilities):
            database.execute(statement)
        tables = {name: database.sql(text).to_arrow_table() for name, text in _RESULTS.items()}
        counts = Counts(*cast("tuple[int, ...]", database.execute(_COUNTS).fetchone()))
    missing = {name: kind for name, kind in kinds.items() if name.upper() not in there.fields}
    imports = capabilities.split(import_rows(tables["upserts"]))
    return Plan(
        list_name=list_name,
        create_list=not there.list_id,
        create_fields=missing,
        **tables,
        counts=counts,
        on_list=sum(pushed["on_list"].to_pylist()),
        imports=_parts(tables["upserts"], [part.num_rows for part in imports]),
        calls=capabilities.calls(
            Work(
                lists=int(not there.list_id),
                fields=len(missing),
                imports=len(imports),
                removals=sum(tables["removals"]["off"].to_pylist()),
                list_size=sum(pushed["on_list"].to_pylist()),
            )
        ),
        problems=_problems(there, kinds, missing, list_name, create_list, create_fields, capabilities),
    )


def import_rows(upserts: pa.Table) -> pa.Table:
    """`email` and the data fields under their own names, as a platform's import takes them."""
    names = ["email", *(name for name in upserts.column_names if name.startswith(FIELD))]
    return upserts.select(names).rename_columns([name.removeprefix(FIELD) for name in names])


def field_type(name: str, kind: pa.DataType) -> FieldType:
    """The type of data field that holds a column's values; ValueError for what is not one value."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_temporal(kind) and not (pa.types.is_time(kind) or pa.types.is_duration(kind)):
        return "date"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind):
        return "text"
    raise ValueError(f"{name} holds {kind}: a data field takes one text, number, date or Boolean")


def name_problem(name: str, capabilities: Capabilities) -> str:
    """Why the platform takes no data field of this name; "" when it does."""
    if not re.fullmatch(capabilities.field_name, name):
        return f"the platform takes names of the form {capabilities.field_name}, not {name!r}"
    if name.lower() in capabilities.reserved_names:
        return f"the platform keeps the name {name} for itself"
    return ""


def _problems(
    there: There,
    kinds: Mapping[str, FieldType],
    missing: Mapping[str, FieldType],
    list_name: str,
    create_list: bool,
    create_fields: bool,
    capabilities: Capabilities,
) -> list[str]:
    found = [problem for name in kinds if (problem := name_problem(name, capabilities))]
    if not there.list_id and not create_list:
        found.append(f"the platform has no list “{list_name}”; make it there, or set create_list")
    if missing and not create_fields:
        found.append(
            f"the platform has no data field {', '.join(missing)}; make it there, or set create_fields"
        )
    for name, kind in kinds.items():
        theirs = there.fields.get(name.upper(), kind)
        if theirs not in (kind, "text"):
            found.append(f"the data field {name} holds a {theirs} at the platform, not a {kind}; map another")
    return found


def _parts(upserts: pa.Table, lengths: list[int]) -> list[pa.Table]:
    parts, start = [], 0
    for length in lengths:
        parts.append(upserts.slice(start, length))
        start += length
    return parts


def _working_name(column: str) -> str:
    return column if column in ("key", "email") else FIELD + column


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _json_value(name: str, kind: pa.DataType) -> str:
    """SQL for a value as it stands in the ledger."""
    column = _quoted(FIELD + name)
    if pa.types.is_timestamp(kind):
        moment = f"({column} at time zone 'UTC')" if kind.tz else column
        return f"strftime({moment}, '%Y-%m-%dT%H:%M:%S.%gZ')"
    return f"case when isfinite({column}) then {column} end" if pa.types.is_floating(kind) else column


def _fault(name: str, kind: pa.DataType, capabilities: Capabilities) -> str:
    """SQL for the reason why a value cannot be sent; null when it can."""
    column, ours = _quoted(FIELD + name), field_type(name, kind)
    if ours == "text":
        return (
            f"when length({column}) > {capabilities.text_length} "
            f"then '{name} is longer than {capabilities.text_length} characters' "
            f"when contains({column}, chr(0)) then '{name} holds a character that cannot be sent'"
        )
    if ours == "number":
        finite = f"not isfinite({column}) or " if pa.types.is_floating(kind) else ""
        limit = capabilities.number_digits
        return f"when {finite}abs({column}) >= 1e{limit} then '{name} is no number of at most {limit} digits'"
    return ""


def _statements(desired: pa.Table, kinds: Mapping[str, FieldType], capabilities: Capabilities) -> list[str]:
    """The steps from the rows that came in to `upserted`, `leaving` and `rejected`."""
    types = {name: desired.schema.field(name).type for name in kinds}
    faults = " ".join(_fault(name, kind, capabilities) for name, kind in types.items())
    pairs = ", ".join(f"'{name}', {_json_value(name, kind)}" for name, kind in types.items())
    columns = "".join(f", {_quoted(FIELD + name)}" for name in kinds)
    changed = "".join(
        f""", case when json_extract_string(pushed.fields, '$."{name}"')
              is distinct from json_extract_string(fit.fields, '$."{name}"') then '{name}' end"""
        for name in kinds
    )
    return [
        f"""create temp table checked as
            select key, email, lower(email) as address {columns},
                   cast(json_object({pairs}) as varchar) as fields,
                   case when email is null or not regexp_full_match(email, '[^\\s@]+@[^\\s@]+')
                          or contains(email, chr(0)) then 'no usable address'
                        {faults} end as reason
            from desired_rows""",
        # Two keys with one address: it goes to the one that had it, else to the first key.
        """create temp table turns as
           select checked.*, md5(checked.fields) as hash,
                  row_number() over (partition by key
                                     order by checked.reason is not null, address) as key_turn,
                  first_value(key) over holders as holder
           from checked left join pushed using (key)
           window holders as (partition by address, checked.reason is null
                              order by lower(pushed.email) is not distinct from address desc, key)""",
        """create temp table rejected as
           select key, email, reason from refused_rows
           union all
           select key, email, case when reason is not null then reason
                                   when key_turn > 1 then 'this person was read twice'
                                   else 'the same address as ' || holder end
           from turns where reason is not null or key_turn > 1 or holder <> key""",
        f"""create temp table upserted as
            with fit as (select * from turns where reason is null and key_turn = 1 and holder = key)
            select fit.* exclude (reason, key_turn, holder), pushed.email as old_email, pushed.reason,
                   lower(pushed.email) is distinct from address as moved,
                   coalesce(pushed.on_list, false) as was_on_list,
                   case when pushed.key is null then 'add'
                        when not moved and pushed.hash = fit.hash
                          then case pushed.state when 'pushed' then 'unchanged' else 'refused' end
                        when pushed.on_list then 'update'
                        else 'add' end as action,
                   case action when 'update' then concat_ws(',', case when moved then 'email' end {changed})
                        else '' end as changed
            from fit left join pushed using (key)""",
        """create temp table leaving as
           select key, email, true as leaver from pushed anti join upserted using (key) where on_list
           union all
           select key, old_email, false from upserted where moved and was_on_list""",
    ]


_RESULTS = {
    "upserts": """select * exclude (address, reason, moved, was_on_list)
                  from upserted where action in ('add', 'update') order by key""",
    "removals": """select key, email, leaver,
                          lower(email) not in (select address from upserted) as off
                   from leaving order by key""",
    "refusals": """select rejected.*, (pushed.state, pushed.reason, pushed.email)
                              is distinct from ('refused', rejected.reason, rejected.email)
                            and key not in (select key from upserted) as news
                   from rejected left join pushed using (key)
                   union all
                   select key, email, reason, false from upserted where action = 'refused' order by key""",
    "forgotten": """select key from pushed anti join upserted using (key) anti join rejected using (key)
                    where not on_list order by key""",
}
_COUNTS = """
    select (select count(*) from desired_rows) + (select count(*) from refused_rows),
           count(*) filter (where action = 'add'),
           count(*) filter (where action = 'update'),
           count(*) filter (where action = 'unchanged'),
           count(*) filter (where action = 'refused') + (select count(*) from rejected),
           (select count(*) from leaving where leaver)
    from upserted"""
