"""What the mail says that asks somebody whether they want to be mailed."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from usher.engage.content.addresses import confirm_url
from usher.engage.models import Confirmation

_TEXT = """\
Hello,

{wish}

If that is what you want, please confirm it here:

{link}

If it was not you, there is nothing to do: without your confirmation nothing changes.

{name}
"""
_HTML = """\
<!doctype html>
<html lang="en"><body style="font-family:sans-serif;line-height:1.5;max-width:36em">
<p>Hello,</p>
<p>{wish}</p>
<p>If that is what you want, please confirm it here:</p>
<p><a href="{link}" style="font-weight:bold">Yes, I want this</a></p>
<p>If it was not you, there is nothing to do: without your confirmation nothing changes.</p>
<p>{name}</p>
</body></html>
"""


@dataclass(frozen=True, slots=True)
class Words:
    subject: str
    html: str
    text: str


def written(confirmation: Confirmation) -> Words:
    """The mail that asks, with the link that answers it."""
    contact = confirmation.contact
    name = contact.account.from_name or contact.account.name
    news = f"“{confirmation.list.name}” from {name}" if confirmation.list else f"mail from {name}"
    if confirmation.kind == Confirmation.Kind.RESUBSCRIBE:
        subject = f"Please confirm that you want {news} again"
        wish = f"Somebody asked that {contact.email}, which left before, should get {news} again."
    else:
        subject = f"Please confirm that you want {news}"
        wish = f"Somebody asked that {contact.email} should get {news}."
    link = confirm_url(confirmation.pk)
    return Words(
        # a name of several lines must not become a header of its own
        " ".join(subject.split()),
        _HTML.format(wish=escape(wish), link=escape(link), name=escape(name)),
        _TEXT.format(wish=wish, link=link, name=name),
    )
