"""The sink speaks SMTP as its clients know it, and misbehaves only on demand."""

from __future__ import annotations

import json
import os
import smtplib
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from usher.lib.sink import SinkThread
from usher.lib.spool import Spool

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MAIL = b"Message-ID: <1@example.com>\r\nSubject: Hello\r\n\r\nHello Alice\r\n"


class Clock:
    def __init__(self) -> None:
        self.moment = NOON

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def behaviour(tmp_path: Path) -> Path:
    return tmp_path / "behaviour.json"


@pytest.fixture
def sink(tmp_path: Path, behaviour: Path, clock: Clock) -> Iterator[SinkThread]:
    spool = Spool(tmp_path / "spool")
    with SinkThread(spool, now=clock, behaviour_path=behaviour, largest=100_000) as sink:
        yield sink


def kept(sink: SinkThread) -> list[bytes]:
    return [sink.spool.read(entry) for entry in sink.spool.entries()]


def talk(sink: SinkThread, *chunks: bytes) -> list[str]:
    """Everything the sink says to these chunks, greeting and QUIT left out."""
    with socket.create_connection((sink.host, sink.port), timeout=5) as wire:
        for chunk in (b"EHLO test\r\n", *chunks, b"QUIT\r\n"):
            wire.sendall(chunk)
        wire.shutdown(socket.SHUT_WR)
        said = b"".join(iter(lambda: wire.recv(65536), b"")).decode().split("\r\n")
    return said[7:-2]


def hello(chunk: bytes) -> bytes:
    return b"MAIL FROM:<s@example.com>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n" + chunk


def test_it_keeps_what_smtplib_sends(sink: SinkThread):
    with smtplib.SMTP(sink.host, sink.port) as client:
        client.sendmail("shop@example.com", ["alice@example.com", "bob@example.com"], MAIL)
        client.sendmail("", ["carol@example.com"], MAIL + b".\r\n..two\r\n")
        assert client.esmtp_features["size"] == "100000"
        assert set(client.esmtp_features) == {
            "pipelining", "size", "8bitmime", "enhancedstatuscodes", "smtputf8",
        }  # fmt: skip
    first, second = sink.spool.entries()
    assert (first.mail_from, first.rcpt_to) == ("shop@example.com", ["alice@example.com", "bob@example.com"])
    assert (second.mail_from, second.rcpt_to) == ("", ["carol@example.com"])
    assert first.received_at == NOON
    assert kept(sink) == [MAIL, MAIL + b".\r\n..two\r\n"]


def test_it_takes_a_pipelined_stream_in_pieces_of_any_size(sink: SinkThread):
    stream = hello(b"one\r\n..\r\n.\r\n") + hello(b".\r\n") + hello(b"..dot\r\n\r\n.\r\n")
    for size in (1, 2, 3, 7, 1000):
        said = talk(sink, *(stream[at : at + size] for at in range(0, len(stream), size)))
        assert [line[:3] for line in said] == ["250", "250", "354", "250"] * 3
    assert kept(sink) == [b"one\r\n.\r\n", b"", b".dot\r\n\r\n"] * 5


def test_the_mail_is_in_the_spool_before_it_is_acknowledged(sink: SinkThread):
    with smtplib.SMTP(sink.host, sink.port) as client:
        for number in range(1, 20):
            client.sendmail("s@example.com", ["a@example.com"], MAIL)
            assert Spool(sink.spool.path).count() == number


@pytest.mark.parametrize(
    ("commands", "replies"),
    [
        (b"FOO\r\n", ["500"]),
        (b"noop\r\nNOOP x\r\nRSET\r\nVRFY a\r\n", ["250", "250", "250", "252"]),
        (b"DATA\r\n", ["503"]),
        (b"RCPT TO:<a@example.com>\r\n", ["503"]),
        (b"MAIL FROM:<s@example.com>\r\nDATA\r\n", ["250", "503"]),
        (b"MAIL FROM:<s@example.com>\r\nMAIL FROM:<s@example.com>\r\n", ["250", "503"]),
        (b"MAIL FROM:<s@example.com>\r\nRSET\r\nMAIL FROM:<>\r\n", ["250", "250", "250"]),
        (b"MAIL FROM:s@example.com\r\nMAIL TO:<s@example.com>\r\nMAIL\r\n", ["501", "501", "501"]),
        (b"MAIL FROM:<s@example.com> SIZE=99999 BODY=8BITMIME SMTPUTF8\r\n", ["250"]),
        (b"MAIL FROM:<s@example.com> SIZE=100001\r\n", ["552"]),
        (b"MAIL FROM:<s@example.com> AUTH=<>\r\n", ["555"]),
        (b"MAIL FROM:<s@example.com>\r\nRCPT TO:<>\r\nRCPT TO:<nobody>\r\n", ["250", "501", "553"]),
        (b'MAIL FROM:<"a> b"@example.com>\r\nRCPT TO:<@x,@y:POSTMASTER>\r\n', ["250", "250"]),
        (b"MAIL FROM:<zo\xc3\xab@example.com>\r\n", ["553"]),
        (b"MAIL FROM:<zo\xc3\xab@example.com> SMTPUTF8\r\n", ["250"]),
        (b"MAIL FROM:<zo\xff@example.com> SMTPUTF8\r\n", ["553"]),
        (b"MAIL FROM:<s@example.com>\nNOOP\r\n", ["500", "250"]),
        (b"NOOP\rNOOP\r\n", ["500"]),
        (b"NOOP " + b"x" * 3000 + b"\r\n", ["500"]),
    ],
)
def test_it_answers_as_the_standard_says(sink: SinkThread, commands: bytes, replies: list[str]):
    assert [line[:3] for line in talk(sink, commands)] == replies


def test_it_wants_a_greeting_first(sink: SinkThread):
    with smtplib.SMTP(sink.host, sink.port) as client:
        assert client.docmd("MAIL", "FROM:<s@example.com>")[0] == 503


@pytest.mark.parametrize(
    ("content", "reply"),
    [
        (b"x" * 998 + b"\r\n.\r\n", "250"),
        (b"." + b"x" * 998 + b"\r\n.\r\n", "250"),
        (b"x" * 1000 + b"\r\n.\r\n", "554"),
        (b"bare\nline\r\n.\r\n", "554"),
        (b"smuggled\n.\r\nMAIL FROM:<x@example.com>\r\n.\r\n", "554"),
        (b"smuggled\r\n.\nMAIL FROM:<x@example.com>\r\n.\r\n", "554"),
        (b"bare\rline\r\n.\r\n", "554"),
        ((b"x" * 98 + b"\r\n") * 1000 + b".\r\n", "250"),
        ((b"x" * 98 + b"\r\n") * 1001 + b".\r\n", "552"),
        ((b"x" * 98 + b"\r\n") * 9001 + b".\r\n", "552"),
    ],
)
def test_it_holds_the_limits_of_a_mail_and_goes_on(sink: SinkThread, content: bytes, reply: str):
    said = [line[:3] for line in talk(sink, hello(content), hello(b"next\r\n.\r\n"))]
    assert said == ["250", "250", "354", reply, "250", "250", "354", "250"]
    assert kept(sink)[-1] == b"next\r\n"
    assert len(kept(sink)) == (2 if reply == "250" else 1)


def test_a_command_without_end_closes_the_connection(sink: SinkThread):
    with socket.create_connection((sink.host, sink.port), timeout=5) as wire:
        wire.sendall(b"x" * 5000)
        said = b"".join(iter(lambda: wire.recv(65536), b""))
    assert said == b"220 usher sink ESMTP\r\n421 4.7.0 Command line too long\r\n"


def test_a_client_that_vanishes_leaves_nothing(sink: SinkThread):
    with socket.create_connection((sink.host, sink.port), timeout=5) as wire:
        wire.sendall(b"EHLO test\r\n" + hello(b"half a mail"))
        wire.recv(65536)
    assert talk(sink, hello(b"whole\r\n.\r\n"))[-1] == "250 2.0.0 Kept as 1"
    assert kept(sink) == [b"whole\r\n"]


def test_it_refuses_whom_the_behaviour_file_names_as_soon_as_it_is_changed(sink: SinkThread, behaviour: Path):
    commands = b"MAIL FROM:<s@example.com>\r\nRCPT TO:<Bob@Example.com>\r\nRCPT TO:<alice@example.com>\r\n"
    assert [line[:3] for line in talk(sink, commands)] == ["250", "250", "250"]
    behaviour.write_text('{"refuse": {"bob@example.com": "550 5.1.1 No such user"}}')
    assert talk(sink, commands)[1:] == ["550 5.1.1 No such user", "250 2.1.5 OK"]
    behaviour.write_text('{"refuse": {"bob@exam')
    assert talk(sink, commands)[1] == "550 5.1.1 No such user"
    behaviour.write_text('{"refuse": {"bob@example.com": "not a reply"}}')
    assert talk(sink, commands)[1] == "550 5.1.1 No such user"
    behaviour.unlink()
    assert talk(sink, commands)[1] == "250 2.1.5 OK"


def test_it_takes_no_mail_for_a_while_and_says_goodbye(sink: SinkThread, behaviour: Path, clock: Clock):
    window = {
        "from": "2026-03-01T12:00:00+00:00",
        "until": "2026-03-01T13:00:00Z",
        "reply": "421 4.3.2 Later",
    }
    with smtplib.SMTP(sink.host, sink.port) as client:
        client.ehlo()
        behaviour.write_text(json.dumps({"defer": [window]}))
        assert client.docmd("MAIL", "FROM:<s@example.com>") == (421, b"4.3.2 Later")
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.docmd("NOOP")
    with pytest.raises(smtplib.SMTPConnectError) as refused:
        smtplib.SMTP(sink.host, sink.port)
    assert refused.value.smtp_code == 421
    clock.moment = NOON.replace(hour=13)
    assert talk(sink, hello(b"x\r\n.\r\n"))[-1] == "250 2.0.0 Kept as 1"


def test_its_last_word_is_heard_by_a_client_that_is_still_sending(sink: SinkThread, behaviour: Path):
    with socket.create_connection((sink.host, sink.port), timeout=5) as wire:
        wire.recv(100)
        behaviour.write_text(
            '{"defer": [{"from": "2026-03-01T00:00Z", "until": "2026-03-02T00:00Z", "reply": "421 4.3 Off"}]}'
        )
        wire.sendall(hello(b"") + b"x" * 60_000)
        assert b"".join(iter(lambda: wire.recv(65536), b"")) == b"421 4.3 Off\r\n"


def test_mail_that_cannot_be_kept_is_not_acknowledged(sink: SinkThread):
    assert talk(sink, hello(b"one\r\n.\r\n"))[-1] == "250 2.0.0 Kept as 1"
    writer = sink.spool._writer
    assert writer is not None
    os.close(writer.index.fd)
    writer.index.fd = os.open("/dev/full", os.O_WRONLY)
    assert talk(sink, hello(b"two\r\n.\r\n"))[-1] == "452 4.3.1 Mail could not be kept, try later"
    assert kept(sink) == [b"one\r\n"]
