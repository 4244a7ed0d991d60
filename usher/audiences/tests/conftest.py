"""Alice, Bob, Carol and Dan buy in a small shop; and the real music shop."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
import yaml
from pytest_django import Settings

from usher.audiences import definitions
from usher.audiences.models import Audience
from usher.lib.changes import Change
from usher.sources import definitions as sources

NOW = datetime(1998, 1, 1, 6, tzinfo=UTC)
MUSICSHOP = Path(__file__).parents[3] / "examples" / "musicshop" / "definitions"

CUSTOMERS = (
    "id,email,country\n"
    "1,alice@example.com,GB\n"
    "2,bob@example.com,GB\n"
    "3,carol@example.com,FR\n"
    "4,dan@example.com,FR\n"
)
#: Alice bought long ago and again lately, Bob long ago, Carol will buy in a month, Dan never did.
ORDERS = (
    "customer,ordered_on,value\n1,1997-01-01,11.50\n1,1997-12-30,5\n2,1997-06-01,20.00\n3,1998-02-01,7.25\n"
)
TABLES = {
    "customers": {"file": "customers.csv", "key": "id", "email": "email", "subject": True},
    "orders": {"file": "orders.csv", "key": "customer", "at": "ordered_on", "noun": "order"},
}

Define = Callable[..., Change]


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, settings: Settings) -> Path:
    settings.USHER_DATA_DIR = tmp_path / "var"
    return tmp_path / "var"


@pytest.fixture
def shop(tmp_path: Path, db: None) -> Path:
    """The folder of the small shop's files; its source is defined."""
    (tmp_path / "customers.csv").write_text(CUSTOMERS)
    (tmp_path / "orders.csv").write_text(ORDERS)
    body = sources.SourceBody.model_validate({"files": True, "tables": TABLES})
    sources.apply("sources", "shop", body, base_dir=tmp_path, by="alice", now=NOW)
    return tmp_path


@pytest.fixture
def define(shop: Path) -> Define:
    """Apply one definition of a section."""

    def apply(section: str, name: str = "", **body: object) -> Change:
        model = definitions.SECTIONS[section].model_validate(body)
        return definitions.apply(section, name, model, base_dir=shop, by="alice", now=NOW)

    return apply


@pytest.fixture
def buyers(define: Define) -> Audience:
    """The list of everybody who has ordered, and the auto tag LAPSED on those who have not lately."""
    define(
        "auto_tags", "LAPSED", rule="count(orders) > 0 and not exists(orders where ordered_on within 90 days)"
    )
    define("customer_lists", "buyers", rule="count(orders) > 0")
    return Audience.objects.get(name="buyers")


@pytest.fixture
def musicshop(db: None) -> None:
    """All definitions of the example, applied as they stand."""
    for room, file in ((sources, "sources.yaml"), (definitions, "audiences.yaml")):
        bodies = yaml.safe_load((MUSICSHOP / file).read_text())
        for section, model in room.SECTIONS.items():
            named = {"": bodies[section]} if section == "evaluation" else bodies.get(section, {})
            for name, body in named.items():
                room.apply(section, name, model.model_validate(body), base_dir=MUSICSHOP, by="me", now=NOW)


def members(name: str) -> list[str]:
    """The published keys of an audience."""
    from usher.audiences import published

    keys = published.members_sql(Audience.objects.get(name=name))
    with duckdb.connect() as connection:
        return [key for (key,) in connection.execute(f"SELECT key FROM {keys} ORDER BY key").fetchall()]
