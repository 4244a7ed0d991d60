"""What is built is read back by the standard library's parser."""

from __future__ import annotations

from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usher.engage.messages.mime import File, build, check_address

SENT = datetime(2026, 3, 1, 7, 0, tzinfo=UTC)
ALICE: dict[str, Any] = {
    "from_name": "Music Shop",
    "from_address": "shop@example.com",
    "to": ["alice@example.com"],
    "subject": "We miss you",
    "html": "<p>Hello Alice</p>",
    "text": "Hello Alice",
    "message_id": "<m1.abc@example.com>",
    "date": SENT,
    "headers": {},
}


def parsed(**changes: object) -> EmailMessage:
    raw = build(**(ALICE | changes))
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert raw.count(b"\n") == raw.count(b"\r") == raw.count(b"\r\n")
    message = BytesParser(policy=policy.default).parsebytes(raw)
    assert isinstance(message, EmailMessage)
    assert message.defects == []
    return message


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    assert part.defects == []
    return str(part.get_content())


def test_it_builds_these_very_bytes():
    assert build(**ALICE | {"headers": {"List-Id": "<news.example.com>"}}) == (
        b"From: Music Shop <shop@example.com>\r\n"
        b"To: alice@example.com\r\n"
        b"Subject: We miss you\r\n"
        b"Date: Sun, 01 Mar 2026 07:00:00 +0000\r\n"
        b"Message-ID: <m1.abc@example.com>\r\n"
        b"MIME-Version: 1.0\r\n"
        b"List-Id: <news.example.com>\r\n"
        b'Content-Type: multipart/alternative; boundary="=_e38a68714a3d1e88aa9eca0706bc30a2"\r\n'
        b"\r\n"
        b"--=_e38a68714a3d1e88aa9eca0706bc30a2\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n"
        b"\r\n"
        b"Hello Alice\r\n"
        b"--=_e38a68714a3d1e88aa9eca0706bc30a2\r\n"
        b"Content-Type: text/html; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n"
        b"\r\n"
        b"<p>Hello Alice</p>\r\n"
        b"--=_e38a68714a3d1e88aa9eca0706bc30a2--\r\n"
    )


def test_it_reads_back_as_it_was_written():
    message = parsed(
        from_name='Das "gute" Musikgeschäft',
        subject="Zoë, your favourites are waiting 🎶 " * 6,
        html="<p>" + "ü" * 3000 + "</p>\n.\n..dots\ntrailing   \n",
        text=".\n. leading dot\nFrom the shop\ntrailing \t\n" + "long " * 400,
        reply_to="help@example.com",
    )
    assert message["from"].addresses[0].display_name == 'Das "gute" Musikgeschäft'
    assert message["to"].addresses[0].addr_spec == "alice@example.com"
    assert message["reply-to"] == "help@example.com"
    assert message["subject"] == "Zoë, your favourites are waiting 🎶 " * 6
    assert body(message, "html") == "<p>" + "ü" * 3000 + "</p>\r\n.\r\n..dots\r\ntrailing   \r\n"
    expected = ".\r\n. leading dot\r\nFrom the shop\r\ntrailing \t\r\n" + "long " * 400
    assert body(message, "plain") == expected


def test_an_empty_body_is_left_out():
    assert parsed(text="").get_content_type() == "text/html"
    assert parsed(html="").get_content_type() == "text/plain"
    assert parsed(text="", html="").get_content() == ""


def test_everybody_but_the_hidden_ones_is_shown():
    many = [f"person{number}@example.com" for number in range(100)]
    message = parsed(to=many, cc=["bob@example.com"])
    assert [one.addr_spec for one in message["to"].addresses] == many
    assert message["cc"] == "bob@example.com"


def test_files_come_back_as_they_were():
    files = [
        File("ticket.pdf", "application/pdf", bytes(range(256)) * 40),
        File("Übersicht für Zoë, " + "ä" * 200 + ".csv", "text/csv", b"a;b\n--=_f\n"),
        File('we"ird\\.eml', "message/rfc822", b"Subject: x"),
        File("no type", "nonsense", b""),
    ]
    message = parsed(files=files)
    assert body(message, "plain") == "Hello Alice"
    found = list(message.iter_attachments())
    assert [one.get_filename() for one in found] == [file.name for file in files]
    assert [one.get_payload(decode=True) for one in found] == [file.content for file in files]
    assert [one.get_content_type() for one in found] == [
        "application/pdf",
        "text/csv",
        "application/octet-stream",
        "application/octet-stream",
    ]


words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=200)
# Python's own parser makes runs of blanks in a display name one, and leaves a blank between two encoded words
# that RFC 2047 (6.2) wants taken out: names here fit into one
names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8).map(
    lambda text: " ".join(text.split())
)
bodies = st.text(st.characters(exclude_categories=["Cs"]), max_size=400) | st.lists(
    st.sampled_from([".", " ", "\t", "=", "\n", "\r\n", "é", "🎻", "x" * 75, "x" * 1200, "=3D", "From "])
).map("".join)


@settings(max_examples=50, deadline=None)
@given(subject=words, name=names, html=bodies, text=bodies)
def test_any_text_reads_back_as_it_was_written(subject: str, name: str, html: str, text: str):
    message = parsed(subject=subject, from_name=name, html=f"<{html}", text=f">{text}")
    assert message["subject"] == subject
    assert message["from"].addresses[0].display_name == name
    assert body(message, "html") == "<" + "\r\n".join(
        html.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    )
    assert body(message, "plain") == ">" + "\r\n".join(
        text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    )


@settings(max_examples=50, deadline=None)
@given(subject=st.text(st.sampled_from('ab =?,."\\()<>@;:[]_utf8qB'), max_size=300))
def test_ascii_that_looks_like_mail_syntax_stays_text(subject: str):
    message = parsed(subject=subject, from_name=subject.strip())
    assert message["subject"] == subject
    assert message["from"].addresses[0].display_name == subject.strip()


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "Hello\r\nBcc: mallory@example.com"},
        {"subject": "Hello\nthere"},
        {"subject": "Hello\x00"},
        {"subject": "Hello \ud83d"},
        {"text": "half \ud83d"},
        {"from_name": "Shop\r\nBcc: mallory@example.com"},
        {"cc": ["a@example.com", "b@example.com\r\nBcc: mallory@example.com"]},
        {"files": [File("a\r\nX: y", "text/csv", b"")]},
        {"to": ["alice@example.com\r\nBcc: mallory@example.com"]},
        {"to": ["alice@example.com>, <mallory@example.com"]},
        {"to": ["alice@example.com,mallory@example.com"]},
        {"to": [""]},
        {"from_address": "shop"},
        {"reply_to": "a@b\n"},
        {"message_id": "<a@b>\r\nX: y"},
        {"message_id": "a@b"},
        {"headers": {"X-Tag": "a\r\nBcc: b@example.com"}},
        {"headers": {"X-Tag\r\nBcc": "a"}},
        {"headers": {"X Tag": "a"}},
        {"headers": {"Subject": "a second one"}},
        {"headers": {"content-type": "text/html"}},
        {"headers": {"List-Unsubscribe": "<https://example.com/ü>"}},
        {"headers": {"List-Unsubscribe": "<https://example.com/" + "u" * 1000 + ">"}},
        {"date": datetime(2026, 3, 1)},  # noqa: DTZ001 - the missing zone is what is tested
    ],
)
def test_it_refuses_what_could_break_out(change: dict[str, object]):
    with pytest.raises(ValueError):  # noqa: PT011 - each case has its own words
        build(**(ALICE | change))


def test_it_names_the_header_that_is_wrong():
    with pytest.raises(ValueError, match=r"Subject must not hold the control character '\\n'"):
        build(**ALICE | {"subject": "two\nlines"})


def test_unsubscribe_headers_are_not_folded():
    link = "<https://example.com/unsubscribe/" + "t" * 300 + ">"
    raw = build(
        **ALICE
        | {
            "headers": {
                "List-Unsubscribe": link,
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                "X-Long": "word " * 40 + "end",
            }
        }
    )
    assert f"\r\nList-Unsubscribe: {link}\r\n".encode() in raw
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw
    assert b"\r\n word word" in raw


def test_a_list_id_keeps_its_identifier_outside_the_encoded_name():
    raw = build(**ALICE | {"headers": {"List-Id": "Müsik-News <news.example.com>"}})
    assert b"\r\nList-Id: =?utf-8?b?TcO8c2lrLU5ld3M=?=\r\n <news.example.com>\r\n" in raw


def test_an_address_beyond_ascii_stands_in_utf8():
    raw = build(**ALICE | {"to": ["zoë@bücher.example"]})
    assert "\r\nTo: zoë@bücher.example\r\n".encode() in raw


@pytest.mark.parametrize("address", ["a@b", '"a b"@example.com', "a+b@[127.0.0.1]", "zoë@bücher.example"])
def test_it_takes_unusual_but_valid_addresses(address: str):
    assert check_address(address) == address
