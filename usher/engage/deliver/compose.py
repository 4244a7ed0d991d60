"""Turns a batch of messages into mails: campaigns are compiled once, letters are made one by one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from usher.engage.content import transactional as letter_form
from usher.engage.content.fields import Fields
from usher.engage.content.versions import as_version
from usher.engage.deliver.claim import Claimed
from usher.engage.deliver.edition import Composed, Edition
from usher.engage.deliver.letters import compose_letters
from usher.engage.models import Campaign, Letter


class Composer:
    """The campaigns of one run, compiled when first met and again when they were edited."""

    def __init__(self) -> None:
        self._fields: dict[int, Fields] = {}
        self._editions: dict[tuple[int, str, bool], Edition] = {}

    def compose(self, messages: Iterable[Claimed], now: datetime) -> Composed:
        """The mails of a batch. What cannot be rendered is told, and does not keep the others back."""
        composed = Composed()
        by_content: dict[tuple[int, str], list[Claimed]] = defaultdict(list)
        letters = []
        for one in messages:
            if one.letter or one.campaign is None:
                letters.append(one)
            else:
                by_content[one.campaign, one.version].append(one)
        if letters:
            compose_letters(letters, self._of_letter, now, composed)
        for content, edition in self._current(by_content):
            edition.compose(by_content[content], now, composed)
        return composed

    def _of_letter(self, letter: Letter, campaign: Campaign) -> Edition:
        """The campaign as the letter has it: without a way out of the marketing that it mostly is not."""
        return self._edition(campaign, transactional=letter.kind != Letter.Kind.MARKETING)

    def _current(self, contents: Iterable[tuple[int, str]]) -> list[tuple[tuple[int, str], Edition]]:
        """Each campaign and version with its edition."""
        campaigns = {campaign for campaign, _ in contents}
        rows = Campaign.objects.filter(pk__in=campaigns).select_related("account") if campaigns else []
        found = {campaign.pk: campaign for campaign in rows}
        return [((pk, version), self._edition(found[pk], version)) for pk, version in contents if pk in found]

    def _edition(self, campaign: Campaign, version: str = "", *, transactional: bool = False) -> Edition:
        known = self._editions.get((campaign.pk, version, transactional))
        if known and known.campaign.updated_at == campaign.updated_at:
            return known
        account = campaign.account
        if account.pk not in self._fields:
            self._fields[account.pk] = Fields.of(account)
        if transactional:
            campaign = letter_form.transactional(campaign)
        if version:
            campaign = as_version(campaign, version)
        edition = Edition(campaign, self._fields[account.pk])
        self._editions[campaign.pk, version, transactional] = edition
        return edition
