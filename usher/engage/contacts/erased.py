"""What is left of people who were erased: keyed digests, by which an address is known when it comes again.

Nobody can read an address out of a digest, nor try one without this installation's secret key. When somebody
hands the address to us again, its suppression is put back before anything else looks at it: so all checks are
made against suppressions alone, and cost what they cost before.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import sha256 as sha
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection

from usher.engage.models import Account, Erased
from usher.engage.models.contacts import Status

#: Where a suppression comes from that was put back.
SOURCE = "erased"
#: Of a block of SHA-256, for the two halves of an HMAC.
_BLOCK = 64
#: Rows that are looked at once more.
OVERLAP = 100

#: The first eight bytes of each address's digest, by each of the installation's keys.
Digests = list["np.ndarray[Any, Any]"]

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


class Watch:
    """Looks thousands of addresses over for those of people who were erased.

    A part of each digest is kept in memory: eight bytes tell nearly all strangers apart, and the database
    the rest.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._known = np.empty(0, ">u8")
        self._last = 0
        self._look()

    def digests(self, email_keys: Iterable[str]) -> Digests | None:
        """What `recall` wants. It asks no database, so that it may be done meanwhile; None: no need of it."""
        return [_starts(key, email_keys) for key in _keys()] if len(self._known) else None

    def recall(self, email_keys: Sequence[str], found: Digests | None = None) -> None:
        """Put the suppressions back of whoever of these was erased, also since the last time."""
        self._look()
        found = self.digests(email_keys) if found is None else found
        if found and email_keys:
            hits = np.flatnonzero(np.any([np.isin(one, self._known) for one in found], axis=0))
            recall(self._account, [email_keys[place] for place in hits.tolist()])

    def _look(self) -> None:
        """Who was erased since the last time; some once more, in whose midst another may have come."""
        new = Erased.objects.filter(account=self._account, pk__gt=self._last - OVERLAP).order_by("pk")
        rows = [(key, bytes(digest[:8])) for key, digest in new.values_list("pk", "digest")]
        if rows:
            self._last = rows[-1][0]
            self._known = np.union1d(self._known, np.frombuffer(b"".join(start for _, start in rows), ">u8"))


def _starts(key: bytes, email_keys: Iterable[str]) -> np.ndarray[Any, Any]:
    """The first bytes of HMAC-SHA-256 as `digests` makes it, in a third of the time."""
    inner, outer = _halves(key)
    starts = [sha(outer + sha(inner + one.encode()).digest()).digest()[:8] for one in email_keys]
    return np.frombuffer(b"".join(starts), ">u8")


def _keys() -> list[bytes]:
    return [_derived(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


@lru_cache(64)
def _derived(key: str) -> bytes:
    return hashlib.sha256(f"usher erased:{key}".encode()).digest()


def _halves(key: bytes) -> tuple[bytes, bytes]:
    """The key as HMAC mixes it into its inner and its outer digest."""
    padded = key.ljust(_BLOCK, b"\0")
    return bytes(byte ^ 0x36 for byte in padded), bytes(byte ^ 0x5C for byte in padded)
