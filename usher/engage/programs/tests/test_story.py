"""From the check at seven to the click and the exit, through the real mail server and the real addresses."""

from __future__ import annotations

import re
from email.parser import BytesParser
from email.policy import default
from pathlib import Path

import pytest
from django.test import Client

from usher.engage.channels.relay import Relay
from usher.engage.deliver.run import deliver
from usher.engage.models import Enrolment, Program
from usher.engage.programs.runner import tick
from usher.engage.programs.tests.conftest import Person, day
from usher.lib import clock
from usher.lib.sink import SinkThread
from usher.lib.spool import Spool

pytestmark = pytest.mark.django_db


def test_the_story_of_four_people(
    program: Program, person: Person, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("alice", "bob", "carol"):
        person(name)
    person("sam", is_seed=True)
    monkeypatch.setattr(clock, "virtual", tmp_path / "clock")
    behaviour = tmp_path / "behaviour.json"
    behaviour.write_text('{"refuse": {"carol@example.com": "550 5.1.1 No such user"}}')
    spool = Spool(tmp_path / "mail")
    with SinkThread(spool, now=clock.now, behaviour_path=behaviour) as sink:

        def night(number: int) -> None:
            clock.move(tmp_path / "clock", day(number))
            tick(day(number))
            deliver(
                clock.now,
                Relay("127.0.0.1", sink.port),
                chance=lambda: 0.0,
                was_accepted=spool.accepted,
            )

        night(0)
        mails = {
            entry.rcpt_to[0]: BytesParser(policy=default).parsebytes(spool.read(entry))
            for entry in spool.entries()
        }
        assert sorted(mails) == ["alice@example.com", "bob@example.com", "sam@example.com"]
        clock.move(tmp_path / "clock", day(1, 12))
        text = mails["alice@example.com"].get_body(["html"]).get_content()  # type: ignore[union-attr]
        click = re.search(r'http://localhost:8000(/t/c/[^"]+)', text)
        assert click
        assert client.get(click[1])["Location"] == "https://shop.example/"
        leave = str(mails["bob@example.com"]["List-Unsubscribe"])
        path = leave.strip("<>").removeprefix("http://localhost:8000")
        assert client.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
        for number in range(1, 22):
            night(number)

    assert dict(Enrolment.objects.values_list("contact__email", "outcome")) == {
        "alice@example.com": "came back",
        "bob@example.com": "unsubscribed",
        "carol@example.com": "bounced",
        "sam@example.com": "no answer",
    }
    received = [(entry.rcpt_to[0].partition("@")[0], entry.subject) for entry in spool.entries()]
    assert sorted(received) == [
        ("alice", "We miss you"),
        ("bob", "We miss you"),
        ("sam", "We miss you"),
        ("sam", "Your favourites are waiting"),
    ]
