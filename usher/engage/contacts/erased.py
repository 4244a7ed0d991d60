"""What is left of people who were erased: keyed digests, by which an address is known when it comes again.

Nobody can read an address out of a digest, nor try one without this installation's secret key. When somebody
hands the address to us again, its suppression is put back before anything else looks at it: so all checks are
made against suppressions alone, and cost what they cost before.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import connection

from usher.engage.models import Account, Erased
from usher.engage.models.contacts import Status

#: Where a suppression comes from that was put back.
SOURCE = "erased"
#: Of a block of SHA-256, for the two halves of an HMAC.
_BLOCK = 64

_PUT_BACK = """
insert into engage_suppression (account_id, email_key, reason, at, source)
select %(account)s, email_key, reason, at, %(source)s from gone
on conflict (account_id, email_key) where lifted_at is null do nothing
"""
_RECALL = f"""
with gone as (
    delete from engage_erased using unnest(%(keys)s::text[], %(digests)s::bytea[]) as come (email_key, digest)
     where account_id = %(account)s and engage_erased.digest = come.digest
    returning come.email_key, engage_erased.reason, engage_erased.at
)
{_PUT_BACK}"""
# HMAC-SHA-256 as `digests` makes it: its outer digest over the inner one
_RECALL_FROM = f"""
with gone as (
    delete from engage_erased
     using {{table}} as staged, unnest(%(inner)s::bytea[], %(outer)s::bytea[]) as half (inner_, outer_)
     where account_id = %(account)s
       and engage_erased.digest
           = sha256(half.outer_ || sha256(half.inner_ || convert_to(staged.email_key, 'UTF8')))
    returning staged.email_key, engage_erased.reason, engage_erased.at
)
{_PUT_BACK}"""


def digests(email_key: str) -> list[bytes]:
    """Of an address in lower case, by each of the installation's keys; the first is the one to keep."""
    return [hmac.digest(key, email_key.encode(), hashlib.sha256) for key in _keys()]


def remember(account: Account, email_key: str, reason: Status, now: datetime) -> None:
    """Somebody is erased: the address must not be mailed, and is not kept."""
    Erased.objects.update_or_create(
        account=account, digest=digests(email_key)[0], defaults={"reason": reason, "at": now}
    )


def recall(account: Account, email_keys: Collection[str]) -> None:
    """Put the suppressions back of whoever of these was erased; to be asked before an address is let in."""
    if not email_keys:
        return
    pairs = [(key, digest) for key in email_keys for digest in digests(key)]
    values: dict[str, Any] = {"account": account.pk, "source": SOURCE}
    values |= {"keys": [key for key, _ in pairs], "digests": [digest for _, digest in pairs]}
    with connection.cursor() as cursor:
        cursor.execute(_RECALL, values)


def recall_from(cursor: Any, account_id: int, table: str) -> None:
    """The same for the addresses (`email_key`) of a temporary table, if anybody was ever erased."""
    if Erased.objects.filter(account=account_id).exists():
        halves = [_halves(key) for key in _keys()]
        values: dict[str, Any] = {"account": account_id, "source": SOURCE}
        values |= {"inner": [inner for inner, _ in halves], "outer": [outer for _, outer in halves]}
        cursor.execute(_RECALL_FROM.format(table=table), values)


def _keys() -> list[bytes]:
    return [_derived(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


@lru_cache(64)
def _derived(key: str) -> bytes:
    return hashlib.sha256(f"usher erased:{key}".encode()).digest()


def _halves(key: bytes) -> tuple[bytes, bytes]:
    """The key as HMAC mixes it into its inner and its outer digest."""
    padded = key.ljust(_BLOCK, b"\0")
    return bytes(byte ^ 0x36 for byte in padded), bytes(byte ^ 0x5C for byte in padded)
