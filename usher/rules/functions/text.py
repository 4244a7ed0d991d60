"""Functions of text: what it has in it, how it is written, how long it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from usher.rules.clock import Clock
from usher.rules.functions.registry import Function

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: What `trim` takes away, and what may stand around a number.
BLANKS = " \t\n\r\v\f"
_SPECIAL = frozenset(".^$*+?()[]{}|\\")
#: Of a glob: one of several characters, a character with a backslash, any other.
_TOKEN = re.compile(r"\[.[^\]]*\]|\\.|.", re.DOTALL)


def glob_pattern(glob: str) -> str:
    r"""A glob as a regular expression for the whole text, as RE2, PostgreSQL and Python all read it.

    `*` any run, `?` one character, `[abc]`, `[a-z]`, `[^a-z]`, `\x` the character itself. A `[` that is never
    closed stands for itself.
    """
    return ".*".join(_between_stars(glob))


def _between_stars(glob: str) -> list[str]:
    """The parts of a glob between its stars, each a regular expression for a text of one length."""
    parts = [""]
    for token in _TOKEN.findall(glob):
        if token == "*":
            parts.append("")
        elif token == "?":
            parts[-1] += "."
        elif len(token) > 2:
            negated = "^" if token[1] == "^" and len(token) > 3 else ""
            inside = re.sub(r"([\\\[\]^&~|])", r"\\\1", token[1 + len(negated) : -1])
            parts[-1] += f"[{negated}{inside}]"
        else:
            character = token[-1]
            parts[-1] += "\\" + character if character in _SPECIAL else character
    return parts


@lru_cache(maxsize=1_000)
def _glob(glob: str) -> tuple[re.Pattern[str], ...] | None:
    """The parts between the stars, ready to be looked for; None: the pattern is wrong."""
    try:
        return tuple(re.compile(part, re.DOTALL) for part in _between_stars(glob))
    except re.error:
        return None


def fits(text: str, glob: str) -> bool | None:
    """Does the whole text fit? Looks for part after part, so that none takes long; None: it is wrong."""
    parts = _glob(glob)
    if parts is None:
        return None
    first, *middle = parts
    if not middle:
        return first.fullmatch(text) is not None
    found = first.match(text)
    for part in middle[:-1]:
        found = part.search(text, found.end()) if found else None
    return found is not None and _ends_with(middle[-1], text, found.end())


def _ends_with(part: re.Pattern[str], text: str, start: int) -> bool:
    length = _length_of(part)
    return len(text) - length >= start and part.fullmatch(text, len(text) - length) is not None


def _length_of(part: re.Pattern[str]) -> int:
    """How many characters a part between stars takes."""
    return len(re.sub(r"\[\^?(?:\\.|[^\]\\])+\]|\\.|.", "x", part.pattern, flags=re.DOTALL))


def wrong_glob(glob: str) -> str | None:
    """What is wrong with a pattern, in words."""
    return f"The pattern {glob!r} has a range in [ ] that runs backwards." if _glob(glob) is None else None


def is_never_closed(glob: str) -> bool:
    """Whether a `[` of a pattern opens nothing, and stands for itself."""
    return "[" in _TOKEN.findall(glob)


def _match_ibis(clock: Clock, value: ir.StringValue, glob: str) -> ir.Value:
    plain = glob.strip("*")
    if glob and not re.search(r"[*?\[\\]", plain):  # the common shapes need no regular expression
        starts, ends = not glob.startswith("*"), not glob.endswith("*")
        if not plain:
            return value.notnull().nullif(False)
        if starts and ends:
            return value == plain
        say = clock.dialect
        if not (starts or ends):
            return value.contains(plain)
        return say.starts_with(value, plain) if starts else say.ends_with(value, plain)
    return clock.dialect.fits(value, glob_pattern(glob))


def _match_python(clock: Clock, value: Any, glob: Any) -> bool | None:
    return fits(value, glob) if isinstance(value, str) and isinstance(glob, str) else None


def _contains_python(clock: Clock, value: Any, part: Any) -> bool | None:
    return part in value if isinstance(value, str) and isinstance(part, str) else None


def _cased(change: Callable[[str], str]) -> Callable[[Any], str | None]:
    """One character for one character, as databases do it (`ß` stays `ß`)."""

    def convert(value: Any) -> str | None:
        if not isinstance(value, str):
            return None
        return "".join(new if len(new := change(old)) == 1 else old for old in value)

    return convert


def _bytes_ibis(clock: Clock, value: ir.StringValue) -> ir.Value:
    return clock.dialect.bytes(value).fill_null(0)


def _length_python(clock: Clock, value: Any) -> int | None:
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogatepass"))
    return 0 if value is None else len(value) if isinstance(value, list | tuple) else None


_capital = _cased(str.upper)


def _title_python(clock: Clock, value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    return " ".join((_capital(word[:1]) or "") + word[1:] for word in value.split(" "))


def _of_texts(answer: Callable[..., Any]) -> Callable[..., Any]:
    """The answer for texts; null where one of the values is anything else."""

    def python(clock: Clock, *values: Any) -> Any:
        return answer(*values) if all(isinstance(value, str) for value in values) else None

    return python


def _concat_ibis(clock: Clock, first: ir.StringValue, *others: Any) -> ir.Value:
    for other in others:
        first = first + other
    return first


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
        ibis=lambda clock, value: clock.dialect.lower(value),
        python=lambda clock, value: _cased(str.lower)(value),
    ),
    Function(
        name="uppercase",
        takes=(("text",),),
        returns="text",
        says="the text in capitals",
        example='uppercase(country) = "GB"',
        phrase=lambda value: f"{value} in capitals",
        ibis=lambda clock, value: clock.dialect.upper(value),
        python=lambda clock, value: _cased(str.upper)(value),
    ),
    Function(
        name="starts_with",
        takes=(("text",), ("text",)),
        returns="boolean",
        says="whether the text begins with the other",
        example='starts_with(email, "a")',
        phrase=lambda value, part, negated: (
            f"{value} {'does not start with' if negated else 'starts with'} {part}"
        ),
        ibis=lambda clock, value, part: clock.dialect.starts_with(value, part),
        python=_of_texts(str.startswith),
    ),
    Function(
        name="ends_with",
        takes=(("text",), ("text",)),
        returns="boolean",
        says="whether the text ends with the other",
        example='ends_with(email, ".org")',
        phrase=lambda value, part, negated: (
            f"{value} {'does not end with' if negated else 'ends with'} {part}"
        ),
        ibis=lambda clock, value, part: clock.dialect.ends_with(value, part),
        python=_of_texts(str.endswith),
    ),
    Function(
        name="length",
        takes=(("text",),),
        returns="number",
        says="how many bytes of UTF-8 the text has (in events also: elements of a list); 0 if missing",
        example="length(email) > 16",
        phrase=lambda value: f"the length of {value}",
        ibis=_bytes_ibis,
        python=_length_python,
    ),
    Function(
        name="trim",
        takes=(("text",),),
        returns="text",
        says="the text without the blanks and line breaks around it",
        example='trim(country) = "GB"',
        phrase=lambda value: f"{value} without blanks around it",
        ibis=lambda clock, value: value.strip(),
        python=_of_texts(lambda value: value.strip(BLANKS)),
    ),
    Function(
        name="concat",
        takes=(("text",), ("text",)),
        returns="text",
        says="the texts one after the other; missing if one of them is",
        example='concat(country, "/", city) = "GB/London"',
        phrase=lambda *values: f"{' followed by '.join(values)}",
        ibis=_concat_ibis,
        python=_of_texts(lambda *values: "".join(values)),
        repeats=True,
    ),
    Function(
        name="snakecase",
        takes=(("text",),),
        returns="text",
        says="the text with _ for each blank",
        example='snakecase(city) = "New_York"',
        phrase=lambda value: f"{value} with _ for blanks",
        ibis=lambda clock, value: value.replace(" ", "_"),
        python=_of_texts(lambda value: value.replace(" ", "_")),
    ),
    Function(
        name="kebabcase",
        takes=(("text",),),
        returns="text",
        says="the text with - for each blank",
        example='kebabcase(city) = "New-York"',
        phrase=lambda value: f"{value} with - for blanks",
        ibis=lambda clock, value: value.replace(" ", "-"),
        python=_of_texts(lambda value: value.replace(" ", "-")),
    ),
    Function(
        name="titlecase",
        takes=(("text",),),
        returns="text",
        says="the text with a capital for the first letter of each word; the other letters stay as they are",
        example='titlecase(city) = "New York"',
        phrase=lambda value: f"{value} in title case",
        ibis=lambda clock, value: clock.dialect.title(value),
        python=_title_python,
    ),
)
