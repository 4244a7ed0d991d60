"""A full evaluation in a process of its own, which tells how much memory it took at most."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.ground import NOW, Figure
from bench.installed import installed
from bench.many_rules import RULES
from bench.shop import LARGE, SMALL, Size, shop

#: What is asked of the events, where there are some.
EVENT_RULES = {
    "came lately": "exists(events where happened_at within 30 days)",
    "looked and did not buy": (
        'count(events where event = "Product Viewed" and happened_at within 60 days) > 2'
        " and not exists(orders where ordered_at within 60 days)"
    ),
}
LIMIT = 2.0


def figures(root: Path, size: Size = SMALL) -> Iterator[Figure]:
    """The time and the peak of a first evaluation, everything read and published."""
    made = shop(root, size)
    rules = RULES | (EVENT_RULES if size.events else {})
    with installed(made, rules):
        took, peak = _in_a_process()
    yield Figure(
        f"peak memory of a full evaluation of {len(rules)} rules ({size}; {took:.1f} s)",
        peak,
        "GB",
        LIMIT,
        "what it may take",
        "≤ 2 GB",
        False,
    )


def large(root: Path) -> Iterator[Figure]:
    """The same at five times the size, with events."""
    yield from figures(root, LARGE)


def _in_a_process() -> tuple[float, float]:
    """Seconds and GB."""
    command = [sys.executable, "-m", "bench.memory"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    answer = json.loads(done.stdout.splitlines()[-1])
    if answer["state"] != "done":
        raise AssertionError(answer["error"])
    return answer["seconds"], answer["peak"]


def _evaluate() -> None:
    import django

    django.setup()
    from usher.audiences.evaluate import evaluate

    began = time.perf_counter()
    run = evaluate(NOW)
    took = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(json.dumps({"state": run.state, "error": run.error, "seconds": took, "peak": peak}))


if __name__ == "__main__":
    _evaluate()
