"""`usher up`, `web`, `worker`, `sink`, `migrate`: the processes."""

from __future__ import annotations

import os
import secrets
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from usher.cli import house
from usher.cli.house import out

if TYPE_CHECKING:
    from usher.work.machine import Machine

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Where everything is kept (default USHER_DATA_DIR or ./var)."),
]


def up(
    port: Annotated[int | None, typer.Option(help="Where the pages answer (default 8000).")] = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    data_dir: DataDir = None,
) -> None:
    """Run everything on this machine: database, pages, worker and a local mail sink."""
    house.prepare(data_dir)
    from urllib.parse import urlsplit

    from usher.work.machine import Machine, MachineError, hold, port_is_free

    given = urlsplit(os.environ.get("USHER_PUBLIC_URL", ""))
    port = port or (given.port if given.hostname in ("localhost", "127.0.0.1") and given.port else 8000)
    if not port_is_free(port):
        house.fail(f"port {port} is taken. Choose another: usher up --port {port + 1}")
    os.environ.setdefault("USHER_PUBLIC_URL", f"http://localhost:{port}")
    sink_port = _sink_port()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with hold(house.data_dir()):
            house.open_house(migrated=False)
            _migrate()
            _serve(Machine(port, sink_port, host), _first_user())
    except KeyboardInterrupt:
        out.print("Stopped.")
    except MachineError as problem:
        house.fail(str(problem))


def _serve(machine: Machine, login: str) -> None:
    with machine:
        out.print(f"Usher is up: [bold]http://localhost:{machine.port}[/bold]   (Ctrl-C stops it)")
        out.print(login)
        if machine.sink_port:
            out.print(
                f"Mail goes to the local mail sink at 127.0.0.1:{machine.sink_port} and to nobody else."
            )
        while True:
            machine.watch()
            time.sleep(0.5)


def _sink_port() -> int | None:
    """The port for the local mail sink, or None when mail goes to a relay of the outside world."""
    from usher.work.machine import free_port

    if "USHER_SMTP_URL" in os.environ and not os.environ["USHER_SMTP_URL"].startswith("smtp://127.0.0.1:"):
        return None
    given = os.environ.get("USHER_SMTP_URL", "smtp://127.0.0.1:2525").rsplit(":", 1)[1]
    if not given.isdigit():
        house.fail(f"USHER_SMTP_URL has the port {given!r}, which is not a number")
    wanted = int(given)
    port = free_port(wanted)
    os.environ["USHER_SMTP_URL"] = f"smtp://127.0.0.1:{port}"
    return port


def _first_user() -> str:
    """Make the first user of a new installation; the line that tells how to log in."""
    from django.contrib.auth.models import User

    if os.environ.get("USHER_DEMO_PASSWORD"):
        return (
            f"Log in as [bold]demo[/bold] with the password [bold]{os.environ['USHER_DEMO_PASSWORD']}[/bold]"
        )
    if User.objects.exists():
        return "Log in with your user name and password (a forgotten one: usher migrate --new-password NAME)."
    password = secrets.token_urlsafe(12)
    User.objects.create_superuser("admin", password=password)
    return (
        f"Log in as [bold]admin[/bold] with the password [bold]{password}[/bold] (shown this once; change it)"
    )


def _migrate() -> None:
    from django.core.management import call_command

    with house.database_errors():
        call_command("migrate", verbosity=0, interactive=False)


def migrate(
    data_dir: DataDir = None,
    new_password: Annotated[
        str | None,
        typer.Option(help="Give this user a new password (and make the user where there is none)."),
    ] = None,
) -> None:
    """Set the database up, or bring it to this version."""
    house.open_house(data_dir, migrated=False)
    waiting = house.unapplied()
    _migrate()
    out.print(f"{len(waiting)} migrations applied." if waiting else "The database is up to date.")
    if new_password:
        from django.contrib.auth.models import User

        user, created = User.objects.get_or_create(
            username=new_password, defaults={"is_staff": True, "is_superuser": True}
        )
        password = secrets.token_urlsafe(12)
        user.set_password(password)
        user.save()
        out.print(
            f"{'Made' if created else 'Changed'} {new_password}: the password is [bold]{password}[/bold]"
        )


def web(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(help="Processes.")] = 1,
    threads: Annotated[int, typer.Option(help="Requests at once in each process.")] = 8,
) -> None:
    """Serve the pages, the APIs and the tracked links."""
    house.open_house()
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    from usher.engage.access import share_key

    share_key()
    Granian(
        "usher.wsgi:application",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=threads,
        log_level=LogLevels.error,
    ).serve()


def worker(
    concurrency: Annotated[int, typer.Option(help="Jobs at once.")] = 4,
) -> None:
    """Do the jobs: evaluations, syncs, programs, mail, seeds. Start as many as you like."""
    house.open_house()
    from usher.work import worker as work

    work.run(concurrency)


def sink(
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 2525,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
) -> None:
    """Run the local mail sink: an SMTP server that keeps every mail in the data directory."""
    house.environment()
    import asyncio

    from usher import settings  # Django itself is not wanted here: the sink starts in a moment
    from usher.lib import clock
    from usher.lib import sink as mail_sink
    from usher.lib.spool import Spool

    folder = settings.USHER_DATA_DIR / "mail"
    asyncio.run(mail_sink.serve(host, port, Spool(folder), folder / "behaviour.json", clock.now))
