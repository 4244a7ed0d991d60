"""English words for the parts of a rule: names, values, counts, moments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from usher.rules import nodes
from usher.rules.moments import moment_of
from usher.rules.schema import Schema, Table, Type

#: What people have done whom a row is about, and what they did.
_VERBS = {
    "booking": ("booked", "booked"),
    "click": ("clicked", "clicked"),
    "donation": ("donated", "donated"),
    "gift": ("given", "gave"),
    "login": ("logged in", "logged in"),
    "open": ("opened", "opened"),
    "order": ("ordered", "ordered"),
    "payment": ("paid", "paid"),
    "purchase": ("bought", "bought"),
    "subscription": ("subscribed", "subscribed"),
    "visit": ("visited", "visited"),
}
#: Columns that hold when somebody was born: a birthday comes every year.
_BORN = frozenset({"birthday", "birthdate", "birth date", "date of birth", "dob", "born", "born on"})
BIRTH = "their date of birth"
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def quoted(text: str) -> str:
    return f"“{text}”"


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def readable(name: str) -> str:
    """`first_name` as first name; TAG_VIP stays as it is: capitals are a name of their own."""
    return name if name.isupper() else name.replace("_", " ")


def column(name: str, kind: Type | None) -> str:
    """A column's name in a sentence: starts_at as start time, joined as joined date."""
    words = readable(name)
    if kind == "boolean":
        return quoted(words)
    if kind not in ("date", "instant") or name.isupper():
        return words
    if words.lower() in _BORN:
        return "date of birth"
    *first, last = words.split(" ")
    if last in ("at", "on") and first:
        return f"{' '.join(first).removesuffix('s')} {'time' if last == 'at' else 'date'}"
    return f"{words} date" if last.endswith(("ed", "seen")) else words


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


def compared_with_moment(sign: str, text: str, kind: Type | None) -> str:
    """`on or after 1 May 2024`; a column of times is compared with the start of a day."""
    bare = not isinstance(moment_of(text), datetime)
    if bare and kind == "instant":
        words = {"=": "exactly at the start of", "<=": "before or at the start of", ">": "after the start of"}
        return f"{words.get(sign) or {'<': 'before', '>=': 'on or after'}[sign]} {moment(text)}"
    on = "on" if bare else "at"
    words = {"=": on, "<": "before", "<=": f"{on} or before", ">": "after", ">=": f"{on} or after"}
    return f"{words[sign]} {moment(text)}"


def singular(words: str) -> str:
    if words.endswith("ies"):
        return words[:-3] + "y"
    return words[:-1] if words.endswith("s") and not words.endswith("ss") else words


def several(words: str) -> str:
    """The plural."""
    if words.endswith("y") and words[-2:-1] not in ("a", "e", "i", "o", "u"):
        return words[:-1] + "ies"
    return words + ("es" if words.endswith(("s", "x", "ch", "sh")) else "s")


def a(words: str) -> str:
    return f"{'an' if words[:1].lower() in ('a', 'e', 'i', 'o', 'u') else 'a'} {words}"


def anniversary(owner: str) -> str:
    return "their birthday" if owner == BIRTH else possessive(owner, "anniversary")


def possessive(owner: str, noun: str) -> str:
    """`their birthday's month`; of a longer phrase `the month of …`."""
    return f"the {noun} of {owner}" if " of " in owner or " in " in owner else f"{owner}'s {noun}"


def noun(table: Table) -> str:
    """What one row is called."""
    return table.noun or singular(readable(table.name))


def plural(table: Table) -> str:
    one = noun(table)
    return readable(table.name) if table.name.startswith(one) else several(one)


def verb(table: Table) -> str | None:
    """What people have done whom a row is about: `ordered`; None where no verb is known."""
    return _VERBS.get(noun(table).lower(), (None, None))[0]


def past(table: Table) -> str | None:
    """What they did: `gave`."""
    return _VERBS.get(noun(table).lower(), (None, None))[1]


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
    "=": "was the same as",
    "!=": "was not the same as",
    "<": "was before",
    "<=": "was not after",
    ">": "was after",
    ">=": "was not before",
}
SIGNS = {"+": "plus", "-": "minus", "*": "times", "/": "divided by"}
