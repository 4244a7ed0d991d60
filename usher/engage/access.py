"""API users: who may call the API, and the check of every call."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime, timedelta
from threading import Lock
from typing import TypeVar

from django.contrib.auth.hashers import check_password, make_password

from usher.engage.accounts import create_account
from usher.engage.models import Account, ApiUser

#: The account of an installation that has none, until its definitions name it.
NAME = "Usher"

#: Wrong passwords for one user name within WINDOW; then only passwords known to be right are looked at.
MOST_WRONG = 10
WINDOW = timedelta(minutes=1)
#: User names remembered by one process.
REMEMBERED = 1000

V = TypeVar("V")

# Both live in this process's memory: what a slow hash has proved once is proved again by a quick keyed
# digest, whose key ends with the process.
_key = secrets.token_bytes(32)
_proved: OrderedDict[str, bytes] = OrderedDict()
_wrong: OrderedDict[str, list[datetime]] = OrderedDict()
_lock = Lock()


class AccessError(Exception):
    """An API user cannot be made or changed as asked; says what to do."""


def default_account(now: datetime) -> Account:
    """The oldest account, which is the only one as long as nobody makes another; made when there is none."""
    account = Account.objects.order_by("pk").first()
    return account or create_account(NAME, now)


def create_api_user(
    account: Account, now: datetime, username: str | None = None, password: str | None = None
) -> tuple[str, str]:
    """Make an API user; its user name and password, of which only a hash is kept."""
    username = username or f"apiuser-{secrets.token_hex(6)}@apiconnector.com"
    if password and (len(password) < 8 or password.isalpha()):
        raise AccessError("a password has 8 or more characters, one of which is no letter")
    password = password or secrets.token_urlsafe(18)
    if ":" in username:
        raise AccessError("a user name has no colon")
    if ApiUser.objects.filter(username=username).exists():
        raise AccessError(f"the API user {username} exists already; disable it, or choose another name")
    ApiUser.objects.create(
        account=account, username=username, password=make_password(password), created_at=now
    )
    return username, password


def set_enabled(username: str, enabled: bool) -> None:
    """Let an API user in, or keep it out from its next call on."""
    if not ApiUser.objects.filter(username=username).update(enabled=enabled):
        raise AccessError(f"there is no API user {username}")


def api_users(account: Account) -> Iterable[ApiUser]:
    return ApiUser.objects.filter(account=account).order_by("pk")


def authenticate(header: str, now: datetime) -> ApiUser | None:
    """The API user, with its account, whom a request with this Authorization header comes from, or None.

    The user's row is read each time. A user name with too many wrong passwords lately gets no more of
    them checked, which costs a guesser the guess and leaves a client that was in before alone.
    """
    username, password = _credentials(header)
    user = ApiUser.objects.select_related("account").filter(username=username, enabled=True).first()
    if user is None:
        return None
    digest = hmac.digest(_key, f"{user.password}\0{password}".encode(), hashlib.sha256)
    with _lock:
        if hmac.compare_digest(_proved.get(username, b""), digest):
            return user
        if _is_throttled(username, now):
            return None
    right = check_password(password, user.password)
    with _lock:
        if right:
            _remember(_proved, username, digest)
        else:
            _remember(_wrong, username, [*_wrong.get(username, []), now])
    return user if right else None


def _credentials(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        username, _, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return ("", "") if "\0" in username + password else (username, password)


def _is_throttled(username: str, now: datetime) -> bool:
    lately = [moment for moment in _wrong.get(username, []) if abs(now - moment) < WINDOW]
    if username in _wrong:
        _wrong[username] = lately
    return len(lately) >= MOST_WRONG


def _remember(memory: OrderedDict[str, V], username: str, value: V) -> None:
    memory[username] = value
    memory.move_to_end(username)
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)
