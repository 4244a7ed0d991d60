"""Functions of text: contains, match, lowercase, uppercase."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from usher.rules.clock import Clock
from usher.rules.functions.registry import Function

if TYPE_CHECKING:
    import ibis.expr.types as ir

_SPECIAL = frozenset(".^$*+?()[]{}|\\")


@cache
def glob_pattern(glob: str) -> str:
    r"""A glob as a regular expression for the whole text, as RE2, PostgreSQL and Python all read it.

    `*` any run, `?` one character, `[abc]`, `[a-z]`, `[^a-z]`, `\x` the character itself. A `[` that is never
    closed stands for itself.
    """
    out, at = [], 0
    while at < len(glob):
        character = glob[at]
        closing = glob.find("]", at + 2) if character == "[" else -1
        if character == "*":
            out.append(".*")
        elif character == "?":
            out.append(".")
        elif closing > 0:
            negated = "^" if glob[at + 1] == "^" and closing > at + 2 else ""
            inside = glob[at + 1 + len(negated) : closing]
            inside = re.sub(r"([\\\[\]^&~|])", r"\\\1", inside)
            out.append(f"[{negated}{inside}]")
            at = closing
        else:
            if character == "\\" and at + 1 < len(glob):
                at += 1
                character = glob[at]
            out.append("\\" + character if character in _SPECIAL else character)
        at += 1
    return f"(?s)^{''.join(out)}$"


def wrong_glob(glob: str) -> str | None:
    """What is wrong with a pattern, in words."""
    try:
        re.compile(glob_pattern(glob))
    except re.error:
        return f"The pattern {glob!r} has a range in [ ] that runs backwards."
    return None


def _match_ibis(clock: Clock, value: ir.StringValue, glob: str) -> ir.Value:
    plain = glob.strip("*")
    if glob and not re.search(r"[*?\[\\]", plain):  # the common shapes need no regular expression
        starts, ends = not glob.startswith("*"), not glob.endswith("*")
        if not plain:
            return value.notnull().nullif(False)
        if starts and ends:
            return value == plain
        return value.startswith(plain) if starts else value.endswith(plain) if ends else value.contains(plain)
    return value.re_search(glob_pattern(glob))


def _match_python(clock: Clock, value: Any, glob: Any) -> bool | None:
    if not isinstance(value, str):
        return None
    return re.search(glob_pattern(glob)[:-1] + r"\Z", value) is not None


def _contains_python(clock: Clock, value: Any, part: Any) -> bool | None:
    return part in value if isinstance(value, str) and isinstance(part, str) else None


def _cased(change: Callable[[str], str]) -> Callable[[Any], str | None]:
    """One character for one character, as databases do it (`ß` stays `ß`)."""

    def convert(value: Any) -> str | None:
        if not isinstance(value, str):
            return None
        return "".join(new if len(new := change(old)) == 1 else old for old in value)

    return convert


def small_letters(text: str) -> str:
    """What lowercase(…) makes of a text that is written out."""
    return _cased(str.lower)(text) or ""


FUNCTIONS = (
    Function(
        name="contains",
        takes=(("text",), ("text",)),
        returns="boolean",
        says="whether the text has the other in it",
        example='contains(email, "@example.")',
        phrase=lambda value, part, negated: f"{value} {'does not contain' if negated else 'contains'} {part}",
        ibis=lambda clock, value, part: value.contains(part),
        python=_contains_python,
    ),
    Function(
        name="match",
        takes=(("text",), ("text",)),
        returns="boolean",
        says="whether the whole text fits the pattern",
        example='match(email, "a*@example.com")',
        phrase=lambda value, glob, negated: f"{value} {'does not match' if negated else 'matches'} {glob}",
        ibis=_match_ibis,
        python=_match_python,
        literal=(1,),
        wrong=wrong_glob,
    ),
    Function(
        name="lowercase",
        takes=(("text",),),
        returns="text",
        says="the text in small letters",
        example='lowercase(country) = "gb"',
        phrase=lambda value: f"{value} in small letters",
        ibis=lambda clock, value: value.lower(),
        python=lambda clock, value: _cased(str.lower)(value),
    ),
    Function(
        name="uppercase",
        takes=(("text",),),
        returns="text",
        says="the text in capitals",
        example='uppercase(country) = "GB"',
        phrase=lambda value: f"{value} in capitals",
        ibis=lambda clock, value: value.upper(),
        python=lambda clock, value: _cased(str.upper)(value),
    ),
)
