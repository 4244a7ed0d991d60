"""What the field of a rule says while one types: what is wrong and where, the English, what may come next."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher

from usher import rules
from usher.audiences import rulebook
from usher.audiences.models import Audience, ComputedField
from usher.rules import nodes
from usher.rules.complete import complete
from usher.rules.functions import FUNCTIONS, ROW_FUNCTIONS

_NAME = re.compile(r"(?:\\.|[\w-])+")


@dataclass(frozen=True)
class Fix:
    """Put `text` in the place of what stands between the two offsets."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Slip:
    """One thing that is wrong, between two offsets of the text."""

    message: str
    start: int
    end: int
    fix: Fix | None = None


@dataclass(frozen=True)
class Judged:
    """A rule as it stands in its field; `english` and `formatted` are empty while something is wrong."""

    text: str
    slips: tuple[Slip, ...] = ()
    english: str = ""
    formatted: str = ""

    @property
    def fits(self) -> bool:
        return bool(self.english)


def judged(text: str, *, value: bool = False) -> Judged:
    """Check a rule; with `value`, an expression that gives a value will do. Empty text is neither."""
    if not text.strip():
        return Judged(text)
    schema = rulebook.known_schema()
    if schema is None:
        unread = "Rules are checked against the data, and no source has been read yet: see the page Sources."
        return Judged(text, (Slip(unread, 0, len(text)),))
    thing = ComputedField() if value else Audience()
    return judged_by(text, schema, lambda node: rulebook.problems_of(thing, node, schema))


def judged_by(
    text: str, schema: rules.Schema, problems_of: Callable[[rules.Node], Sequence[rules.Problem]]
) -> Judged:
    """The same under another schema and its own checks."""
    if not text.strip():
        return Judged(text)
    try:
        node = rules.parse(text)
    except rules.RuleError as slip:
        return Judged(text, (_unreadable(text, slip),))
    if problems := problems_of(node):
        return Judged(text, tuple(_misfit(text, problem) for problem in problems))
    return Judged(text, (), rules.describe(node, schema), rules.format(node))


def _unreadable(text: str, slip: rules.RuleError) -> Slip:
    """The word at which reading stopped; at the end of the text, the last word."""
    start = min(slip.position, len(text))
    found = re.compile(r"\s*(\w+|\S)").match(text, start)
    if found is None:
        start = len(text[:start].rstrip())
        start = max(start - len(text[:start].split()[-1]), 0) if text[:start].split() else 0
    end = found.end() if found else len(text)
    hint = f" {slip.hint[:1].upper()}{slip.hint[1:]}" if slip.hint else ""
    return Slip(f"{slip.message}{hint}", start, end)


def _misfit(text: str, problem: rules.Problem) -> Slip:
    return Slip(problem.message, problem.start, problem.end, _fix(text, problem))


def _fix(text: str, problem: rules.Problem) -> Fix | None:
    """The suggestion in the place of the name most like it; None when the rule then cannot be read."""
    if problem.suggestion is None:
        return None
    meant = problem.suggestion
    likeness = {found: SequenceMatcher(None, found.group(), meant).ratio() for found in _names(text, problem)}
    if not likeness:
        return None
    wrong = max(likeness, key=lambda found: likeness[found])
    fix = Fix(wrong.start(), wrong.end(), meant)
    try:
        rules.parse(text[: fix.start] + fix.text + text[fix.end :])
    except rules.RuleError:
        return None
    return fix


def _names(text: str, problem: rules.Problem) -> Iterator[re.Match[str]]:
    """The names and the quoted texts (without their quotes) that a problem speaks of."""
    span = text[problem.start : problem.end]
    quoted = re.fullmatch(r"""\s*\w+\(\s*(["'])(?P<text>.*)\1\s*\)\s*""", span)
    if quoted:
        inside = problem.start + quoted.start("text"), problem.start + quoted.end("text")
        whole = re.compile(r".*", re.DOTALL).fullmatch(text, *inside)
        if whole:
            yield whole
            return
    yield from _NAME.finditer(text, problem.start, problem.end)


def offers(text: str, position: int) -> list[dict[str, str | int]]:
    """What may stand at `position`: text, kind and note, and the offsets that it takes the place of."""
    schema = rulebook.known_schema()
    return [asdict(one) for one in complete(text, position, schema)] if schema else []


@dataclass(frozen=True)
class Helped:
    """A function in the help beside the field."""

    name: str
    written: str
    says: str
    example: str


def functions() -> dict[str, list[Helped]]:
    """All functions that rules about customers know, under headings, in the order of the registries."""
    rows = [
        Helped(one.name, f"{one.name}(rows{'.column' if one.of_column else ''})", one.says, one.example)
        for one in ROW_FUNCTIONS.values()
    ]
    values = [
        Helped(one.name, f"{one.name}({'…' if one.takes else ''})", one.says, one.example)
        for one in FUNCTIONS.values()
        if one.ibis is not None
    ]
    return {"rows": rows, "values": values}


def examples() -> list[str]:
    """A few conditions in the names of these data, for who starts with an empty field."""
    schema = rulebook.known_schema()
    if schema is None:
        return []
    found = []
    for table in list(schema.tables.values())[:2]:
        name = rules.format(nodes.Path((table.name,)))
        found.append(f"count({name}) >= 3")
        if table.at:
            at = rules.format(nodes.Path((table.at,)))
            found.append(f"count({name}) > 0 and not exists({name} where {at} within 180 days)")
    texts = [name for name, kind in schema.columns.items() if kind == "text" and name != schema.key]
    found += [f"{rules.format(nodes.Path((name,)))} is set" for name in texts[:1]]
    return found[:4]
