"""A campaign compiled: its mails for a batch of people, its links given rows in bulk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from usher.engage.channels.relay import Envelope
from usher.engage.content import links
from usher.engage.content.fields import Fields, Person
from usher.engage.content.liquid import TemplateError
from usher.engage.content.render import Content, Draft, Template, finish
from usher.engage.deliver.claim import Claimed
from usher.engage.messages.identity import return_path
from usher.engage.messages.mime import build
from usher.engage.models import Account, Campaign

#: Link rows remembered for one campaign; personalised addresses could otherwise fill the memory.
MOST_LINKS = 20_000


@dataclass(slots=True)
class Composed:
    envelopes: list[Envelope] = field(default_factory=list)
    #: Message -> why no mail could be made for it.
    failed: dict[int, str] = field(default_factory=dict)
    #: Not made, because those that were made are large enough.
    left: list[int] = field(default_factory=list)


class Edition:
    """A campaign as it stands now, compiled."""

    def __init__(self, campaign: Campaign, fields: Fields) -> None:
        self.campaign = campaign
        self.links: dict[str, int] = {}
        self.template: Template | None = None
        self.broken = ""
        try:
            self.template = Template(campaign, fields)
        except TemplateError as error:
            self.broken = f"the campaign cannot be used: {error}"

    def content(self, message: int, person: Person, now: datetime) -> Content:
        """The mail of one message. ValueError if it cannot be made."""
        if self.template is None:
            raise ValueError(self.broken)
        draft = self.template.draft(person, now)
        self._know_links([draft])
        return finish(draft, message, self.links)

    def compose(self, messages: list[Claimed], now: datetime, composed: Composed) -> None:
        drafts = self._drafts(messages, now, composed)
        self._know_links(draft for _, draft in drafts)
        for one, draft in drafts:
            content = finish(draft, one.message, self.links)
            try:
                composed.envelopes.append(self._envelope(one, content, now))
            except ValueError as error:
                composed.failed[one.message] = str(error)

    def _drafts(
        self, messages: list[Claimed], now: datetime, composed: Composed
    ) -> list[tuple[Claimed, Draft]]:
        if self.template is None:
            composed.failed.update((one.message, self.broken) for one in messages)
            return []
        drafts = []
        for one in messages:
            try:
                person = Person(one.contact or 0, one.email, one.data)
                drafts.append((one, self.template.draft(person, now)))
            except TemplateError as error:
                composed.failed[one.message] = f"cannot be rendered: {error}"
        return drafts

    def _know_links(self, drafts: Iterable[Draft]) -> None:
        wanted: set[str] = set().union(*(draft.targets() for draft in drafts))
        if missing := wanted - self.links.keys():
            if len(self.links) + len(missing) > MOST_LINKS:
                self.links = {}
                missing = wanted
            self.links |= links.link_ids(self.campaign.pk, missing)

    def _envelope(self, one: Claimed, content: Content, now: datetime) -> Envelope:
        campaign, account = self.campaign, self.campaign.account
        path = return_path(one.message, account.mail_domain)
        data = build(
            from_name=campaign.from_name or account.from_name,
            from_address=campaign.from_address or account.from_address,
            to=[one.email],
            reply_to=campaign.reply_to or None,
            subject=content.subject,
            html=content.html,
            text=content.text,
            message_id=f"<{path}>",
            date=now,
            headers=headers(account, campaign.pk, content.unsubscribe_url),
        )
        return Envelope(key=one.message, mail_from=path, rcpt_to=one.email, data=data)


def headers(account: Account, source: int | str, unsubscribe_url: str) -> dict[str, str]:
    """What mailbox providers ask of marketing mail: RFC 8058 one-click, RFC 2919 List-Id, Feedback-ID."""
    return {
        "List-Unsubscribe": f"<{unsubscribe_url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "List-Id": f"{account.name} <account-{account.pk}.{account.mail_domain}>",
        "Feedback-ID": f"{source}:{account.pk}:usher",
    }
