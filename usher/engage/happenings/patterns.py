"""Filters of subscriptions: a JSONPath and a pattern with wildcards, as PostgreSQL asks them."""

from __future__ import annotations

import json
import re

from usher.engage.errors import EngageError

LONGEST_PATH = 255
LONGEST_PATTERN = 1024

_STEP = re.compile(
    r"""(?P<deep>\.\.)?\.?(?P<name>[^\W\d][\w-]*)      # .name, ..name
      | (?P<deep_all>\.\.)?\.?(?P<all>\*)                # .*
      | \[(?P<quote>['"])(?P<quoted>(?:(?!(?P=quote)).)+)(?P=quote)\]
      | \[(?P<index>\d{1,6}|\*)\]""",
    re.VERBOSE,
)


def json_path(field: str) -> str:
    """`$.a['b c'][0].*..d` as a path of PostgreSQL. EngageError for what is no such path."""
    if not field.startswith("$") or len(field) > LONGEST_PATH:
        raise _wrong(f"'{field[:100]}' is not a JSON path that begins with $")
    found, place = "$", 1
    while place < len(field):
        step = _STEP.match(field, place)
        if step is None or field[place] not in ".[":
            raise _wrong(f"'{field}' cannot be read from its character {place + 1} on")
        found += _written(step)
        place = step.end()
    return found


def _written(step: re.Match[str]) -> str:
    if step["index"]:
        return f"[{step['index']}]"
    deep = ".**" if step["deep"] or step["deep_all"] else ""
    if step["all"]:
        return f"{deep}.*"
    return f"{deep}.{json.dumps(step['name'] or step['quoted'], ensure_ascii=False)}"


def expression(pattern: str) -> str:
    """`*`, `?`, `[abc]`, `[a-z]`, `[!a-z]` as a regular expression of PostgreSQL for the whole text."""
    if not 1 <= len(pattern) <= LONGEST_PATTERN:
        raise _wrong(f"matchPattern has 1 to {LONGEST_PATTERN} characters")
    found, place = "", 0
    while place < len(pattern):
        letter, place = pattern[place], place + 1
        if letter == "[":
            end = pattern.find("]", place + (2 if pattern[place : place + 1] == "!" else 1))
            if end < 0:
                raise _wrong(f"'{pattern}' has a [ that nothing closes")
            found += _one_of(pattern[place:end])
            place = end + 1
        else:
            found += {"*": ".*", "?": "."}.get(letter) or _literal(letter)
    return f"^(?:{found})$"


def _one_of(inside: str) -> str:
    """A character that is, or with ! is none, of those between the brackets."""
    no, letters = inside.startswith("!"), inside.removeprefix("!")
    choices, place = [], 0
    while place < len(letters):
        if letters[place + 1 : place + 2] == "-" and place + 2 < len(letters):
            first, last = letters[place], letters[place + 2]
            if first > last:
                raise _wrong(f"the range [{first}-{last}] is from higher to lower")
            choices.append(f"{_literal(first)}-{_literal(last)}")
            place += 3
        else:
            choices.append(_literal(letters[place]))
            place += 1
    return f"[{'^' if no else ''}{''.join(choices)}]"


def _literal(letter: str) -> str:
    """A character that means itself, also between brackets."""
    return letter if letter.isalnum() else f"\\U{ord(letter):08X}"


def _wrong(message: str) -> EngageError:
    return EngageError("ERROR_PARAMETER_INVALID", message)
