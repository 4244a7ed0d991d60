"""What is wrong with a campaign's content, before anybody is mailed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from usher.engage.content import links, liquid
from usher.engage.content.fields import Fields

#: Characters of a subject that phones show, and bytes of HTML from which on some programs cut.
LONG_SUBJECT, CLIPPED = 78, 102 * 1024
#: Characters of a text part that is hardly one.
SHORT_TEXT = 40
_PICTURE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
_ALT = re.compile(r"\balt\s*=", re.IGNORECASE)
_TARGET = re.compile(r"""<a\s[^>]*?\bhref\s*=\s*["']([^"']*)["']""", re.IGNORECASE)
_LEADS = re.compile(r"(?:https?://|mailto:|tel:|sms:|#.|\$)", re.IGNORECASE)


def problems(subject: str, html: str, text: str, fields: Fields) -> list[str]:
    """Each problem in one sentence that names the part and the line; empty when all is well."""
    found: list[str] = []
    if not subject.strip():
        found.append("subject: is empty")
    for part, source in (("subject", subject), ("html", html), ("text", text)):
        found += [f"{part}, {problem}" for problem in _of_template(source, part == "html", fields)]
    found += _of_unsubscribing(html, text)
    return found


def remarks(subject: str, html: str, text: str) -> list[str]:
    """What may be meant but mostly is not; nothing of it stops a mail."""
    found: list[str] = []
    if len(subject) > LONG_SUBJECT:
        found.append(f"subject: {len(subject)} characters; phones show some {LONG_SUBJECT}")
    if len(html.encode()) > CLIPPED:
        found.append(f"html: {len(html.encode()) // 1024} KB; some mail programs cut at {CLIPPED // 1024} KB")
    if pictures := sum(not _ALT.search(tag) for tag in _PICTURE.findall(html)):
        found.append(f"html: pictures without alt text, which is read until they are loaded: {pictures}")
    for url in dict.fromkeys(_TARGET.findall(html)):
        if not url or not (_LEADS.match(url) or "@" in url or "{" in url):
            found.append(f'html: the link to "{url[:60]}" leads nowhere; write all of it, from https:// on')
    if html.strip() and len(text.strip()) < SHORT_TEXT:
        found.append("text: is very short beside the HTML; filters and plain readers see only it")
    return found


def _of_template(source: str, html: bool, fields: Fields) -> Iterator[str]:
    for name, line in liquid.field_names(source):
        if name.upper() not in fields.names():
            yield f"line {line}: there is no data field @{name}@{_hint(name, fields, '@{}@')}"
    try:
        template = liquid.compile_template(source, html=html)
    except liquid.TemplateError as error:
        yield str(error)
        return
    for name, line in liquid.data_names(template, source):
        if name.upper() not in fields.names():
            hint = _hint(name, fields, "contact.data.{}")
            yield f"line {line}: there is no data field contact.data.{name}{hint}"


def _of_unsubscribing(html: str, text: str) -> Iterator[str]:
    wanted = "write http://$UNSUB$ where the unsubscribe link goes"
    if not any(links.UNSUBSCRIBE.fullmatch(url) for url in links.split_html(html)[1::2]):
        yield f'html: has no unsubscribe link; {wanted}, as <a href="http://$UNSUB$">'
    if not links.UNSUBSCRIBE.search(text):
        yield f"text: has no unsubscribe link; {wanted}"


def _hint(name: str, fields: Fields, form: str) -> str:
    close = get_close_matches(name.upper(), sorted(fields.names()), n=1, cutoff=0.6)
    if not close:
        return ""
    best = close[0] if form.startswith("@") else close[0].lower()
    return f"; did you mean {form.format(best)}?"
