"""Dotdigital's words and files, and ours."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import httpx
import pyarrow as pa
import pyarrow.csv

from usher.destinations.base import Contact, FieldType, ListGoneError, Progress
from usher.lib.http import OutsideError

#: A file of 10 MB, measured decoded; some room is left for those who count in thousands.
IMPORT_BYTES = 10_000_000
TYPES: dict[FieldType, str] = {"text": "String", "number": "Numeric", "date": "Date", "boolean": "Boolean"}
#: The product says Text and Yes/No where the API says String and Boolean.
_OUR_TYPES: dict[str, FieldType] = {
    "string": "text",
    "text": "text",
    "numeric": "number",
    "date": "date",
    "boolean": "boolean",
    "yes/no": "boolean",
}
#: Names that Dotdigital keeps for itself, in lower case; e-mail is the address's own column.
RESERVED = frozenset(
    {
        "account",
        "campaign",
        "campaignid",
        "contact",
        "contact_api_id",
        "contactid",
        "email",
        "hcontactid",
        "hemail",
        "hemail256",
        "id",
        "messagecontent",
        "mobilenumberid",
        "notes",
        "token",
        "unsubscribed",
        "uniquecontactid",
    }
)
#: The only status that is mailed; one that this version cannot name is not.
MAILABLE = "subscribed"
#: Final states of an import, each with what to do.
_IMPORT_ENDS = {
    "rejectedbywatchdog": "Dotdigital's data watchdog refused the file; ask their support to look at it",
    "invalidfileformat": "Dotdigital could not read the file as CSV",
    "failed": "the import failed at Dotdigital; it is made again in the next run",
    "exceedsallowedcontactlimit": "the account's contact limit is reached; remove contacts or raise the plan",
}
_TOKEN = re.compile(r"ERROR_[A-Z0-9_]+")
#: The tokens that may go away by waiting; every other one needs somebody.
_PASSING = {
    "ERROR_ADDRESSBOOK_IN_USE",
    "ERROR_IMPORT_TOOMANYACTIVEIMPORTS",
    "ERROR_ENROLMENT_ALLOWANCE_EXCEEDED",
    "ERROR_APIUSAGE_EXCEEDED",
    "ERROR_SYSTEM_SERVICETEMPORARILYUNAVAILABLE",
}
_WHAT_TO_DO = {
    "ERROR_APIUSAGE_EXCEEDED": "the account's hourly calls are used up; it goes on by itself within the hour",
    "ERROR_IMPORT_TOOMANYACTIVEIMPORTS": "25 imports are running in this account; it goes on when one ends",
    "ERROR_ADDRESSBOOK_NOT_FOUND": "the list is no longer there; the next run makes or finds it again",
    "ERROR_ADDRESSBOOK_LIMITEXCEEDED": "the account has no room for another list; remove one there",
    "ERROR_DATAFIELD_LIMITEXCEEDED": "the account has no room for another data field; remove one there",
    "ERROR_ADDRESSBOOK_NOTWRITABLE": "this list cannot be written through the API; choose another name",
    "ERROR_FEATURENOTACTIVE": "the account does not include this feature",
}
#: Counters of an import's report that mean a row was refused, so that the faults are worth a call.
FAULT_COUNTERS = (
    "globallySuppressed",
    "invalidEntries",
    "duplicateEmails",
    "blocked",
    "unsubscribed",
    "hardBounced",
    "softBounced",
    "ispComplaints",
    "mailBlocked",
    "domainSuppressed",
    "pendingDoubleOptin",
    "failures",
    "suppressedContacts",
)


def error(response: httpx.Response) -> OutsideError:
    """A reply of 300 and above in our words; its token counts before its status."""
    said = _message(response)
    found = _TOKEN.search(said)
    token = found.group() if found else ""
    status = response.status_code
    host = response.request.url.host
    if status == 401:
        text = (
            f"{host} does not accept the user name and password; check both, and that the API user is enabled"
        )
    elif status == 403 and not token:
        text = f"{host} denies access: the account lives in another region, or the API user may not do this"
    elif token in _WHAT_TO_DO:
        text = f"{_WHAT_TO_DO[token]} ({token})"
    else:
        asked = f"{response.request.method} {_masked(response.request.url.path)}"
        text = f"{host} answered {status} to {asked}: {said}"
    passing = token in _PASSING or status == 429 or status >= 500
    kind = ListGoneError if token == "ERROR_ADDRESSBOOK_NOT_FOUND" else OutsideError
    return kind(text, retry=passing, status=status, token=token)


def _message(response: httpx.Response) -> str:
    try:
        body = response.json()
        return str(body["message"]).strip()
    except (ValueError, KeyError, TypeError):
        return response.text.strip()[:300] or "nothing"


def _masked(path: str) -> str:
    """Addresses stand in paths; an error message may reach a log."""
    return re.sub(r"[^/]*@[^/]*", "…@…", path)


def field_type(word: str) -> FieldType:
    """Ours for theirs; a type that we cannot name is written as text."""
    return _OUR_TYPES.get(word.strip().lower(), "text")


def contact(body: Mapping[str, Any]) -> Contact:
    fields = {item["key"].upper(): item["value"] for item in body.get("dataFields") or []}
    status = str(body.get("status") or "")
    return Contact(str(body["id"]), str(body["email"]), status, status.lower() == MAILABLE, fields)


def contact_body(email: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """A contact as v2 takes it; opt-in type and e-mail type are left as they are."""
    return {"email": email, "dataFields": [{"key": key, "value": value(it)} for key, it in fields.items()]}


def value(it: Any) -> Any:
    """One data field's value in JSON: dates in ISO 8601, moments in UTC."""
    if isinstance(it, datetime):
        return it.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(it, date):
        return it.isoformat()
    return float(it) if isinstance(it, Decimal) else it


def import_progress(state: str) -> Progress:
    word = state.strip().lower()
    if word == "finished":
        return Progress("done")
    if word in _IMPORT_ENDS:
        return Progress("failed", _IMPORT_ENDS[word])
    if word == "unknown":
        return Progress("unknown", "Dotdigital does not know the state of the import")
    return Progress("running", state)


def faults(text: str) -> dict[str, str]:
    """{lower-case address: reason} from a fault report: a Reason column, then the file's own."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("﻿")))
    names = {name.strip().lower(): name for name in reader.fieldnames or []}
    if "email" not in names or "reason" not in names:
        return {}
    return {row[names["email"]].strip().lower(): row[names["reason"]].strip() for row in reader}


def _text(name: str, kind: pa.DataType) -> str:
    """SQL for a column's values as the file holds them."""
    column = quoted(name)
    if pa.types.is_timestamp(kind):
        moment = f"({column} at time zone 'UTC')" if kind.tz else column
        return f"strftime({moment}, '%Y-%m-%dT%H:%M:%S.%gZ')"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        # at most nine places and no exponent, which is what a Numeric field can hold; by way of its shortest
        # text, since a double times 10^9 is no longer exact
        places = f"cast(cast({column} as varchar) as decimal(38, 9))"
        return rf"regexp_replace(cast({places} as varchar), '\.?0+$', '')"
    return f"cast({column} as varchar)"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def file_columns(rows: pa.Table) -> dict[str, str]:
    """{heading: SQL for its text}, Email first."""
    fields = [name for name in rows.column_names if name != "email"]
    kinds = {name: rows.schema.field(name).type for name in fields}
    return {"Email": 'cast("email" as varchar)'} | {name: _text(name, kinds[name]) for name in fields}


def write_csv(rows: pa.Table) -> bytes:
    """The import file: UTF-8, RFC 4180, every value quoted, an empty cell where there is no value."""
    columns = ", ".join(f"{text} as {quoted(name)}" for name, text in file_columns(rows).items())
    with duckdb.connect() as database:
        database.register("members", rows)
        text = database.sql(f"select {columns} from members").to_arrow_table()
    out = io.BytesIO()
    options = pyarrow.csv.WriteOptions(quoting_style="all_valid", quoting_header="all_valid")
    pyarrow.csv.write_csv(text, out, options)
    return out.getvalue()


def split(rows: pa.Table, limit: int = IMPORT_BYTES) -> list[pa.Table]:
    """The rows in as few files as `limit` bytes each allow, in order; sizes are counted, not guessed."""
    columns = file_columns(rows)
    header = sum(len(name) + 3 for name in columns)
    # two quotes a value, inner ones doubled, and a comma or the line's end after each
    sizes = [
        f"coalesce(2 * strlen({it}) - strlen(replace({it}, '\"', '')) + 3, 1)" for it in columns.values()
    ]
    with duckdb.connect() as database:
        database.register("members", rows)
        found = database.execute(f"select {' + '.join(sizes)} from members").fetchall()
    return [rows.slice(start, stop - start) for start, stop in _cuts([it for (it,) in found], limit - header)]


def _cuts(sizes: list[int], room: int) -> list[tuple[int, int]]:
    """(start, stop) of each part: every part filled up to `room` bytes, never empty."""
    cuts, start, filled = [], 0, 0
    for row, size in enumerate(sizes):
        if filled + size > room and row > start:
            cuts.append((start, row))
            start, filled = row, 0
        filled += size
    return [*cuts, (start, len(sizes))] if sizes else []
