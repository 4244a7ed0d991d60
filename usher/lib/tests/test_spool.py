"""The spool keeps what it was given, through crashes and while others read."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from usher.lib.spool import Spool, SpoolError

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HELLO = b"Message-ID: <1@example.com>\r\nSubject: Hello\r\n\r\nHello Alice\r\n"


def mail(number: int) -> bytes:
    return b"Message-ID: <%d@example.com>\r\nSubject: Mail %d\r\n\r\nbody\r\n" % (number, number)


def test_it_gives_back_what_it_was_given(tmp_path: Path):
    spool = Spool(tmp_path)
    entry = spool.append(HELLO, "shop@example.com", ["alice@example.com", "bob@example.com"], NOON)
    assert list(Spool(tmp_path).entries()) == [entry]
    assert entry.id == 1
    assert entry.received_at == NOON
    assert entry.mail_from == "shop@example.com"
    assert entry.rcpt_to == ["alice@example.com", "bob@example.com"]
    assert entry.message_id == "<1@example.com>"
    assert entry.subject == "Hello"
    assert entry.segment == "messages-20260301.bin"
    assert Spool(tmp_path).read(entry) == HELLO


def test_a_spool_that_was_never_written_is_empty(tmp_path: Path):
    spool = Spool(tmp_path / "none")
    assert list(spool.entries()) == []
    assert spool.accepted({"<1@example.com>"}) == set()
    assert (spool.count(), spool.size(), spool.end()) == (0, 0, 0)


def test_it_starts_a_new_file_each_day_and_keeps_the_order(tmp_path: Path):
    spool = Spool(tmp_path)
    for day in (1, 1, 2, 1):
        spool.append(mail(day), "s@example.com", ["a@example.com"], NOON.replace(day=day))
    reader = Spool(tmp_path)
    assert [(entry.id, entry.segment) for entry in reader.entries()] == [
        (1, "messages-20260301.bin"),
        (2, "messages-20260301.bin"),
        (3, "messages-20260302.bin"),
        (4, "messages-20260301.bin"),
    ]
    assert [reader.read(entry) for entry in reader.entries()] == [mail(1), mail(1), mail(2), mail(1)]
    assert reader.count() == 4


def test_a_cursor_goes_on_where_it_stopped(tmp_path: Path):
    spool, reader = Spool(tmp_path), Spool(tmp_path)
    first = spool.append(mail(1), "s@example.com", ["a@example.com"], NOON)
    cursor = reader.end()
    assert cursor == first.next
    assert list(reader.entries(cursor)) == []
    spool.append(mail(2), "s@example.com", ["a@example.com"], NOON)
    assert [entry.message_id for entry in reader.entries(cursor)] == ["<2@example.com>"]


def test_it_filters_by_recipient_in_any_case(tmp_path: Path):
    spool = Spool(tmp_path)
    spool.append(mail(1), "alice@example.com", ["bob@example.com"], NOON)
    spool.append(mail(2), "s@example.com", ["bob@example.com", "Alice@Example.com"], NOON)
    spool.append(mail(3), "s@example.com", ["zoë@example.com"], NOON)
    assert [entry.id for entry in spool.entries(recipient="alice@EXAMPLE.com")] == [2]
    assert [entry.id for entry in spool.entries(recipient="ZOË@example.com")] == [3]


def test_it_tells_which_messages_arrived(tmp_path: Path):
    spool = Spool(tmp_path)
    for number in (1, 2, 3):
        spool.append(mail(number), "s@example.com", ["a@example.com"], NOON)
    odd = b'Message-ID: <"q\\" "@example.com>\r\nSubject: "message_id":"<9@example.com>"\r\n\r\n'
    cursor = spool.append(odd, "s@example.com", ["a@example.com"], NOON).next
    assert spool.accepted({"<2@example.com>", "<9@example.com>"}) == {"<2@example.com>"}
    assert spool.accepted({'<"q\\" "@example.com>'}) == {'<"q\\" "@example.com>'}
    assert spool.accepted({"<2@example.com>"}, since=cursor) == set()


def test_a_torn_last_line_is_passed_over_and_then_cut_off(tmp_path: Path):
    spool = Spool(tmp_path)
    spool.append(mail(1), "s@example.com", ["a@example.com"], NOON)
    spool.close()
    with open(tmp_path / "index.jsonl", "ab") as index:
        index.write(b'{"id":2,"received_at":"2026-03-01T12:0')
    assert [entry.id for entry in Spool(tmp_path).entries()] == [1]
    assert Spool(tmp_path).count() == 1
    again = Spool(tmp_path)
    again.append(mail(2), "s@example.com", ["a@example.com"], NOON)
    assert [again.read(entry) for entry in again.entries()] == [mail(1), mail(2)]


def test_bytes_that_no_line_names_are_passed_over(tmp_path: Path):
    (tmp_path / "messages-20260301.bin").write_bytes(b"half a mail of a killed process")
    spool = Spool(tmp_path)
    entry = spool.append(mail(1), "s@example.com", ["a@example.com"], NOON)
    assert entry.offset == 31
    assert spool.read(entry) == mail(1)


def test_a_torn_first_line_counts_as_nothing(tmp_path: Path):
    (tmp_path / "index.jsonl").write_bytes(b'{"id":1')
    assert Spool(tmp_path).end() == 0
    assert Spool(tmp_path).append(mail(1), "s@example.com", ["a@example.com"], NOON).id == 1


def test_a_line_longer_than_one_read_is_found_from_the_end(tmp_path: Path):
    spool = Spool(tmp_path)
    spool.append(mail(1), "s@example.com", [f"a{n}@example.com" for n in range(5000)], NOON)
    spool.append(mail(2), "s@example.com", [f"b{n}@example.com" for n in range(5000)], NOON)
    assert Spool(tmp_path).count() == 2


def test_a_missing_piece_of_a_segment_is_an_error_not_a_short_mail(tmp_path: Path):
    entry = Spool(tmp_path).append(HELLO, "s@example.com", ["a@example.com"], NOON)
    (tmp_path / entry.segment).write_bytes(b"short")
    with pytest.raises(SpoolError, match="shorter than its index says"):
        Spool(tmp_path).read(entry)


def test_a_second_writer_is_refused(tmp_path: Path):
    spool = Spool(tmp_path)
    spool.append(HELLO, "s@example.com", ["a@example.com"], NOON)
    with pytest.raises(SpoolError, match="written by another process"):
        Spool(tmp_path).append(HELLO, "s@example.com", ["a@example.com"], NOON)
    spool.close()
    assert Spool(tmp_path).append(HELLO, "s@example.com", ["a@example.com"], NOON).id == 2


@pytest.mark.parametrize(
    ("header", "subject"),
    [
        (b"subject:=?utf-8?b?Wm/Dqw==?=\r\n =?utf-8?b?IPCfjrs=?=\r\n", "Zoë 🎻"),
        (b"SUBJECT: folded\r\n line\r\n", "folded line"),
        (b"Subject: =?utf-8?b?abcde?=\r\n", "=?utf-8?b?abcde?="),
        (b"Subject: =?none?q?a?=\r\n", "=?none?q?a?="),
        (b"Subject: Zo\xc3\xab\r\n", "Zoë"),
        (b"Subject: =?utf-7?q?+2D0-?=\r\n", "?"),
        (b"Subject: \xff\r\n", "\ufffd"),
        (b"X-Subject: no\r\n", ""),
    ],
)
def test_it_reads_the_subject_of_any_mail(tmp_path: Path, header: bytes, subject: str):
    raw = b"From: s@example.com\r\n" + header + b"\r\nSubject: of the body\r\n"
    Spool(tmp_path).append(raw, "s@example.com", ["a@example.com"], NOON)
    assert [entry.subject for entry in Spool(tmp_path).entries()] == [subject]


WRITER = """
import sys
from datetime import UTC, datetime
from usher.lib.spool import Spool
spool = Spool(sys.argv[1])
for number in range(1, 3001):
    raw = b"Message-ID: <%d@example.com>\\r\\n\\r\\n" % number + b"x" * number
    spool.append(raw, "s@example.com", ["a@example.com"], datetime(2026, 3, 1, tzinfo=UTC))
"""


def test_it_can_be_read_while_another_process_writes(tmp_path: Path):
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)]) as writer:
        reader, cursor, seen = Spool(tmp_path), 0, 0
        while seen < 3000:
            running = writer.poll() is None
            for entry in reader.entries(cursor):
                seen += 1
                assert entry.id == seen
                assert reader.read(entry).endswith(b"\r\n\r\n" + b"x" * seen)
                cursor = entry.next
            assert running or seen == 3000
        assert writer.wait() == 0
