"""What a rule means, written as plainly as possible: one customer at a time, over lists of rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from usher.rules import nodes
from usher.rules.nodes import Node
from usher.rules.schema import Schema

Row = Mapping[str, Any]


class Reference:
    def __init__(
        self,
        schema: Schema,
        tables: Mapping[str, list[Row]],
        members: Mapping[str, Any],
        now: datetime,
        zone: tzinfo,
    ) -> None:
        self.schema, self.tables, self.members, self.now, self.zone = schema, tables, members, now, zone

    def ask(self, node: Node, customer: Row) -> Any:
        self.customer = customer
        value = self.value(node, customer)
        return bool(value) if self.is_condition(node) else value

    def is_condition(self, node: Node) -> bool:
        return not isinstance(node, nodes.Aggregate) or node.name == "exists"

    def value(self, node: Node, row: Row) -> Any:
        """The value of anything; a condition is True or False, or None for contains/match of nothing."""
        match node:
            case nodes.Literal(value=value):
                return value
            case nodes.Path(name=name):
                return row[name]
            case nodes.Call(name=name, arguments=arguments):
                values = [self.value(argument, row) for argument in arguments]
                return None if None in values else self.call(name, *values)
            case nodes.Aggregate():
                return self.aggregate(node)
            case nodes.And(parts=parts):
                return all(self.value(part, row) is True for part in parts)
            case nodes.Or(parts=parts):
                return any(self.value(part, row) is True for part in parts)
            case nodes.Not(part=nodes.Call() as part):
                return self.value(part, row) is False
            case nodes.Not(part=part):
                return self.value(part, row) is not True
            case nodes.Membership(name=name):
                return row["id"] in self.members[name]
            case nodes.IsSet(value=value, negated=negated):
                return (self.value(value, row) is None) is negated
            case nodes.In(value=value, choices=choices):
                one = self.value(value, row)
                return any(
                    one is None if isinstance(c, nodes.Null) else self.compare("=", one, self.value(c, row))
                    for c in choices
                )
            case nodes.Comparison(operator=sign, left=left, right=right):
                return self.compare(
                    sign, self.value(left, row), self.value(right, row), self.is_not_numbers(left, right)
                )
            case nodes.Within(value=value, period=period, upcoming=upcoming):
                edge = self.moved(period, 1 if upcoming else -1)
                found = self.instant(self.value(value, row))
                low, high = (self.now, edge) if upcoming else (edge, self.now)
                return found is not None and low < found <= high
            case nodes.Timed(value=value, relation=relation, moment=moment):
                found = self.instant(self.value(value, row))
                if found is None:
                    return False
                if isinstance(moment, nodes.Period):
                    edge = self.moved(moment, -1)
                    return found > edge if relation == "after" else found <= edge
                edge = self.instant(moment.value)
                return found > edge if relation == "after" else found < edge
        raise AssertionError(node)

    def is_not_numbers(self, *sides: Node) -> bool:
        """Is anything but numbers compared? Then `!=` is true of a missing value."""
        kinds = []
        for side in sides:
            match side:
                case nodes.Literal(kind=kind):
                    kinds.append(kind)
                case nodes.Call():
                    kinds.append("text")
                case nodes.Path(name=name):
                    everywhere = [
                        self.schema.columns,
                        *(table.columns for table in self.schema.tables.values()),
                    ]
                    kinds.append(next(columns[name] for columns in everywhere if name in columns))
                case nodes.Aggregate(name="count" | "sum" | "avg"):
                    kinds.append("number")
                case nodes.Aggregate(table=table, column=column):
                    kinds.append(self.schema.tables[table].columns[column])
        return "number" not in kinds

    def compare(self, sign: str, one: Any, other: Any, unlike: bool = False) -> bool:
        if sign == "!=" and unlike and (one is None or other is None):
            return one is not other
        if one is None or other is None:
            return False
        if isinstance(one, date) or isinstance(other, date):
            one, other = self.instant(one), self.instant(other)
        return {
            "=": lambda: one == other,
            "!=": lambda: one != other,
            "<": lambda: one < other,
            "<=": lambda: one <= other,
            ">": lambda: one > other,
            ">=": lambda: one >= other,
        }[sign]()

    def call(self, name: str, one: str, *others: str) -> Any:
        match name:
            case "contains":
                return others[0] in one
            case "match":
                parts = re.findall(r"\\.|\[\^?[^\]]+\]|.", others[0], re.DOTALL)
                shapes = {"*": ".*", "?": "."}
                pattern = "".join(shapes.get(p) or (p if p[0] == "[" else re.escape(p[-1])) for p in parts)
                return re.fullmatch(pattern, one, re.DOTALL) is not None
            case "lowercase":
                return one.lower()
        return one.upper()

    def aggregate(self, node: nodes.Aggregate) -> Any:
        table = self.schema.tables[node.table]
        rows = [row for row in self.tables[node.table] if row[table.key] == self.customer["id"]]
        if table.at:
            rows = [r for r in rows if r[table.at] is not None and self.instant(r[table.at]) <= self.now]
        if node.where:
            rows = [row for row in rows if self.value(node.where, row) is True]
        if node.name in ("count", "exists"):
            return len(rows) if node.name == "count" else bool(rows)
        rows = [row for row in rows if row[node.column or ""] is not None]
        values = [row[node.column or ""] for row in rows]
        match node.name:
            case "sum":
                return sum(values)
            case _ if not values:
                return None
            case "avg":
                return sum(values) / len(values)
            case "min" | "max":
                return min(values) if node.name == "min" else max(values)
        ordered = sorted((row[table.at or ""], row[node.column or ""]) for row in rows)
        return ordered[0][1] if node.name == "first" else ordered[-1][1]

    def instant(self, value: Any) -> datetime | None:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day)  # noqa: DTZ001
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=self.zone).astimezone(UTC)

    def moved(self, period: nodes.Period, way: int) -> datetime:
        if period.unit not in ("month", "year"):
            return self.now + way * period.count * timedelta(**{period.unit + "s": 1})
        local = self.now.astimezone(self.zone)
        month = local.month - 1 + way * period.count * (12 if period.unit == "year" else 1)
        year, month = local.year + month // 12, month % 12 + 1
        for day in range(local.day, 27, -1):
            try:
                return local.replace(year=year, month=month, day=day, fold=0).astimezone(UTC)
            except ValueError:
                continue
        return local.replace(year=year, month=month, fold=0).astimezone(UTC)
