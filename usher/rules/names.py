"""What a name in a rule means: a column of the rows at hand, or a column of what their links lead to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from usher.rules.schema import Link, Schema, Table, Type


@dataclass(frozen=True)
class Resolved:
    """A column, and the links that lead from the rows at hand to the table it is in; none: their own."""

    links: tuple[Link, ...]
    column: str
    type: Type


def resolve(
    name: str, columns: Mapping[str, Type], links: Mapping[str, Link], schema: Schema
) -> Resolved | None:
    """What `name` means for rows with these columns and links; None: nothing.

    A column goes before a link, and names of columns may have dots: `a.b` is first the column `a.b`, then the
    column `b` of what the link `a` leads to. Any number of links may follow each other.
    """
    if name in columns:
        return Resolved((), name, columns[name])
    for step in sorted(links, key=len, reverse=True):
        table = schema.lookups.get(links[step].table)
        if table is None or not name.startswith(f"{step}."):
            continue
        if found := resolve(name[len(step) + 1 :], table.columns, table.links, schema):
            return Resolved((links[step], *found.links), found.column, found.type)
    return None


def of_subject(name: str, schema: Schema) -> Resolved | None:
    """What a name means outside of `where`: of the subject's own rows."""
    return resolve(name, schema.columns, schema.links, schema)


def of_rows(name: str, table: Table, schema: Schema) -> Resolved | None:
    """What a name means of the rows of a related table: in `where`, and as an aggregate's column."""
    return resolve(name, table.columns, table.links, schema)
