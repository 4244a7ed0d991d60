from __future__ import annotations

from usher.lib.ratelimit import MARGIN, WINDOW, RateLimit

DATE = "Thu, 01 Jan 1998 00:00:10 GMT"  # 883612810


class Stopwatch:
    def __init__(self) -> None:
        self.at = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds


def limited() -> tuple[RateLimit, Stopwatch]:
    watch = Stopwatch()
    return RateLimit(sleep=watch.sleep, stopwatch=watch), watch


def used_up(**more: str) -> dict[str, str]:
    return {"x-ratelimit-scope": "lowCallRate", "x-ratelimit-remaining": "0", "date": DATE, **more}


def test_it_does_not_wait_while_calls_remain() -> None:
    limit, watch = limited()
    limit.read("import", 202, {"x-ratelimit-scope": "lowCallRate", "x-ratelimit-remaining": "1"})
    assert limit.wait("import") == 0
    assert watch.slept == []


def test_it_waits_until_the_reset_measured_from_the_replys_own_date() -> None:
    limit, watch = limited()
    limit.read("import", 202, used_up(**{"x-ratelimit-reset": "883612840"}))
    watch.at += 12
    limit.wait("import")
    assert watch.slept == [30 + MARGIN - 12]
    assert limit.wait("import") == 0


def test_calls_of_one_scope_wait_together_and_others_go_on() -> None:
    limit, _ = limited()
    limit.read("lists", 200, {"x-ratelimit-scope": "lowCallRate", "x-ratelimit-remaining": "9"})
    limit.read("contact", 200, {"x-ratelimit-scope": "highCallRate", "x-ratelimit-remaining": "9"})
    limit.read("import", 202, used_up(**{"x-ratelimit-reset": "883612815"}))
    assert limit.wait("contact") == 0
    assert limit.wait("lists") == 5 + MARGIN


def test_a_429_without_headers_waits_a_whole_window() -> None:
    limit, watch = limited()
    limit.read("import", 429, {})
    limit.wait("import")
    assert watch.slept == [WINDOW + MARGIN]


def test_a_reset_in_another_century_is_not_believed() -> None:
    limit, watch = limited()
    limit.read("import", 429, used_up(**{"x-ratelimit-reset": "1900000000", "retry-after": "7"}))
    limit.wait("import")
    assert watch.slept == [7 + MARGIN]
