"""An unsaved rule counted, with a sample, as the page with the editor asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.ground import NOW, Figure, side_by_side
from bench.installed import Desk, desk, installed
from bench.one_rule import SHAPES
from bench.shop import shop

SHOWN = ("bought before, but not lately", "a sum in a window")


def figures(root: Path) -> Iterator[Figure]:
    """Opening the tables, counting and choosing a few, beside counting alone."""
    made = shop(root)
    with installed(made, {}), desk(made) as table:
        for what in SHOWN:
            took, limit = _beside(table, *SHAPES[what])
            yield Figure(
                f"a preview: {what} ({made.size})",
                took,
                "s",
                limit,
                "hand-written SQL that counts",
                "≤ 1 s",
                False,
            )


def _beside(table: Desk, rule: str, by_hand: str) -> list[float]:
    counted: list[int] = []
    counting = f"select count(*) from ({by_hand})"
    took = side_by_side(
        lambda: counted.append(_previewed(rule)),
        lambda: counted.append(table.engine.sql(counting).fetchall()[0][0]),
    )
    if len(set(counted)) != 1:
        raise AssertionError(f"{rule}: the preview and the SQL count {set(counted)}")
    return took


def _previewed(rule: str) -> int:
    from usher.audiences.preview import preview

    return preview(rule, NOW, token="bench", limit=60).count
