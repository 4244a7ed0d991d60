"""What a rule means, written as plainly as possible: one customer at a time, over lists of rows."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from fractions import Fraction
from typing import Any

from usher.rules import nodes
from usher.rules.nodes import Node
from usher.rules.schema import Schema

Row = Mapping[str, Any]
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
SCORES = {"recency_score": "max", "frequency_score": "count", "monetary_score": "sum"}


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
        self.customers = tables["customers"]
        self.links = schema.links
        self.today = now.astimezone(zone).date()

    def ask(self, node: Node, customer: Row) -> Any:
        value = self.value(node, customer)
        if self.kind(node) != "boolean" or isinstance(node, nodes.Path):
            return value
        is_value = isinstance(node, nodes.Call) and node.name in ("coalesce", "if")
        is_value = is_value or (isinstance(node, nodes.Aggregate) and node.name != "exists")
        return value if is_value else bool(value)

    def value(self, node: Node, row: Row) -> Any:
        """The value of anything; a condition is True or False, or None where a function has no answer."""
        match node:
            case nodes.Literal(value=value):
                return value
            case nodes.Path(name=name):
                return self.path(name, row, self.links)
            case nodes.Call(name=name, arguments=arguments):
                return self.call(name, arguments, row)
            case nodes.Arithmetic(operator=sign, left=left, right=right):
                return self.calculated(sign, self.value(left, row), self.value(right, row))
            case nodes.Aggregate():
                return self.aggregate(node, row)
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
                unlike = "number" not in (self.kind(left), self.kind(right))
                return self.compare(sign, self.value(left, row), self.value(right, row), unlike)
            case nodes.Between(value=value, low=low, high=high):
                found, first, last = (self.value(part, row) for part in (value, low, high))
                if isinstance(last, str) and len(last) == 10:
                    last = self.instant((date.fromisoformat(last) + timedelta(days=1)).isoformat())
                    return self.compare(">=", found, first) and self.compare("<", found, last)
                return self.compare(">=", found, first) and self.compare("<=", found, last)
            case nodes.Within(value=nodes.Call(name="anniversary") as call, period=period, upcoming=upcoming):
                return self.comes_round(self.value(call.arguments[0], row), period, upcoming)
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
            case nodes.Sequence(steps=steps):
                return self.follows(steps, row, None)
            case nodes.Among(condition=condition, base=base):
                return self.value(condition, row) is True and self.value(base, row) is True
            case nodes.Sample(condition=condition, percent=percent, name=name):
                digest = hashlib.md5(f"{row['id']}/{name}".encode()).hexdigest()
                chosen = int(digest[:8], 16) < round(percent / 100 * 2**32)
                return self.value(condition, row) is True and chosen
            case nodes.Top():
                return self.is_top(node, row)
        raise AssertionError(node)

    def path(self, name: str, row: Row, links: Mapping[str, Any]) -> Any:
        if "." not in name:
            return row[name]
        step, rest = name.split(".", 1)
        lookup = self.schema.lookups[links[step].table]
        for other in self.tables[lookup.name]:
            if other[lookup.key] == row[links[step].column]:
                return self.path(rest, other, lookup.links)
        return None

    def kind(self, node: Node) -> str:
        """text, number, date, instant or boolean."""
        match node:
            case nodes.Literal(kind=kind):
                return kind
            case nodes.Arithmetic():
                return "number"
            case nodes.Path(name=name):
                return self.column_kind(name)
            case nodes.Call(name="coalesce" | "if", arguments=arguments):
                return self.kind(arguments[-1])
            case nodes.Call(name="contains" | "match" | "starts_with" | "ends_with"):
                return "boolean"
            case nodes.Call(
                name="lowercase"
                | "uppercase"
                | "trim"
                | "concat"
                | "snakecase"
                | "kebabcase"
                | "titlecase"
                | "day_of_week"
            ):
                return "text"
            case nodes.Call():
                return "number"
            case nodes.Aggregate(name="exists"):
                return "boolean"
            case nodes.Aggregate(name="min" | "max" | "first" | "last" | "most_frequent", column=column):
                return self.column_kind(column or "")
            case nodes.Aggregate():
                return "number"
        return "boolean"

    def column_kind(self, name: str) -> str:
        """Columns of one name are of one type in all tables of the shop."""
        tables = [*self.schema.tables.values(), *self.schema.lookups.values()]
        everywhere = [self.schema.columns, *(table.columns for table in tables)]
        return next(columns[last] for columns in everywhere if (last := name.split(".")[-1]) in columns)

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

    def calculated(self, sign: str, one: Any, other: Any) -> Any:
        if one is None or other is None or (sign == "/" and other == 0):
            return None
        match sign:
            case "+":
                return one + other
            case "-":
                return one - other
            case "*":
                return one * other
        return one / other

    # functions

    def call(self, name: str, arguments: tuple[Node, ...], row: Row) -> Any:
        if name == "quantile":
            return self.part_of_all(lambda other: self.value(arguments[0], other), row, arguments[1].value)
        values = [self.value(argument, row) for argument in arguments]
        match name:
            case "coalesce":
                return next((value for value in values if value is not None), None)
            case "if":
                return values[1] if values[0] is True else values[2]
            case "length":
                return len((values[0] or "").encode())
        if None in values:
            return None
        one, *others = values
        match name:
            case "contains":
                return others[0] in one
            case "starts_with":
                return one.startswith(others[0])
            case "ends_with":
                return one.endswith(others[0])
            case "match":
                parts = re.findall(r"\\.|\[\^?[^\]]+\]|.", others[0], re.DOTALL)
                shapes = {"*": ".*", "?": "."}
                pattern = "".join(shapes.get(p) or (p if p[0] == "[" else re.escape(p[-1])) for p in parts)
                return re.fullmatch(pattern, one, re.DOTALL) is not None
            case "lowercase":
                return one.lower()
            case "uppercase":
                return one.upper()
            case "trim":
                return one.strip(" \t\n\r\v\f")
            case "concat":
                return "".join(values)
            case "snakecase":
                return one.replace(" ", "_")
            case "kebabcase":
                return one.replace(" ", "-")
            case "titlecase":
                return " ".join(word[:1].upper() + word[1:] for word in one.split(" "))
            case "number":
                return float(one) if re.fullmatch(r"\s*-?[0-9]+(\.[0-9]+)?\s*", one) else None
            case "round":
                scale = 10 ** (others[0] if others else 0)
                return math.copysign(math.floor(abs(one) * scale + 0.5) / scale, one)
            case "floor":
                return math.floor(one)
            case "ceil":
                return math.ceil(one)
            case "abs":
                return abs(one)
            case "year" | "month":
                return getattr(self.wall(one), name)
            case "day_of_month":
                return self.wall(one).day
            case "day_of_week":
                return WEEKDAYS[self.wall(one).weekday()]
            case "hour":
                return self.wall(one).hour
            case "days_between":
                return self.days(one, others[0])
        return self.counted(name, one)

    def counted(self, name: str, found: Any) -> int:
        """days_since and its kin."""
        unit, way = ("years", "since") if name == "age" else name.split("_")
        is_time = isinstance(found, datetime)
        if unit in ("days", "weeks"):
            now = self.now if is_time else self.today
            days = self.days(found, now) if way == "since" else self.days(now, found)
            return days if unit == "days" else math.floor(days / 7)
        one, other = self.wall(found).date(), self.today
        if way == "until":
            one, other = other, one
        months = (other.year - one.year) * 12 + other.month - one.month + 2
        while self.later(one, months) > other:
            months -= 1
        return months if unit == "months" else math.floor(months / 12)

    def days(self, earlier: Any, later: Any) -> int:
        if all(isinstance(value, datetime) and value.tzinfo for value in (earlier, later)):
            return math.floor((later - earlier) / timedelta(days=1))
        return math.floor((self.wall(later) - self.wall(earlier)) / timedelta(days=1))

    def wall(self, value: Any) -> datetime:
        """What the wall clock shows."""
        if not isinstance(value, datetime):
            return datetime(value.year, value.month, value.day)  # noqa: DTZ001
        return value.astimezone(self.zone).replace(tzinfo=None) if value.tzinfo else value

    def later(self, day: date, months: int) -> date:
        """The same day so many months later, or the last one of that month."""
        year, month = day.year + (day.month - 1 + months) // 12, (day.month - 1 + months) % 12 + 1
        for number in range(day.day, 27, -1):
            try:
                return date(year, month, number)
            except ValueError:
                continue
        return date(year, month, day.day)

    def comes_round(self, value: Any, period: nodes.Period, upcoming: bool) -> bool:
        if value is None:
            return False
        edge, day = self.moved(period, 1 if upcoming else -1), self.wall(value).date()
        low, high = (self.now, edge) if upcoming else (edge, self.now)
        yearly = [self.later(day, 12 * number) for number in range(1, 150)]
        return any(low < (self.instant(one) or low) <= high for one in yearly)

    # rows

    def rows(self, name: str, where: Node | None, customer: Row) -> list[Row]:
        table = self.schema.tables[name]
        rows = [row for row in self.tables[name] if row[table.key] == customer["id"]]
        if table.at:
            rows = [r for r in rows if r[table.at] is not None and self.instant(r[table.at]) <= self.now]
        if where:
            self.links = table.links
            rows = [row for row in rows if self.value(where, row) is True]
            self.links = self.schema.links
        return rows

    def settled(self, value: float) -> float:
        return math.copysign(math.floor(abs(value) * 1e6 + 0.5) / 1e6, value) if abs(value) < 9e9 else value

    def aggregate(self, node: nodes.Aggregate, customer: Row) -> Any:
        table = self.schema.tables[node.table]
        if node.name in SCORES:
            column = node.column or (table.at if node.name == "recency_score" else None)
            plain = nodes.Aggregate(SCORES[node.name], node.table, column, node.where)
            return self.part_of_all(lambda other: self.scored(plain, other), customer, 5)
        rows = self.rows(node.table, node.where, customer)
        if node.name in ("count", "exists"):
            return len(rows) if node.name == "count" else bool(rows)
        found = [(self.path(node.column or "", row, table.links), row) for row in rows]
        known = [(value, row) for value, row in found if value is not None]
        values = [value for value, _ in known]
        match node.name:
            case "sum":
                return self.settled(math.fsum(values))
            case "distinct":
                return len(set(values))
            case _ if not values:
                return None
            case "avg":
                return self.settled(math.fsum(values) / len(values))
            case "min" | "max":
                return min(values) if node.name == "min" else max(values)
            case "median":
                values, half = sorted(values), len(values) // 2
                return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2
            case "most_frequent":
                most = max(Counter(values).values())
                return min(value for value, times in Counter(values).items() if times == most)
        ordered = sorted((row[table.at or ""], value) for value, row in known)
        return ordered[0][1] if node.name == "first" else ordered[-1][1]

    def scored(self, node: nodes.Aggregate, customer: Row) -> Any:
        """What a score compares; missing for who has no such rows."""
        rows = self.rows(node.table, node.where, customer)
        if node.name == "sum":
            links = self.schema.tables[node.table].links
            rows = [row for row in rows if self.path(node.column or "", row, links) is not None]
        return self.aggregate(node, customer) if rows else None

    def follows(self, steps: tuple[nodes.Step, ...], customer: Row, last: datetime | None) -> bool:
        """Can the steps be done, each after the one before, from here on?"""
        if not steps:
            return True
        step, table = steps[0], self.schema.tables[steps[0].table]
        dates = table.columns[table.at or ""] == "date"
        now = self.wall(self.now) if dates else self.now
        times = [row[table.at or ""] for row in self.rows(step.table, step.where, customer)]
        times = [self.wall(time) for time in times] if dates else times
        times = [time for time in times if last is None or time > last]
        if step.within and last is not None:
            limit = last + timedelta(**{step.within.unit + "s": step.within.count})
            times = [time for time in times if time <= limit]
            if step.absent:
                return not times and limit <= now
        return any(self.follows(steps[1:], customer, time) for time in times)

    # all customers

    def part_of_all(self, value: Any, customer: Row, parts: int) -> int | None:
        mine = value(customer)
        known = [other for row in self.customers if (other := value(row)) is not None]
        if mine is None:
            return None
        return 1 + parts * sum(other < mine for other in known) // len(known)

    def is_top(self, node: nodes.Top, customer: Row) -> bool:
        able = [
            (value, row["id"])
            for row in self.customers
            if self.value(node.condition, row) is True and (value := self.value(node.by, row)) is not None
        ]
        able.sort(key=lambda pair: pair[1])
        able.sort(key=lambda pair: pair[0], reverse=True)  # keeps the order of equal values
        count = math.ceil(Fraction(str(node.count)) * len(able) / 100) if node.percent else node.count
        return customer["id"] in [key for _, key in able[: int(count)]]

    # time

    def instant(self, value: Any) -> datetime | None:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day)  # noqa: DTZ001
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else self.later_of_two(value)

    def later_of_two(self, wall: datetime) -> datetime:
        """Clocks that are put back show a time twice: then it is the second."""
        return max(wall.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1))

    def moved(self, period: nodes.Period, way: int) -> datetime:
        if period.unit not in ("month", "year"):
            return self.now + way * period.count * timedelta(**{period.unit + "s": 1})
        local = self.now.astimezone(self.zone)
        month = local.month - 1 + way * period.count * (12 if period.unit == "year" else 1)
        year, month = local.year + month // 12, month % 12 + 1
        for day in range(local.day, 27, -1):
            try:
                return self.later_of_two(local.replace(year=year, month=month, day=day, tzinfo=None))
            except ValueError:
                continue
        return self.later_of_two(local.replace(year=year, month=month, tzinfo=None))
