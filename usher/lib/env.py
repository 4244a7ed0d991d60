"""Read settings from the environment: a wrong value stops the start and names itself."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit


class SettingError(Exception):
    """A setting in the environment has a value that cannot be used."""


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, default)


def path(name: str, default: str) -> Path:
    return Path(os.environ.get(name) or default).expanduser().resolve()


def number(name: str, default: int) -> int:
    value = os.environ.get(name)
    if not value:
        return default
    try:
        return int(value)
    except ValueError:
        raise SettingError(f"{name} must be a whole number, not {value!r}") from None


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    value = os.environ.get(name) or default
    if value not in allowed:
        raise SettingError(f"{name} must be one of {', '.join(allowed)}, not {value!r}")
    return value


def words(name: str, default: str) -> list[str]:
    """A comma-separated list, blanks dropped."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def postgres(url: str) -> dict[str, object]:
    """Django's description of the PostgreSQL database at `url`.

    A socket directory may stand in the query (`postgresql://user@/name?host=/run/postgresql`).
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        raise SettingError("DATABASE_URL has a port that is not a number up to 65535") from None
    if parts.scheme not in ("postgres", "postgresql"):
        raise SettingError(f"DATABASE_URL must start with postgresql://, not {parts.scheme or url!r}")
    query = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair)
    host = unquote(query.pop("host", "")) or parts.hostname or ""
    return {
        "ENGINE": "usher.lib.database",
        "NAME": unquote(parts.path.lstrip("/")) or "postgres",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(port or query.pop("port", "")),
        "OPTIONS": {key: unquote(value) for key, value in query.items()},
    }
