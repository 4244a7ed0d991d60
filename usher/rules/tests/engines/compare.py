"""Asks every engine and the plain reference the same rules, and says where they differ."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import ibis
import pyarrow as pa

from usher.rules import format, select
from usher.rules.dialects import OF
from usher.rules.engines import Engine
from usher.rules.nodes import Node
from usher.rules.tests.engines.engines import Answer, Asked
from usher.rules.tests.engines.samples import Sample
from usher.rules.tests.reference import Reference
from usher.rules.tests.shop import SCHEMA, TYPES

#: For each customer and rule: the answer.
Answers = dict[int, dict[Node, Any]]
REFERENCE = "the reference"


@dataclass
class Difference:
    """A rule, a customer, and what each engine answers."""

    rule: Node
    sample: Sample
    customer: int
    answers: Mapping[str, Any]

    def __str__(self) -> str:
        row = next(row for row in self.sample.tables["customers"] if row["id"] == self.customer)
        related = {
            name: [row for row in rows if row.get("customer") == self.customer]
            for name, rows in self.sample.tables.items()
        }
        lines = [
            format(self.rule),
            *(f"  {name}: {answer!r}" for name, answer in self.answers.items()),
            f"  sample {self.sample.number}, zone {self.sample.zone}, customer {row}",
            *(f"  {name}: {rows}" for name, rows in related.items() if rows),
        ]
        return "\n".join(lines)


def compiled(rules: Mapping[str, Node], sample: Sample, engine: Engine) -> tuple[str, ibis.Schema]:
    """The rules as one statement, and the types of its columns."""
    tables = {name: _table(name, types) for name, types in TYPES.items()}
    expression = select(
        rules,
        SCHEMA,
        tables,
        now=sample.now,
        zone=sample.zone,
        members=lambda kind, name: _table(f"members_{name}", {"id": pa.int64()}),
        engine=engine,
    )
    return OF[engine].statement(expression), expression.schema()


def _table(name: str, types: Mapping[str, pa.DataType]) -> ibis.Table:
    return ibis.table(ibis.Schema.from_pyarrow(pa.schema(list(types.items()))), name=name)


def asked(rules: Sequence[Node], sample: Sample, engine: Asked) -> Answers:
    """What an engine answers. Its tables are those of the sample already."""
    return _starting(rules, sample, engine)()


def _starting(rules: Sequence[Node], sample: Sample, engine: Asked) -> Callable[[], Answers]:
    """Compiles, and asks later."""
    names = {f"it{number}": rule for number, rule in enumerate(rules)}
    sql, schema = compiled(names, sample, engine.name)
    return lambda: _read(rules, schema, engine.ask(sql))


def _read(rules: Sequence[Node], schema: ibis.Schema, rows: Answer) -> Answers:
    kinds, found = list(schema.types), {}
    for row in rows:
        key, *values = (alike(value, kind) for value, kind in zip(row, kinds, strict=True))
        assert key not in found, "every subject exactly once"
        found[key] = dict(zip(rules, values, strict=True))
    return found


def referred(rules: Sequence[Node], sample: Sample) -> Answers:
    """What the rules mean."""
    reference = Reference(SCHEMA, sample.tables, sample.members, sample.now, sample.zone)
    return {
        customer["id"]: {rule: alike(reference.ask(rule, customer)) for rule in rules}
        for customer in sample.tables["customers"]
    }


def alike(value: Any, kind: Any = None) -> Any:
    """An answer as all engines can give it: whole numbers for 5.0, times in UTC."""
    if value is None:
        return None
    if kind is not None and kind.is_boolean():
        assert value in (0, 1)
        return bool(value)
    if isinstance(value, str) and kind is not None and kind.is_temporal():
        value = date.fromisoformat(value) if kind.is_date() else datetime.fromisoformat(value)
    if isinstance(value, datetime):
        zoned = value if value.tzinfo or kind is None or not kind.timezone else value.replace(tzinfo=UTC)
        return zoned.astimezone(UTC) if zoned.tzinfo else zoned
    if isinstance(value, bool | int | str | date):
        return value
    assert isinstance(value, float | Decimal), value
    return int(value) if value == int(value) else float(value)


def differences(rules: Sequence[Node], sample: Sample, engines: Collection[Asked]) -> list[Difference]:
    """All rules together; where anything differs or fails, one by one. Spark, the slowest, works aside."""
    for engine in engines:
        engine.load(sample.arrow())
    meant, unlike = referred(rules, sample), dict[Node, None]()
    with ThreadPoolExecutor(1) as aside:
        running = []
        for engine in sorted(engines, key=lambda engine: engine.name != "spark"):
            try:
                start = _starting(rules, sample, engine)
                running.append(aside.submit(start).result if engine.name == "spark" else start)
            except Exception:  # said when the rules are asked one by one
                unlike |= dict.fromkeys(rules)
        for answer in reversed(running):
            try:
                found = answer()
                assert found.keys() == meant.keys(), "every subject is there"
            except Exception:
                unlike |= dict.fromkeys(rules)
            else:
                wrong = (r for key, row in found.items() for r in rules if row[r] != meant[key][r])
                unlike |= dict.fromkeys(wrong)
    return [found for rule in unlike if (found := _alone(rule, meant, sample, engines))]


def _alone(rule: Node, meant: Answers, sample: Sample, engines: Collection[Asked]) -> Difference | None:
    answers: dict[str, Mapping[int, Any]] = {REFERENCE: {key: row[rule] for key, row in meant.items()}}
    for engine in engines:
        try:
            found = asked([rule], sample, engine)
            answers[engine.name] = {key: row[rule] for key, row in found.items()}
        except Exception as error:
            answers[engine.name] = dict.fromkeys(meant, f"{type(error).__name__}: {str(error)[:800]}")
    for key in meant:
        of_one = {name: found[key] for name, found in answers.items()}
        if any(value != of_one[REFERENCE] for value in of_one.values()):
            return Difference(rule, sample, key, of_one)
    return None
