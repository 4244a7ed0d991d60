"""Marketing letters: mails with content of their own to contacts, under the rules that hold for campaigns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from usher.engage.contacts import write
from usher.engage.contacts.suppress import held
from usher.engage.errors import EngageError
from usher.engage.messages import letters
from usher.engage.messages.mime import File
from usher.engage.models import Account, Choice, Contact, Letter
from usher.engage.models.contacts import Status
from usher.lib import addresses


def send(
    account: Account, drafts: Sequence[tuple[Letter, Sequence[File]]], now: datetime
) -> list[Status | None]:
    """Queue each letter for the one address it goes to; for each, why it may not go, or None if it does.

    Strangers become contacts, which are subscribed unless the account asks them first.
    """
    with transaction.atomic():
        keys = [addresses.key(letter.to[0]) for letter, _ in drafts]
        contacts = _contacts(
            account, {key: letter.to[0] for key, (letter, _) in zip(keys, drafts, strict=True)}, now
        )
        told = _opted_out(drafts, [contacts[key] for key in keys])
        whom: dict[UUID, int] = {}
        refused: list[Status | None] = []
        for key, (letter, _) in zip(keys, drafts, strict=True):
            contact = contacts[key]
            status = contact if isinstance(contact, Status) else Status(contact.status)
            if letter.pk in told:
                status = Status.UNSUBSCRIBED
            refused.append(None if status == Status.SUBSCRIBED else status)
            if status == Status.SUBSCRIBED and isinstance(contact, Contact):
                whom[letter.pk] = contact.pk
        letters.send([draft for draft in drafts if draft[0].pk in whom], now, whom)
    return refused


def _contacts(account: Account, emails: dict[str, str], now: datetime) -> dict[str, Contact | Status]:
    """The contact of each address, made if there is none; its status where none may be."""
    rows = Contact.objects.filter(account=account, email_key__in=emails).exclude(status=Status.DELETED)
    found: dict[str, Contact | Status] = {row.email_key or "": row for row in rows}
    for key in sorted(emails.keys() - found.keys()):
        try:
            found[key], _ = write.save(account, write.Draft(emails[key]), now)
        except EngageError:
            found[key] = Status(held(account, key) or Status.SUPPRESSED)
    return found


def _opted_out(
    drafts: Sequence[tuple[Letter, Sequence[File]]], contacts: Sequence[Contact | Status]
) -> set[UUID]:
    """The letters with a topic that their reader has opted out of."""
    wanted = {
        letter.pk: (letter.campaign.preference_id, contact.pk)
        for (letter, _), contact in zip(drafts, contacts, strict=True)
        if isinstance(contact, Contact) and letter.campaign and letter.campaign.preference_id
    }
    refused = Choice.objects.filter(
        opted_in=False,
        preference__in={topic for topic, _ in wanted.values()},
        contact__in={contact for _, contact in wanted.values()},
    )
    pairs = set(refused.values_list("preference_id", "contact_id"))
    return {letter for letter, pair in wanted.items() if pair in pairs}
