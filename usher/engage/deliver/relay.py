"""The relay that the settings name, and how to ask it what it took."""

from __future__ import annotations

import time
from urllib.parse import unquote, urlsplit

from django.conf import settings

from usher.engage.channels.relay import Relay, Security
from usher.lib.env import SettingError
from usher.lib.spool import Spool

_SECURITY: dict[str, Security] = {"smtp": "none", "smtp+starttls": "starttls", "smtps": "tls"}
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
#: Seconds in which the sink works off what a killed sender left in its connections.
DRAIN = 2.0


def relay_from(url: str) -> Relay:
    """`smtp://[user:password@]host[:port]`, `smtp+starttls://` or `smtps://`. SettingError."""
    parts = urlsplit(url)
    if parts.scheme not in _SECURITY or not parts.hostname:
        raise SettingError("USHER_SMTP_URL must look like smtp://host:port, smtp+starttls:// or smtps://")
    try:
        port = parts.port or _PORTS[parts.scheme]
    except ValueError:
        raise SettingError("USHER_SMTP_URL has a port that is not a number up to 65535") from None
    return Relay(
        parts.hostname,
        port,
        _SECURITY[parts.scheme],
        unquote(parts.username or ""),
        unquote(parts.password or ""),
    )


def asked_sink(message_ids: set[str]) -> set[str] | None:
    """Which of these mails the local mail sink took; None when our relay is not the sink.

    The sink keeps its spool beside our data. A mail server of this machine on one of the usual ports is
    not the sink, even where a spool was left behind.
    """
    spool = settings.USHER_DATA_DIR / "mail"
    relay = relay_from(settings.USHER_SMTP_URL)
    is_sink = relay.host in _LOOPBACK and relay.security == "none" and relay.port not in _PORTS.values()
    if not is_sink or not (spool / "index.jsonl").exists():
        return None
    time.sleep(DRAIN)
    return Spool(spool).accepted(message_ids)
