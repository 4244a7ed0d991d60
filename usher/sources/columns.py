"""Column types: what DuckDB's types are in rules, and which type the texts of a CSV column have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import get_args

from usher.rules import Type
from usher.sources import sql

TYPES: tuple[Type, ...] = get_args(Type)

_RULE_TYPES: tuple[tuple[str, Type], ...] = (
    (r"VARCHAR|UUID|ENUM\(.*", "text"),
    (r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL\(.*|FLOAT|DOUBLE", "number"),
    (r"DATE", "date"),
    (r"TIMESTAMP.*", "instant"),
    (r"BOOLEAN", "boolean"),
)

#: How a text must look to count as a type. A leading zero or plus, or more digits than a number
#: can hold, makes it text: a phone number, a code.
_LOOKS = {
    "boolean": "lower({c}) IN ('true', 'false')",
    "integer": r"regexp_full_match({c}, '-?(0|[1-9]\d{{0,17}})')",
    "number": r"regexp_full_match({c}, '-?(0|[1-9]\d{{0,17}})(\.\d+)?([eE][+-]?\d+)?')",
    "date": r"regexp_full_match({c}, '\d{{4}}-\d\d-\d\d') AND try_cast({c} AS DATE) IS NOT NULL",
    "instant": r"regexp_matches({c}, '^\d{{4}}-\d\d-\d\d') AND try_cast({c} AS TIMESTAMPTZ) IS NOT NULL",
}

#: DuckDB's types that know infinity, and what is not a number.
FLOATING = ("FLOAT", "DOUBLE")

Votes = Mapping[str, int]


def rule_type(duckdb_type: str) -> Type | None:
    """The type in rules; None for what rules cannot speak of (lists, structures, binary data)."""
    found = (ours for pattern, ours in _RULE_TYPES if re.fullmatch(pattern, duckdb_type))
    return next(found, None)


def ballot(column: str) -> list[str]:
    """SQL expressions that count the values of a text column and how many look like each type."""
    quoted = sql.name(column)
    looks = (f"count(*) FILTER ({test.format(c=quoted)})" for test in _LOOKS.values())
    return [f"count({quoted})", *looks]


def votes(counts: tuple[int, ...]) -> dict[str, int]:
    return dict(zip(("all", *_LOOKS), counts, strict=True))


def chosen(cast: Votes) -> Type:
    """The type that nearly all values have: a few that do not fit are bad rows, many mean text."""
    misfits = max(2, cast["all"] // 10)
    # every date is an instant too, so a few times of day among dates decide for instants
    timely: Type = "date" if cast["date"] == cast["instant"] else "instant"
    candidates: tuple[Type, ...] = ("boolean", "number", timely)
    for ours in candidates:
        if cast["all"] - cast[ours] <= misfits and cast[ours] * 2 > cast["all"]:
            return ours
    return "text"


def duckdb_type(ours: Type, cast: Votes) -> str:
    """The type a CSV column is read with; whole numbers stay whole when all of them are."""
    if ours == "number":
        return "BIGINT" if cast["integer"] == cast["number"] else "DOUBLE"
    return {"text": "VARCHAR", "date": "DATE", "instant": "TIMESTAMPTZ", "boolean": "BOOLEAN"}[ours]
