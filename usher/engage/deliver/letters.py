"""Makes the mails of letters: each has its own content, and may carry files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from usher.engage.channels.relay import Envelope
from usher.engage.content import links
from usher.engage.content.fields import Person
from usher.engage.content.render import Content, Draft, counted, finish, with_pixel
from usher.engage.content.transactional import filled_for
from usher.engage.deliver.claim import Claimed
from usher.engage.deliver.edition import Composed, Edition, headers
from usher.engage.messages.identity import return_path
from usher.engage.messages.mime import File, build
from usher.engage.models import Campaign, Letter

#: Bytes of letters made for one batch, unless a single one is larger: the others are left to the next.
MOST_BYTES = 32 * 1024 * 1024
#: Kinds of letters of which opens and clicks are counted.
COUNTED = (Letter.Kind.TRANSACTIONAL, Letter.Kind.MARKETING)
#: What base64 makes of a byte, its line ends counted.
GROWTH = 1.4

_SIZES = """
select letter.id, octet_length(letter.html) + octet_length(letter.text)
       + coalesce((select sum(octet_length(content)) from engage_attachment where letter_id = letter.id), 0)
  from engage_letter letter where letter.id = any(%s)
"""

# Few at any time, as they are dropped when their letter has ended.
_DROP = """
delete from engage_attachment file
 where not exists (select 1 from engage_message message
                    where message.letter_id = file.letter_id and message.state in ('queued', 'claimed'))
"""


def drop_files() -> None:
    """Forget the files of letters that have reached everybody, or never will: they are large and private."""
    with connection.cursor() as cursor:
        cursor.execute(_DROP)


def compose_letters(
    messages: Sequence[Claimed],
    edition: Callable[[Letter, Campaign], Edition],
    now: datetime,
    composed: Composed,
) -> None:
    """Add the mails of these letters, as many as memory has room for; the others are `left`.

    `edition` compiles a letter's campaign as that kind of letter has it.
    """
    kept = _that_fit(messages, composed)
    rows = Letter.objects.select_related("account", "campaign__account").prefetch_related("attachments")
    letters = rows.in_bulk({one.letter for one in kept})
    parts = {key: Parts.of(letter) for key, letter in letters.items()}
    known = links.link_ids_of_letters({key: one.targets() for key, one in parts.items()})
    for one in kept:
        if one.letter in letters:
            letter = letters[one.letter]
            try:
                content = _content(one, letter, parts[letter.pk], known[letter.pk], edition, now)
                composed.envelopes.append(_envelope(one, letter, content, now))
            except ValueError as error:
                composed.failed[one.message] = str(error)


@dataclass(frozen=True, slots=True)
class Parts:
    """A letter's own HTML and text, cut at the links whose clicks are counted, of those kinds."""

    html: links.Pieces
    text: links.Pieces

    @classmethod
    def of(cls, letter: Letter) -> Parts:
        if letter.campaign or letter.kind not in COUNTED:
            return cls([letter.html], [letter.text])
        return cls(links.split_html(letter.html), links.split_text(letter.text))

    def targets(self) -> set[str]:
        return links.targets(self.html) | links.targets(self.text)


def _that_fit(messages: Sequence[Claimed], composed: Composed) -> list[Claimed]:
    sizes = _sizes({one.letter for one in messages if one.letter})
    kept: list[Claimed] = []
    size = 0.0
    for one in messages:
        size += sizes.get(one.letter, 0) * GROWTH if one.letter else 0
        if kept and size > MOST_BYTES:
            composed.left.append(one.message)
        else:
            kept.append(one)
    return kept


def _sizes(letters: set[UUID]) -> dict[UUID, int]:
    with connection.cursor() as cursor:
        cursor.execute(_SIZES, [list(letters)])
        return {letter: int(size) for letter, size in cursor.fetchall()}


def _content(
    one: Claimed,
    letter: Letter,
    parts: Parts,
    link_ids: Mapping[str, int],
    edition: Callable[[Letter, Campaign], Edition],
    now: datetime,
) -> Content:
    """Subject, HTML and text. ValueError when a campaign cannot be filled."""
    if letter.campaign:
        filled = filled_for((letter.to or [one.email])[0], letter.values)
        if letter.kind == Letter.Kind.MARKETING:
            filled = Person(one.contact or 0, one.email, {**one.data, **filled.data})
        return edition(letter, letter.campaign).content(one.message, filled, now)
    if letter.kind == Letter.Kind.MARKETING:
        return finish(Draft(letter.subject, parts.html, parts.text), one.message, link_ids)
    html, text = counted(parts.html, one.message, link_ids), counted(parts.text, one.message, link_ids)
    if html and letter.kind == Letter.Kind.TRANSACTIONAL:
        html = with_pixel(html, one.message)
    return Content(letter.subject, html, text, "")


def _envelope(one: Claimed, letter: Letter, content: Content, now: datetime) -> Envelope:
    account, campaign = letter.account, letter.campaign
    path = return_path(one.message, account.mail_domain)
    data = build(
        from_name=letter.from_name or (campaign and campaign.from_name) or account.from_name,
        from_address=letter.from_address or (campaign and campaign.from_address) or account.from_address,
        to=letter.to,
        cc=letter.cc,
        subject=content.subject,
        html=content.html,
        text=content.text,
        message_id=f"<{path}>",
        date=now,
        headers=_headers(letter, content),
        files=[File(row.name, row.content_type, bytes(row.content)) for row in letter.attachments.all()],
    )
    return Envelope(key=one.message, mail_from=path, rcpt_to=one.email, data=data)


def _headers(letter: Letter, content: Content) -> dict[str, str]:
    if letter.kind == Letter.Kind.MARKETING:
        source = letter.campaign_id or letter.kind
        return headers(letter.account, source, content.unsubscribe_url)
    return {
        "Auto-Submitted": "auto-generated",
        "Feedback-ID": f"{letter.kind}:{letter.account_id}:usher",
    }
