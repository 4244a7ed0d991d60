"""Rules for sets of people: one Ibis expression for all of them, one grouped scan for each related table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

from usher.rules import nodes
from usher.rules.check import check
from usher.rules.clock import Clock
from usher.rules.compile.links import alike, linked, names_in
from usher.rules.compile.people import compare_all, compares_all
from usher.rules.compile.rows import KEY, Data, favourites, grouped, keys_of, wanted
from usher.rules.compile.sequences import matching
from usher.rules.compile.simpler import lasting, lone, simpler
from usher.rules.compile.values import Members, Values, shared
from usher.rules.engines import Engine
from usher.rules.errors import RuleError
from usher.rules.functions import ROW_FUNCTIONS
from usher.rules.kept import column_of
from usher.rules.nodes import Node
from usher.rules.schema import Schema

if TYPE_CHECKING:
    import ibis
    import ibis.expr.types as ir

#: A table with a row per key, and its columns that answer questions.
Answers = tuple["ibis.Table", dict[Node, str]]


def select(
    expressions: Mapping[str, Node],
    schema: Schema,
    tables: Mapping[str, ibis.Table],
    *,
    now: datetime,
    zone: tzinfo,
    members: Members | None = None,
    engine: Engine = "duckdb",
    kept: Mapping[str, ibis.Table] | None = None,
) -> ibis.Table:
    """The subject's key and a column per expression: a boolean, never null, for a condition; else the value.

    A yes/no column alone, or what coalesce(…), if(…) and the like make of one, is a value: missing where it
    is not known, so that who asks for members takes only those for whom it is true.

    `tables` holds the subject, the related tables and what links lead to, by name; the keys of the subject
    and of what links lead to are expected to be unique. `members` gives a table whose one column is named
    like the subject's key. `kept` holds the answers to all that the rules ask of related tables, as
    `usher.rules.kept` makes them: then no rows are read. RuleError for a rule with problems, ValueError
    for a name that is the key's.
    """
    for name, node in expressions.items():
        if problems := check(node, schema, engine=engine):
            raise RuleError(f"{name}: {'; '.join(str(problem) for problem in problems)}")
    if schema.key in expressions:
        raise ValueError(f"an expression cannot be called {schema.key}: that is the key of {schema.subject}")
    data = Data(schema, tables, Clock(now, zone, engine))
    if kept is None:
        asked = simpler(expressions, schema.tables)
        keys, answers = _keys(asked.values(), data)
        answers = [*_answers(asked.values(), data), *answers]
    else:
        asked = {name: lasting(node, schema.tables) for name, node in expressions.items()}
        keys, answers = {}, list(_kept(asked.values(), kept, data))
    people = _people(asked, data, members, keys, answers)
    compare_all(people, asked.values())
    return people.table.select(
        people.table[schema.key], **{name: people.settled(node) for name, node in asked.items()}
    )


def _people(
    asked: Mapping[str, Node],
    data: Data,
    members: Members | None,
    keys: Mapping[Node, ir.Column],
    answers: Sequence[Answers],
) -> Values:
    """The subject with all that its rules ask of other tables beside it."""
    schema, say = data.schema, data.clock.dialect
    names = (name for node in asked.values() for name in names_in(node))
    subject = data.tables[schema.subject]
    people, columns = linked(subject, names, schema.columns, schema.links, schema, data.tables, say)
    found: dict[Node, str] = {}
    for number, (rows, answered) in enumerate(answers):
        aliases = {node: f"__{number}_{place}" for place, node in enumerate(answered)}
        rows = rows.select(
            **{f"__{number}": rows[KEY]},
            **{alias: say.joined(rows[answered[node]]) for node, alias in aliases.items()},
        )
        mine, theirs = alike(people[schema.key], rows[f"__{number}"])
        people = people.left_join(rows, mine == theirs)
        found |= aliases
    return Values(people, data.clock, columns, found, keys, members, schema.key)


def _answers(asked: Collection[Node], data: Data) -> Iterator[Answers]:
    """Tables with a row per key, and their columns that answer questions about related rows, each once."""
    alone = lone(asked)
    for table, questions in wanted(asked, data).items():
        plain = {node: since for node, since in questions.items() if ROW_FUNCTIONS[node.name].ibis}
        if plain and not any(shared(node) in plain for node in alone):
            yield grouped(table, plain, data)
        yield from (favourites(node, data) for node in questions if node not in plain)


def _kept(asked: Collection[Node], kept: Mapping[str, ibis.Table], data: Data) -> Iterator[Answers]:
    """The same from answers that were kept; sums of whole numbers as the whole numbers that they are."""
    for table, questions in wanted(asked, data).items():
        answers, columns = kept[table], {node: column_of(node) for node in questions}
        whole = {
            column: answers[column].cast("int64")
            for node, column in columns.items()
            if node.name == "sum" and data.tables[table][node.column].type().is_integer()
        }
        yield answers.mutate(**whole), dict(columns.items())


def _keys(asked: Collection[Node], data: Data) -> tuple[dict[Node, ir.Column], list[Answers]]:
    """Whose keys have a lone `exists` or a sequence: to look them up where that is asked once, else to join.

    Where all people are compared they are joined as well: engines order nobody by a look-up with an order.
    """
    parts = [part for node in asked for part in nodes.walk(node)]
    sequences = Counter(part for part in parts if isinstance(part, nodes.Sequence))
    found: dict[Node, tuple[ibis.Table, int]] = {}
    found |= {node: (keys_of(node, data), times) for node, times in lone(asked).items()}
    found |= {node: (matching(node, data), times) for node, times in sequences.items()}
    once = not any(compares_all(part) for part in parts)
    looked_up = {node for node, (_, times) in found.items() if once and times == 1}
    joined = [(rows.distinct(), {node: KEY}) for node, (rows, _) in found.items() if node not in looked_up]
    return {node: found[node][0][KEY] for node in looked_up}, joined
