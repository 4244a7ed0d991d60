"""A platform that answers, a mail spool that is read, and the plan of a win-back program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import stamina
import yaml

from usher.destinations.models import Destination
from usher.lib.spool import Spool
from usher.seeds import definitions
from usher.seeds.definitions import PlanBody
from usher.seeds.models import SeedPlan
from usher.seeds.tests.platform import Platform

WIN_BACK = """
program: Win back
destination: engage
list: Usher seeds
address: seed@seeds.example.com
every: 10 days
at: "06:30"
starts: 1998-01-01
fields: {TAG_LAPSED_BUYER: true}
paths:
  clicks:
    clicks: true
    expect:
      - {mail: We miss you, at: "07:00", window: 30 minutes}
    never: [Your favourites are waiting]
  does not click:
    expect:
      - {mail: We miss you, at: "07:00", window: 30 minutes}
      - {mail: Your favourites are waiting, at: "07:00", after: 7 days, window: 30 minutes}
"""
CLICKS = "seed+win-back-seeds-clicks-19980101@seeds.example.com"
DOES_NOT = "seed+win-back-seeds-does-not-click-19980101@seeds.example.com"

Deliver = Callable[..., None]


def at(day: int, clock: str) -> datetime:
    """A moment of January 1998, e.g. at(1, "07:00")."""
    return datetime.fromisoformat(f"1998-01-{day:02} {clock}").replace(tzinfo=UTC)


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """A call that is repeated is repeated at once."""
    with stamina.set_testing(True, attempts=2):
        yield


@pytest.fixture
def platform(settings: Any) -> Iterator[Platform]:
    platform = Platform()
    settings.USHER_PUBLIC_URL = platform.url
    yield platform
    platform.close()


@pytest.fixture
def engage(db: None, platform: Platform) -> Destination:
    destination = Destination(
        name="engage", kind="dotdigital", settings={"url": platform.url, "username": "apiuser"}
    )
    destination.seal({"password": "open sesame"})
    destination.save()
    return destination


@pytest.fixture
def define(engage: Destination, tmp_path: Path) -> Callable[..., SeedPlan]:
    def define(**changes: Any) -> SeedPlan:
        body = PlanBody.model_validate(yaml.safe_load(WIN_BACK) | changes)
        definitions.apply("seeds", "Win back seeds", body, base_dir=tmp_path, by="Olga", now=at(1, "06:00"))
        return SeedPlan.objects.get()

    return define


@pytest.fixture
def plan(define: Callable[..., SeedPlan]) -> SeedPlan:
    return define()


@pytest.fixture
def deliver(settings: Any, tmp_path: Path) -> Iterator[Deliver]:
    """Put a mail into the sink's spool."""
    settings.USHER_DATA_DIR = tmp_path
    spool = Spool(tmp_path / "mail")
    sent = 0

    def deliver(to: str, subject: str, when: datetime, html: str = "<p>Hello</p>") -> None:
        nonlocal sent
        sent += 1
        mail = EmailMessage()
        mail["Subject"], mail["To"], mail["Message-ID"] = subject, to, f"<{sent}@musicshop.example.com>"
        mail.set_content("Hello")
        mail.add_alternative(html, subtype="html")
        spool.append(mail.as_bytes(), "shop@musicshop.example.com", [to], when)

    yield deliver
    spool.close()
