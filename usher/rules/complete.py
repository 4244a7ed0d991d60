"""What may be typed next: names of the schema, functions and words of the language, likeliest first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from usher.rules.functions import FUNCTIONS, ROW_FUNCTIONS
from usher.rules.nearest import Scope, reached
from usher.rules.nodes import EVENTS
from usher.rules.parse import accepted_at
from usher.rules.schema import Schema, Table

What = Literal["column", "table", "function", "tag", "segment", "audience", "word"]
_MOST = 50
#: No editor holds a longer rule, and the last words tell what is being typed.
_LONGEST, _LAST_WORDS, _DEEPEST = 20_000, 500, 60
#: The words of the language by the terminal that stands for them, likeliest first, with what each says.
_WORDS = {
    "WHERE": ("where", "only rows for which this holds"),
    "SET": ("set", "there is a value"),
    "AND": ("and", "both hold"),
    "OR": ("or", "one of the two holds"),
    "IN": ("in", "is one of a list, or in last 30 days"),
    "WITHIN": ("within", "in the time up to now: within 30 days"),
    "IS": ("is set", "there is a value"),
    "BETWEEN": ("between", "from one to the other, both taken in"),
    "RELATION": ("before", 'before "2024-05-31", before 2 years ago'),
    "NOT_IN": ("not in", "is none of a list"),
    "IGNORING": ("ignoring case", "capitals do not count"),
    "NOT": ("not", "it does not hold"),
    "TRUE": ("true", "yes"),
    "FALSE": ("false", "no"),
    "NULL": ("null", "a missing value"),
    "DID": ("did", 'one thing after another: did "A" then "B" within 7 days'),
    "THEN": ("then", "and after that"),
    "NOT_THEN": ("not then", "and after that not"),
    "AGO": ("ago", "before now"),
    "BY": ("by", "the value that decides"),
    "CASE": ("case", "capitals do not count"),
    "AMONG": ("among", "only those of this base"),
    "TOP": ("top", "those with the greatest value: top 100 by value"),
    "SAMPLE": ("sample", "so many of a hundred, always the same people: sample 10%"),
}
_UNITS = ("days", "weeks", "months", "years", "hours", "minutes")
_MEMBERS = (("tag", "carries the tag"), ("segment", "is in the segment"), ("audience", "is in the audience"))
_QUOTE = re.compile(
    r"\b(tag|segment|audience)\s*\(\s*([\"'])((?:(?!\2)[^\\]|\\.)*)$", re.IGNORECASE | re.DOTALL
)
_FILTERED = re.compile(r"\(\s*((?:[\w-]|\\.)+)[^()]*?\bwhere\b", re.IGNORECASE)
_FILTERED_EVENT = re.compile(r"\(\s*''\s*where\b", re.IGNORECASE)
_TYPED = re.compile(r"(?:[^\W\d]|\\.)(?:[\w.-]|\\.)*$", re.DOTALL)


@dataclass(frozen=True)
class Completion:
    """`text` goes in place of the characters from `start` to `end`; `note` says what it is."""

    text: str
    kind: What
    note: str
    start: int
    end: int


def complete(text: str, position: int, schema: Schema) -> list[Completion]:
    """What may stand at `position`, likeliest first, at most 50; empty inside a text that is free."""
    before = text[:position]
    if len(before) > _LONGEST:
        return []
    if inside := _QUOTE.search(before[-_LAST_WORDS:]):
        return _members(inside, position, schema)
    if _in_quotes(before):
        return []
    word = _TYPED.search(before[-_LAST_WORDS:])
    typed = word.group() if word else ""
    start = position - len(typed)
    offers = _offers(before[:start], schema)
    fitting = [offer for offer in offers if _fits(offer[0], typed)]
    fitting.sort(key=lambda offer: not offer[0].casefold().startswith(typed.casefold()))
    return [Completion(*offer, start, position) for offer in dict.fromkeys(fitting)][:_MOST]


def _fits(offer: str, typed: str) -> bool:
    """Begins with what is typed, or has a part that does: `cou` finds country and orders.country."""
    folded = typed.casefold()
    if offer.casefold() == folded:
        return False
    return any(part.startswith(folded) for part in (offer.casefold(), *re.split(r"[._ ]", offer.casefold())))


def _members(inside: re.Match[str], position: int, schema: Schema) -> list[Completion]:
    """Names inside the quotes of `tag("`; the quote and the bracket are closed too."""
    kind, quote, typed = inside.group(1).lower(), inside.group(2), inside.group(3)
    names = {"tag": schema.tags, "segment": schema.segments, "audience": schema.audiences}[kind]
    found = []
    for name in sorted(names, key=lambda name: (not name.casefold().startswith(typed.casefold()), name)):
        if typed.casefold() in name.casefold():
            written = re.sub(r"[\\\"']", lambda one: "\\" + one.group(), name)
            written = f"{written}{quote})"
            found.append(Completion(written, kind, f"{kind} {name}", position - len(typed), position))  # type: ignore[arg-type]
    return found[:_MOST]


def _in_quotes(before: str) -> bool:
    """Is a text open at the end?"""
    rest = re.sub(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|\\.", "", before, flags=re.DOTALL)
    return '"' in rest or "'" in rest


Offer = tuple[str, What, str]


def _offers(before: str, schema: Schema) -> Iterator[Offer]:
    table, asking = _surroundings(before, schema)
    begun = re.search(
        r"\bdid\s*\(?\s*$", before[-_LAST_WORDS:], re.IGNORECASE
    )  # what follows tells it from a name
    accepted = {"PATH"} if begun else accepted_at(before, len(before))
    if "PATH" in accepted:
        yield from _names(asking, table, schema)
        if not asking:
            yield from _functions(in_rows=table is not None)
    yield from _words(accepted)


def _surroundings(before: str, schema: Schema) -> tuple[Table | None, str]:
    """The table in whose `where` the place is, and the function or `did` that takes a table's name here."""
    last = before[-_LAST_WORDS:]
    asking = re.search(r"(\w+)\s*\(\s*$|\b(did|then|followed\s+by)\s*\(?\s*$", last, re.IGNORECASE)
    called = (asking.group(1) or "").lower() if asking else ""
    wanted = called if called in ROW_FUNCTIONS else "did" if asking and asking.group(2) else ""
    plain = re.sub(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'", "''", before, flags=re.DOTALL)
    open_at: list[int] = []
    for place, character in enumerate(plain):
        if character == "(":
            open_at.append(place)
        elif character == ")" and open_at:
            open_at.pop()
    for place in open_at[: -_DEEPEST - 1 : -1]:
        if (inside := _FILTERED.match(plain, place)) and inside.group(1) in schema.tables:
            return schema.tables[inside.group(1)], wanted
        if _FILTERED_EVENT.match(plain, place):
            return schema.tables.get(EVENTS), wanted
    return None, wanted


def _names(asking: str, table: Table | None, schema: Schema) -> Iterator[Offer]:
    """Columns and those that links lead to; where a function takes a table, the tables."""
    if asking == "did":
        yield from ((written(name), "table", "a table") for name in schema.tables)
    elif asking:
        yield from _tables(asking, schema)
    else:
        scope = Scope(schema, table)
        yield from ((written(name), "column", kind) for name, kind in scope.columns.items())
        for name, owner in reached(scope).items():
            yield written(name), "column", f"of {owner}"


def _tables(asking: str, schema: Schema) -> Iterator[Offer]:
    function = ROW_FUNCTIONS[asking]
    for table in schema.tables.values():
        if function.needs_time and table.at is None:
            continue
        if not function.of_column:
            yield written(table.name), "table", "a related table"
            continue
        scope = Scope(schema, table)
        for name in (*table.columns, *reached(scope)):
            found = scope.resolve(name)
            if found and found.type in function.takes:
                yield written(f"{table.name}.{name}"), "column", found.type


def _functions(*, in_rows: bool) -> Iterator[Offer]:
    if not in_rows:
        yield from ((f"{name}(", "function", function.says) for name, function in ROW_FUNCTIONS.items())
        yield from ((f'{name}("', "function", note) for name, note in _MEMBERS)
    for name, function in FUNCTIONS.items():
        if function.ibis and not (in_rows and function.of_all):
            yield f"{name}(", "function", function.says


def _words(accepted: Iterable[str]) -> Iterator[Offer]:
    found = set(accepted)
    if "UNIT" in found:
        yield from ((unit, "word", "how long") for unit in _UNITS)
    for terminal, (word, note) in _WORDS.items():
        if terminal in found:
            yield word, "word", note
    if "RELATION" in found:
        yield "after", "word", 'after "2024-05-31", after 30 days ago'
    if "IS" in found:
        yield "is not set", "word", "there is no value"
    if found & {"NEXT", "LAST"} and "WITHIN" not in found:
        yield from ((word, "word", f"{word} 30 days") for word in ("last", "next") if word.upper() in found)


def written(name: str) -> str:
    """A name as it stands in a rule: dots stay, other odd characters get a backslash."""
    return re.sub(r"[^\w.-]", lambda found: "\\" + found.group(), name)
