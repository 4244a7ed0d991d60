"""Random rules over the shop's schema, as nodes."""

from __future__ import annotations

from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from usher.rules.check import check
from usher.rules.moments import instant_of, moment_of
from usher.rules.nodes import (
    Aggregate,
    Among,
    And,
    Arithmetic,
    Between,
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
    Sample,
    Sequence,
    Step,
    Timed,
    Top,
    Within,
)
from usher.rules.tests.shop import SCHEMA

LONDON = ZoneInfo("Europe/London")
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


Values = dict[str, st.SearchStrategy[Any]]
COUNTED = [f"{unit}_{way}" for unit in ("days", "weeks", "months", "years") for way in ("since", "until")]
WAYS = ["min", "max", "first", "last", "most_frequent"]
NAMED = ["Viewed", "Bought", "bought"]
lasting = periods.filter(lambda period: period.count > 0)
fixed_periods = st.builds(
    Period, st.sampled_from([0, 1, 2, 30]), st.sampled_from(["minute", "hour", "day", "week"])
)


def _brief(*choices: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """One of these, under a short name: Hypothesis writes out other strategies in full, again and again."""
    whole = st.one_of(*choices)

    @st.composite
    def brief(draw: st.DrawFn) -> Any:
        return draw(whole)

    return brief()


def _column(*names: str) -> st.SearchStrategy[Node]:
    return st.sampled_from(names).map(lambda name: Path(tuple(name.split("."))))


def _between(
    value: st.SearchStrategy[Any], bounds: st.SearchStrategy[Literal], others: st.SearchStrategy[Any]
) -> st.SearchStrategy[Node]:
    def moment(bound: Literal) -> Any:
        return instant_of(found, LONDON) if (found := moment_of(str(bound.value))) else bound.value

    written = st.tuples(bounds, bounds).map(lambda pair: sorted(pair, key=moment))
    return st.builds(lambda x, pair: Between(x, *pair), value, written) | st.builds(
        Between, value, others.filter(lambda other: not isinstance(other, Literal)), bounds
    )


def _call(names: list[str], *arguments: Any) -> st.SearchStrategy[Node]:
    return st.builds(lambda name, *found: Call(name, found), st.sampled_from(names), *arguments)


def _rows(names: list[str], table: str, column: str | None = None) -> st.SearchStrategy[Node]:
    return st.builds(
        Aggregate, st.sampled_from(names), st.just(table), st.just(column), st.none() | _where(table)
    )


@cache
def _where(table: str) -> st.SearchStrategy[Node]:
    kinds: dict[str, dict[str, tuple[str, ...]]] = {
        "orders": {
            "text": ("genre", "performances.kind", "performances.venues.city"),
            "number": ("value", "performances.seats"),
            "time": ("day",),
            "instant": ("performances.starts",),
        },
        "visits": {"text": ("page",), "time": ("at",), "instant": ("at",)},
        "notes": {"text": ("text",)},
        "events": {"text": ("event",), "time": ("at",)},
    }
    tests = _brief(*_tests({kind: _column(*names) for kind, names in kinds[table].items()}))
    return _brief(st.recursive(tests, _combined, max_leaves=3))


def _texts(text: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    changes = ["lowercase", "uppercase", "trim", "snakecase", "kebabcase", "titlecase"]
    return _brief(
        text,
        _call(changes, text),
        _call(["concat", "coalesce"], text, texts),
        _call(["if"], text.map(IsSet), text, texts),
    )


def _numbers(values: Values) -> st.SearchStrategy[Any]:
    """Numbers that are made of others, of texts and of times."""
    found: list[st.SearchStrategy[Any]] = [values["number"], numbers] if "number" in values else []
    if "text" in values:
        found += [_call(["length"], values["text"])]
    times = [values[kind] for kind in ("time", "instant") if kind in values]
    if times:
        moment = st.one_of(*times)
        found += [
            _call([*COUNTED, "age"], moment),
            _call(["year", "month", "day_of_month"], moment),
            _call(["days_between"], moment, moment),
        ]
    if "instant" in values:
        found.append(_call(["hour"], values["instant"]))
    one = _brief(*found)
    known = values.get("number", one)
    return _brief(
        one,
        st.builds(Arithmetic, st.sampled_from("+-*/"), one, one),
        _call(["round", "floor", "ceil", "abs"], one),
        _call(["round"], st.builds(Arithmetic, st.just("/"), one, numbers), _digits),
        _call(["coalesce"], known, numbers),
        _call(["if"], st.builds(Comparison, OPERATORS, known, numbers), known, numbers),
    )


_digits = st.sampled_from([0, 1, 3]).map(lambda value: Literal(value, "number"))


def _tests(values: Values) -> list[st.SearchStrategy[Node]]:
    found: list[st.SearchStrategy[Any]] = []
    if "text" in values:
        text = values["text"]
        made = _texts(text)
        globs = st.sampled_from(["G*", "*", "*p?ra*", "[F-H]B", "[^G]b", "", "a\\*b", "op*"])
        found += [
            st.builds(Comparison, st.sampled_from(["=", "!="]), made, texts | text),
            st.builds(In, text, st.lists(texts | st.just(Null()), max_size=3).map(tuple)),
            _call(["contains", "starts_with", "ends_with"], made, texts),
            st.builds(lambda x, glob: Call("match", (x, Literal(glob, "text"))), made, globs),
            st.builds(IsSet, text, st.booleans()),
        ]
    if "number" in values:
        number = values["number"]
        found += [
            st.builds(Comparison, OPERATORS, number, numbers | number),
            st.builds(Comparison, OPERATORS, numbers, number),
            st.builds(In, number, st.lists(numbers | st.just(Null()), max_size=2).map(tuple)),
            st.builds(IsSet, number, st.booleans()),
            _between(number, numbers, number),
        ]
    made_number = _numbers(values)
    found += [
        st.builds(Comparison, OPERATORS, made_number, numbers | made_number),
        _between(made_number, numbers, made_number),
    ]
    if "time" in values:
        moment = values["time"]
        found += [
            st.builds(Comparison, OPERATORS, moment, moments),
            st.builds(In, moment, st.lists(moments, max_size=2).map(tuple)),
            _between(moment, moments, moment),
            st.builds(Within, moment, lasting, st.booleans()),
            st.builds(Within, _call(["anniversary"], moment), lasting, st.booleans()),
            st.builds(Timed, moment, st.sampled_from(["before", "after"]), periods | moments),
            st.builds(
                lambda x, days: In(Call("day_of_week", (x,)), days),
                moment,
                st.lists(st.sampled_from([Literal("Sunday", "text"), Literal("Friday", "text")])).map(tuple),
            ),
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


def _own() -> Values:
    return {
        "text": _column("country", "email", "households.place"),
        "number": _column("age", "households.size"),
        "time": _column("birthday", "joined", "seen"),
        "instant": _column("joined", "seen"),
    }


@cache
def own_rules() -> st.SearchStrategy[Node]:
    """Conditions on the customer's own columns."""
    boolean = _column("opted_in")
    simple = st.one_of(
        *_tests(_own()),
        boolean,
        st.builds(Comparison, st.sampled_from(["=", "!="]), boolean, booleans),
        st.builds(Comparison, OPERATORS, _column("joined"), _column("seen")),
        booleans,
    )
    return _brief(st.recursive(_brief(simple), _combined, max_leaves=4))


@cache
def _related() -> Values:
    """Values of related rows."""
    measures = ["sum", "avg", "max", "median", "distinct", "monetary_score"]
    found = {
        "text": _rows(["first", "last", "most_frequent"], "orders", "genre")
        | _rows(["first", "last"], "visits", "page")
        | _rows(WAYS[2:], "orders", "performances.kind"),
        "number": _rows(["count", "recency_score", "frequency_score"], "orders")
        | _rows(["count", "frequency_score"], "events")
        | _rows(measures, "orders", "value")
        | _rows(["distinct"], "orders", "performances.venues.city")
        | _rows(["sum", "max"], "orders", "performances.seats"),
        "time": _rows(WAYS, "orders", "day") | _rows(["max", "min"], "orders", "performances.venues.opened"),
        "instant": _rows(WAYS, "visits", "at") | _rows(["max", "min"], "orders", "performances.starts"),
    }
    return {kind: _brief(values) for kind, values in found.items()}


@cache
def fields() -> st.SearchStrategy[Node]:
    """Computed fields."""
    related = _related()
    number = related["number"] | _column("age")
    parts = st.sampled_from([2, 3, 5]).map(lambda value: Literal(value, "number"))
    return _brief(
        _column("opted_in"),
        *related.values(),
        _rows(["count"], "notes"),
        _numbers(related),
        _call(["quantile"], number, parts),
    ).filter(lambda node: not check(node, SCHEMA))


@cache
def sequences() -> st.SearchStrategy[Node]:
    """Rows that follow each other: of events, visits, or orders (which have dates)."""
    within = st.none() | fixed_periods
    named = st.sampled_from(NAMED).map(lambda name: Comparison("=", Path(("event",)), Literal(name, "text")))
    events = st.builds(Step, st.just("events"), named | st.none() | _where("events"), within)
    timed = events | st.builds(Step, st.just("visits"), st.none() | _where("visits"), within)
    dated = st.builds(Step, st.just("orders"), st.none() | _where("orders"), within)

    def sequence(steps: list[Step], last: Step | None) -> Node:
        first = Step(steps[0].table, steps[0].where)
        absent = [last] if last and last.within else []
        ended = [Step(step.table, step.where, step.within, True) for step in absent]
        return Sequence((first, *steps[1:], *ended))

    return _brief(
        *(
            st.builds(sequence, st.lists(step, min_size=1, max_size=3), st.none() | step)
            for step in (timed, events, dated)
        )
    )


@cache
def rules() -> st.SearchStrategy[Node]:
    """Conditions on everything."""
    exists = st.one_of(*(_rows(["exists"], table) for table in ("orders", "visits", "notes", "events")))
    members = st.sampled_from(
        [
            Membership("tag", "VIP"),
            Membership("tag", "STAFF"),
            Membership("segment", "local"),
            Membership("audience", "members"),
        ]
    )
    simple = st.one_of(own_rules(), *_tests(_related()), exists, members, sequences())
    whole = st.recursive(_brief(simple), lambda inner: _combined(inner) | chosen(inner), max_leaves=4)
    return _brief(whole.filter(lambda node: not check(node, SCHEMA)))


def chosen(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    """Some of those for whom a condition holds."""
    by = _brief(_column("age", "birthday", "seen"), *(_related()[kind] for kind in ("number", "time")))
    percent = st.sampled_from([1, 12.5, 34, 50, 100])
    return st.one_of(
        st.builds(Among, inner, inner),
        st.builds(Sample, inner, percent, st.sampled_from(["", "letter", "é"])),
        st.builds(Top, inner, st.sampled_from([1, 2]), by),
        st.builds(lambda condition, count, value: Top(condition, count, value, True), inner, percent, by),
    )
