"""English words for the parts of a rule: names, values, counts, moments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from usher.rules import nodes
from usher.rules.moments import moment_of
from usher.rules.schema import Schema, Table

_VERBS = {
    "booking": "booked",
    "click": "clicked",
    "donation": "donated",
    "gift": "given",
    "login": "logged in",
    "open": "opened",
    "order": "ordered",
    "payment": "paid",
    "purchase": "bought",
    "subscription": "subscribed",
    "visit": "visited",
}


def quoted(text: str) -> str:
    return f"“{text}”"


def readable(name: str) -> str:
    """`first_name` as first name; TAG_VIP stays as it is: capitals are a name of their own."""
    return name if name.isupper() else name.replace("_", " ")


def written(node: nodes.Literal) -> str:
    """A literal as a reader sees it."""
    if node.kind == "text":
        return quoted(str(node.value))
    return ("false", "true")[bool(node.value)] if node.kind == "boolean" else f"{node.value:,}"


def listed(words: Sequence[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def period(found: nodes.Period) -> str:
    return f"{found.count} {found.unit}s" if found.count != 1 else found.unit


def length(found: nodes.Period) -> str:
    return f"{found.count:,} {found.unit}{'' if found.count == 1 else 's'}"


def moment(text: str) -> str:
    """`2024-05-31` as `31 May 2024`; a time keeps its hour."""
    found = moment_of(text)
    if found is None:
        return quoted(text)
    day = f"{found.day} {found:%B} {found.year}"
    if not isinstance(found, datetime):
        return day
    offset = f" {found:%Z}" if found.tzinfo else ""
    return f"{day}, {found:%H:%M}{offset}"


def noun(table: Table) -> str:
    """What one row is called."""
    if table.noun:
        return table.noun
    name = readable(table.name)
    if name.endswith("ies"):
        return name[:-3] + "y"
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else name


def plural(table: Table) -> str:
    one = noun(table)
    if table.name.startswith(one):
        return readable(table.name)
    return one[:-1] + "ies" if one.endswith("y") and one[-2:-1] not in "aeiou" else one + "s"


def verb(table: Table) -> str | None:
    """What people have done whom a row is about: `ordered`; None where no verb is known."""
    return _VERBS.get(noun(table).lower())


def table_of(name: str, schema: Schema) -> Table:
    """The table as the schema knows it, or a bare one: a faulty rule can be put into words too."""
    return schema.tables.get(name) or Table(name, {}, "")


def often(sign: str, count: int) -> str:
    """`at least once`, `more than 3 times`."""
    once = "once" if count == 1 else f"{count:,} times"
    return f"{AMOUNTS[sign]} {once}".strip()


AMOUNTS = {
    "=": "exactly",
    "!=": "not exactly",
    "<": "fewer than",
    "<=": "at most",
    ">": "more than",
    ">=": "at least",
}
COMPARISONS = {
    "=": "is",
    "!=": "is not",
    "<": "is less than",
    "<=": "is at most",
    ">": "is more than",
    ">=": "is at least",
}
TIME_COMPARISONS = {
    "=": "was on",
    "!=": "was not on",
    "<": "was before",
    "<=": "was not after",
    ">": "was after",
    ">=": "was not before",
}
