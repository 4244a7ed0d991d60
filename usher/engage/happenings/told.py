"""What other systems tell that contacts did, taken as a set."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from usher.engage.models import Account

CUSTOM = "custom "


@dataclass(frozen=True)
class Deed:
    """One event; `column` and `value` are how contacts.described.identified names the contact.

    The column of a custom identifier is its id behind CUSTOM.
    """

    column: str
    value: int | str
    type: str
    at: datetime
    key: str = ""
    summary: str = ""
    data: Any = None


_KEEP = """
insert into engage_contactevent (account_id, contact_id, type, key, at, summary, data, recorded_at)
select contact.account_id, contact.id, told.type, told.key, told.at, told.summary, told.data, %(now)s
  from unnest(%(values)s::text[], %(types)s::text[], %(keys)s::text[],
              %(moments)s::timestamptz[], %(summaries)s::text[], %(data)s::jsonb[])
       with ordinality as told (value, type, key, at, summary, data, place)
  join engage_contact contact
    on contact.account_id = %(account)s and contact.status <> 'Deleted' and {same}
 order by told.place
    on conflict do nothing
"""
#: A column of contacts -> that it has the value; each kind is a statement, because each has its own index.
_SAME = {
    "pk": "contact.id = told.value::bigint",
    "email_key": "contact.email_key = told.value",
    "mobile_number": "contact.mobile_number = told.value",
}


_SAME_CUSTOM = """contact.id = (select named.contact_id from engage_contactidentifier named
                                where named.identifier_id = {identifier} and named.value = told.value)"""


def keep(account: Account, deeds: Iterable[Deed], now: datetime) -> int:
    """Keep the events of contacts that are there; how many were new. Told again, an event is the same one."""
    by_column: dict[str, list[Deed]] = {}
    for deed in deeds:
        by_column.setdefault(deed.column, []).append(deed)
    return sum(_kept(account, column, found, now) for column, found in by_column.items())


def _kept(account: Account, column: str, deeds: Sequence[Deed], now: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            _KEEP.format(same=_same(column)),
            {
                "account": account.pk,
                "now": now,
                "values": [str(deed.value) for deed in deeds],
                "types": [deed.type for deed in deeds],
                "keys": [deed.key for deed in deeds],
                "moments": [deed.at for deed in deeds],
                "summaries": [deed.summary for deed in deeds],
                "data": [json.dumps(deed.data or {}) for deed in deeds],
            },
        )
        return int(cursor.rowcount)


def _same(column: str) -> str:
    if column.startswith(CUSTOM):
        return _SAME_CUSTOM.format(identifier=int(column.removeprefix(CUSTOM)))
    return _SAME[column]
