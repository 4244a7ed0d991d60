"""Who calls, by OAuth 1.0a with a consumer key alone (RFC 5849): the signature, the moment and the nonce."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from oauthlib.oauth1.rfc5849 import signature, utils

from usher.engage import spotler_keys
from usher.engage.models import SpotlerKey, UsedNonce
from usher.engage.spotler_keys import WINDOW

_VERIFIED_BY = {"HMAC-SHA1": signature.verify_hmac_sha1, "HMAC-SHA256": signature.verify_hmac_sha256}
#: Characters that some signers leave as they are in a path and others do not.
_SAFE = ("", "!'()*", "!$&'()*+,;=:@", "!'()*@:")


class Call(NamedTuple):
    """What oauthlib looks at."""

    http_method: str
    uri: str
    params: list[tuple[str, str]]
    signature: str


class DeniedError(Exception):
    """The call is not let in; says why."""


def authenticate(request: HttpRequest, now: datetime) -> SpotlerKey:
    """The enabled key that signed this call, with its account. DeniedError otherwise."""
    sent = _parameters(request.headers.get("Authorization", ""))
    key = SpotlerKey.objects.select_related("account").filter(key=sent.get("oauth_consumer_key", "")).first()
    if key is None or not key.enabled:
        raise DeniedError("the consumer key is not known")
    at = _moment(sent)
    if abs(now - at) > WINDOW:
        raise DeniedError("the timestamp is more than five minutes off")
    if not _is_signed(request, sent, spotler_keys.secret_of(key)):
        raise DeniedError("the signature is not right; look at the secret and at the address that was signed")
    _use(key, at, sent.get("oauth_nonce", ""))
    return key


def _parameters(header: str) -> dict[str, str]:
    """The header's parameters, decoded; the realm is no part of what is signed."""
    if not header.lower().startswith("oauth "):
        raise DeniedError("sign the call with OAuth 1.0a")
    try:
        pairs = utils.parse_authorization_header(header)
        return {name: utils.unescape(value) for name, value in pairs if name.lower() != "realm"}
    except ValueError:
        raise DeniedError("the Authorization header cannot be read") from None


def _moment(sent: dict[str, str]) -> datetime:
    stamp = sent.get("oauth_timestamp", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 11):
        raise DeniedError("the timestamp is no number of seconds")
    return datetime.fromtimestamp(int(stamp), UTC)


def _is_signed(request: HttpRequest, sent: dict[str, str], secret: str) -> bool:
    verify = _VERIFIED_BY.get(sent.get("oauth_signature_method", "").upper())
    if verify is None:
        raise DeniedError("sign with HMAC-SHA1 or HMAC-SHA256")
    given = sent.get("oauth_signature", "")
    signed = [(name, value) for name, value in sent.items() if name != "oauth_signature"]
    right = False
    for query in _queries(request.META.get("QUERY_STRING", "")):
        for address in _addresses(request):
            one = Call(request.method or "", address, [*signed, *query], given)
            right |= verify(one, client_secret=secret)  # each is looked at, so that the time tells nothing
    return right


def _queries(raw: str) -> Iterator[list[tuple[str, str]]]:
    """What may have been signed of the query: as it stands, or with noughts as nothing (one signer does)."""
    if not raw:
        yield []
        return
    try:
        pairs = signature.collect_parameters(uri_query=raw, exclude_oauth_signature=False)
    except ValueError:
        raise DeniedError("the query cannot be read") from None
    yield pairs
    if any(value == "0" for _, value in pairs):
        yield [(name, "" if value == "0" else value) for name, value in pairs]


def _addresses(request: HttpRequest) -> Iterator[str]:
    """The address as the client may have written it: the host it saw, the path encoded in the usual ways."""
    usual = [quote(request.path_info, safe=f"/~{safe}") for safe in _SAFE]
    # some signers write a tilde as a code
    paths = dict.fromkeys([*usual, *(one.replace("~", "%7E") for one in usual), request.path_info])
    hosts = dict.fromkeys([_seen(request), settings.USHER_PUBLIC_URL])
    for host in hosts:
        for path in paths:
            yield host + path


def _seen(request: HttpRequest) -> str:
    """Scheme and host as this call came with them, before any proxy."""
    scheme = request.headers.get("X-Forwarded-Proto", request.scheme or "http").split(",")[0].strip()
    host = request.headers.get("X-Forwarded-Host", request.headers.get("Host", "")).split(",")[0].strip()
    return f"{scheme}://{host}" if host else f"{scheme}://{urlsplit(settings.USHER_PUBLIC_URL).netloc}"


def _use(key: SpotlerKey, at: datetime, nonce: str) -> None:
    """Remember the nonce; DeniedError when the same call was taken before."""
    if not nonce or len(nonce) > 255 or "\0" in nonce:
        raise DeniedError("a nonce has 1 to 255 characters")
    try:
        with transaction.atomic():
            UsedNonce.objects.create(key=key, nonce=nonce, at=at)
    except IntegrityError:
        raise DeniedError("this nonce was used before; sign each call anew") from None
