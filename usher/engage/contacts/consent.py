"""Evidence of consent: what somebody agreed to, when, and from where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from usher.engage.models import Consent, Contact


@dataclass(frozen=True)
class Evidence:
    """What a caller or form tells of a consent; empty is not told."""

    text: str = ""
    given_at: datetime | None = None
    url: str = ""
    ip: str = ""
    user_agent: str = ""


def record(contact: Contact, told: Iterable[Evidence], source: str, now: datetime) -> None:
    """Keep the evidence with the contact, for good. What is on record already is not kept twice.

    `source` says where it came from: "api", "import", "form <name>".
    """
    had = {evidence_of(row) for row in contact.consents.all()}
    new = [one for one in dict.fromkeys(told) if one not in had and one != Evidence()]
    Consent.objects.bulk_create(
        [
            Consent(
                contact=contact,
                text=one.text,
                given_at=one.given_at,
                url=one.url,
                ip=one.ip[:64],
                user_agent=one.user_agent,
                source=source[:160],
                recorded_at=now,
            )
            for one in new
        ]
    )


def evidence_of(row: Consent) -> Evidence:
    return Evidence(row.text, row.given_at, row.url, row.ip, row.user_agent)
