"""What somebody may have meant by a name that does not exist, and names of this schema for examples."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from usher.rules import nodes
from usher.rules.functions import FUNCTIONS, ROW_FUNCTIONS
from usher.rules.functions.registry import Function
from usher.rules.names import Resolved, resolve
from usher.rules.schema import Link, Schema, Table, Type
from usher.rules.slips import FOREIGN, WORDS

#: What is wrong, and what may have been meant.
Wrong = tuple[str, str | None]
_DEEPEST = 3


@dataclass(frozen=True)
class Scope:
    """Whose columns bare names are: the subject's, or inside `where` those of a related table."""

    schema: Schema
    table: Table | None = None

    @property
    def name(self) -> str:
        return self.table.name if self.table else self.schema.subject

    @property
    def columns(self) -> Mapping[str, Type]:
        return self.table.columns if self.table else self.schema.columns

    @property
    def links(self) -> Mapping[str, Link]:
        return self.table.links if self.table else self.schema.links

    def resolve(self, name: str) -> Resolved | None:
        return resolve(name, self.columns, self.links, self.schema)

    def column_of(self, types: Collection[Type]) -> str | None:
        """A column for an example; keys only where there is nothing else."""
        fitting = [name for name, kind in self.columns.items() if kind in types]
        key = self.table.key if self.table else self.schema.key
        return next((name for name in fitting if name != key), None)

    def such_as(self, kind: Type, words: str) -> str:
        example = self.column_of([kind])
        return f"{words} such as {example}" if example else words

    def example_of(self, function: Function) -> str:
        """`, for example contains(country, "x")`; nothing where no column fits."""
        words = []
        for number in range(len(function.takes)):
            takes = function.takes_at(number)
            column = self.column_of(takes)
            if number in function.literal or (number and "text" in takes and takes != ("boolean",)):
                words.append('"x*"' if function.name == "match" else '"x"' if "text" in takes else "2")
            elif column is None:
                return ""
            else:
                words.append(column)
        return f", for example {function.name}({', '.join(words)})"


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name that is most like it, if one is."""
    by_folded = {other.casefold(): other for other in sorted(known)}
    near = get_close_matches(name.casefold()[:200], by_folded, n=1, cutoff=cutoff)
    return by_folded[near[0]] if near else None


def reached(scope: Scope) -> dict[str, str]:
    """Columns that links lead to, by the whole name, with the table each is in."""
    found: dict[str, str] = {}
    level = [("", scope.links)]
    for _ in range(_DEEPEST):
        following = []
        for prefix, links in level:
            for step, link in links.items():
                if table := scope.schema.lookups.get(link.table):
                    found |= {f"{prefix}{step}.{column}": table.name for column in table.columns}
                    following.append((f"{prefix}{step}.", table.links))
        level = following
    return found


def unknown_name(node: nodes.Path, scope: Scope) -> Wrong:
    """For a name that is no column here."""
    name, schema = node.name, scope.schema
    if elsewhere := _elsewhere(name, scope):
        return elsewhere, None
    if scope.table is None and (table := schema.tables.get(node.steps[0])):
        return _of_many(table, ".".join(node.steps[1:]), schema), None
    linked = reached(scope)
    head = name.rpartition(".")[0]
    for link in (name, head):
        columns = [column for column in linked if column.rpartition(".")[0] == link]
        if columns and link == name:
            table_name = linked[columns[0]]
            return f"{name} leads to one of {table_name}: say which column, for example {columns[0]}.", None
        if columns:
            what = f"There is no column in {linked[columns[0]]} called {node.steps[-1]}."
            return what, nearest(name, columns)
    what = f"There is no column in {scope.name} called {name}."
    if close := nearest(name, [*scope.columns, *linked]):
        return what, close
    for kind, names in _members(schema):
        if member := nearest(name, names, 0.8):
            return what, f'{kind}("{member}")'
    for owner in schema.tables.values() if scope.table is None else ():
        if column := nearest(name, owner.columns, 0.75):
            return what, _chosen(owner, column)
    return what, None


def _elsewhere(name: str, scope: Scope) -> str | None:
    """A name that exists, but not here."""
    schema = scope.schema
    for whole, table in reached(scope).items():
        if whole.rpartition(".")[2] == name:
            return f"{name} is a column of {table}: write {whole}."
    if scope.table is not None:
        if resolve(name, schema.columns, schema.links, schema):
            return (
                f"{name} is a column of {schema.subject}, and here stand those of {scope.name}:"
                " put it outside of `where`."
            )
        if scope.table.name == name.partition(".")[0] and scope.resolve(name.partition(".")[2]):
            return f"Inside `where` the columns of {scope.name} stand alone: write {name.partition('.')[2]}."
    elif name not in schema.tables:
        for owner in schema.tables.values():
            if name in owner.columns:
                which = f"say which value is meant, for example {_chosen(owner, name)}"
                return f"{name} is a column of {owner.name}: {which}."
    for kind, names in _members(schema):
        if name in names:
            return f'{name} is the name of {_AN[kind]}: write {kind}("{name}").'
    if name.partition(".")[0] in _OF_EVENTS and scope.table is None:
        return f"{name} is asked of a single event; of people ask for rows, as in exists(events where …)."
    if name.lower() in WORDS:
        return f"There is no column in {scope.name} called {name}: {WORDS[name.lower()]}."
    if name.lower() in FOREIGN:
        return f"There is no column in {scope.name} called {name}: {FOREIGN[name.lower()]}."
    if name in FUNCTIONS:
        return f"{name} is a function{scope.example_of(FUNCTIONS[name])}."
    if name in ROW_FUNCTIONS:
        return f"{name} is a function of related rows{_example_of_rows(name, schema)}."
    return None


def _example_of_rows(name: str, schema: Schema) -> str:
    """`, for example sum(orders.value)`; nothing where no table fits."""
    for table in schema.tables.values():
        column = Scope(schema, table).column_of(ROW_FUNCTIONS[name].takes)
        if column or not ROW_FUNCTIONS[name].of_column:
            return f", for example {name}({table.name}{f'.{column}' if column else ''})"
    return ""


def _members(schema: Schema) -> Iterable[tuple[str, Collection[str]]]:
    return ("tag", schema.tags), ("segment", schema.segments), ("audience", schema.audiences)


#: What paths in Segment's events begin with.
_OF_EVENTS = ("properties", "traits", "context")
_AN = {"tag": "a tag", "segment": "a segment", "audience": "an audience"}


def _chosen(table: Table, column: str) -> str:
    """One value of many rows."""
    kind = table.columns[column]
    name = "sum" if kind == "number" else "last" if table.at else "most_frequent" if kind == "text" else "max"
    return f"{name}({table.name}.{column})"


def _of_many(table: Table, column: str, schema: Schema) -> str:
    example = f"last({table.name}.{column})" if column else f"count({table.name})"
    return (
        f"{table.name} has many rows for one of the {schema.subject}: say which value is meant,"
        f" for example {example}."
    )


def of_table(name: str, asking: str, schema: Schema) -> Wrong:
    """For a name that is no related table."""
    if name == schema.subject:
        return f"{name} is what the rule is about; {asking} takes a related table.", None
    if asking == "did" and name == nodes.EVENTS:
        return 'There are no events here, which `did "…"` asks for: name a table, as in `did orders`.', None
    if name in schema.links and (lookup := schema.lookups.get(schema.links[name].table)):
        column = next((column for column in lookup.columns if column != lookup.key), lookup.key)
        return f"{name} leads to one row for one of the {schema.subject}: write {name}.{column}.", None
    if name in schema.lookups:
        for table in schema.tables.values():
            for step, link in table.links.items():
                if link.table == name:
                    column = next(iter(schema.lookups[name].columns), "…")
                    example = f"max({table.name}.{step}.{column})"
                    what = f"{name} has no rows of its own for {schema.subject}: {table.name} leads to it"
                    return f"{what}, for example {example}.", None
    if name in schema.columns and schema.tables:
        example = f"count({next(iter(schema.tables))})"
        return (
            f"{name} is a column of {schema.subject}; {asking} takes a related table, for example {example}.",
            None,
        )
    for table in schema.tables.values():
        if name in table.columns and ROW_FUNCTIONS.get(asking, ROW_FUNCTIONS["count"]).of_column:
            return f"{name} is a column of {table.name}: write {asking}({table.name}.{name}).", None
    return f"There is no related table called {name}.", nearest(name, schema.tables)


def unknown_function(name: str, scope: Scope) -> Wrong:
    """For a name in front of brackets that is no function."""
    if name in FOREIGN:
        return f"There is no function called {name}: {FOREIGN[name]}.", None
    known = [*FUNCTIONS, *ROW_FUNCTIONS, "tag", "segment", "audience"]
    return f"There is no function called {name}.", nearest(name, known)


def unknown_member(node: nodes.Membership, schema: Schema) -> Wrong | None:
    """For a tag, segment or audience that does not exist."""
    kinds = {"tag": schema.tags, "segment": schema.segments, "audience": schema.audiences}
    if node.name in kinds[node.kind]:
        return None
    what = f"There is no {node.kind} called {node.name}."
    if close := nearest(node.name, kinds[node.kind]):
        return what, close
    for kind, names in kinds.items():
        if node.name in names:
            return what, f'{kind}("{node.name}")'
    return what, None
