"""Builds one mail as bytes: its text, HTML and files, UTF-8, quoted-printable, ready for the wire.

Written by hand because the standard library's EmailMessage makes some 700 mails a second, this some 20,000.
What it makes is read back by `email.parser` in the tests, so that both agree on every subject, name and body.
"""

from __future__ import annotations

import re
from base64 import encodebytes
from binascii import b2a_base64, b2a_qp
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import MIMEPart
from email.policy import SMTP
from email.utils import format_datetime
from functools import lru_cache
from hashlib import sha256

#: RFC 5322 2.1.1: a line should have no more than 78 characters and must have no more than 998.
LINE = 78
LONGEST_LINE = 998
#: RFC 2047 2: an encoded word has at most 75 characters, a line that holds one at most 76.
WORD = 75
#: RFC 5321 4.5.3.1.3: a path has at most 256 octets, its angle brackets counted.
LONGEST_ADDRESS = 254

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,70}\Z")
_MESSAGE_ID = re.compile(r"<[^\s<>@\x00-\x1f\x7f-\U0010ffff]+@[^\s<>@\x00-\x1f\x7f-\U0010ffff]+>\Z")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*\Z")
_CONTENT_TYPE = re.compile(r"([a-z0-9][\w.+-]*)/([\w.+-]+)\Z", re.ASCII | re.IGNORECASE)
_NAME_AND_ID = re.compile(r"(?P<name>[^<>]*[^<>\s])\s*(?P<id><[!-;=?-~]+>)\Z")
_ADDRESS = re.compile(
    r"""(?:[^\s<>()"\\,;:\[\]@\x00-\x1f\x7f]+ | "(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*")
        @ (?:[^\s<>()"\\,;:\[\]@\x00-\x1f\x7f]+ | \[[A-Za-z0-9.:]+\]) \Z""",
    re.VERBOSE,
)
#: Set by `build` itself; a second one would make the mail invalid or mean something else than it says.
_OWN = {"from", "to", "cc", "reply-to", "subject", "date", "message-id", "mime-version"}
#: RFC 8058 readers, and relays on the way, trip over these when they are folded.
_NEVER_FOLDED = {"list-unsubscribe", "list-unsubscribe-post"}


@dataclass(frozen=True, slots=True)
class File:
    """What is attached to a mail."""

    name: str
    content_type: str
    content: bytes


def build(
    *,
    from_name: str,
    from_address: str,
    to: Sequence[str],
    cc: Sequence[str] = (),
    reply_to: str | None = None,
    subject: str,
    html: str,
    text: str,
    message_id: str,
    date: datetime,
    headers: Mapping[str, str],
    files: Sequence[File] = (),
) -> bytes:
    """The mail as bytes with CRLF line ends. The same arguments always give the same bytes.

    A body that is empty is left out, if there is another. `message_id` comes with its angle brackets, `date`
    is aware. Line ends of `html` and `text` become CRLF, as mail wants them; everything else comes back
    exactly. ValueError names what cannot be sent.
    """
    if not _MESSAGE_ID.match(message_id):
        raise ValueError(f"Message-ID must look like <left@right> in plain ASCII, not {message_id!r}")
    if date.tzinfo is None:
        raise ValueError("Date needs a time zone")
    head = [
        _mailbox("From", from_name, from_address),
        _mailboxes("To", to),
        _unstructured("Subject", subject),
        f"Date: {format_datetime(date)}",
        f"Message-ID: {message_id}",
        "MIME-Version: 1.0",
    ]
    if cc:
        head.append(_mailboxes("Cc", cc))
    if reply_to:
        head.append(_mailbox("Reply-To", "", reply_to))
    head += [_header(name, value) for name, value in headers.items()]
    mark = sha256(message_id.encode()).hexdigest()[:32]
    body = _bodies(html, text, mark)
    if files:
        body = _multipart("mixed", [body, *(_attached(file) for file in files)], f"=_f{mark}")
    return "\r\n".join(head).encode() + b"\r\n" + body


def _bodies(html: str, text: str, mark: str) -> bytes:
    """The text and the HTML as one part, from its Content-Type on."""
    if not html:
        return _part("text/plain", _quoted_printable("text", text))
    if not text:
        return _part("text/html", _quoted_printable("html", html))
    parts = [
        _part("text/plain", _quoted_printable("text", text)),
        _part("text/html", _quoted_printable("html", html)),
    ]
    return _multipart("alternative", parts, f"=_{mark}")


def _part(kind: str, content: bytes) -> bytes:
    head = f"Content-Type: {kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    return head.encode() + content


def _multipart(kind: str, parts: Iterable[bytes], boundary: str) -> bytes:
    # "=_" cannot occur in quoted-printable text or in base64, so no part can hold the boundary
    between = f"--{boundary}\r\n".encode()
    head = f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode()
    pieces = [piece for part in parts for piece in (between, part, b"\r\n")]
    return b"".join([head, *pieces, f"--{boundary}--\r\n".encode()])


def _attached(file: File) -> bytes:
    """The file as a part; one whose type would be read as a mail of its own is sent as plain octets."""
    found = _CONTENT_TYPE.match(file.content_type)
    nested = found is None or found[1].lower() in ("multipart", "message")
    _refuse_control("the name of a file", file.name)
    head = MIMEPart(policy=SMTP)
    head["Content-Type"] = "application/octet-stream" if nested else file.content_type
    head["Content-Transfer-Encoding"] = "base64"
    head.add_header("Content-Disposition", "attachment", filename=file.name)
    return head.as_bytes() + encodebytes(file.content).replace(b"\n", b"\r\n")


@lru_cache(4096)
def check_address(address: str) -> str:
    """The address again; ValueError if it could break out of a header or an SMTP command, or is too long."""
    if not _ADDRESS.match(address):
        raise ValueError(f"not an e-mail address: {address!r}")
    try:
        length = len(address.encode())
    except UnicodeEncodeError:
        raise ValueError(f"not an e-mail address: {address!r}") from None
    if length > LONGEST_ADDRESS:
        raise ValueError(f"an e-mail address has at most {LONGEST_ADDRESS} octets: {address!r}")
    return address


@lru_cache(4096)
def _mailbox(header: str, name: str, address: str) -> str:
    check_address(address)
    if not name:
        return f"{header}: {address}"
    line = f"{header}: {_phrase(header, name)}"
    room = LINE - len(line.rpartition("\r\n")[2])
    return f"{line} <{address}>" if len(address) + 3 <= room else f"{line}\r\n <{address}>"


def _mailboxes(header: str, addresses: Sequence[str]) -> str:
    """Several addresses, each on a line of its own."""
    if len(addresses) == 1:
        return _mailbox(header, "", addresses[0])
    return f"{header}: " + ",\r\n ".join(map(check_address, addresses))


def _phrase(header: str, name: str) -> str:
    """A display name: as it is, quoted, or as encoded words."""
    _refuse_control(header, name)
    fits = len(header) + 2 + len(name) < LINE - 4 and name.isascii() and "=?" not in name and "\t" not in name
    if fits and _PLAIN_NAME.match(name):
        return name
    if fits and name == name.strip():
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}"'
    return _encoded_words(header, name)


def _header(name: str, value: str) -> str:
    """One of the caller's own headers."""
    lower = name.lower()
    if not _HEADER_NAME.match(name) or lower in _OWN or lower.startswith("content-"):
        raise ValueError(f"{name!r} cannot be set as a further header")
    if lower in _NEVER_FOLDED:
        _refuse_control(name, value)
        if not value.isascii() or len(name) + 2 + len(value) > LONGEST_LINE:
            raise ValueError(f"{name} must be ASCII and fit in one line of {LONGEST_LINE} characters")
        return f"{name}: {value}"
    if not value.isascii() and (found := _NAME_AND_ID.match(value)):
        return f"{name}: {_phrase(name, found['name'])}\r\n {found['id']}"
    return _unstructured(name, value)


def _unstructured(name: str, value: str) -> str:
    """Free text: plain when short ASCII, folded at its spaces when long, else as encoded words."""
    _refuse_control(name, value)
    if value.isascii() and "=?" not in value and "\t" not in value and value == value.strip():
        if len(name) + 2 + len(value) <= LINE:
            return f"{name}: {value}"
        if "  " not in value and (folded := _folded(name, value)):
            return folded
    return f"{name}: {_encoded_words(name, value)}"


def _folded(name: str, value: str) -> str | None:
    """Broken before spaces, so that joining the lines gives the value again; None if a word is too long."""
    lines = [f"{name}:"]
    for word in value.split(" "):
        if len(lines[-1]) + 1 + len(word) <= LINE or (len(lines) == 1 and lines[0] == f"{name}:"):
            lines[-1] += f" {word}"
        else:
            lines.append(f" {word}")
    return "\r\n".join(lines) if max(map(len, lines)) <= LONGEST_LINE else None


@lru_cache(4096)
def _encoded_words(header: str, value: str) -> str:
    """RFC 2047 B encoding; no word splits a character, the first leaves room for the header's name."""
    words = []
    room = WORD + 1 - len(header) - 2
    chunk = b""
    for character in value:
        octets = _utf8(header, character)
        if len(chunk) + len(octets) > (room - 12) // 4 * 3 and chunk:
            words.append(chunk)
            chunk, room = b"", WORD
        chunk += octets
    words.append(chunk)
    return "\r\n ".join(f"=?utf-8?b?{b2a_base64(word, newline=False).decode()}?=" for word in words)


def _quoted_printable(part: str, text: str) -> bytes:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    # b2a_qp breaks lines with the first line end it meets, or else a bare LF: so one is added and cut off
    return b2a_qp(_utf8(part, lines) + b"\r\n", quotetabs=False, istext=True, header=False)[:-2]


def _utf8(where: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{where} holds half of a surrogate pair, which is not a character") from None


def _refuse_control(header: str, value: str) -> None:
    if found := _CONTROL.search(value):
        raise ValueError(f"{header} must not hold the control character {found[0]!r}")
