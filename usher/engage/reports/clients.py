"""With which mail program a mail was opened, as its user agent says."""

from __future__ import annotations

from functools import lru_cache

from ua_parser import parse_user_agent


@lru_cache(4096)
def mail_client(user_agent: str) -> tuple[str | None, str | None]:
    """Its name and its name with the version ("Thunderbird", "Thunderbird 17"); None when nobody knows."""
    found = parse_user_agent(user_agent) if user_agent else None
    if found is None:
        return None, None
    return found.family, f"{found.family} {found.major}" if found.major else found.family
