"""Fixtures of the syncs' tests: a shop whose customers are a CSV file, evaluated for real."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from usher.audiences import definitions as audiences
from usher.audiences.evaluate import evaluate
from usher.destinations import definitions as destinations
from usher.destinations.tests.platforms import Served, any_platform
from usher.sources import definitions as sources
from usher.syncs import definitions as syncs
from usher.syncs.models import Sync

__all__ = ["any_platform"]

NOON = datetime(1998, 1, 1, 12, tzinfo=UTC)
COLUMNS = ("id", "email", "orders", "last_order", "vip", "wanted")


class Shop:
    """Customers in a CSV file, the list `mailable` of them and the tag VIP."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now = folder, NOON

    def open(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """The first customers (id, email, orders, last order, vip), the definitions, and an evaluation."""
        self._write(rows)
        table = {"file": "customers.csv", "key": "id", "email": "email", "subject": True}
        table["types"] = {"email": "text", "last_order": "date", "orders": "number", "vip": "boolean"}
        self._apply(sources, "sources", "shop", {"files": True, "tables": {"customers": table}})
        self._apply(audiences, "auto_tags", "VIP", {"rule": "vip = true"})
        self._apply(audiences, "customer_lists", "mailable", {"rule": 'wanted = "yes"'})
        self._evaluate()

    def next_night(self, rows: Sequence[tuple[Any, ...]], not_wanted: Sequence[tuple[Any, ...]] = ()) -> None:
        """Other customers, a day later; those not wanted are customers, but not on the list `mailable`."""
        self.now += timedelta(days=1)
        self._write(rows, not_wanted)
        self._evaluate()

    def connect(self, served: Served, name: str = "platform") -> None:
        body = {"kind": "dotdigital", "url": served.url}
        self._apply(
            destinations,
            "destinations",
            name,
            body | {"username": served.username, "password": served.password},
        )

    def sync(self, name: str = "nightly", **body: Any) -> Sync:
        """A sync of `mailable`; data fields ORDERS and LAST_ORDER, and TAG_VIP."""
        plain = {
            "audience": "mailable",
            "destination": "platform",
            "list": "Usher sync",
            "fields": {"ORDERS": "orders", "LAST_ORDER": "last_order"},
            "tags": ["VIP"],
            "schedule": "06:05",
        }
        self._apply(syncs, "syncs", name, plain | body)
        return Sync.objects.get(name=name)

    def _evaluate(self) -> None:
        done = evaluate(self.now)
        assert done.state == "done", done.error

    def _apply(self, room: Any, section: str, name: str, body: Mapping[str, Any]) -> None:
        checked = room.SECTIONS[section].model_validate(body)
        room.apply(section, name, checked, base_dir=self.folder, by="test", now=self.now)

    def _write(self, rows: Sequence[tuple[Any, ...]], not_wanted: Sequence[tuple[Any, ...]] = ()) -> None:
        with (self.folder / "customers.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerow(("0", "nobody@x.io", 0, "", "false", "no"))
            writer.writerows((*row, "yes") for row in rows)
            writer.writerows((*row, "no") for row in not_wanted)


@pytest.fixture
def shop(tmp_path: Path, db: None, settings: Any) -> Shop:
    settings.USHER_DATA_DIR = tmp_path / "var"
    return Shop(tmp_path)
