"""The tracked link in a mail: the one thing in it that a seed may follow."""

from __future__ import annotations

import email
import re
from email.message import EmailMessage, MIMEPart
from email.policy import default
from html.parser import HTMLParser
from typing import cast

#: Where the engine counts clicks. Unsubscribing has another path, so it can never be taken for a click.
CLICKS = "/t/c/"


def tracked(raw: bytes, public_url: str) -> str:
    """The first click link of the mail that leads to our own server; "" if it has none."""
    message = email.message_from_bytes(raw, policy=default)
    prefix = public_url.rstrip("/") + CLICKS
    return next((link for link in _links(message) if link.startswith(prefix) and ".." not in link), "")


def _links(message: EmailMessage) -> list[str]:
    """Those of the HTML part, or of the text where there is no other."""
    if html := message.get_body(("html",)):
        return _hrefs(_content(html))
    text = message.get_body(("plain",))
    # a full stop behind a link belongs to the sentence
    return re.findall(r"https?://[^\s<>\"]*[^\s<>\".,;:!?)]", _content(text)) if text else []


def _content(part: MIMEPart) -> str:
    try:
        return str(part.get_content())
    except (LookupError, ValueError):  # an unknown or wrong charset
        return cast(bytes, part.get_payload(decode=True)).decode("latin-1")


def _hrefs(html: str) -> list[str]:
    finder = _Anchors()
    finder.feed(html)
    return finder.links


class _Anchors(HTMLParser):
    """Collects the addresses of `<a href>` in order."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a" and (href := dict(attrs).get("href")):
            self.links.append(href.strip())
