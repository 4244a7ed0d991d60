"""A small shop whose files a test can break."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_django import Settings

from usher.lib.changes import Change
from usher.sources import definitions

NOW = datetime(1998, 1, 1, 6, tzinfo=UTC)

CUSTOMERS = (
    "id,email,born\n1,alice@example.com,1950-04-01\n2,bob@example.com,\n3,carol@example.com,1961-12-24\n"
)
ORDERS = (
    "customer,ordered_on,value\n1,1997-01-01,11.50\n1,1997-12-30,5\n2,1997-06-01,20.00\n3,1998-02-01,7.25\n"
)

TABLES = {
    "customers": {"file": "customers.csv", "key": "id", "email": "email", "subject": True},
    "orders": {"file": "orders*.csv", "key": "customer", "at": "ordered_on", "noun": "order"},
}

Define = Callable[..., Change]


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, settings: Settings) -> Path:
    settings.USHER_DATA_DIR = tmp_path / "var"
    return tmp_path / "var"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The folder of the shop's files and definitions."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "customers.csv").write_text(CUSTOMERS)
    (folder / "orders.csv").write_text(ORDERS)
    return folder


@pytest.fixture
def define(shop: Path) -> Define:
    """Apply the source `shop`, with other tables or another place where given."""

    def apply(tables: object = TABLES, *, name: str = "shop", **place: object) -> Change:
        body = definitions.SourceBody.model_validate({**(place or {"files": True}), "tables": tables})
        return definitions.apply("sources", name, body, base_dir=shop, by="alice", now=NOW)

    return apply
