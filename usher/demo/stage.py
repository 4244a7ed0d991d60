"""Set the stage of the demo: a clean data directory, a virtual clock, definitions, users."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg

import usher
from usher.lib import clock, postgres

#: What a demo makes in its data directory, besides the database and its key.
MADE = ("audiences", "counts", "mail", "sources", "spill", "syncs")


#: The relay's bad day: everything is answered 421 from 06:15 of this night, for 24 hours (0 is the first).
OUTAGE_NIGHT = 40
OUTAGE_FROM = time(6, 15)
OUTAGE = timedelta(hours=24)


class DemoError(Exception):
    """The demo cannot be played, or cannot go on; says why and what to do."""


def example() -> Path:
    """The music shop: beside the package in a clone, inside it in an installation."""
    package = Path(usher.__file__).parent
    for folder in (package.parent / "examples" / "musicshop", package / "examples" / "musicshop"):
        if folder.is_dir():
            return folder
    raise DemoError("the example data (examples/musicshop) is not beside this program")


@dataclass(frozen=True)
class Stage:
    """Where the demo is played."""

    data_dir: Path
    port: int
    sink_port: int
    start: date

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo("UTC")

    @property
    def clock_file(self) -> Path:
        return self.data_dir / "clock"

    def opening(self) -> datetime:
        """The moment at which the demo begins: midnight before its first night."""
        return datetime.combine(self.start, time(), self.zone)

    def environment(self) -> dict[str, str]:
        """What every process of the demo, now and later, runs with."""
        return {
            "USHER_MODE": "demo",
            "USHER_LOG_LEVEL": "ERROR",
            "USHER_CLOCK_FILE": str(self.clock_file),
            "USHER_TIME_ZONE": "UTC",
            "USHER_PUBLIC_URL": f"http://localhost:{self.port}",
            "USHER_SMTP_URL": f"smtp://127.0.0.1:{self.sink_port}",
            "USHER_DEMO_PASSWORD": secrets.token_urlsafe(9),
        }

    def api_environment(self) -> dict[str, str]:
        """What the example's definitions take from the environment."""
        return {
            "USHER_API_URL": f"http://127.0.0.1:{self.port}",
            "USHER_API_USER": "apiuser-musicshop@apiconnector.com",
            "USHER_API_PASSWORD": f"{secrets.token_urlsafe(18)}1",  # letters alone are refused
        }


def refuse_to_clear(data_dir: Path) -> None:
    """DemoError when the data directory holds anything at all: only an empty one becomes a demo's.

    A key, and a database without a table, are what commands leave that looked and did nothing.
    """
    strange = {path.name for path in data_dir.iterdir()} - {"machine.lock", "secret.key", "postgres"}
    if strange or _has_tables(data_dir):
        raise DemoError(
            f"{data_dir} is not empty and does not hold a demo; it is left alone. "
            "Play the demo elsewhere: usher demo --data-dir ./var-demo"
        )


def _has_tables(data_dir: Path) -> bool:
    if not (data_dir / "postgres").exists():
        return False
    with psycopg.connect(postgres.start(data_dir)) as connection:
        row = connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone()
    return bool(row and row[0])


def clear(data_dir: Path) -> str:
    """Empty a demo's own database and folders for a clean start; the database's URL.

    The database is always the embedded one of this directory. Files that no demo makes are left alone.
    """
    url = postgres.start(data_dir)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("drop schema public cascade")
        connection.execute("create schema public")
    for name in MADE:
        shutil.rmtree(data_dir / name, ignore_errors=True)
    return url


def furnish(stage: Stage, password: str, api: dict[str, str]) -> None:
    """Migrate, and put in the users and the music shop's definitions (Django is awake by now)."""
    from django.contrib.auth.models import User
    from django.core.management import call_command

    from usher.definitions.apply import apply
    from usher.engage import access

    call_command("migrate", verbosity=0, interactive=False)
    now = clock.now()
    User.objects.create_superuser("demo", password=password)
    account = access.default_account(now)
    access.create_api_user(account, now, api["USHER_API_USER"], api["USHER_API_PASSWORD"])
    os.environ.update(api)
    apply(example() / "definitions", by="demo", now=now)


def behaviour(stage: Stage, refuse: dict[str, str]) -> str:
    """The local mail sink's part in the play."""
    begins = datetime.combine(stage.start + timedelta(days=OUTAGE_NIGHT), OUTAGE_FROM, stage.zone)
    outage = {
        "from": begins.isoformat(),
        "until": (begins + OUTAGE).isoformat(),
        "reply": "421 4.3.2 Service not available, try again later",
    }
    return json.dumps({"refuse": refuse, "defer": [outage]}, indent=1)
