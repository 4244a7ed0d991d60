"""Mail queued, claimed, rendered, sent and settled, beside raw sending of ready mails to the same sink."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.ground import NOW, Figure, account, seconds

MAILS = 10_000


def figures(root: Path) -> Iterator[Figure]:
    """Queueing alone, and the whole way into the sink, which runs as a process of its own."""
    from usher.engage.models import Campaign, Contact, Message

    campaign = _campaign()
    people = list(Contact.objects.filter(email_key__startswith="bench").values_list("pk", flat=True)[:MAILS])
    with _sink() as port:
        raw = MAILS / _raw(port)
        queued = seconds(lambda: _queue(campaign, people))
        yield Figure(
            "mails queued, suppression looked at",
            MAILS / queued,
            "/s",
            _inserted(campaign),
            "a bare INSERT",
            "≥ 20,000/s",
            True,
        )
        took = seconds(lambda: _deliver(port))
        sent = Message.objects.filter(campaign=campaign, state="sent").count()
        if sent != MAILS:
            raise AssertionError(f"{sent} of {MAILS} were sent")
        yield Figure(
            "mails sent: claimed, rendered, tracked, sent, settled", MAILS / took, "/s", raw,
            "raw sending of ready mails", "≥ 1,000/s",
        )  # fmt: skip
    Campaign.objects.filter(pk=campaign.pk).update(name="Bench, sent")


def _campaign() -> object:
    from usher.demo.stage import example
    from usher.engage.models import Campaign

    mails = example() / "definitions" / "mails"
    return Campaign.objects.create(
        account=account(),
        name="Bench",
        subject="We miss you",
        html=(mails / "we-miss-you.html").read_text("utf-8"),
        text=(mails / "we-miss-you.txt").read_text("utf-8"),
        status="Triggered",
        created_at=NOW,
        updated_at=NOW,
    )


def _queue(campaign: object, people: list[int]) -> None:
    from usher.engage.messages.queue import queue

    queue(campaign, people, NOW)  # type: ignore[arg-type]


def _inserted(campaign: object) -> float:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("create table bench_messages as select * from engage_message limit 0")
        took = seconds(lambda: cursor.execute("insert into bench_messages select * from engage_message"))
        cursor.execute("drop table bench_messages")
    return MAILS / took


def _deliver(port: int) -> None:
    from usher.engage.channels.relay import Relay
    from usher.engage.deliver.run import deliver

    deliver(lambda: NOW, Relay("127.0.0.1", port), chance=lambda: 0.5, was_accepted=lambda ids: None)


def _raw(port: int) -> float:
    """Seconds for as many ready mails of the same size, with nothing but the wire."""
    from usher.engage.channels.relay import Envelope, Relay
    from usher.engage.channels.smtp import Sender

    body = b"Subject: raw\r\n\r\n" + (b"x" * 74 + b"\r\n") * 60
    mails = [Envelope(n, "bench@example.com", f"raw{n}@example.net", body) for n in range(MAILS)]
    with Sender(Relay("127.0.0.1", port)) as sender:
        sender.send(mails[:100])
        return seconds(lambda: sender.send(mails))


@contextmanager
def _sink() -> Iterator[int]:
    from usher.work.machine import free_port

    port = free_port(2600)
    command = [sys.executable, "-m", "usher.cli", "sink", "--port", str(port)]
    process = subprocess.Popen(command, env=os.environ.copy())
    try:
        _wait(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def _wait(port: int) -> None:
    import socket

    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the sink did not start")
