"""Answers about data that have not changed since they were asked: nobody reads the same rows twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb

from usher.sources import csvfile, relation
from usher.sources.models import Table
from usher.sources.relation import Relation

#: So many answers about one table are kept; the oldest go.
KEPT = 50


def rows(connection: duckdb.DuckDBPyConnection, table: Table, data: Relation, query: str) -> list[list[Any]]:
    """All rows of a query on the table's `data` alone, asked again only when the data have changed.

    The answer must consist of what JSON can hold: numbers, texts, booleans and nulls.
    """
    if data.signature is None:
        return _asked(connection, query)
    path = relation.copies_folder(table) / "known.json"
    answers = _read(path, data.signature)
    if query not in answers:
        answers[query] = _asked(connection, query)
        kept = list(answers.items())[-KEPT:]
        csvfile.publish_json(path, {"signature": data.signature, "answers": dict(kept)})
    return answers[query]


def _read(path: Path, signature: str) -> dict[str, list[list[Any]]]:
    """The answers about the data that are there now."""
    if not path.exists():
        return {}
    found = json.loads(path.read_text())
    answers: dict[str, list[list[Any]]] = found["answers"]
    return answers if found["signature"] == signature else {}


def _asked(connection: duckdb.DuckDBPyConnection, query: str) -> list[list[Any]]:
    return [list(row) for row in connection.execute(query).fetchall()]
