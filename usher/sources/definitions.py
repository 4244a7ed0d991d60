"""Sources in definition files: applying them, and writing them out again."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import transaction
from pydantic import BaseModel

from usher.lib.changes import Change, DefinitionError, written
from usher.sources.bodies import SourceBody, TableBody
from usher.sources.check import check_tables
from usher.sources.models import Acceptance, Source, Table
from usher.sources.shape import holder

__all__ = ["KIND", "SECTIONS", "SourceBody", "apply", "export"]

KIND = "source"
SECTIONS: dict[str, type[BaseModel]] = {"sources": SourceBody}

#: A table of which nothing was found yet.
_UNKNOWN: Mapping[str, object] = {
    "columns": {},
    "rows": None,
    "good_columns": {},
    "good_rows": None,
    "refusals": {},
}


@dataclass(frozen=True)
class _Outcome:
    created: bool
    fields: tuple[str, ...]


def apply(section: str, name: str, body: BaseModel, *, base_dir: Path, by: str, now: datetime) -> Change:
    """Make the source as `body` says, and check its tables; DefinitionError keeps everything as it was."""
    assert isinstance(body, SourceBody), section
    with transaction.atomic():
        done = _write(name, body, base_dir)
        if done.created or done.fields:
            _verify(name, now)
    return written(KIND, name, done.created, done.fields)


def export(section: str) -> dict[str, dict[str, Any]]:
    """Every source as its YAML body; passwords are masked, and a masked URL leaves the kept one alone."""
    return {
        source.name: _exported(source)
        for source in Source.objects.prefetch_related("tables").order_by("name")
    }


def _write(name: str, body: SourceBody, base_dir: Path) -> _Outcome:
    source, created = Source.objects.get_or_create(name=name)
    fields = []
    if source.set_url(_url(body.url or "", base_dir)):
        source.save()
        fields.append("url")
    for gone in source.tables.exclude(name__in=body.tables):
        fields.append(f"tables.{gone.name}")
        gone.delete()
    for table_name, table in body.tables.items():
        if _write_table(source, table_name, table, base_dir):
            fields.append(f"tables.{table_name}")
    _demand_linked(name)
    return _Outcome(created, tuple(fields))


def _url(url: str, base_dir: Path) -> str:
    """duckdb:///shop.db is read from the definitions' folder, duckdb:////srv/shop.db from the root."""
    scheme, slashes, path = url.partition(":///")
    return f"{scheme}{slashes}{_absolute(path, base_dir)}" if scheme == "duckdb" else url


def _absolute(path: str, base_dir: Path) -> str:
    return os.path.normpath(base_dir.resolve() / Path(path).expanduser())


def _write_table(source: Source, name: str, body: TableBody, base_dir: Path) -> bool:
    """Write one table; answers whether anything changed."""
    _refuse_second(source, name, body)
    wanted = {
        "location": _absolute(body.file, base_dir) if body.file else body.table,
        "key": body.key,
        "own_key": body.id,
        "email": body.email,
        "mobile": body.mobile,
        "at": body.at,
        "updated": body.updated,
        "append_only": body.append_only,
        "subject": body.subject,
        "lookup": body.lookup,
        "links": body.named_links(),
        "same_key": body.same_key or "",
        "same_email": body.same_email or "",
        "noun": body.noun,
        "types": body.types,
        "max_age": timedelta(days=body.max_age_days) if body.max_age_days else None,
    }
    table = Table.objects.filter(source=source, name=name).first()
    if table and all(getattr(table, field) == value for field, value in wanted.items()):
        return False
    # what was known of another place, or of other columns, is no measure for this one
    forget = _UNKNOWN if table and _moved(table, wanted) else {}
    Table.objects.update_or_create(source=source, name=name, defaults={**wanted, **forget})
    return True


def _moved(table: Table, wanted: Mapping[str, object]) -> bool:
    return any(getattr(table, field) != wanted[field] for field in ("location", "types"))


def _refuse_second(source: Source, name: str, body: TableBody) -> None:
    others = Table.objects.exclude(source=source, name=name).select_related("source")
    if taken := others.filter(name=name).first():
        raise DefinitionError(KIND, source.name, f"tables.{name}", f"the name is taken by {taken}")
    if body.subject and (first := others.filter(subject=True).first()):
        raise DefinitionError(
            KIND,
            source.name,
            f"tables.{name}.subject",
            f"the customers are already in {first}; only one table can be",
        )


def _verify(name: str, now: datetime) -> None:
    """Open the tables of the source: what cannot be used is refused while the person is looking."""
    tables = list(Table.objects.filter(source__name=name).select_related("source"))
    problems = {
        found.table: found.error or found.refused.get(Acceptance.Guard.EMPTY, "")
        for found in check_tables(tables, now)
    }
    wrong = {table: problem for table, problem in problems.items() if problem}
    if wrong:
        raise DefinitionError(KIND, name, f"tables.{', '.join(wrong)}", "\n  ".join(wrong.values()))


def _demand_linked(name: str) -> None:
    """Every link leads to the own key of a table that is there, and every way to a customer's key exists."""
    named = {table.name: table for table in Table.objects.select_related("source")}
    for table in named.values():
        for link, to in table.links.items():
            if trouble := _broken(to, named):
                raise DefinitionError(KIND, name, f"tables.{table.name}.links.{link}", trouble)
        for field, steps in (("key", table.steps), ("at", table.steps_to_time)):
            if holder(table, steps, named) is None:
                what = {"key": "its customers are not found", "at": "its time is not found"}[field]
                way = f"{'.'.join(steps)} goes by a link that is not there"
                raise DefinitionError(KIND, name, f"tables.{table.name}.{field}", f"{what}; {way}")


def _broken(link: Mapping[str, str], named: Mapping[str, Table]) -> str:
    target = named.get(link["table"])
    if target is None:
        near = difflib.get_close_matches(link["table"], named, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(named)}"
        return f"there is no table {link['table']}; {hint}"
    if not target.identity:
        return f"the rows of {target.name} have no key of their own; name its column there as `id`"
    return ""


def _exported(source: Source) -> dict[str, Any]:
    place: dict[str, Any] = {"url": source.url} if source.url else {"files": True}
    return place | {
        "tables": {table.name: _exported_table(table, bool(source.url)) for table in source.tables.all()}
    }


def _exported_table(table: Table, in_database: bool) -> dict[str, Any]:
    body = {
        "table" if in_database else "file": table.location,
        "key": table.key,
        "id": table.own_key,
        "email": table.email,
        "mobile": table.mobile,
        "subject": table.subject,
        "lookup": table.lookup,
        "at": table.at,
        "updated": table.updated,
        "append_only": table.append_only,
        "links": table.links,
        "same_key": table.same_key,
        "same_email": table.same_email,
        "noun": table.noun,
        "types": table.types,
        "max_age_days": table.max_age.days if table.max_age else None,
    }
    return {field: value for field, value in body.items() if value}
