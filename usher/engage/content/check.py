"""What is wrong with a campaign's content, before anybody is mailed."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from usher.engage.content import links, liquid
from usher.engage.content.fields import Fields


def problems(subject: str, html: str, text: str, fields: Fields) -> list[str]:
    """Each problem in one sentence that names the part and the line; empty when all is well."""
    found: list[str] = []
    if not subject.strip():
        found.append("subject: is empty")
    for part, source in (("subject", subject), ("html", html), ("text", text)):
        found += [f"{part}, {problem}" for problem in _of_template(source, part == "html", fields)]
    found += _of_unsubscribing(html, text)
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
