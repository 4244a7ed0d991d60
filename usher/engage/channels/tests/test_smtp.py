"""What the sender says came of a mail is what did."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from usher.engage.channels.smtp import Envelope, Outcome, Relay, Sender, State
from usher.engage.channels.tests.scripted import Scripted, Visit
from usher.lib.sink import SinkThread
from usher.lib.spool import Spool

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HELLO = b"Subject: Hello\r\n\r\nHello\r\n"


def envelopes(count: int) -> list[Envelope]:
    return [
        Envelope(key, "bounce@example.com", f"c{key}@example.com", b"Message-ID: <%d@example.com>\r\n" % key)
        for key in range(1, count + 1)
    ]


def to_alice(data: bytes = HELLO) -> Envelope:
    return Envelope(7, "bounce@example.com", "alice@example.com", data)


def send(
    script: Callable[[Visit], None], mails: list[Envelope], connections: int = 1, timeout: float = 5
) -> tuple[list[Outcome], Scripted]:
    with Scripted(script) as server:
        relay = Relay("127.0.0.1", server.port, connections=connections, timeout=timeout)
        with Sender(relay) as sender:
            outcomes = sender.send(mails)
    assert [outcome.key for outcome in outcomes] == [mail.key for mail in mails]
    return outcomes, server


def only(script: Callable[[Visit], None], mail: Envelope | None = None, timeout: float = 5) -> Outcome:
    return send(script, [mail or to_alice()], timeout=timeout)[0][0]


@pytest.fixture
def behaviour(tmp_path: Path) -> Path:
    return tmp_path / "behaviour.json"


@pytest.fixture
def sink(tmp_path: Path, behaviour: Path) -> Iterator[SinkThread]:
    with SinkThread(Spool(tmp_path / "spool"), now=lambda: NOON, behaviour_path=behaviour) as sink:
        yield sink


@pytest.fixture
def sender(sink: SinkThread) -> Iterator[Sender]:
    with Sender(Relay(sink.host, sink.port, connections=4, timeout=5)) as sender:
        yield sender


# against our own sink


def test_every_mail_arrives_once(sink: SinkThread, sender: Sender):
    outcomes = sender.send(envelopes(500))
    assert [outcome.key for outcome in outcomes] == list(range(1, 501))
    assert {(outcome.state, outcome.code, outcome.at_stage) for outcome in outcomes} == {
        ("accepted", 250, "final")
    }
    arrived = [(entry.rcpt_to, entry.message_id) for entry in sink.spool.entries()]
    assert sorted(arrived) == sorted(
        ([f"c{key}@example.com"], f"<{key}@example.com>") for key in range(1, 501)
    )


def test_batches_can_be_prepared_while_one_is_sent(sink: SinkThread, sender: Sender):
    futures = [sender.submit([mail]) for mail in envelopes(20)]
    assert [future.result()[0].state for future in futures] == ["accepted"] * 20
    assert sink.spool.count() == 20
    assert len(sink._sink.sessions) == 1


def test_an_empty_batch_is_nothing(sender: Sender):
    assert sender.send([]) == []


def test_the_same_key_twice_is_a_mistake_of_the_caller(sender: Sender):
    with pytest.raises(ValueError, match="different keys"):
        sender.send([to_alice(), to_alice()])


@pytest.mark.parametrize(
    ("data", "kept"),
    [
        (b"a\r\n.\r\n..b\r\n.c\r\n", b"a\r\n.\r\n..b\r\n.c\r\n"),
        (b".first\r\n", b".first\r\n"),
        (b".", b".\r\n"),
        (b"", b"\r\n"),
        (b"unix\n.\nmac\rend", b"unix\r\n.\r\nmac\r\nend\r\n"),
        (b"a\n.\r\nRCPT TO:<mallory@example.com>\r\n", b"a\r\n.\r\nRCPT TO:<mallory@example.com>\r\n"),
        (b"Subject: x\r\n\r\n" + "zoë".encode() + b"\r\n", b"Subject: x\r\n\r\nzo\xc3\xab\r\n"),
        (b"x" * 90 + b"\r\n" + b".y\r\n" * 60_000, b"x" * 90 + b"\r\n" + b".y\r\n" * 60_000),
    ],
)
def test_any_content_arrives_as_it_was(sink: SinkThread, sender: Sender, data: bytes, kept: bytes):
    assert [outcome.state for outcome in sender.send([to_alice(data)])] == ["accepted"]
    assert [sink.spool.read(entry) for entry in sink.spool.entries()] == [kept]


def test_a_refused_recipient_does_not_hurt_the_next(sink: SinkThread, sender: Sender, behaviour: Path):
    behaviour.write_text(
        '{"refuse": {"c2@example.com": "550 5.1.1 No such user", "c3@example.com": "450 4.2.1 Full"}}'
    )
    with Sender(Relay(sink.host, sink.port, connections=1)) as one:
        assert one.send(envelopes(5))[1:3] == [
            Outcome(2, "refused", 550, "5.1.1 No such user", "rcpt"),
            Outcome(3, "deferred", 450, "4.2.1 Full", "rcpt"),
        ]
    assert [entry.message_id for entry in sink.spool.entries()] == [
        "<1@example.com>",
        "<4@example.com>",
        "<5@example.com>",
    ]


def test_while_the_relay_takes_nothing_everything_is_deferred_and_goes_through_later(
    sink: SinkThread, sender: Sender, behaviour: Path
):
    assert {outcome.state for outcome in sender.send(envelopes(8))} == {"accepted"}
    window = '{"from": "2026-03-01T00:00Z", "until": "2026-03-02T00:00Z", "reply": "421 4.3.2 Later"}'
    behaviour.write_text('{"defer": [%s]}' % window)  # noqa: UP031 - braces
    for _ in range(2):
        outcomes = sender.send(envelopes(50))
        assert {(one.state, one.code, one.text) for one in outcomes} == {("deferred", 421, "4.3.2 Later")}
    assert {one.at_stage for one in outcomes} == {"greeting"}
    behaviour.unlink()
    assert {outcome.state for outcome in sender.send(envelopes(50))} == {"accepted"}
    assert sink.spool.count() == 58


@pytest.mark.parametrize(
    ("mail_from", "rcpt_to", "stage"),
    [
        ("a@example.com", "b@example.com>\r\nRCPT TO:<mallory@example.com", "rcpt"),
        ("a@example.com\r\nRSET", "b@example.com", "mail"),
        ("a@example.com> SIZE=1", "b@example.com", "mail"),
        ("a@example.com", "b@example.com\n", "rcpt"),
        ("a@example.com", "b\x00@example.com", "rcpt"),
        ("a@example.com", "b c@example.com", "rcpt"),
        ("a@example.com", "\ud83d@example.com", "rcpt"),
        ("a@example.com", "b" * 300 + "@example.com", "rcpt"),
        ("a@example.com", "", "rcpt"),
    ],
)
def test_an_address_that_could_be_a_command_never_leaves(
    sink: SinkThread, sender: Sender, mail_from: str, rcpt_to: str, stage: str
):
    (outcome,) = sender.send([Envelope(1, mail_from, rcpt_to, HELLO)])
    assert (outcome.state, outcome.code, outcome.at_stage) == ("refused", None, stage)
    assert "an e-mail address" in outcome.text
    assert sink._sink.sessions == set()


def test_an_address_beyond_ascii_is_sent_where_it_is_offered(sink: SinkThread, sender: Sender):
    (outcome,) = sender.send([Envelope(1, "", "zoë@bücher.example", HELLO)])
    assert outcome.state == "accepted"
    assert [(entry.mail_from, entry.rcpt_to) for entry in sink.spool.entries()] == [
        ("", ["zoë@bücher.example"])
    ]


def test_a_relay_that_comes_back_is_found_again(tmp_path: Path):
    with SinkThread(Spool(tmp_path), now=lambda: NOON) as first:
        port = first.port
        sender = Sender(Relay(first.host, port, connections=2, timeout=5)).__enter__()
        assert sender.send([to_alice()])[0].state == "accepted"
    gone = sender.send(envelopes(3))
    assert {(one.state, one.code, one.at_stage) for one in gone} == {("deferred", None, "connect")}
    with SinkThread(Spool(tmp_path), now=lambda: NOON, port=port):
        assert {one.state for one in sender.send(envelopes(3))} == {"accepted"}
        sender.__exit__(None, None, None)
    assert Spool(tmp_path).count() == 4


SERVE = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from usher.lib.sink import serve
from usher.lib.spool import Spool
asyncio.run(serve("127.0.0.1", int(sys.argv[1]), Spool(sys.argv[2]), None, lambda: datetime.now(UTC)))
"""


@contextmanager
def sink_process(port: int, path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", SERVE, str(port), str(path)]) as process:
        for _ in range(500):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.02)
        try:
            yield process
        finally:
            process.kill()


def test_a_sink_that_is_killed_has_all_that_was_accepted_and_nothing_that_was_deferred(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    mails = envelopes(6_000)
    with Sender(Relay("127.0.0.1", port, timeout=5)) as sender:
        with sink_process(port, tmp_path) as process:
            batches = [sender.submit(mails[at : at + 1000]) for at in range(0, 6_000, 1000)]
            batches[1].result()
            time.sleep(0.03)
            process.kill()
            outcomes = [outcome for batch in batches for outcome in batch.result()]
        said = {state: {one.key for one in outcomes if one.state == state} for state in get_args(State)}
        arrived = [int(entry.message_id[1:].partition("@")[0]) for entry in Spool(tmp_path).entries()]
        assert len(arrived) == len(set(arrived))
        assert said["accepted"] <= set(arrived) <= said["accepted"] | said["unknown"]
        assert len(said["accepted"]) >= 2000
        assert len(said["unknown"]) <= 8
        assert len(said["accepted"] | said["unknown"] | said["deferred"]) == 6_000
        assert said["deferred"]

        unknown = {f"<{key}@example.com>" for key in said["unknown"]}
        lost = said["unknown"] - {int(one[1:].partition("@")[0]) for one in Spool(tmp_path).accepted(unknown)}
        with sink_process(port, tmp_path):
            again = sender.send([mails[key - 1] for key in sorted(lost | said["deferred"])])
    assert {one.state for one in again} == {"accepted"}
    arrived = [int(entry.message_id[1:].partition("@")[0]) for entry in Spool(tmp_path).entries()]
    assert sorted(arrived) == list(range(1, 6_001))


# against servers that misbehave


@pytest.mark.parametrize("offers", [["PIPELINING"], []])
@pytest.mark.parametrize(
    ("replies", "state", "code", "stage"),
    [
        ({"mail": "451 4.3.0 Busy"}, "deferred", 451, "mail"),
        ({"mail": "550 5.7.1 Not you"}, "refused", 550, "mail"),
        ({"rcpt": "452 4.2.2 Full"}, "deferred", 452, "rcpt"),
        ({"rcpt": "550 5.1.1 Unknown"}, "refused", 550, "rcpt"),
        ({"data": "451 4.3.0 Busy"}, "deferred", 451, "data"),
        ({"data": "554 5.5.1 No"}, "refused", 554, "data"),
        ({"data": "250 What"}, "deferred", 250, "data"),
        ({"mail": "354 What"}, "deferred", 354, "mail"),
        ({"final": "451 4.3.0 Busy"}, "deferred", 451, "final"),
        ({"final": "554 5.6.0 Spam"}, "refused", 554, "final"),
        ({"final": "354 What"}, "unknown", 354, "final"),
        ({"final": "421 4.3.2 Closing"}, "deferred", 421, "final"),
        ({"mail": "421 4.3.2 Closing"}, "deferred", 421, "mail"),
        ({"rcpt": "421 4.3.2 Closing"}, "deferred", 421, "rcpt"),
        ({"data": "421 4.3.2 Closing"}, "deferred", 421, "data"),
    ],
)
def test_each_reply_at_each_stage_is_told_apart(
    offers: list[str], replies: dict[str, str], state: str, code: int, stage: str
):
    def script(visit: Visit) -> None:
        visit.greet(*offers)
        while True:
            verb = visit.hear()[:4].lower()
            good = {"data": "354 Go", "rset": "250 OK", "quit": "221 Bye"}.get(verb, "250 OK")
            reply = replies.get(verb, good)
            visit.say(reply)
            if reply.startswith("354") and verb == "data":
                visit.content()
                visit.say(replies.get("final", "250 OK"))

    outcome = only(script)
    assert (outcome.state, outcome.code, outcome.at_stage) == (state, code, stage)


def test_a_mail_cut_after_its_final_dot_is_unknown_and_the_next_goes_on():
    def script(visit: Visit) -> None:
        visit.greet("PIPELINING")
        if visit.number == 1:
            visit.mail()
            visit.invite()
            visit.content()
            return
        while True:
            visit.mail()

    outcomes, server = send(script, envelopes(4))
    assert [(one.state, one.at_stage) for one in outcomes] == [
        ("accepted", "final"),
        ("unknown", "final"),
        ("accepted", "final"),
        ("accepted", "final"),
    ]
    assert server.connections == 2
    assert server.log.count("RCPT TO:<c2@example.com>") == 1


def test_silence_after_the_final_dot_is_unknown():
    def script(visit: Visit) -> None:
        visit.greet("PIPELINING")
        visit.invite()
        visit.content()
        visit.hear()

    started = time.monotonic()
    outcome = only(script, timeout=0.3)
    assert outcome == Outcome(7, "unknown", None, "no answer within 0.3 s", "final")
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("said", "stage"), [([], "mail"), (["250 OK"], "rcpt"), (["250 OK", "250 OK"], "data")]
)
@pytest.mark.parametrize("silent", [True, False])
def test_what_breaks_before_the_content_is_deferred(said: list[str], stage: str, silent: bool):
    def script(visit: Visit) -> None:
        visit.greet("PIPELINING")
        visit.hear()
        visit.say(*said)
        if silent:
            time.sleep(1)

    outcome = only(script, timeout=0.3)
    assert (outcome.state, outcome.code, outcome.at_stage) == ("deferred", None, stage)


def test_a_large_mail_cut_in_the_middle_is_deferred():
    def script(visit: Visit) -> None:
        visit.greet("PIPELINING")
        visit.invite()
        visit.incoming.read(100_000)

    outcome = only(script, to_alice(b"x" * 70 + b"\r\n" + b"y" * 30_000_000))
    assert (outcome.state, outcome.at_stage) == ("deferred", "data")


def test_a_large_mail_to_a_relay_that_stands_still_is_deferred():
    def script(visit: Visit) -> None:
        visit.greet("PIPELINING")
        visit.invite()
        time.sleep(1.5)

    outcome = only(script, to_alice(b"y" * 30_000_000), timeout=0.3)
    assert (outcome.state, outcome.at_stage) == ("deferred", "data")


def test_a_relay_that_cuts_every_mail_makes_few_of_them_unknown():
    def script(visit: Visit) -> None:
        visit.greet("PIPELINING")
        visit.invite()
        visit.content()

    outcomes, server = send(script, envelopes(100), connections=4)
    states = [one.state for one in outcomes]
    assert states.count("unknown") == 4
    assert states.count("deferred") == 96
    assert server.connections == 4


def test_nobody_listening_defers_all_after_one_try():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Sender(Relay("127.0.0.1", port, timeout=5)) as sender:
        outcomes = sender.send(envelopes(100))
    assert {(one.state, one.code, one.at_stage) for one in outcomes} == {("deferred", None, "connect")}
    assert "onnect" in outcomes[0].text


@pytest.mark.parametrize("greeting", ["421 4.3.2 Not now", "554 5.7.1 Go away"])
def test_a_relay_that_turns_us_away_is_asked_once_a_batch(greeting: str):
    outcomes, server = send(lambda visit: visit.say(greeting), envelopes(100), connections=8)
    code, text = int(greeting[:3]), greeting[4:]
    assert outcomes == [Outcome(key, "deferred", code, text, "greeting") for key in range(1, 101)]
    assert server.connections == 1


def test_a_relay_that_takes_few_connections_gets_all_mail_over_those():
    def script(visit: Visit) -> None:
        if visit.number > 2:
            visit.say("421 4.7.0 Too many connections")
            return
        visit.greet("PIPELINING")
        while True:
            visit.mail()

    outcomes, server = send(script, envelopes(200), connections=8)
    assert {one.state for one in outcomes} == {"accepted"}
    assert server.connections <= 8


def test_a_relay_that_closes_after_ten_mails_is_called_again():
    def script(visit: Visit) -> None:
        visit.greet("PIPELINING")
        for _ in range(10):
            visit.mail()
        visit.hear()
        visit.say("421 4.7.0 Too many mails on this connection")

    outcomes, server = send(script, envelopes(33))
    assert [key for key, one in enumerate(outcomes, 1) if one.state == "deferred"] == [11, 22, 33]
    assert [one.state for one in outcomes].count("accepted") == 30
    assert server.connections == 3


def test_without_pipelining_it_waits_for_each_reply():
    def script(visit: Visit) -> None:
        visit.greet()
        visit.wire.settimeout(0.2)
        for verb in ("MAIL", "RCPT", "DATA"):
            assert visit.hear().startswith(verb)
            with pytest.raises(TimeoutError):
                visit.wire.recv(1, socket.MSG_PEEK)
            visit.say("354 Go" if verb == "DATA" else "250 OK")
        visit.content()
        with pytest.raises(TimeoutError):
            visit.wire.recv(1, socket.MSG_PEEK)
        visit.say("250 OK")
        visit.wire.settimeout(5)
        visit.mail("250 OK")

    outcomes, _ = send(script, envelopes(2))
    assert [one.state for one in outcomes] == ["accepted", "accepted"]


def test_a_relay_that_asks_for_the_content_of_a_refused_recipient_gets_none():
    def script(visit: Visit) -> None:
        visit.greet("PIPELINING")
        visit.invite(rcpt="550 5.1.1 Unknown")
        assert visit.content() == b""
        visit.say("554 5.5.1 No valid recipients")
        assert visit.hear() == "RSET"
        visit.say("250 OK")
        visit.mail()

    outcomes, _ = send(script, envelopes(2))
    assert [(one.state, one.code, one.at_stage) for one in outcomes] == [
        ("refused", 550, "rcpt"),
        ("accepted", 250, "final"),
    ]


def test_a_relay_that_does_not_speak_smtp_defers():
    def script(visit: Visit) -> None:
        visit.greet("PIPELINING")
        visit.hear()
        visit.say("HTTP/1.1 400 Bad Request")
        visit.hear()

    outcome = only(script)
    assert (outcome.state, outcome.at_stage) == ("deferred", "mail")
    assert outcome.text == "the relay does not speak SMTP: HTTP/1.1 400 Bad Request"


def test_a_reply_of_many_lines_becomes_one_clean_line():
    def script(visit: Visit) -> None:
        visit.greet("PIPELINING")
        visit.hear()
        visit.say("550-5.7.1 Your\x1b[31m mail", "550 5.7.1 is not wanted" + "!" * 1000, "503 No", "503 No")
        visit.hear()

    outcome = only(script)
    assert (outcome.state, outcome.code, outcome.at_stage) == ("refused", 550, "mail")
    assert outcome.text.startswith("5.7.1 Your [31m mail 5.7.1 is not wanted!!!")
    assert len(outcome.text) == 500


def test_a_reply_without_end_defers():
    def script(visit: Visit) -> None:
        visit.greet("PIPELINING")
        visit.hear()
        visit.wire.sendall(b"250" + b"-" * 200_000)
        visit.hear()

    assert only(script).text == "the relay's reply has no end"


@pytest.mark.parametrize(
    ("mail", "text"),
    [
        (Envelope(1, "", "zoë@example.com", HELLO), "SMTPUTF8, which the relay does not offer"),
        (Envelope(1, "", "a@example.com", b"\r\n\xc3\xab"), "does not offer 8BITMIME"),
    ],
)
def test_what_the_relay_cannot_take_is_refused_with_the_reason(mail: Envelope, text: str):
    def script(visit: Visit) -> None:
        visit.greet("PIPELINING")
        visit.hear()

    outcomes, server = send(script, [mail])
    assert (outcomes[0].state, outcomes[0].code, outcomes[0].at_stage) == ("refused", None, "mail")
    assert text in outcomes[0].text
    assert not any(line.startswith("MAIL") for line in server.log)


def test_a_connection_that_was_closed_in_a_pause_is_replaced():
    def script(visit: Visit) -> None:
        visit.greet("PIPELINING")
        visit.mail()
        if visit.number == 1:
            visit.say("421 4.4.2 Idle too long")

    with Scripted(script) as server, Sender(Relay("127.0.0.1", server.port, timeout=5)) as sender:
        assert sender.send([to_alice()])[0].state == "accepted"
        time.sleep(0.2)
        assert sender.send([to_alice()])[0].state == "accepted"
    assert server.connections == 2
