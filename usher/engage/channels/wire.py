"""What goes over the wire for one envelope, checked so that nothing in it can become a command of its own."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass

from usher.engage.channels.relay import Envelope, Outcome, Stage
from usher.engage.messages.mime import check_address

_LINE_END = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Prepared:
    """An envelope in the form in which it is sent."""

    envelope: Envelope
    mail: bytes
    rcpt: bytes
    #: ends with CRLF, dots doubled; the final dot is not in it
    content: bytes


def refusal(envelope: Envelope) -> Outcome | None:
    """The outcome of an envelope whose addresses must not reach the wire."""
    stage: Stage = "mail"
    try:
        if envelope.mail_from:
            check_address(envelope.mail_from)
        stage = "rcpt"
        check_address(envelope.rcpt_to)
    except ValueError as error:
        return Outcome(envelope.key, "refused", None, str(error), stage)
    return None


def prepare(envelope: Envelope, offered: Set[str]) -> Prepared | Outcome:
    """For a relay that offered these extensions (small letters); an outcome if it cannot take this mail.

    The addresses have passed `refusal`.
    """
    content = _with_crlf(envelope.data)
    parameters = b" SIZE=%d" % len(content) if "size" in offered else b""
    if not content.isascii():
        if "8bitmime" not in offered:
            return _cannot(envelope, "the mail has 8-bit content and the relay does not offer 8BITMIME")
        parameters += b" BODY=8BITMIME"
    if _needs_utf8(envelope, content):
        if "smtputf8" not in offered:
            return _cannot(envelope, "an address beyond ASCII needs SMTPUTF8, which the relay does not offer")
        parameters += b" SMTPUTF8"
    return Prepared(
        envelope,
        b"MAIL FROM:<%b>%b\r\n" % (envelope.mail_from.encode(), parameters),
        b"RCPT TO:<%b>\r\n" % envelope.rcpt_to.encode(),
        _dots_doubled(content),
    )


def _cannot(envelope: Envelope, text: str) -> Outcome:
    return Outcome(envelope.key, "refused", None, text, "mail")


def _needs_utf8(envelope: Envelope, content: bytes) -> bool:
    """An address beyond ASCII, or a header with one as it stands."""
    if not envelope.rcpt_to.isascii() or not envelope.mail_from.isascii():
        return True
    return not content.isascii() and not content[: content.find(b"\r\n\r\n")].isascii()


def _with_crlf(data: bytes) -> bytes:
    """Every line, the last one too, ends with CRLF."""
    ends = data.count(b"\r\n")
    if data.count(b"\n") != ends or data.count(b"\r") != ends:
        data = _LINE_END.sub(b"\r\n", data)
    return data if data.endswith(b"\r\n") else data + b"\r\n"


def _dots_doubled(content: bytes) -> bytes:
    """RFC 5321 4.5.2: a line that begins with a dot gets a second one."""
    content = content.replace(b"\r\n.", b"\r\n..")
    return b"." + content if content.startswith(b".") else content
