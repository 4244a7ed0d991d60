"""Writes docs/rules.md: the prose beside this file, with every example tried on the theatre.

`python -m usher.rules.docs`. In the prose, `{who}` stands for those whom the example of its line finds (the
second cell of four, else the first), `{functions NAME}` for the table of a family of functions, `{engines}`
for what engines cannot answer, `{problems}` for what is said of wrong rules, `{theatre}` for its rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from usher.rules import theatre
from usher.rules.check import check
from usher.rules.engines import LIMITS, NAMES
from usher.rules.functions import conversions, numbers, rows, text, time
from usher.rules.functions.registry import Function, RowFunction
from usher.rules.parse import parse

PROSE = Path(__file__).parent / "rules.template.md"
PAGE = Path(__file__).parents[2] / "docs" / "rules.md"
FAMILIES: Mapping[str, tuple[Function, ...]] = {
    "text": text.FUNCTIONS,
    "conversions": conversions.FUNCTIONS,
    "numbers": numbers.FUNCTIONS,
    "time": time.FUNCTIONS,
}
WRONG = ('cuontry = "GB"', "bookings.total > 5", 'credit = "5"', 'country > "A"', "country = GB")
_CODE = re.compile(r"`([^`]+)`")
_SHORT = {"instant": "time", "boolean": "yes/no"}


class DocsError(Exception):
    """An example of the page that shows nothing: it finds nobody, or everybody."""


def page() -> str:
    """The whole of docs/rules.md."""
    lines = PROSE.read_text(encoding="utf-8").splitlines()
    return "\n".join(_filled(line) for line in lines) + "\n"


def _filled(line: str) -> str:
    if line == "{theatre}":
        return "\n".join(_tables())
    if line == "{problems}":
        return "\n".join(_problems())
    if line == "{engines}":
        return "\n".join(_engines())
    if line == "{functions rows}":
        return "\n".join(_row_functions(rows.FUNCTIONS))
    if found := re.fullmatch(r"\{functions (\w+)\}", line):
        return "\n".join(_functions(FAMILIES[found[1]]))
    if line.endswith("{who} |"):
        cells = line.strip("| ").split(" | ")
        (example,) = _CODE.findall(cells[1 if len(cells) > 3 else 0])
        return line.replace("{who}", _who(example))
    return line


def _who(rule: str) -> str:
    """Whom an example finds; DocsError if it shows nothing."""
    found = theatre.found(parse(rule))
    if not 0 < len(found) < len(theatre.TABLES[theatre.SCHEMA.subject]):
        raise DocsError(
            f"{rule} finds {', '.join(found) or 'nobody'}: an example finds some and leaves out some"
        )
    return ", ".join(found)


def _when(rule: str) -> str:
    """Of which events an example holds."""
    found = theatre.happenings(parse(rule))
    if len(found) != 1:
        raise DocsError(f"{rule} holds of {len(found)} events: an example holds of one of the two")
    return f"*{found[0]}*"


def _functions(family: tuple[Function, ...]) -> list[str]:
    table = ["| function | is | example | finds |", "|---|---|---|---|"]
    for function in family:
        finds = _who(function.example) if function.ibis else _when(function.example)
        table.append(f"| `{_signature(function)}` | {function.says} | `{function.example}` | {finds} |")
    return table


def _signature(function: Function) -> str:
    """`round(number[, number])`."""
    least = len(function.takes) - function.optional
    shown = [" or ".join(_SHORT.get(kind, kind) for kind in takes) for takes in function.takes]
    shown = ["any" if len(takes) == 5 else words for takes, words in zip(function.takes, shown, strict=True)]
    shown += ["…"] * function.repeats
    optional = "".join(f"[, {words}]" for words in shown[least : len(function.takes)])
    required = [*shown[:least], *shown[len(function.takes) :]]
    return f"{function.name}({', '.join(required)}{optional})"


def _row_functions(family: tuple[RowFunction, ...]) -> list[str]:
    table = ["| function | is | without rows | example | finds |", "|---|---|---|---|---|"]
    for function in family:
        empty = "missing" if function.empty is None else str(function.empty).lower()
        name = f"{function.name}({'t.c' if function.of_column else 't'})"
        finds = _who(function.example)
        table.append(f"| `{name}` | {function.says} | {empty} | `{function.example}` | {finds} |")
    return table


def _problems() -> list[str]:
    found = [check(parse(rule), theatre.SCHEMA, condition=True)[0] for rule in WRONG]
    shown = [f"{rule:<28} {problem}" for rule, problem in zip(WRONG, found, strict=True)]
    return ["```", *shown, "```"]


def _engines() -> list[str]:
    table = ["| engine | cannot answer |", "|---|---|"]
    for engine, limits in LIMITS.items():
        what = "; ".join(f"`{name}`: {why}" for name, why in limits.items())
        table.append(f"| {NAMES[engine]} | {what or 'nothing that is known'} |")
    return table


def _tables() -> list[str]:
    shown: list[str] = []
    for name, found in theatre.TABLES.items():
        columns = list(found[0])
        shown += [f"`{name}`", "", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
        shown += [f"| {' | '.join(_cell(row[column]) for column in columns)} |" for row in found]
        shown.append("")
    return shown[:-1]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).removesuffix("+00:00").removesuffix("+01:00").removesuffix(":00").removesuffix(" 00:00")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
