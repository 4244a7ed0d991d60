"""How the tables hang together: which columns hold keys, where keys meet, and what rules see of it all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from usher import rules
from usher.sources.models import Table

#: In the view of a table whose customers are found through links: the column with the customer's key.
LINKED_KEY = "_key"

Column = tuple[str, str]
Columns = Mapping[Table, Mapping[str, rules.Type]]


def key_column(table: Table) -> str:
    """The column of the table's view by which rules find its rows."""
    return LINKED_KEY if len(table.steps) > 1 else table.key


def key_types(tables: Columns) -> dict[Column, rules.Type]:
    """The type of every column that is compared with keys.

    Where keys meet they are compared as whole numbers if all of them are, else all of them as text.
    """
    kinds = {
        (table.name, column): kind for table, columns in tables.items() for column, kind in columns.items()
    }
    found: dict[Column, rules.Type] = {}
    for group in _groups(list(tables)):
        whole = all(kinds.get(column) == "number" for column in group)
        found |= dict.fromkeys(group, "number" if whole else "text")
    return found


def schema(tables: Columns) -> rules.Schema:
    """What rules may speak of; tags and audiences are filled in by the room that knows them."""
    met = key_types(tables)
    typed = {
        table: {name: met.get((table.name, name), kind) for name, kind in kinds.items()}
        for table, kinds in tables.items()
    }
    named = {table.name: table for table in tables}
    for table, kinds in typed.items():
        if len(table.steps_to_time) > 1 and (end := holder(table, table.steps_to_time, named)):
            kinds[table.at] = typed[end].get(table.steps_to_time[-1], "instant")
    subject = next(table for table in tables if table.subject)
    related = {
        table.name: _seen(table, kinds, key_column(table))
        for table, kinds in typed.items()
        if not (table.subject or table.lookup)
    }
    led_to = {link["table"] for table in tables for link in table.links.values()}
    lookups = {
        table.name: _seen(table, kinds, table.identity)
        for table, kinds in typed.items()
        if table.lookup or table.name in led_to
    }
    links = _links(subject)
    return rules.Schema(typed[subject], subject.key, subject.name, related, links=links, lookups=lookups)


def _seen(table: Table, kinds: Mapping[str, rules.Type], key: str) -> rules.Table:
    return rules.Table(table.name, kinds, key, table.at or None, table.noun or None, _links(table))


def _links(table: Table) -> dict[str, rules.Link]:
    return {name: rules.Link(link["column"], link["table"]) for name, link in table.links.items()}


def _groups(tables: list[Table]) -> list[set[Column]]:
    """The columns whose values meet, together."""
    groups: list[set[Column]] = []
    for pair in _meetings(tables):
        touched = [group for group in groups if not group.isdisjoint(pair)]
        groups = [group for group in groups if group not in touched]
        groups.append(set(pair).union(*touched))
    return groups


def _meetings(tables: list[Table]) -> Iterator[set[Column]]:
    """Columns that are compared with each other: with the customers' key, and along links."""
    named = {table.name: table for table in tables}
    customers = next(((table.name, table.key) for table in tables if table.subject), None)
    for table in tables:
        yield {(table.name, table.identity)} if table.identity else set()
        for link in table.links.values():
            target = named.get(link["table"])
            yield {(table.name, link["column"]), *([(target.name, target.identity)] if target else [])}
        end = holder(table, table.steps, named)
        if end and not table.lookup:
            yield {(end.name, table.steps[-1]), *([customers] if customers else [])}


def holder(table: Table, steps: Sequence[str], named: Mapping[str, Table]) -> Table | None:
    """The table that has the column at the end of a way: this one, or where links lead; None if unknown."""
    found: Table | None = table
    for step in steps[:-1]:
        link = found.links.get(step) if found else None
        found = named.get(link["table"]) if link else None
    return found
