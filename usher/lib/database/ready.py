"""Statements that every call of an API asks: prepared once by the server, and read without a queryset.

Building a query and reading its rows costs Django more than the database needs to answer it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import psycopg
from django.db import connection
from django.db.models import Model

Params = Mapping[str, Any]


class Ready:
    """A statement of ours with named parameters.

    Where it says `c.*` and `c` is one of the models that are named, it reads that model's columns.
    """

    def __init__(self, sql: str, **models: type[Model]) -> None:
        self._sql = sql
        self._models = models

    def row(self, params: Params) -> tuple[Any, ...] | None:
        """The first row: an object for each model in the order of the statement, then what is left of it."""
        with self._asked(params) as cursor:
            found = cursor.fetchone()
        if found is None:
            return None
        read: list[Any] = []
        at = 0
        for reader in self._readers:
            read.append(reader.read(found[at : at + reader.width]))
            at += reader.width
        return (*read, *found[at:])

    def rows(self, params: Params) -> list[tuple[Any, ...]]:
        """Every row as it is; for statements without models."""
        with self._asked(params) as cursor:
            return list(cursor.fetchall())

    def run(self, params: Params) -> int:
        """Carry it out; how many rows it was."""
        with self._asked(params) as cursor:
            return cursor.rowcount

    def _asked(self, params: Params) -> psycopg.Cursor[Any]:
        connection.close_if_health_check_failed()
        connection.ensure_connection()
        with connection.wrap_database_errors:
            cursor = psycopg.Cursor(connection.connection)
            return cursor.execute(self._statement, params, prepare=True)

    @cached_property
    def _readers(self) -> list[_Reader]:
        order = re.findall(r"\b(\w+)\.\*", self._sql)
        return [_Reader(self._models[alias]) for alias in order if alias in self._models]

    @cached_property
    def _statement(self) -> bytes:
        sql = self._sql
        for alias, model in self._models.items():
            columns = ", ".join(f"{alias}.{field.column}" for field in model._meta.concrete_fields)
            sql = sql.replace(f"{alias}.*", columns)
        return sql.encode()


class _Reader:
    """Makes objects of one model out of its columns."""

    def __init__(self, model: type[Model]) -> None:
        fields = model._meta.concrete_fields
        self.width = len(fields)
        self._model = model
        self._names = [field.attname for field in fields]
        self._converters: list[tuple[int, Callable[..., Any]]] = [
            (place, convert)
            for place, field in enumerate(fields)
            for convert in field.get_db_converters(connection)
        ]

    def read(self, values: tuple[Any, ...]) -> Model:
        mine = list(values)
        for place, convert in self._converters:
            mine[place] = convert(mine[place], None, connection)
        return self._model.from_db(connection.alias, self._names, mine)
