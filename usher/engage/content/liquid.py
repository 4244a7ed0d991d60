"""The template language: Liquid without files, without unescaped values and within limits, and @FIELD@."""

from __future__ import annotations

import re
from datetime import date, datetime
from functools import lru_cache
from typing import Any, ClassVar

from liquid import Environment, Mode
from liquid.context import RenderContext
from liquid.exceptions import LiquidError
from liquid.filter import with_context
from liquid.template import BoundTemplate
from liquid.undefined import is_undefined

#: Reading other files is not for mails.
REFUSED_TAGS = ("include", "render")
#: Would let a contact's value through as HTML.
REFUSED_FILTERS = ("safe",)

FIELD = re.compile(r"@([A-Za-z][A-Za-z0-9_-]{0,19})@")
_MARKUP = re.compile(r"(\{%.*?%\}|\{\{.*?\}\})", re.DOTALL)


class TemplateError(ValueError):
    """A template that cannot be used: what is wrong, and in which line (0: not known)."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {message}" if line else message)
        self.message, self.line = message, line


class _Limited(Environment):
    """No template may take a sender's time or memory."""

    loop_iteration_limit: ClassVar[int | None] = 2_000
    output_stream_limit: ClassVar[int | None] = 1_000_000
    local_namespace_limit: ClassVar[int | None] = 500_000


def compile_template(source: str, *, html: bool) -> BoundTemplate:
    """The template of a part; in HTML every value is escaped. TemplateError."""
    environment = _environment(html)
    try:
        template = environment.from_string(with_fields(source))
    except LiquidError as error:
        raise explained(error) from None
    except RecursionError:
        raise TemplateError("nested too deeply") from None
    # Liquid itself looks for a filter only when it comes to use it
    for name, places in template.analyze().filters.items():
        if name not in environment.filters:
            raise TemplateError(f"there is no filter {name}", _line(source, places[0].index))
    return template


def with_fields(source: str) -> str:
    """`@FIELD@` as Liquid, line for line; inside Liquid's own marks it is left alone."""
    parts = _MARKUP.split(source)
    parts[::2] = [FIELD.sub(_as_liquid, part) for part in parts[::2]]
    return "".join(parts)


def _as_liquid(found: re.Match[str]) -> str:
    return f'{{{{ field["{found[1].upper()}"] }}}}'


def field_names(source: str) -> list[tuple[str, int]]:
    """Each @FIELD@ of the source, as it is written, with its line."""
    found: list[tuple[str, int]] = []
    line = 1
    for index, part in enumerate(_MARKUP.split(source)):
        if index % 2 == 0:
            found += [(one[1], line + part.count("\n", 0, one.start())) for one in FIELD.finditer(part)]
        line += part.count("\n")
    return found


def data_names(template: BoundTemplate, source: str) -> list[tuple[str, int]]:
    """Each `contact.data.name` of the template, as it is written, with its line."""
    found = []
    for variable in template.analyze().variables.get("contact", []):
        match variable.segments:
            case [_, "data", str(name), *_]:
                found.append((name, _line(source, variable.span.index)))
    return found


def _line(source: str, place: int) -> int:
    return with_fields(source).count("\n", 0, place) + 1


def explained(error: LiquidError) -> TemplateError:
    """Liquid's error in one line."""
    where = error.context()
    return TemplateError(str(error.message or error).split("\n")[0], where[0] if where else 0)


@lru_cache(2)
def _environment(html: bool) -> Environment:
    environment = _Limited(autoescape=html, tolerance=Mode.STRICT)
    for tag in REFUSED_TAGS:
        del environment.tags[tag]
    for name in REFUSED_FILTERS:
        del environment.filters[name]
    environment.add_filter("date", _date)
    return environment


@with_context
def _date(value: Any, form: Any = "%Y-%m-%d", *, context: RenderContext) -> str:
    """`{{ contact.data.last_order | date: "%d %B %Y" }}`; "now" is the moment of the mail."""
    if value is None or is_undefined(value):
        return ""
    moment = context.resolve("now") if value in ("now", "today") else _moment(str(value))
    return moment.strftime(str(form)) if isinstance(moment, date) else str(value)


@lru_cache(4096)
def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
