"""Test mails: a campaign as one contact would see it, to addresses that somebody names before it is sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from usher.engage.campaigns.content import INVALID, check
from usher.engage.contacts.suppress import held
from usher.engage.content.fields import Fields, Person
from usher.engage.content.links import WAY_OUT
from usher.engage.content.liquid import TemplateError
from usher.engage.content.render import Draft, Template
from usher.engage.errors import EngageError
from usher.engage.messages import letters
from usher.engage.models import Account, Campaign, Contact, Letter
from usher.engage.models.contacts import Status
from usher.lib import addresses

#: Addresses of one test.
MOST = 10
#: What stands before the subject, and where the ways out of a mail lead that went to nobody.
MARK, NOWHERE = "[Test] ", "#in-a-test-this-leads-nowhere"
#: Whom a mail is made for when no contact is meant.
NOBODY = Person(0, "somebody@example.com", {})


def as_seen(campaign: Campaign, person: Contact | None, now: datetime) -> Draft:
    """The mail for this person, or for nobody in particular. TemplateError when it cannot be made."""
    whom = Person(person.pk, person.email, person.data) if person else NOBODY
    return Template(campaign, Fields.of(campaign.account)).draft(whom, now)


def send(campaign: Campaign, to: Sequence[str], person: Contact | None, now: datetime) -> list[Letter]:
    """Put a test for each address in the outbox, made for `person`; its links are not counted.

    EngageError when the campaign could not be sent either, for too many addresses, and for one that is none
    or that must not be mailed.
    """
    keys = {addresses.key(one.strip()): one.strip() for one in to if one.strip()}
    if not 1 <= len(keys) <= MOST:
        raise EngageError(INVALID, f"Name 1 to {MOST} addresses.")
    for key, shown in keys.items():
        if wrong := addresses.problem(shown) or _barred(campaign.account, key):
            raise EngageError(INVALID, f"“{shown}”: {wrong}; no test was sent.")
    check(campaign)
    try:
        draft = as_seen(campaign, person, now)
    except TemplateError as problem:
        raise EngageError(INVALID, f"The mail cannot be made for this person: {problem}") from None
    made = [_letter(campaign, shown, draft, now) for shown in keys.values()]
    letters.send([(letter, ()) for letter in made], now)
    return made


def _barred(account: Account, key: str) -> str:
    """Why this address gets no test; empty when it may."""
    if reason := held(account, key):
        return f"must not be mailed ({reason})"
    known = Contact.objects.filter(account=account, email_key=key).exclude(status=Status.SUBSCRIBED).first()
    return f"must not be mailed ({known.status})" if known else ""


def _letter(campaign: Campaign, to: str, draft: Draft, now: datetime) -> Letter:
    return Letter(
        account=campaign.account,
        kind=Letter.Kind.TEST,
        to=[to],
        from_name=campaign.from_name,
        from_address=campaign.from_address,
        subject=(MARK + draft.subject)[:998],
        html=_without_ways_out(draft.html),
        text=_without_ways_out(draft.text),
        created_at=now,
    )


def _without_ways_out(pieces: Sequence[str]) -> str:
    return WAY_OUT.sub(NOWHERE, "".join(pieces))
