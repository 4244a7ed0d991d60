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
    ({"BETWEEN"}, "between"),
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
    ({"PERCENT"}, "a percentage such as 10%"),
    ({"NULL"}, "null"),
    ({"LSQB"}, "a list such as [1, 2]"),
    ({"RSQB"}, "]"),
    ({"COMMA"}, "a comma"),
    ({"RPAR"}, "a closing bracket"),
    ({"CASE"}, "case"),
    ({"THEN"}, "then"),
)
#: What stands before the place, what stands at it, and the advice.
_HINTS = (
    (r"[<>]", r"=", "write <= or >= without a blank."),
    (r"=", r"=", "write = once."),
    (r"=", r"[<>]", "write <= or >=."),
    (r"<", r">", "write != for “is not”."),
    (
        r"(^|\(|\b(and|or)\s)\s*(and|or)",
        r"\w",
        "“and” and “or” stand between two conditions: one is missing.",
    ),
    (r"=", r"!", "write != for “is not”."),
    (r"", r"==", "write = once."),
    (r"", r"<>", "write != for “is not”."),
    (r"", r"&", "write and."),
    (r"", r"\|", "write or."),
    (r"", r"[“”‘’„«»]", "use straight quotes: \" or '."),
    (r"", r"`", "names stand without quotes; a blank in one is written with a backslash: first\\ name."),
    (r"", r";", "a rule ends without ;."),
    (r"\bin", r"\(", "a list stands in square brackets: [1, 2]."),
    (r"\bcount\s*\(", r"\*", "write count(table), for example count(orders)."),
    (r"\bcount\s*\(\s*distinct", r"", "write distinct(table.column)."),
    (r"\bbetween\s+\S+", r",", "write x between 1 and 9."),
    (r"\b\d{1,3}", r",\d{3}\b", "write the number without commas: 1000."),
    (r"", r",", "write and or or between two conditions."),
    (r"", r"\.\d", "write 0 in front of the point: 0.5."),
    (r"", r"[$€£]", "write the number alone, without a currency."),
    (r"", r"\d+(\.\d+)?e[+-]?\d", "write the number in digits, without e: 1000 for 1e3."),
    (r"", r"\d+(\.\d+)?[a-z]", "write the number in digits: 1000."),
    (r"\bafter", r"(now|today)\b", "write `x in next 30 days`; for any time to come `x after 0 days ago`."),
    (
        r"\bbefore",
        r"(now|today)\b",
        "write `x within 30 days`; for any time that is over `x before 0 days ago`.",
    ),
    (r"\b(before|after)", r"(yesterday|tomorrow)\b", "write `x within 1 day`, `x in next 1 day` or a date."),
    (r"", r"%|mod\b", "% stands behind `top` and `sample` only; there is no remainder in a rule."),
    (r"", r"is\s+(not\s+)?(null|empty|missing)\b", "write `is set` or `is not set`."),
    (r"\bis(\s+not)?", r"(null|empty|missing|blank|unknown)\b", "write `is set` or `is not set`."),
    (r"", r"(null|empty|missing)\b", "write `is set` or `is not set`."),
    (r"\bis\s+not", r"", "write != for “is not”, or `is not set`."),
    (r"\bis", r"today\b", "write days_since(x) = 0, or of birthdays anniversary(x) within 1 day."),
    (r"\bis", r"", "write = for “is”, or `is set`."),
    (r"\btop\s+\d+(\.\d+)?\s*%?", r"", "say by what: top 10% by sum(orders.value)."),
    (
        r"\b(last|latest)",
        r"(?!name)\w",
        "write last(table.column), for example last(orders.ordered_on).",
    ),
    (r"", r"(like|ilike|rlike)\b", 'write contains(column, "text") or match(column, "te*").'),
    (r"", r"(contains|includes|has)\b", 'write contains(column, "text") or match(column, "te*").'),
    (r"", r"(matches|match|regexp)\b", 'write match(column, "te*").'),
    (r"", r"(starts|begins)(_|\s*)with\b", 'write starts_with(column, "text").'),
    (r"", r"ends(_|\s*)with\b", 'write ends_with(column, "text").'),
    (r"", r"(equals|is)\b", "write = for “is”."),
    (r"", r"(greater|more|larger|bigger|over|above|exceeds)\b", "write > for “more than”."),
    (r"", r"(less|fewer|smaller|under|below)\b", "write < for “less than”."),
    (r"", r"at\s+(least|most)\b", "write >= for “at least” and <= for “at most”."),
    (r"", r"(last|past|previous)\s+\d", "write in last 30 days, or within 30 days."),
    (r"", r"(next|coming)\s+\d", "write in next 30 days."),
    (r"", r"(since|from|on|until|by)\b", 'write after "2024-05-31", before "2024-05-31" or = "2024-05-31".'),
    (r"\b(date|timestamp|datetime)", r"[\"']", 'a date is a text alone: "2024-05-31".'),
    (r"\binterval", r"", "write `x within 30 days` or `x before 30 days ago`."),
    (
        r"\b(select|from|exists\s*\(\s*select)\b.*",
        r"",
        "a rule is only the condition: exists(table where …).",
    ),
    (
        r"",
        r"(limit|order|group|having)\b",
        "a rule has no such part: write `top 100 by value` for the greatest.",
    ),
    (r"", r"then\b|followed\b", 'a sequence begins with did: did "A" then "B".'),
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
    **dict.fromkeys(
        ["now", "today", "getdate", "current_date"],
        "write `x within 30 days`, `x in next 30 days` or days_since(x)",
    ),
    **dict.fromkeys(["date", "to_date", "timestamp"], 'a date is written as a text: "2024-05-31"'),
    **dict.fromkeys(["weekday", "dayofweek", "dow"], 'write day_of_week(x) = "Monday"'),
    **dict.fromkeys(["dayofmonth", "day"], "write day_of_month(x)"),
    **dict.fromkeys(["to_number", "int", "float", "cast"], "write number(x)"),
    **dict.fromkeys(["ntile", "percentile"], "write quantile(x, 4)"),
    **dict.fromkeys(["mode"], "write most_frequent(table.column)"),
    **dict.fromkeys(["count_distinct", "unique"], "write distinct(table.column)"),
    **dict.fromkeys(["followed_by", "sequence"], 'write did "A" then "B" within 7 days'),
}
#: Words of the language that cannot stand where a value stands.
WORDS = {
    "not": 'it stands before a condition, for example not tag("VIP")',
    **dict.fromkeys(["and", "or"], "it stands between two conditions"),
    **dict.fromkeys(
        ["where", "with"], "it stands inside of brackets, for example count(orders where value > 5)"
    ),
    **dict.fromkeys(["then", "did"], 'a sequence is written did "A" then "B"'),
    **dict.fromkeys(["top", "sample"], "write top 100 by value, or sample 10%"),
    **dict.fromkeys(["everybody", "everyone", "anybody", "all"], "write true"),
    **dict.fromkeys(["nobody", "none"], "write false"),
    **dict.fromkeys(["yes"], "write true, or the column alone"),
    **dict.fromkeys(["no"], "write false"),
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
    before = text[max(0, position - 60) : position].rstrip()
    for behind, at, hint in _HINTS:
        if (not behind or re.search(behind + r"$", before, re.IGNORECASE)) and re.compile(
            at, re.IGNORECASE
        ).match(text, position):
            return hint
    if text[position : position + 1] == ")" and text.count("(", 0, position) <= text.count(")", 0, position):
        return "this bracket was never opened."
    if "OPERATOR" in set(terminals) and re.search(r"\w$", before) and re.compile(r"\w").match(text, position):
        return "a name with a blank in it is written with a backslash: first\\ name."
    return None
