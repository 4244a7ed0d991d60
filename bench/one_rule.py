"""One rule at a time, of several shapes, each beside the SQL one would write for just that question."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.ground import NOW, Figure, seconds, side_by_side
from bench.installed import Desk, desk, installed
from bench.shop import shop

NOW_SQL = f"timestamptz '{NOW}'"
#: Members are customers: a key among the orders alone is nobody.
MEMBERS = "select customer_id from by_hand_customers {how} join ({keys}) using (customer_id) {where}"
ORDERS = f"select customer_id from by_hand_orders where ordered_at <= {NOW_SQL}"


def _hand(keys: str, how: str = "semi", where: str = "") -> str:
    return MEMBERS.format(keys=keys, how=how, where=where)


#: What it is -> the rule, and the SQL by hand. A sum is compared with what no sum of cents can be: the last
#: digit of a floating point sum depends on the order of adding.
SHAPES = {
    "an order in a window": (
        "exists(orders where ordered_at within 180 days)",
        _hand(f"{ORDERS} and ordered_at > {NOW_SQL} - interval 180 day"),
    ),
    "no order in a window": (
        "not exists(orders where ordered_at within 180 days)",
        _hand(f"{ORDERS} and ordered_at > {NOW_SQL} - interval 180 day", "anti"),
    ),
    "bought before, but not lately": (
        "count(orders) > 0 and not exists(orders where ordered_at within 180 days)",
        _hand(
            f"{ORDERS} group by all having count(*) filter (ordered_at > {NOW_SQL} - interval 180 day) = 0"
        ),
    ),
    "a number of orders": ("count(orders) >= 10", _hand(f"{ORDERS} group by all having count(*) >= 10")),
    "a number of some orders, of some customers": (
        'opted_in = true and country = "GB" and count(orders where items >= 3) > 2',
        _hand(
            f"{ORDERS} and items >= 3 group by all having count(*) > 2",
            where="where opted_in and country = 'GB'",
        ),
    ),
    "a sum in a window": (
        'sum(orders.total where genre = "opera" and ordered_at within 365 days) > 100.005',
        _hand(
            f"{ORDERS} and ordered_at > {NOW_SQL} - interval 365 day and genre = 'opera'"
            " group by all having sum(total) > 100.005"
        ),
    ),
    "the last order before a date": (
        "last(orders.ordered_at) before 365 days ago",
        _hand(f"{ORDERS} group by all having max(ordered_at) <= {NOW_SQL} - interval 365 day"),
    ),
}


def figures(root: Path) -> Iterator[Figure]:
    """Parsing, compiling and running, beside running."""
    made = shop(root)
    with installed(made, {}), desk(made) as table:
        for what, (rule, by_hand) in SHAPES.items():
            ours = f"select customer_id from ({table.compiled({'hit': rule})}) where hit"
            table.demand_alike(what, ours, by_hand)
            took, limit = side_by_side(lambda: _ours(table, rule), lambda: table.keep("theirs", by_hand))  # noqa: B023
            compiling = seconds(lambda: table.compiled({"hit": rule}))  # noqa: B023
            yield Figure(
                f"one rule: {what} ({made.size}; {compiling * 1000:.0f} ms of it compiling)",
                took,
                "s",
                limit,
                "hand-written SQL",
                "≤ 1.2 ×",
                False,
            )


def _ours(table: Desk, rule: str) -> None:
    table.keep("ours", f"select customer_id from ({table.compiled({'hit': rule})}) where hit")
