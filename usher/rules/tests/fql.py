"""Random FQL as text with what it means, random events, and what FQL says of one, as plainly as possible.

The grammar and the meaning are Segment's, as docs/rules.md says; the parser and the compiler are not used.
An expression is a tuple: ("or" | "and", parts), ("not", part), ("cmp", sign, left, right), ("in", value,
choices), ("call", name, arguments), ("path", steps), ("written", value).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

Expression = tuple[Any, ...]

#: Words of Usher's language that are plain names in FQL, and names that need backslashes.
WORDS = [
    "top",
    "by",
    "last",
    "next",
    "did",
    "among",
    "sample",
    "between",
    "not",
    "case",
    "ignoring",
    "within",
    "before",
    "after",
    "where",
    "is",
    "set",
    "then",
    "ago",
    "followed",
    "days",
    "hour",
    "count",
    "tag",
    "exists",
    "if",
    "round",
    "select",
]
NAMES = [*WORDS, "n", "s", "a-b", "_x", "product 1", "a.b", "ü", "ア", "it's", "x(", "new\nline", "\\", "TOP"]
LATER = [*NAMES, "5", "1st", "-", "-a", "and", "or", "in", "true", "null"]
ROOTS = ["properties", "traits", "context", *NAMES]
TEXTS_ONLY = ["type", "event", "name", "userId", "anonymousId"]
STRINGS = ["", "a", "A b", 'say "x"', "it's", "\\", "*", "ü ア", "5", "true", "new\nline", "a*b", "ab", " a "]
GLOBS = ["*", "a*", "*b", "?", "[ab]*", "[^a]b", "a\\*b", "", "*[", "[a-c]?*", "**", "A b"]
NUMBERS = [0, 1, -1, 5, 2.5, -0.25, 1000000]
TEXT_FUNCTIONS = ["lowercase", "uppercase", "snakecase", "kebabcase", "titlecase"]
SIGNS = ["=", "!=", "<", "<=", ">", ">="]


def paths(first: list[str] | None = None) -> st.SearchStrategy[Expression]:
    steps = st.tuples(
        st.sampled_from(first or [*ROOTS, *TEXTS_ONLY]), st.lists(st.sampled_from(LATER), max_size=2)
    )
    return steps.map(lambda found: ("path", (found[0], *found[1])))


def written(*values: Any) -> st.SearchStrategy[Expression]:
    return st.sampled_from(values).map(lambda value: ("written", value))


def operands() -> st.SearchStrategy[Expression]:
    plain = paths() | written(*STRINGS) | written(*NUMBERS) | written(True, False, None)
    return st.recursive(plain, lambda inner: calls(inner), max_leaves=3)


def calls(values: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    one = st.sampled_from([*TEXT_FUNCTIONS, "length", "typeof", "string", "number", "bool"])
    return st.one_of(
        st.builds(lambda name, value: ("call", name, (value,)), one, values),
        st.builds(lambda value, part: ("call", "contains", (value, part)), values, values),
        st.builds(lambda value, glob: ("call", "match", (value, glob)), values, written(*GLOBS) | paths()),
    )


def expressions() -> st.SearchStrategy[Expression]:
    values = operands()
    bare = paths(ROOTS)
    simple = st.one_of(
        st.builds(lambda sign, one, other: ("cmp", sign, one, other), st.sampled_from(SIGNS), values, values),
        st.builds(
            lambda value, items: ("in", value, tuple(items)), values, st.lists(values, min_size=1, max_size=3)
        ),
        st.builds(lambda value, path: ("in", value, path), values, paths()),
        calls(values),
        bare,
    )
    return st.recursive(
        simple,
        lambda inner: st.one_of(
            st.builds(lambda part: ("not", part), inner),
            st.builds(
                lambda kind, parts: (kind, tuple(parts)),
                st.sampled_from(["and", "or"]),
                st.lists(inner, min_size=2, max_size=3),
            ),
        ),
        max_leaves=5,
    )


def tokens(expression: Expression, outer: str = "or") -> list[str]:
    match expression:
        case ("and" | "or" as kind, parts):
            inside: list[str] = []
            for part in parts:
                inside += ([kind] if inside else []) + tokens(part, kind)
            return inside if kind == outer or outer == "or" else ["(", *inside, ")"]
        case ("not", part):
            return ["!", *(tokens(part, "not") if part[0] in ("call", "path") else ["(", *tokens(part), ")"])]
        case ("cmp", sign, left, right):
            return [*tokens(left), sign, *tokens(right)]
        case ("in", value, ("path", _) as path):
            return [*tokens(value), "in", *tokens(path)]
        case ("in", value, items):
            return [*tokens(value), "in", "[", *_listed(items), "]"]
        case ("call", name, arguments):
            return [name, "(", *_listed(arguments), ")"]
        case ("path", steps):
            return [_path(steps)]
        case ("written", str() as value):
            quote = '"' if len(value) % 2 else "'"
            return [quote + re.sub(r"[\\\"']", lambda found: "\\" + found.group(), value) + quote]
        case ("written", value):
            return (
                [{None: "null", True: "true", False: "false"}.get(value) or f"{value}"]
                if isinstance(value, bool | None)
                else [f"{value}"]
            )
    raise AssertionError(expression)


def _listed(items: tuple[Expression, ...]) -> list[str]:
    return [token for number, item in enumerate(items) for token in ([","] if number else []) + tokens(item)]


def _path(steps: tuple[str, ...]) -> str:
    return ".".join(re.sub(r"[^A-Za-z0-9_-]", lambda found: "\\" + found.group(), step) for step in steps)


@st.composite
def texts(draw: st.DrawFn, expression: Expression) -> str:
    """The expression as text, with blanks wherever they may be."""
    out, word = "", False
    for token in tokens(expression):
        blank = draw(st.sampled_from(["", " ", "\n\t"]))
        needed = word and re.match(r"[\w\\-]", token)
        word = re.match(r"[\w\\-]", token) is not None
        out += (blank or " " * bool(needed)) + token
    return out


scalars = st.none() | st.booleans() | st.sampled_from(NUMBERS) | st.sampled_from(STRINGS)
json_values = st.recursive(
    scalars | st.floats(allow_nan=True) | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(LATER), inner, max_size=4),
    max_leaves=8,
)
events = st.dictionaries(
    st.sampled_from([*ROOTS, *TEXTS_ONLY]), scalars | json_values, min_size=3, max_size=12
)


# what it means


def holds(expression: Expression, event: Mapping[str, Any]) -> bool:
    match expression:
        case ("and", parts):
            return all(holds(part, event) for part in parts)
        case ("or", parts):
            return any(holds(part, event) for part in parts)
        case ("not", ("call", *_) as call):
            return value_of(call, event) is False
        case ("not", part):
            return not holds(part, event)
        case ("cmp", sign, left, right):
            return compares(sign, left, right, event)
        case ("in", value, ("path", _) as path):
            items = value_of(path, event)
            return isinstance(items, list) and any(
                compares("=", value, ("written", item), event) for item in items
            )
        case ("in", value, items):
            return any(compares("=", value, item, event) for item in items)
        case _:
            return value_of(expression, event) is True


def compares(sign: str, left: Expression, right: Expression, event: Mapping[str, Any]) -> bool:
    if left[0] == "written" and right[0] != "written":
        turned = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
        return compares(turned.get(sign, sign), right, left, event)
    one, other = value_of(left, event), value_of(right, event)
    if sign in ("=", "!=") and (left == ("written", None) or right == ("written", None)):
        return (one is None and other is None) is (sign == "=")
    if left[0] == "path" and left[1] in (("type",), ("event",)) and is_number(other):
        other = plain(other)
    if right[0] == "path" and right[1] in (("type",), ("event",)) and is_number(one):
        one = plain(one)
    if is_number(one) and is_number(other):
        return {
            "=": one == other,
            "!=": one != other,
            "<": one < other,
            "<=": one <= other,
            ">": one > other,
            ">=": one >= other,
        }[sign]
    if sign == "=":
        return kind_of(one) == kind_of(other) in ("string", "bool") and one == other
    if sign == "!=":  # the right side decides: a number differs only from numbers
        if is_number(other) or (is_number(one) and other is None) or (one is None and other is None):
            return False
        return not (kind_of(one) == kind_of(other) in ("string", "bool") and one == other)
    return False


def value_of(expression: Expression, event: Mapping[str, Any]) -> Any:
    match expression:
        case ("written", value):
            return value
        case ("path", steps):
            found: Any = event
            for step in steps:
                found = found.get(step) if isinstance(found, dict) else None
            return found
        case ("call", name, arguments):
            return called(name, *(value_of(argument, event) for argument in arguments))
    raise AssertionError(expression)


def called(name: str, value: Any, other: Any = None) -> Any:
    text = isinstance(value, str)
    match name:
        case "contains":
            return other in value if text and isinstance(other, str) else None
        case "match":
            return glob(other, value) if text and isinstance(other, str) else None
        case "length":
            if text:
                return len(value.encode(errors="surrogatepass"))
            return len(value) if isinstance(value, list) else 0 if value is None else None
        case "typeof":
            return kind_of(value)
        case "string":
            return value if text else str(value).lower() if isinstance(value, bool) else plain(value)
        case "number":
            if isinstance(value, bool):
                return 1 if value else 0
            if text and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value.strip(" \t\n\r\v\f")):
                return float(value)
            return value if is_number(value) else None
        case "bool":
            if text:
                return {"true": True, "false": False}.get(value)
            return value if isinstance(value, bool) else value != 0 if is_number(value) else None
    if not text:
        return None
    match name:
        case "lowercase" | "uppercase":
            changed = [getattr(one, name[:5])() for one in value]
            return "".join(new if len(new) == 1 else old for old, new in zip(value, changed, strict=True))
        case "snakecase":
            return value.replace(" ", "_")
        case "kebabcase":
            return value.replace(" ", "-")
        case "titlecase":
            return "".join(
                one.upper() if (at == 0 or value[at - 1] == " ") and len(one.upper()) == 1 else one
                for at, one in enumerate(value)
            )
    raise AssertionError(name)


def glob(pattern: str, text: str) -> bool:
    """One character of the pattern at a time."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return glob(pattern[1:], text) or (bool(text) and glob(pattern, text[1:]))
    closing = pattern.find("]", 2) if pattern[0] == "[" else -1
    if closing > 0:
        negated = pattern[1] == "^" and closing > 2
        inside = pattern[2:closing] if negated else pattern[1:closing]
        return (
            bool(text) and _in_set(inside, text[0]) is not negated and glob(pattern[closing + 1 :], text[1:])
        )
    if pattern[0] == "\\" and len(pattern) > 1:
        return text[:1] == pattern[1] and glob(pattern[2:], text[1:])
    return bool(text) and pattern[0] in ("?", text[0]) and glob(pattern[1:], text[1:])


def _in_set(inside: str, one: str) -> bool:
    if len(inside) > 2 and inside[1] == "-":
        return inside[0] <= one <= inside[2] or _in_set(inside[3:], one)
    return bool(inside) and (one == inside[0] or _in_set(inside[1:], one))


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def kind_of(value: Any) -> str:
    kinds = {bool: "bool", str: "string", list: "list", dict: "object", type(None): "null"}
    return kinds.get(type(value), "number")


def plain(value: Any) -> str | None:
    """A number in digits."""
    if not is_number(value) or value in (float("inf"), -float("inf")) or value != value:
        return None
    if value == int(value):
        return str(int(value))
    digits = f"{value:.1100f}".rstrip("0")
    for length in range(1, 1100):  # the fewest digits that are this number
        if float(f"{value:.{length}f}") == value:
            return f"{value:.{length}f}"
    return digits
