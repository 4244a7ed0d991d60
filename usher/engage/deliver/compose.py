"""Turns a batch of messages into mails: campaigns are compiled once, letters are made one by one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from usher.engage.content import transactional as letter_form
from usher.engage.content.fields import Fields
from usher.engage.deliver.claim import Claimed
from usher.engage.deliver.edition import Composed, Edition
from usher.engage.deliver.letters import compose_letters
from usher.engage.models import Campaign


class Composer:
    """The campaigns of one run, compiled when first met and again when they were edited."""

    def __init__(self) -> None:
        self._fields: dict[int, Fields] = {}
        self._editions: dict[tuple[int, bool], Edition] = {}

    def compose(self, messages: Iterable[Claimed], now: datetime) -> Composed:
        """The mails of a batch. What cannot be rendered is told, and does not keep the others back."""
        composed = Composed()
        by_campaign: dict[int, list[Claimed]] = defaultdict(list)
        letters = []
        for one in messages:
            if one.letter or one.campaign is None:
                letters.append(one)
            else:
                by_campaign[one.campaign].append(one)
        if letters:
            compose_letters(letters, self.transactional, now, composed)
        for edition in self._current(by_campaign):
            edition.compose(by_campaign[edition.campaign.pk], now, composed)
        return composed

    def transactional(self, campaign: Campaign) -> Edition:
        """The campaign as a letter has it: without a way out of the marketing that it is not."""
        return self._edition(campaign, transactional=True)

    def _current(self, campaigns: Iterable[int]) -> list[Edition]:
        if not campaigns:
            return []
        found = Campaign.objects.filter(pk__in=list(campaigns)).select_related("account")
        return [self._edition(campaign) for campaign in found]

    def _edition(self, campaign: Campaign, *, transactional: bool = False) -> Edition:
        known = self._editions.get((campaign.pk, transactional))
        if known and known.campaign.updated_at == campaign.updated_at:
            return known
        account = campaign.account
        if account.pk not in self._fields:
            self._fields[account.pk] = Fields.of(account)
        if transactional:
            campaign = letter_form.transactional(campaign)
        edition = self._editions[campaign.pk, transactional] = Edition(campaign, self._fields[account.pk])
        return edition
