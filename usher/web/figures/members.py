"""The members of an audience with their computed fields, a page at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import duckdb
from django.core.paginator import Page, Paginator
from django.http import HttpRequest

from usher.audiences import published
from usher.audiences.errors import AudienceError
from usher.audiences.models import Audience, Snapshot
from usher.engage.models import Contact
from usher.sources.errors import SourceError
from usher.web.paging import ROWS

#: Members that an export reads in one go.
BATCH = 50_000


@dataclass(frozen=True)
class Row:
    key: str
    email: str
    #: The computed fields with their values.
    named: Sequence[tuple[str, Any]]
    #: The contact of this address in the engine, if it is there.
    contact: int | None


@dataclass(frozen=True)
class Found:
    page: Page[Any]
    fields: list[str]
    #: Why the members cannot be read, and what to do; then the page is empty.
    trouble: str = ""


def found(audience: Audience, text: str, request: HttpRequest) -> Found:
    """One page of the members that fit the search."""
    try:
        number = max(1, int(request.GET.get("page", 1)))
    except ValueError:
        number = 1
    try:
        part = published.page(audience, text, (number - 1) * ROWS, ROWS)
    except (AudienceError, SourceError) as problem:
        return Found(Paginator([], ROWS).page(1), [], str(problem))
    fields = _fields()
    rows = _rows(part.members, fields)
    whole = Paginator(range(part.total), ROWS)
    return Found(Page(rows, min(number, whole.num_pages), whole), list(fields))


def exported(audience: Audience, text: str) -> tuple[list[str], Iterator[Sequence[Any]]]:
    """A header, and a row for each member that fits the search, in batches. AudienceError, SourceError."""
    fields = _fields()
    rows = _batches(audience, text, fields)
    # the first is read at once: what cannot be read is told on a page, and not by half a file
    first = list(islice(rows, 1))
    return ["key", "email", *fields], chain(first, rows)


def _batches(audience: Audience, text: str, fields: Mapping[str, str]) -> Iterator[Sequence[Any]]:
    start, total = 0, 1
    while start < total:
        part = published.page(audience, text, start, BATCH)
        values = _values([one.key for one in part.members], fields)
        for one in part.members:
            yield [one.key, one.email, *values[one.key]]
        start, total = start + BATCH, part.total


def _fields() -> dict[str, str]:
    """The computed fields as last published, by name: a subquery with `key` and `value`."""
    last = published.last_done()
    rows = Snapshot.objects.filter(evaluation=last, field__isnull=False, as_of__isnull=False)
    found = [row.field for row in rows.select_related("field").order_by("field__name") if row.field]
    return {field.name: published.values_sql(field) for field in found}


def _rows(members: Sequence[published.Member], fields: Mapping[str, str]) -> list[Row]:
    values = _values([one.key for one in members], fields)
    addresses = [one.email.lower() for one in members if one.email]
    contacts = dict(Contact.objects.filter(email_key__in=addresses).values_list("email_key", "pk"))
    return [
        Row(
            one.key,
            one.email or "",
            list(zip(fields, values[one.key], strict=True)),
            contacts.get((one.email or "").lower()),
        )
        for one in members
    ]


def _values(keys: list[str], fields: Mapping[str, str]) -> dict[str, Sequence[Any]]:
    """The fields' values of each key, one reading of the files for all."""
    joins = "".join(
        f" LEFT JOIN {rows} f{number} ON f{number}.key = k.key" for number, rows in enumerate(fields.values())
    )
    shown = "".join(f", f{number}.value" for number in range(len(fields)))
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"SELECT k.key{shown} FROM (SELECT unnest(?::VARCHAR[]) AS key) k{joins}", [keys]
        )
        return {row[0]: row[1:] for row in rows.fetchall()}
