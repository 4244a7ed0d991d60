"""The whole demo, in its real processes, against the shop walked through by another way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests import shop

pytestmark = pytest.mark.demo
START = date(1998, 1, 1)


def command(data_dir: Path, *words: str) -> subprocess.Popen[str]:
    """`usher` on a data directory of its own, with an embedded database of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("USHER_")}
    kept.pop("DATABASE_URL", None)
    kept.pop("DJANGO_SETTINGS_MODULE", None)
    return subprocess.Popen(
        [sys.executable, "-m", "usher.cli", *words],
        env=kept | {"USHER_DATA_DIR": str(data_dir)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finished(process: subprocess.Popen[str], seconds: float) -> str:
    told, _ = process.communicate(timeout=seconds)
    assert process.returncode == 0, told
    return told


def play(data_dir: Path, nights: int, *, meanwhile: threading.Thread | None = None) -> dict[str, Any]:
    file = data_dir / "figures.json"
    process = command(data_dir / "var", "demo", "--nights", str(nights), "--json", str(file))
    if meanwhile:
        meanwhile.start()
    told = finished(process, 1800)  # far more than it takes, even on a busy machine
    assert "✗" not in told, told
    figures: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return figures


FIGURES = (
    "members",
    "tagged",
    "untagged",
    "added",
    "updated",
    "enrolled",
    "mailed",
    "bounced",
    "unsubscribed",
)


def compare(figures: dict[str, Any], nights: int) -> None:
    """Each night's figures with the other way's, all of them at once so that a failure shows the pattern."""
    wanted, found = [], []
    for night, right in zip(figures["nights"], shop.expected(START, nights), strict=True):
        wanted.append({name: getattr(right, name) for name in FIGURES} | {"exited": dict(right.exited)})
        found.append({name: night[name] for name in FIGURES} | {"exited": night["exited"]})
    differences = [
        f"night {number}: wanted {right}, found {ours}"
        for number, (right, ours) in enumerate(zip(wanted, found, strict=True))
        if right != ours
    ]
    assert not differences, "\n".join(differences)


@pytest.fixture(scope="module")
def sixty_nights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("demo")
    return folder / "var", play(folder, 60)


def test_every_night_is_as_plain_sql_and_a_naive_walk_say(sixty_nights: tuple[Path, dict[str, Any]]) -> None:
    compare(sixty_nights[1], 60)


def test_the_totals_add_up_and_nobody_is_mailed_twice(sixty_nights: tuple[Path, dict[str, Any]]) -> None:
    totals = sixty_nights[1]["totals"]
    assert all(totals["adds_up"].values()), totals["adds_up"]
    assert totals["mailed_twice"] == 0
    assert set(totals["messages"]) == {"sent", "bounced"}


def test_the_first_sync_takes_at_most_twenty_calls(sixty_nights: tuple[Path, dict[str, Any]]) -> None:
    first, *others = sixty_nights[1]["nights"]
    assert first["calls"] <= 20
    assert max(night["calls"] for night in others) <= 10


def test_the_relays_bad_day_opens_an_incident_that_turns_late_and_closes(
    sixty_nights: tuple[Path, dict[str, Any]],
) -> None:
    incidents = sixty_nights[1]["incidents"]
    assert {incident["hop"] for incident in incidents} == {"relay"}
    assert all("421" in incident["changes"][0]["detail"] for incident in incidents)
    assert [(incident["opened_at"][:10], incident["closed_at"][:10]) for incident in incidents] == [
        ("1998-02-10", "1998-02-11")
    ] * len(incidents)
    assert all(incident["verdict"] == "late" and incident["state"] == "closed" for incident in incidents)
    assert [incident["mail"] for incident in incidents] == ["We miss you"] * 2
    bad, next_one = sixty_nights[1]["nights"][shop.OUTAGE : shop.OUTAGE + 2]
    assert (bad["mailed"], bad["seeds"]["missing"], bad["seeds"]["incidents_open"]) == (0, 2, 2)
    assert next_one["seeds"]["incidents_open"] == 0


def test_seeds_are_placed_every_tenth_night_and_are_on_time_otherwise(
    sixty_nights: tuple[Path, dict[str, Any]],
) -> None:
    nights = sixty_nights[1]["nights"]
    placed = [number for number, night in enumerate(nights) if night["seeds"]["placed"]]
    assert placed == [0, 10, 20, 30, 40, 50]
    wrong = [
        night["as_of"]
        for number, night in enumerate(nights)
        if number != shop.OUTAGE and night["seeds"]["expected"] != night["seeds"].get("on_time", 0)
    ]
    assert not wrong


def status_of(data_dir: Path, email: str) -> str:
    shown = json.loads(finished(command(data_dir, "contacts", "show", email, "--json"), 60))
    return str(shown["status"])


def test_the_result_can_be_looked_at_from_the_command_line(sixty_nights: tuple[Path, dict[str, Any]]) -> None:
    data_dir, figures = sixty_nights
    shown = json.loads(finished(command(data_dir, "programs", "list", "--json"), 60))
    assert shown[0]["name"] == "Win back"
    contact = json.loads(
        finished(command(data_dir, "contacts", "show", "customer200@example.com", "--json"), 60)
    )
    assert contact["status"] == "Unsubscribed"
    gone = json.loads(
        finished(command(data_dir, "contacts", "show", "customer150@example.com", "--json"), 60)
    )
    assert gone["status"] == "HardBounced"
    members = json.loads(finished(command(data_dir, "audiences", "members", "mailable", "--json"), 60))
    assert members["total"] == figures["nights"][-1]["members"]


def killer(data_dir: Path, kills: list[int], over: threading.Event) -> threading.Thread:
    """Kills the worker (SIGKILL) again and again while the demo plays; notes whom it killed."""

    def hunt() -> None:
        for pause in (6, 5, 9, 4, 12, 7):
            over.wait(pause)
            while not over.is_set() and not kills_a_worker():
                over.wait(0.2)  # on a busy machine the next one takes a while to be there

    def kills_a_worker() -> bool:
        for process in psutil.process_iter(["cmdline"]):
            is_worker = (process.info["cmdline"] or [])[-2:] == ["usher.cli", "worker"]
            with suppress(psutil.Error):  # it ended while it was looked at
                if is_worker and process.environ().get("USHER_DATA_DIR") == str(data_dir):
                    process.kill()
                    kills.append(process.pid)
                    return True
        return False

    return threading.Thread(target=hunt, daemon=True)


def test_a_worker_that_is_killed_in_the_middle_of_nights_changes_nothing(tmp_path: Path) -> None:
    kills: list[int] = []
    over = threading.Event()
    try:
        figures = play(tmp_path, 3, meanwhile=killer(tmp_path / "var", kills, over))
    finally:
        over.set()
    assert len(kills) >= 2, "nothing was killed: the test shows nothing"
    compare(figures, 3)
    assert figures["totals"]["mailed_twice"] == 0
    assert set(figures["totals"]["messages"]) == {"sent", "bounced"}
