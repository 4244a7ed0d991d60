"""Open the house for a command: find the database, wake Django, and say plainly when that fails."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer
from rich.console import Console

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

#: What a person reads goes to the terminal; progress and problems go beside it.
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

#: A data directory may say how it wants to be opened (the demo's does: its virtual clock, its address).
MARKER = "house.json"


def fail(message: str, code: int = 1) -> NoReturn:
    """End the command with a message for the person who can mend it."""
    err.print(f"[red]usher:[/red] {message}", markup=True)
    raise typer.Exit(code)


def data_dir() -> Path:
    return Path(os.environ.get("USHER_DATA_DIR") or "./var").expanduser().resolve()


def remembered() -> dict[str, str]:
    """The environment that this data directory asks for, by name."""
    path = data_dir() / MARKER
    return json.loads(path.read_text("utf-8"))["environment"] if path.exists() else {}


def remember(environment: dict[str, str]) -> None:
    """Have every later command on this data directory run with `environment`."""
    (data_dir() / MARKER).write_text(json.dumps({"environment": environment}, indent=2), "utf-8")


def environment(folder: Path | None = None) -> None:
    """Name the data directory, and take over what it asks to be opened with."""
    if folder is not None:
        os.environ["USHER_DATA_DIR"] = str(folder.expanduser().resolve())
    asked = remembered()
    if asked and os.environ.get("DATABASE_URL") != os.environ.get("USHER_EMBEDDED"):
        fail(
            f"{data_dir()} holds a demo with a database of its own; unset DATABASE_URL, or set USHER_DATA_DIR"
        )
    for name, value in asked.items():
        os.environ.setdefault(name, value)


def prepare(folder: Path | None = None) -> None:
    """Set the environment (data directory, database) without waking Django."""
    environment(folder)
    if "DATABASE_URL" not in os.environ:
        from usher.lib import postgres

        try:
            os.environ["DATABASE_URL"] = os.environ["USHER_EMBEDDED"] = postgres.start(data_dir())
        except postgres.DatabaseStartError as problem:
            fail(str(problem))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "usher.settings")


def open_house(folder: Path | None = None, *, migrated: bool = True) -> None:
    """Make the rooms usable. Unless `migrated` is false, a database that is not set up ends the command."""
    from usher.lib.env import SettingError

    prepare(folder)
    try:
        import django

        django.setup()
    except SettingError as problem:
        fail(str(problem))
    with database_errors():
        if migrated and unapplied():
            fail("the database is not set up, or older than this program. Run: usher migrate")


@contextlib.contextmanager
def database_errors() -> Iterator[None]:
    """Turn a database that cannot be reached into words."""
    from django.db import OperationalError, connection

    try:
        yield
    except OperationalError as problem:
        host = connection.settings_dict["HOST"] or "localhost"
        fail(f"the database at {host} cannot be reached: {str(problem).strip()}. Look at DATABASE_URL")


def unapplied() -> list[str]:
    """The migrations that this program has and the database has not."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def as_json(value: object) -> None:
    """Print `value` for a program to read."""
    from django.core.serializers.json import DjangoJSONEncoder

    sys.stdout.write(json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2) + "\n")


def moment(text: str | None) -> datetime:
    """`--as-of`: an ISO instant, or a date, which means 06:00 of that day in the organisation's zone."""
    from datetime import date, time

    from usher.lib import clock

    if text is None:
        return clock.now()
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), time(6), zone())
        found = datetime.fromisoformat(text)
    except ValueError:
        fail(f"{text!r} is not a moment; write 1998-01-01 or 1998-01-01T06:00+00:00")
    return found if found.tzinfo else found.replace(tzinfo=zone())


def zone() -> ZoneInfo:
    """The organisation's time zone, in which people read and write times."""
    from zoneinfo import ZoneInfo

    from django.conf import settings

    return ZoneInfo(settings.TIME_ZONE)


def when(moment: datetime) -> str:
    """A moment in the organisation's zone, as people read it; `say_zone` names the zone once a command."""
    return f"{moment.astimezone(zone()):%Y-%m-%d %H:%M}"


def say_zone() -> None:
    """Name the zone of the times that were printed, beside them."""
    err.print(f"[dim]Times are those of {zone().key}.[/dim]")
