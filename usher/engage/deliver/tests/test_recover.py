"""A sender that dies loses nothing and repeats nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection

import usher
from usher.engage.channels.relay import Relay
from usher.engage.deliver.claim import claim
from usher.engage.deliver.recover import recover
from usher.engage.deliver.tests.conftest import NOW, People, Post
from usher.engage.messages.identity import message_id
from usher.engage.models import Claim, Message

#: A sender in a process of its own, as a worker has it.
SENDER = """
import sys, time
import django
django.setup()
from datetime import UTC, datetime
from usher.engage.channels.relay import Relay
from usher.engage.deliver.run import deliver
from usher.lib.spool import Spool

def asked(ids):
    time.sleep(0.5)
    return Spool(sys.argv[2]).accepted(ids)

now = datetime(1998, 3, 1, 7, tzinfo=UTC)
print("ready", flush=True)
deliver(lambda: now, Relay("127.0.0.1", int(sys.argv[1])), chance=lambda: 0.0, was_accepted=asked)
"""


@pytest.fixture
def dead(people: People, db: None) -> list[int]:
    """Three messages claimed by a sender whose session has ended."""
    people("alice", "brian", "clara")
    batch = claim(NOW, 10)
    assert batch
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_unlock_all()")
    return [one.message for one in batch.messages]


def test_what_the_relay_took_is_sent_and_the_rest_is_queued_again(dead: list[int]) -> None:
    taken = message_id(dead[1], "shop.example")
    assert recover(NOW, lambda ids: {taken} & ids) == Counter({"sent": 1, "queued": 2})
    assert list(Message.objects.order_by("pk").values_list("state", flat=True)) == [
        "queued",
        "sent",
        "queued",
    ]
    assert recover(NOW, lambda ids: None) == Counter()


def test_what_cannot_be_asked_is_ambiguous_and_never_sent_again(
    dead: list[int], relay: Relay, post: Post
) -> None:
    done = post.deliver(relay, was_accepted=lambda ids: None)
    assert (done.ambiguous, done.sent, done.recovered) == (3, 0, 3)
    assert post.arrived() == []
    assert Message.objects.filter(state="ambiguous", reason__contains="the sender died").count() == 3


def test_a_living_senders_batch_is_left_alone(dead: list[int]) -> None:
    # a second session holds the lock, as a sender in another process would
    held = Claim.objects.get()
    with psycopg.connect(_database(), autocommit=True) as other:
        other.execute("select pg_advisory_lock(%s)", [(0x75736865 << 32) + held.pk])
        assert recover(NOW, lambda ids: set()) == Counter()
        assert Message.objects.filter(state="claimed").count() == 3
    time.sleep(0.2)
    assert recover(NOW, lambda ids: set()) == Counter({"queued": 3})


@pytest.mark.demo
@pytest.mark.django_db(transaction=True)
def test_a_sender_killed_in_the_middle_again_and_again_mails_everybody_once(
    people: People, relay: Relay, post: Post
) -> None:
    names = [f"p{number:04}" for number in range(2500)]
    people(*names)
    for mails in (400, 1300):
        _kill_after(mails, relay, post)
        # a dead session's locks go when the server notices, which takes a moment
        time.sleep(0.2)
        assert 0 < Message.objects.filter(state="claimed").count() <= 400

    def asked(ids: set[str]) -> set[str]:
        time.sleep(0.5)
        return post.spool.accepted(ids)

    done = post.deliver(relay, was_accepted=asked)
    assert done.recovered > 0
    assert post.arrived() == sorted(f"{name}@example.com" for name in names)
    assert Counter(Message.objects.values_list("state", flat=True)) == Counter({"sent": 2500})
    assert not Claim.objects.filter(settled_at=None).exists()


def _kill_after(mails: int, relay: Relay, post: Post) -> None:
    sender = subprocess.Popen(
        [sys.executable, "-c", SENDER, str(relay.port), str(post.spool.path)],
        env=os.environ | {"DATABASE_URL": _database(), "DJANGO_SETTINGS_MODULE": "usher.settings"},
        cwd=Path(usher.__path__[0]).parent,
        stdout=subprocess.PIPE,
    )
    try:
        assert sender.stdout
        assert sender.stdout.readline() == b"ready\n"
        end = time.monotonic() + 30
        while post.spool.count() < mails:
            assert time.monotonic() < end
            assert sender.poll() is None
            time.sleep(0.005)
    finally:
        sender.kill()
        sender.wait()


def _database() -> str:
    """The URL of the tests' own database."""
    name = connection.settings_dict["NAME"]
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
