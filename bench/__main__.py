"""`make bench`: measure everything, print it, and write docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench import api, difference, imports, mail, many_rules, memory, moves, night, one_rule, preview, refresh
from bench.ground import Figure, ground

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

`make bench` measures these and writes this page. Each figure stands beside a limit measured in the same run,
because machines differ and are noisy: read the ratio. The database writes durably (fsync on), as in real use.

"""
NOTES = Path(__file__).parent / "notes.md"


#: In the order of the page; what is slow and large is only measured when it is named.
MEASURES: dict[str, Callable[[Path], Iterator[Figure]]] = {
    "one_rule": one_rule.figures,
    "many_rules": many_rules.figures,
    "refresh": refresh.figures,
    "memory": memory.figures,
    "preview": preview.figures,
    "difference": difference.figures,
    "night": night.figures,
    "imports": imports.figures,
    "moves": moves.figures,
    "api": api.figures,
    "mail": mail.figures,
}
LARGE = {"large": memory.large, "large_imports": imports.large}


def main(names: list[str]) -> None:
    """Run every measurement, one after the other, and write the page; or only those that are named."""
    rows: list[Figure] = []
    with ground() as root:
        for name in names or MEASURES:
            for figure in (MEASURES | LARGE)[name](root):
                rows.append(figure)
                print(_line(figure), flush=True)
    if names:
        return
    PAGE.write_text(HEAD + _machine() + "\n\n" + _table(rows) + "\n" + NOTES.read_text("utf-8"), "utf-8")
    print(f"written to {PAGE}")


def _number(value: float, unit: str) -> str:
    return f"{value:.3f} {unit}" if value < 100 else f"{value:,.0f} {unit}"


def _line(figure: Figure) -> str:
    return (
        f"{figure.what}: {_number(figure.measured, figure.unit)} (wanted {figure.goal}), "
        f"{figure.ratio:.2f} × {figure.limit_is} ({_number(figure.limit, figure.unit)})"
    )


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    return (
        f"Measured on {when}: {os.cpu_count()} cores ({cpu}), {memory:.0f} GiB of memory, "
        f"{platform.system()} {platform.release().split('-')[0]}, Python {platform.python_version()}."
    )


def _table(rows: list[Figure]) -> str:
    head = "| what | measured | wanted | the limit beside it | ratio |\n|---|---:|---|---|---:|"
    lines = [
        f"| {row.what} | {_number(row.measured, row.unit)} | {row.goal} "
        f"| {row.limit_is}: {_number(row.limit, row.unit)} | {row.ratio:.2f} |"
        for row in rows
    ]
    return "\n".join([head, *lines]) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
