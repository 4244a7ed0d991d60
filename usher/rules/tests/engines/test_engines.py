"""Random rules give the same members on every engine and in the plain reference."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from usher.rules.tests.engines.compare import differences
from usher.rules.tests.engines.engines import Asked, ClickHouse, DuckDB, Postgres, Spark, SQLite
from usher.rules.tests.engines.samples import random_rules, sample

FEW, MANY, PART, TOGETHER = 40, int(os.environ.get("USHER_ENGINE_RULES", "5000")), 250, 50
JAVA = "Spark needs Java: scripts/java, or on Debian: apt-get install default-jre-headless"


@pytest.fixture(scope="module")
def usual() -> Iterator[list[Asked]]:
    """What is always here."""
    found: list[Asked] = [DuckDB(), Postgres(os.environ["DATABASE_URL"]), SQLite()]
    yield found
    for engine in found:
        engine.close()


@pytest.fixture(scope="module")
def everything(usual: list[Asked]) -> Iterator[list[Asked]]:
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        pytest.fail(JAVA)
    more: list[Asked] = [ClickHouse(), Spark()]
    yield [*usual, *more]
    for engine in more:
        engine.close()


def _compare(count: int, number: int, engines: list[Asked]) -> None:
    """Some rules together, on new data each time."""
    rules = random_rules(count, 1000 * number)
    for start in range(0, count, TOGETHER):
        shop = sample(100 * number + start // TOGETHER)
        found = differences(rules[start : start + TOGETHER], shop, engines)
        assert not found, "\n\n".join(map(str, found))


def test_few_rules_are_the_same_on_duckdb_postgresql_and_sqlite(usual: list[Asked]) -> None:
    _compare(FEW, 0, usual)


@pytest.mark.engines
@pytest.mark.parametrize("number", range(1, -(-MANY // PART) + 1))
def test_many_rules_are_the_same_on_every_engine(number: int, everything: list[Asked]) -> None:
    _compare(min(PART, MANY), number, everything)
