"""Words for what a rule may continue with, and hints for slips that people make."""

from __future__ import annotations

import re
from collections.abc import Iterable

from usher.rules import nodes
from usher.rules.nodes import Node

_VALUE = {"PATH", "STRING", "NUMBER", "TRUE", "FALSE", "NAME_OF_CALL", "LPAR"}
_WORDS = (  # in the order in which they are offered
    (_VALUE, "a value"),
    ({"OPERATOR"}, "a comparison (= != < <= > >=)"),
    ({"IN"}, "in"),
    ({"IS"}, "is set"),
    ({"WITHIN"}, "within"),
    ({"RELATION"}, "before or after"),
    ({"WHERE"}, "where"),
    ({"AND", "OR"}, "and/or"),
    ({"SET"}, "set"),
    ({"NEXT"}, "next"),
    ({"UNIT"}, "days, hours, minutes, weeks, months or years"),
    ({"AGO"}, "ago"),
    ({"BY"}, "by"),
    ({"NULL"}, "null"),
    ({"LSQB"}, "a list such as [1, 2]"),
    ({"RSQB"}, "]"),
    ({"COMMA"}, "a comma"),
    ({"RPAR"}, "a closing bracket"),
)
_HINTS = (
    (r"==", "write = once."),
    (r"<>", "write != for “is not”."),
    (r"&&?", "write and."),
    (r"\|\|?", "write or."),
    (r"(?i)is\s+(not\s+)?(null|empty|missing)\b", "write `is set` or `is not set`."),
    (r"(?i)(null|empty|missing)\b", "write `is set` or `is not set`."),
    (r"(?i)(like|contains|includes)\b", 'write contains(column, "text") or match(column, "te*").'),
    (r"(?i)(matches|match)\b", 'write match(column, "te*").'),
    (r"(?i)between\b", "write x >= 1 and x <= 9."),
    (r"(?i)(equals|is)\b", "write = for “is”."),
    (r"[“”‘’„]", "use straight quotes: \" or '."),
    (r"(?i)(limit)\b", "there is no limit in a rule."),
)

#: What other languages call it, and what to write here.
FOREIGN = {
    **dict.fromkeys(["lower", "lcase"], "write lowercase(…)"),
    **dict.fromkeys(["upper", "ucase"], "write uppercase(…)"),
    **dict.fromkeys(["len", "char_length", "octet_length"], "write length(…)"),
    **dict.fromkeys(["average", "mean"], "write avg(table.column)"),
    **dict.fromkeys(["total"], "write sum(table.column)"),
    **dict.fromkeys(["maximum", "greatest", "largest"], "write max(table.column)"),
    **dict.fromkeys(["minimum", "least", "smallest"], "write min(table.column)"),
    **dict.fromkeys(["like", "ilike", "regexp_like", "matches"], 'write match(column, "te*")'),
    **dict.fromkeys(["includes", "instr", "position", "strpos"], 'write contains(column, "text")'),
    **dict.fromkeys(["startswith", "beginswith"], 'write starts_with(column, "text")'),
    **dict.fromkeys(["endswith"], 'write ends_with(column, "text")'),
    **dict.fromkeys(["nvl", "isnull", "ifnull"], "write coalesce(a, b), or ask `is set`"),
    **dict.fromkeys(["iff", "iif", "case"], "write if(condition, a, b)"),
    **dict.fromkeys(["datediff", "date_diff", "timediff"], "write days_between(a, b) or days_since(a)"),
    **dict.fromkeys(
        ["dateadd", "date_add", "date_sub"], "write `x within 30 days` or `x before 30 days ago`"
    ),
    **dict.fromkeys(["now", "today", "getdate", "current_date"], "write `x within 30 days` or days_since(x)"),
    **dict.fromkeys(["date", "to_date", "timestamp"], 'a date is written as a text: "2024-05-31"'),
    **dict.fromkeys(["weekday", "dayofweek", "dow"], 'write day_of_week(x) = "Monday"'),
    **dict.fromkeys(["dayofmonth", "day"], "write day_of_month(x)"),
    **dict.fromkeys(["to_number", "int", "float", "cast"], "write number(x)"),
    **dict.fromkeys(["ntile", "percentile"], "write quantile(x, 4)"),
    **dict.fromkeys(["mode"], "write most_frequent(table.column)"),
    **dict.fromkeys(["count_distinct", "unique"], "write distinct(table.column)"),
    **dict.fromkeys(["followed_by", "sequence"], 'write did "A" then "B" within 7 days'),
}
ANNIVERSARY = (
    "anniversary(…) is asked with `within` only, for example anniversary(birthday) within next 7 days."
)


def asked(node: Node) -> str:
    """A part of a rule by its name: `count(…)`, "`top`"."""
    match node:
        case nodes.Aggregate(name=name) | nodes.Call(name=name) | nodes.Membership(kind=name):
            return f"{name}(…)"
        case nodes.Sequence():
            return "`did`"
        case _:
            return f"`{type(node).__name__.lower()}`"


def expectation(terminals: Iterable[str]) -> tuple[str, ...]:
    """What may stand here, in words, from the names of the grammar's terminals."""
    accepted = set(terminals)
    if "PATH" in accepted and "LSQB" not in accepted:
        found = ["a value"] + [words for names, words in _WORDS[1:] if names & accepted and words != "null"]
    else:
        found = [words for names, words in _WORDS if names & accepted]
    return tuple(found) or ("the end of the rule",)


def hint_for(text: str, position: int, terminals: Iterable[str]) -> str | None:
    """Advice for a slip at `position`, or None."""
    for pattern, hint in _HINTS:
        if re.compile(pattern).match(text, position):
            return hint
    if text[:position].rstrip().endswith("="):
        for pattern, hint in _HINTS[:2]:
            if re.search(pattern + r"$", text[: position + 1].rstrip()):
                return hint
    before = text[:position].rstrip()
    if "OPERATOR" in set(terminals) and re.search(r"\w$", before) and re.compile(r"\w").match(text, position):
        return "a name with a blank in it is written with a backslash: first\\ name."
    return None
