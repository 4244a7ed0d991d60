"""Keys and secrets that sign the calls of Spotler's API."""

from __future__ import annotations

import secrets as chance
from datetime import datetime, timedelta

from django.conf import settings

from usher.engage.access import AccessError
from usher.engage.models import Account, SpotlerKey, UsedNonce
from usher.lib import secrets

#: A call is as old as this at most, and its nonce is remembered for twice as long.
WINDOW = timedelta(minutes=5)
_SHORTEST = 16


def create_key(
    account: Account, now: datetime, key: str | None = None, secret: str | None = None
) -> tuple[str, str]:
    """Make a consumer key with its secret, which is kept sealed: a signature is checked with the secret."""
    key, secret = key or chance.token_hex(16), secret or chance.token_urlsafe(32)
    if not key.isascii() or not 1 <= len(key) <= 128:
        raise AccessError("ERROR_PARAMETER_INVALID", "a key has 1 to 128 plain characters")
    if len(secret) < _SHORTEST:
        raise AccessError("ERROR_WEAK_PASSWORD", f"a secret has at least {_SHORTEST} characters")
    if SpotlerKey.objects.filter(key=key).exists():
        raise AccessError(
            "ERROR_PARAMETER_INVALID", f"the key {key} exists already; disable it, or take another"
        )
    sealed = secrets.seal(secret, settings.USHER_SECRET_KEYS)
    SpotlerKey.objects.create(account=account, key=key, secret=sealed, created_at=now)
    return key, secret


def secret_of(key: SpotlerKey) -> str:
    return secrets.unseal(key.secret, settings.USHER_SECRET_KEYS)


def set_enabled(key: str, enabled: bool) -> None:
    """Let the calls that a key signs in, or keep them out from the next on."""
    if not SpotlerKey.objects.filter(key=key).update(enabled=enabled):
        raise AccessError("ERROR_PARAMETER_INVALID", f"there is no key {key}")


def forget(now: datetime) -> int:
    """Delete the nonces of calls that are too old to be taken anyway; how many."""
    return UsedNonce.objects.filter(at__lt=now - 2 * WINDOW).delete()[0]
