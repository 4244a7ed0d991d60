"""The SMS gateway that the settings name."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import parse_qs, unquote, urlsplit

from usher.engage.channels.sms_twilio import Twilio
from usher.engage.channels.texting import Gateway, Kept
from usher.lib.env import SettingError

#: Plain HTTP is for a gateway on the same machine.
_SCHEMES = {"twilio": "https", "twilio+http": "http"}


@lru_cache(4)
def gateway_from(url: str) -> Gateway:
    """`local:`, or `twilio://account:token@api.twilio.com?from=+441234567890`. SettingError."""
    if url == "local:":
        return Kept()
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise SettingError("USHER_SMS_URL has a port that is not a number up to 65535") from None
    # a + is the beginning of a number here, and not a blank
    sender = parse_qs(parts.query.replace("+", "%2B")).get("from", [""])[0]
    if parts.scheme not in _SCHEMES or not parts.hostname or not parts.username or not sender:
        raise SettingError(
            "USHER_SMS_URL must be local: or look like twilio://account:token@api.twilio.com?from=+441234567890"
        )
    base_url = f"{_SCHEMES[parts.scheme]}://{parts.hostname}{port}"
    return Twilio(base_url, unquote(parts.username), unquote(parts.password or ""), sender)
