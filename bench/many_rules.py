"""Fifty rules over one table at once, beside the best SQL for all fifty, and beside one query for each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.ground import NOW, Figure, seconds, side_by_side
from bench.installed import Desk, desk, installed
from bench.shop import shop

NOW_SQL = f"timestamptz '{NOW}'"
GENRES = ["pop", "jazz", "opera", "classical", "folk", "film"]
SEEN = f"from by_hand_orders where ordered_at <= {NOW_SQL}"


@dataclass(frozen=True)
class Window:
    """One rule over the orders of the last `days`, as text and as the SQL that answers it."""

    shape: str
    days: int
    more_than: float = 0
    genre: str = ""

    @property
    def rule(self) -> str:
        window = f"ordered_at within {self.days} days"
        match self.shape:
            case "lapsed":
                return f"count(orders) > 0 and not exists(orders where {window})"
            case "exists":
                return f"exists(orders where {window})"
            case "count":
                return f'count(orders where genre = "{self.genre}" and {window}) > {self.more_than}'
            case _:
                return f"sum(orders.total where {window}) > {self.more_than}"

    @property
    def edge(self) -> str:
        return f"{NOW_SQL} - interval {self.days} day"

    @property
    def condition(self) -> str:
        """Which orders count."""
        return f"ordered_at > {self.edge}" + (f" and genre = '{self.genre}'" if self.genre else "")

    @property
    def aggregate(self) -> str:
        """What is asked of them; empty where it is enough to know the customer's last order."""
        return {"count": "count(*)", "sum": "sum(total)"}.get(self.shape, "")

    def holds(self, column: str) -> str:
        """The answer, from the column with the aggregate and from `last_at`."""
        last = {"lapsed": f"last_at <= {self.edge}", "exists": f"last_at > {self.edge}"}
        return f"coalesce({last.get(self.shape, f'{column} > {self.more_than}')}, false)"

    @property
    def query(self) -> str:
        """The keys, by a query of its own."""
        having = (
            f"{SEEN} group by all having max(ordered_at) <= {self.edge}"
            if self.shape == "lapsed"
            else f"{SEEN} and {self.condition} group by all"
            + (f" having {self.aggregate} > {self.more_than}" if self.aggregate else "")
        )
        return (
            "select customer_id from by_hand_customers"
            f" semi join (select customer_id {having}) using (customer_id)"
        )


#: Who lapsed, who bought, how often, and for how much: no sum of cents is what they are compared with.
WINDOWS = [
    *(Window("lapsed", days) for days in (7, 14, 21, 28, 30, 45, 60, 75, 90, 120, 150, 180, 270, 365)),
    *(Window("exists", days) for days in (3, 7, 10, 14, 30, 60, 90, 120, 180, 240, 365, 730)),
    *(
        Window("count", days, number % 3, GENRES[number % 6])
        for number, days in enumerate((30, 60, 90, 120, 180, 365) * 2)
    ),
    *(
        Window("sum", days, 50 * (1 + number % 4) + 0.005)
        for number, days in enumerate((7, 14, 30, 60, 90, 120, 150, 180, 270, 365, 548, 730))
    ),
]
RULES = {f"rule_{number}": window.rule for number, window in enumerate(WINDOWS)}


def best_by_hand(table: str = "by_hand_customers", seen: str = SEEN) -> str:
    """One grouped scan; whether there is an order in a window needs no count: the last one tells."""
    needed = {number: window for number, window in enumerate(WINDOWS) if window.aggregate}
    aggregates = ", ".join(
        f"{window.aggregate} filter ({window.condition}) as c{number}" for number, window in needed.items()
    )
    answers = ", ".join(
        f"{window.holds(f'c{number}')} as rule_{number}" for number, window in enumerate(WINDOWS)
    )
    grouped = f"select customer_id, max(ordered_at) as last_at, {aggregates} {seen} group by customer_id"
    return f"select customer_id, {answers} from {table} left join ({grouped}) using (customer_id)"


def figures(root: Path) -> Iterator[Figure]:
    """Compiling and running all, into a table."""
    made = shop(root)
    with installed(made, {}), desk(made) as table:
        table.demand_alike("fifty rules", table.compiled(RULES), best_by_hand())
        took, limit = side_by_side(
            lambda: table.keep("ours", table.compiled(RULES)),
            lambda: table.keep("theirs", best_by_hand()),
        )
        compiling = seconds(lambda: table.compiled(RULES))
        each = _each(table)
    what = f"{len(RULES)} window rules at once ({made.size}"
    yield Figure(
        f"{what}; {compiling * 1000:.0f} ms of it compiling)",
        took,
        "s",
        limit,
        "the best shared SQL by hand",
        "≤ 1.2 ×",
        False,
    )
    yield Figure(f"{what})", took, "s", each, "one query each, by hand", "≤ 0.67 ×", False)


def _each(table: Desk) -> float:
    """Seconds for one query each, which is only done once: it takes long, and single quirks even out."""
    return seconds(lambda: [table.keep("theirs", window.query) for window in WINDOWS])
