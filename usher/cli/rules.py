"""`usher rules`: a rule given as text is checked, said in English, printed in one way, run and explained."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from usher.cli import house
from usher.cli.audiences import in_words, print_explanation
from usher.cli.definitions import JSON
from usher.cli.house import out

if TYPE_CHECKING:
    from usher.audiences.whom import Found
    from usher.rules import Engine, Node, Problem, RuleError, Schema

app = typer.Typer(help="Rules given as text: check, describe, format, run, explain.", no_args_is_help=True)

Rule = Annotated[
    str, typer.Argument(metavar="[RULE]", help="The rule; left out or “-”: read from the input.")
]
Folder = Annotated[
    Path | None,
    typer.Option("--definitions", metavar="DIR", help="Against this folder, which is not applied."),
]
Value = Annotated[bool, typer.Option("--value", help="Any value will do, as for a computed field.")]


@app.command()
def check(
    rule: Rule = "-",
    definitions: Folder = None,
    value: Value = False,
    engine: Annotated[
        str, typer.Option(help="For which engine: duckdb, postgres, sqlite, clickhouse, spark.")
    ] = "duckdb",
    as_json: JSON = False,
) -> None:
    """Does a rule fit the data? Says what is wrong, where, and what was meant; ends with 1 then."""
    named = _engine(engine)
    with _against(definitions):
        problems = _problems(_text(rule), value, named)
    if as_json:
        house.as_json({"problems": problems})
    for problem in [] if as_json else problems:
        _print_problem(problem)
    if problems:
        raise typer.Exit(1)
    if not as_json:
        out.print("[green]✓[/green] The rule fits the data.")


@app.command()
def describe(rule: Rule = "-", definitions: Folder = None, value: Value = False) -> None:
    """Say a rule as an English sentence."""
    from usher import rules

    with _against(definitions):
        text = _text(rule)
        node = _fitting(text, value)
        out.print(rules.describe(node, _schema()), markup=False)


@app.command(name="format")
def format_rule(rule: Rule = "-", definitions: Folder = None) -> None:
    """Print a rule in the one way that Usher writes it. It need not fit any data."""
    from usher import rules

    text = _text(rule)
    try:
        node = rules.parse(text)
    except rules.RuleError as problem:
        _print_problem(_slip(text, problem))
        raise typer.Exit(1) from None
    out.print(rules.format(node), markup=False)


@app.command()
def run(
    rule: Rule = "-",
    definitions: Folder = None,
    as_of: Annotated[
        str | None, typer.Option(help="A moment, or a date (06:00 of that day); default now.")
    ] = None,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV: the keys, and the columns that the rule speaks of.")
    ] = False,
    value: Value = False,
    count: Annotated[bool, typer.Option("--count", help="Print only how many they are.")] = False,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Only so many of them, the same ones each time.")
    ] = None,
    as_json: JSON = False,
) -> None:
    """Print the keys of the customers whom a rule finds as of a moment, in order, one a line."""
    with _against(definitions), in_words():
        from usher.audiences.whom import how_many, whom

        text, moment = _text(rule), house.moment(as_of)
        node = _fitting(text, value)
        if count:
            size = how_many(node, moment, value=value)
            if as_json:
                house.as_json({"as_of": moment, "size": size})
            else:
                sys.stdout.write(f"{size}\n")
            return
        with whom(node, moment, value=value, sample=sample) as found:
            _print_found(found, "json" if as_json else "csv" if as_csv or value else "")


@app.command()
def explain(
    rule: Annotated[str, typer.Argument(help="The rule; “-”: read from the input.")],
    key: Annotated[str, typer.Argument(help="The customer's key or e-mail address.")],
    definitions: Folder = None,
    as_of: Annotated[
        str | None, typer.Option(help="A moment, or a date (06:00 of that day); default now.")
    ] = None,
    as_json: JSON = False,
) -> None:
    """Why a rule finds a customer as of a moment, or does not, and what would change that."""
    with _against(definitions), in_words():
        from usher.audiences.english import key_of
        from usher.audiences.why import why

        node = _fitting(_text(rule), value=False)
        print_explanation(why(node, key_of(key), house.moment(as_of)), as_json)


@contextmanager
def _against(folder: Path | None) -> Iterator[None]:
    """Open the house, on what is applied or on a folder that is laid out beside it."""
    house.open_house()
    if folder is None:
        yield
        return
    from usher.cli.aside import laid_out
    from usher.definitions.errors import DefinitionsError
    from usher.lib import clock

    try:
        with laid_out(folder, clock.now()):
            yield
    except DefinitionsError as problem:
        for fault in problem.faults:
            house.err.print(f"✗ {fault}", markup=False)
        if problem.left:
            house.err.print(f"  {problem.left}", markup=False)
        house.fail(f"the definitions in {folder} cannot be used: {len(problem.faults)} to mend")


def _text(rule: str) -> str:
    return sys.stdin.read().strip("\n") if rule == "-" else rule


def _schema() -> Schema:
    from usher.audiences import rulebook

    schema = rulebook.known_schema()
    if schema is None:
        house.fail("no source has been read. Apply one, or name a folder: --definitions DIR")
    return schema


def _engine(name: str) -> Engine:
    from usher.rules.engines import NAMES

    if name not in NAMES:
        house.fail(f"there is no engine {name}; there are {', '.join(NAMES)}")
    return name


def _problems(text: str, value: bool, engine: Engine = "duckdb") -> list[dict[str, Any]]:
    from usher import rules

    try:
        node = rules.parse(text)
    except rules.RuleError as problem:
        return [_slip(text, problem)]
    found = rules.check(node, _schema(), condition=not value, engine=engine)
    return [_misfit(text, problem) for problem in found]


def _fitting(text: str, value: bool) -> Node:
    """The rule, read; problems are printed and end the command."""
    from usher import rules

    problems = _problems(text, value)
    for problem in problems:
        _print_problem(problem)
    if problems:
        raise typer.Exit(1)
    return rules.parse(text)


def _slip(text: str, problem: RuleError) -> dict[str, Any]:
    return _problem(text, problem.message, problem.position, problem.position + 1, problem.hint)


def _misfit(text: str, problem: Problem) -> dict[str, Any]:
    return _problem(text, str(problem), problem.start, problem.end, None)


def _problem(text: str, message: str, start: int, end: int, hint: str | None) -> dict[str, Any]:
    before = text[:start]
    line, column = before.count("\n") + 1, start - (before.rfind("\n") + 1) + 1
    found = {"message": message, "hint": hint, "start": start, "end": end, "line": line, "column": column}
    return {**found, "text": (text.splitlines() or [""])[line - 1] if text else ""}


def _print_problem(problem: dict[str, Any]) -> None:
    """The message, the line, and carets under the place; of a long line what is around it."""
    first = max(0, problem["column"] - 60)
    shown = problem["text"][first : first + 100]
    at = problem["column"] - 1 - first
    length = max(1, min(problem["end"] - problem["start"], len(shown) - at))
    err = house.err
    err.print(f"line {problem['line']}, column {problem['column']}: {problem['message']}", markup=False)
    if shown.strip():
        err.print(f"  {shown}\n  {' ' * at}{'^' * length}", markup=False)
    if problem["hint"]:
        err.print(f"  {problem['hint'][:1].upper()}{problem['hint'][1:]}", markup=False)


def _print_found(found: Found, shape: str) -> None:
    if shape == "json":
        customers = [dict(zip(found.columns, row, strict=True)) for row in found.rows()]
        house.as_json({"as_of": found.now, "size": len(customers), "customers": customers})
    elif shape == "csv":
        from usher.web.export import inert

        writer = csv.writer(sys.stdout, lineterminator="\n")
        # a column is called as in the data, without the backslashes of rules
        writer.writerow([inert(re.sub(r"\\(\W)", r"\1", name)) for name in found.columns])
        writer.writerows([inert(cell) for cell in _cells(row)] for row in found.rows())
    else:
        for row in found.rows():
            sys.stdout.write(f"{row[0]}\n")


def _cells(row: tuple[Any, ...]) -> list[Any]:
    """Dates and times as ISO 8601 writes them; true and false as rules do."""
    return [
        str(cell).lower()
        if isinstance(cell, bool)
        else cell.isoformat()
        if hasattr(cell, "isoformat")
        else cell
        for cell in row
    ]
