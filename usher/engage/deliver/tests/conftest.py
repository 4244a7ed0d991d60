"""A shop with mails to send, and a real mail server on loopback."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from usher.engage.accounts import create_account
from usher.engage.channels.relay import Relay
from usher.engage.deliver.run import Delivered, deliver
from usher.engage.messages.queue import queue
from usher.engage.models import Account, Campaign, Contact
from usher.lib.sink import SinkThread
from usher.lib.spool import Spool

NOW = datetime(1998, 3, 1, 7, tzinfo=UTC)
HTML = (
    '<body><p>Dear @FIRSTNAME@</p><a href="https://shop.example/new">New</a>'
    ' <a href="http://$UNSUB$">Leave</a></body>'
)


class Post:
    """The sink, its spool, and the moment it stands on."""

    def __init__(self, folder: Path) -> None:
        self.spool = Spool(folder / "mail")
        self.behaviour = folder / "behaviour.json"
        self.now = NOW

    def behave(self, **rules: Any) -> None:
        self.behaviour.write_text(json.dumps(rules))

    def arrived(self) -> list[str]:
        return sorted(entry.rcpt_to[0] for entry in self.spool.entries())

    def mails(self) -> list[EmailMessage]:
        parse = BytesParser(policy=default).parsebytes
        return [parse(self.spool.read(entry)) for entry in self.spool.entries()]  # type: ignore[misc]

    def deliver(self, relay: Relay, **options: Any) -> Delivered:
        asked = {"was_accepted": self.spool.accepted, "chance": lambda: 0.0}
        return deliver(lambda: self.now, relay, **(asked | options))


@pytest.fixture
def post(tmp_path: Path) -> Post:
    return Post(tmp_path)


@pytest.fixture
def relay(post: Post) -> Iterator[Relay]:
    with SinkThread(post.spool, now=lambda: post.now, behaviour_path=post.behaviour) as sink:
        yield Relay("127.0.0.1", sink.port, connections=4)


@pytest.fixture
def account(db: None) -> Account:
    account = create_account("Music shop", NOW)
    account.from_name, account.from_address = "The Music Shop", "hello@shop.example"
    account.mail_domain = "shop.example"
    account.save()
    return account


@pytest.fixture
def campaign(account: Account) -> Campaign:
    return Campaign.objects.create(
        account=account,
        name="We miss you",
        subject="We miss you, @FIRSTNAME@",
        html=HTML,
        text="Dear @FIRSTNAME@\nhttps://shop.example/new\nLeave: http://$UNSUB$",
        created_at=NOW,
        updated_at=NOW,
    )


People = Callable[..., list[Contact]]


@pytest.fixture
def people(account: Account, campaign: Campaign) -> People:
    """Contacts with a queued mail each."""

    def add(*names: str) -> list[Contact]:
        rows = [
            Contact(
                account=account,
                email=f"{name}@example.com",
                email_key=f"{name}@example.com",
                data={"FIRSTNAME": name.title()},
                status_at=NOW,
                created_at=NOW,
                updated_at=NOW,
            )
            for name in names
        ]
        made = Contact.objects.bulk_create(rows)
        assert queue(campaign, [contact.pk for contact in made], NOW) == len(names)
        return made

    return add
