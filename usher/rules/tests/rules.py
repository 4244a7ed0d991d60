"""Random rules over the shop's schema, as nodes."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from usher.rules.nodes import (
    Aggregate,
    And,
    Call,
    Comparison,
    In,
    IsSet,
    Literal,
    Membership,
    Node,
    Not,
    Null,
    Or,
    Path,
    Period,
    Timed,
    Within,
)

TEXTS = ["GB", "", "gb", "opera", "q\"'\\", "Ünïcode ア", "a*b", "G", "opéra\n"]
NUMBERS = [0, 1, 2, -1, 2.5, 30]
DAYS = ["2024-03-31", "2024-03-30", "2024-03-01", "2024-02-29"]
MOMENTS = [
    *DAYS,
    "2024-03-31T12:00:00Z",
    "2024-03-30T12:00:00Z",
    "2024-03-31T01:30:00",
    "2024-03-30T00:00:00Z",
]
OPERATORS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])

texts = st.sampled_from(TEXTS).map(lambda value: Literal(value, "text"))
numbers = st.sampled_from(NUMBERS).map(lambda value: Literal(value, "number"))
booleans = st.booleans().map(lambda value: Literal(value, "boolean"))
moments = st.sampled_from(MOMENTS).map(lambda value: Literal(value, "text"))
periods = st.builds(
    Period,
    st.sampled_from([0, 1, 2, 30]),
    st.sampled_from(["minute", "hour", "day", "week", "month", "year"]),
)


def _column(*names: str) -> st.SearchStrategy[Node]:
    return st.sampled_from(names).map(lambda name: Path((name,)))


def _rows(name: list[str], table: str, column: str | None = None) -> st.SearchStrategy[Node]:
    return st.builds(
        Aggregate, st.sampled_from(name), st.just(table), st.just(column), st.none() | _where(table)
    )


def _where(table: str) -> st.SearchStrategy[Node]:
    kinds: dict[str, dict[str, tuple[str, ...]]] = {
        "orders": {"text": ("genre",), "number": ("value",), "time": ("day",)},
        "visits": {"text": ("page",), "time": ("at",)},
        "notes": {"text": ("text",)},
    }
    tests = st.one_of(*_tests({kind: _column(*names) for kind, names in kinds[table].items()}))
    return st.recursive(tests, _combined, max_leaves=3)


def _tests(values: dict[str, st.SearchStrategy[Node]]) -> list[st.SearchStrategy[Node]]:
    found: list[st.SearchStrategy[Any]] = []
    if "text" in values:
        text = values["text"]
        cased = st.one_of(
            text, st.builds(Call, st.sampled_from(["lowercase", "uppercase"]), text.map(lambda x: (x,)))
        )
        globs = st.sampled_from(["G*", "*", "*p?ra*", "[F-H]B", "[^G]b", "", "a\\*b", "op*"])
        found += [
            st.builds(Comparison, st.sampled_from(["=", "!="]), cased, texts | text),
            st.builds(In, text, st.lists(texts | st.just(Null()), max_size=3).map(tuple)),
            st.builds(lambda x, part: Call("contains", (x, part)), cased, texts),
            st.builds(lambda x, glob: Call("match", (x, Literal(glob, "text"))), text, globs),
            st.builds(IsSet, text, st.booleans()),
        ]
    if "number" in values:
        number = values["number"]
        found += [
            st.builds(Comparison, OPERATORS, number, numbers | number),
            st.builds(Comparison, OPERATORS, numbers, number),
            st.builds(In, number, st.lists(numbers | st.just(Null()), max_size=2).map(tuple)),
            st.builds(IsSet, number, st.booleans()),
        ]
    if "time" in values:
        moment = values["time"]
        found += [
            st.builds(Comparison, OPERATORS, moment, moments),
            st.builds(In, moment, st.lists(moments, max_size=2).map(tuple)),
            st.builds(Within, moment, periods, st.booleans()),
            st.builds(Timed, moment, st.sampled_from(["before", "after"]), periods | moments),
        ]
    return found


def _combined(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    def flat(kind: type[And] | type[Or], parts: list[Node]) -> Node:
        return kind(tuple(i for part in parts for i in (part.parts if isinstance(part, kind) else (part,))))

    several = st.lists(inner, min_size=2, max_size=3)
    return st.one_of(
        st.builds(Not, inner),
        several.map(lambda parts: flat(And, parts)),
        several.map(lambda parts: flat(Or, parts)),
    )


def own_rules() -> st.SearchStrategy[Node]:
    """Conditions on the customer's own columns."""
    boolean = _column("opted_in")
    own = {
        "text": _column("country", "email"),
        "number": _column("age"),
        "time": _column("birthday", "joined", "seen"),
    }
    simple = st.one_of(
        *_tests(own),
        boolean,
        st.builds(Comparison, st.sampled_from(["=", "!="]), boolean, booleans),
        booleans,
    )
    return st.recursive(simple, _combined, max_leaves=4)


def fields() -> st.SearchStrategy[Node]:
    """Computed fields over related tables."""
    ways = ["min", "max", "first", "last"]
    return st.one_of(
        _rows(["count"], "orders"),
        _rows(["sum", "avg", *ways], "orders", "value"),
        _rows(ways, "orders", "day"),
        _rows(ways, "visits", "at"),
        _rows(["first", "last"], "visits", "page"),
        _rows(["count"], "notes"),
    )


def rules() -> st.SearchStrategy[Node]:
    """Conditions on everything."""
    related = _tests(
        {
            "text": _rows(["first", "last"], "orders", "genre"),
            "number": _rows(["count"], "orders") | _rows(["sum", "avg", "max"], "orders", "value"),
            "time": _rows(["last", "min"], "orders", "day") | _rows(["last", "first"], "visits", "at"),
        }
    )
    exists = st.one_of(*(_rows(["exists"], table) for table in ("orders", "visits", "notes")))
    members = st.sampled_from(
        [Membership("tag", "VIP"), Membership("tag", "STAFF"), Membership("audience", "members")]
    )
    return st.recursive(st.one_of(own_rules(), *related, exists, members), _combined, max_leaves=4)
