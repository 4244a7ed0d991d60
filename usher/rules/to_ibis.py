"""Rules for sets of people: one Ibis expression for all of them, one grouped scan for each related table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from usher.rules import nodes
from usher.rules.check import check
from usher.rules.clock import Clock
from usher.rules.compile.links import alike, linked, names_in
from usher.rules.compile.people import compare_all
from usher.rules.compile.rows import KEY, Data, favourites, grouped, keys_of, wanted
from usher.rules.compile.sequences import matching
from usher.rules.compile.simpler import lone, simpler
from usher.rules.compile.values import Members, Values, shared
from usher.rules.errors import RuleError
from usher.rules.functions import ROW_FUNCTIONS
from usher.rules.nodes import Node
from usher.rules.schema import Schema

if TYPE_CHECKING:
    import ibis


def select(
    expressions: Mapping[str, Node],
    schema: Schema,
    tables: Mapping[str, ibis.Table],
    *,
    now: datetime,
    zone: tzinfo,
    members: Members | None = None,
) -> ibis.Table:
    """The subject's key and a column per expression: a boolean, never null, for a condition; else the value.

    `tables` holds the subject, the related tables and what links lead to, by name; the keys of the subject
    and of what links lead to are expected to be unique. `members` gives a table whose one column is named
    like the subject's key. RuleError for a rule with problems, ValueError for a name that is the key's.
    """
    for name, node in expressions.items():
        if problems := check(node, schema):
            raise RuleError(f"{name}: {'; '.join(str(problem) for problem in problems)}")
    if schema.key in expressions:
        raise ValueError(f"an expression cannot be called {schema.key}: that is the key of {schema.subject}")
    data = Data(schema, tables, Clock(now, zone))
    asked = simpler(expressions, schema.tables)
    people = _people(asked, data, members)
    compare_all(people, asked.values())
    return people.table.select(
        people.table[schema.key], **{name: people.settled(node) for name, node in asked.items()}
    )


def _people(asked: Mapping[str, Node], data: Data, members: Members | None) -> Values:
    """The subject with all that its rules ask of other tables beside it."""
    schema = data.schema
    names = (name for node in asked.values() for name in names_in(node))
    subject = data.tables[schema.subject]
    people, columns = linked(subject, names, schema.columns, schema.links, schema, data.tables)
    found: dict[Node, str] = {}
    keys = _keys(asked.values(), data)
    for number, (rows, answers) in enumerate([*_answers(asked.values(), data), *_often(keys)]):
        aliases = {node: f"__{number}_{place}" for place, node in enumerate(answers)}
        rows = rows.select(
            **{f"__{number}": rows[KEY]}, **{alias: rows[answers[node]] for node, alias in aliases.items()}
        )
        mine, theirs = alike(people[schema.key], rows[f"__{number}"])
        people = people.left_join(rows, mine == theirs)
        found |= aliases
    once = {node: rows[KEY] for node, (rows, times) in keys.items() if times == 1}
    return Values(people, data.clock, columns, found, once, members, schema.key)


def _answers(asked: Collection[Node], data: Data) -> Iterator[tuple[ibis.Table, dict[Node, str]]]:
    """Tables with a row per key, and their columns that answer questions about related rows, each once."""
    alone = lone(asked)
    for table, questions in wanted(asked, data).items():
        plain = {node: since for node, since in questions.items() if ROW_FUNCTIONS[node.name].ibis}
        if plain and not any(shared(node) in plain for node in alone):
            yield grouped(table, plain, data)
        yield from (favourites(node, data) for node in questions if node not in plain)


def _keys(asked: Collection[Node], data: Data) -> dict[Node, tuple[ibis.Table, int]]:
    """Whose keys have a lone `exists` or a sequence, and how often that is asked."""
    sequences = Counter(p for node in asked for p in nodes.walk(node) if isinstance(p, nodes.Sequence))
    found: dict[Node, tuple[ibis.Table, int]] = {}
    found |= {node: (keys_of(node, data), times) for node, times in lone(asked).items()}
    return found | {node: (matching(node, data), times) for node, times in sequences.items()}


def _often(keys: Mapping[Node, tuple[ibis.Table, int]]) -> Iterator[tuple[ibis.Table, dict[Node, str]]]:
    """What is asked more than once is found once: its keys are joined, instead of looked up each time."""
    for node, (rows, times) in keys.items():
        if times > 1:
            yield rows.distinct(), {node: KEY}
