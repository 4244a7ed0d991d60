"""API users: who may call the API, and the check of every call."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import struct
from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password

from usher.engage.accounts import create_account
from usher.engage.errors import EngageError
from usher.engage.models import Account, ApiUser
from usher.engage.models.accounts import Permission, Scheme
from usher.engage.tally import tally
from usher.lib.database.ready import Ready

#: The account of an installation that has none, until its definitions name it.
NAME = "Usher"

#: Wrong passwords for a user name within a minute: from one sender, and from anywhere. Then only those that
#: are known to be right are looked at.
MOST_WRONG, MOST_FROM_ANYWHERE = 10, 100
#: Places in which wrong passwords are counted, and in which proved ones are kept.
SLOTS = 8192
#: Proofs belong to no period of time.
_LASTING = 1
#: By this name a server hands its key to the processes that it starts.
KEY = "USHER_PROCESS_KEY"

# What a slow hash has proved once is proved again by a quick keyed digest. All processes of a server share
# it; the key is in their memory only and ends with them, so that the digests that stay behind tell nothing.
_key = bytes.fromhex(os.environ.get(KEY) or secrets.token_hex(32))


class AccessError(EngageError):
    """An API user cannot be made or changed as asked; says what to do."""

    def __str__(self) -> str:
        return f"{self.message} ({self.token})" if self.token else self.message


def default_account(now: datetime) -> Account:
    """The oldest account, which is the only one as long as nobody makes another; made when there is none."""
    account = Account.objects.order_by("pk").first()
    return account or create_account(NAME, now)


def create_api_user(
    account: Account,
    now: datetime,
    username: str | None = None,
    password: str | None = None,
    permissions: Iterable[str] = tuple(Permission),
    scheme: Scheme = Scheme.TIERED,
) -> tuple[str, str]:
    """Make an API user; its user name and password, of which only a hash is kept."""
    username = username or f"apiuser-{secrets.token_hex(6)}@apiconnector.com"
    password = password or new_password()
    if ":" in username:
        raise AccessError("", "a user name has no colon")
    hashed = _hashed(password)
    if ApiUser.objects.filter(username=username).exists():
        raise AccessError("", f"the API user {username} exists already; disable it, or choose another name")
    ApiUser.objects.create(
        account=account,
        username=username,
        password=hashed,
        permissions=_in_order(permissions),
        scheme=scheme,
        created_at=now,
    )
    return username, password


def new_password() -> str:
    """A password that is let in: chance alone may draw nothing but letters."""
    return f"{secrets.token_urlsafe(18)}{secrets.randbelow(10)}"


def change_api_user(
    username: str,
    *,
    enabled: bool | None = None,
    password: str | None = None,
    permissions: Iterable[str] | None = None,
    scheme: Scheme | None = None,
) -> None:
    """Change what is given, from the next call on."""
    changes: dict[str, object] = {"enabled": enabled, "scheme": scheme}
    if password is not None:
        changes["password"] = _hashed(password)
    if permissions is not None:
        changes["permissions"] = _in_order(permissions)
    given = {name: value for name, value in changes.items() if value is not None}
    if not ApiUser.objects.filter(username=username).update(**given):
        raise AccessError("", f"there is no API user {username}")


def api_users(account: Account) -> Iterable[ApiUser]:
    return ApiUser.objects.filter(account=account).order_by("pk")


_WHO = Ready(
    """
select u.*, a.* from engage_apiuser u join engage_account a on a.id = u.account_id
 where u.username = %(username)s and u.enabled""",
    u=ApiUser,
    a=Account,
)


def authenticate(header: str, now: datetime, sender: str = "") -> ApiUser | None:
    """The API user, with its account, whom a request with this Authorization header comes from, or None.

    The user's row is read each time. After too many wrong passwords for a name from the same `sender`, or
    from anywhere, no more are looked at for the rest of the minute: that costs a guesser the guess, and
    leaves a client alone that was in before, or that calls from elsewhere.
    """
    username, password = _credentials(header)
    found = _WHO.row({"username": username})
    if found is None:
        return None
    user: ApiUser = found[0]
    user.account = found[1]
    proof = _Proof(user, password)
    if proof.is_known():
        return user
    wrong = _WrongPasswords(username, sender, now)
    if wrong.are_too_many():
        return None
    if not check_password(password, user.password):
        wrong.add()
        return None
    proof.keep()
    return user


def denied(header: str, now: datetime, sender: str = "") -> ApiUser | None:
    """The API user, enabled or not, whom a header names that was not let in; None after too many of them.

    So a guesser cannot push the record of real calls out by its own.
    """
    username, _ = _credentials(header)
    user = ApiUser.objects.filter(username=username).first()
    if user is None:
        return None
    wrong = _WrongPasswords(username, sender, now)
    if wrong.are_too_many():
        return None
    if not user.enabled:  # of others the wrong password is counted already
        wrong.add()
    return user


def share_key() -> None:
    """Hand the key to the processes that this one starts."""
    os.environ[KEY] = _key.hex()


class _Proof:
    """That a user has this password."""

    def __init__(self, user: ApiUser, password: str) -> None:
        self._digest = _of("proof", user.username, user.password, password)
        self._slot = int.from_bytes(_of("place", user.username)[:8], "big") % SLOTS
        self._tally = tally("proved-passwords", SLOTS, 4)

    def is_known(self) -> bool:
        with self._tally.held():
            found = self._tally.counts(self._slot, _LASTING)
        return hmac.compare_digest(struct.pack("=4I", *found), self._digest)

    def keep(self) -> None:
        with self._tally.held():
            self._tally.put(self._slot, _LASTING, struct.unpack("=4I", self._digest))


def _of(*words: str) -> bytes:
    """A digest of the words that nobody without the key can make or check: 16 bytes."""
    return hmac.digest(_key, "\0".join(words).encode(), hashlib.sha256)[:16]


class _WrongPasswords:
    """Wrong passwords for a name within the minute, counted over all processes of this machine."""

    def __init__(self, username: str, sender: str, now: datetime) -> None:
        self._minute = int(now.timestamp()) // 60
        self._tally = tally("wrong-passwords", SLOTS, 1)
        self._limits = {_slot(username, sender): MOST_WRONG, _slot(username): MOST_FROM_ANYWHERE}

    def are_too_many(self) -> bool:
        with self._tally.held():
            return any(
                self._tally.counts(slot, self._minute)[0] >= most for slot, most in self._limits.items()
            )

    def add(self) -> None:
        with self._tally.held():
            for slot in self._limits:
                self._tally.add(slot, self._minute, [0])


def _slot(*words: str) -> int:
    """Where the words are counted; nobody can tell which others share the place."""
    digest = hmac.digest(settings.SECRET_KEY.encode(), "\0".join(words).encode(), hashlib.sha256)
    return int.from_bytes(digest[:8], "big") % SLOTS


def _hashed(password: str) -> str:
    if len(password) < 8 or password.isalpha():
        raise AccessError(
            "ERROR_WEAK_PASSWORD", "a password has 8 or more characters, one of which is no letter"
        )
    return make_password(password)


def scheme(said: str) -> Scheme:
    """The scheme of this name."""
    try:
        return Scheme(said.strip().lower())
    except ValueError:
        raise AccessError("", f"there is no scheme {said}; there are {', '.join(Scheme.values)}") from None


def _in_order(permissions: Iterable[str]) -> list[str]:
    """Each once, in the order in which we name them."""
    wanted = {str(one).strip().lower() for one in permissions}
    if strange := wanted - set(Permission.values):
        known = ", ".join(Permission.values)
        raise AccessError("", f"there is no permission {', '.join(sorted(strange))}; there are {known}")
    return [one for one in Permission.values if one in wanted]


def _credentials(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        username, _, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return ("", "") if "\0" in username + password else (username, password)
