"""Letters: mails with content of their own, put into the outbox for each of their recipients."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid5

from django.db import connection, transaction
from procrastinate import exceptions
from procrastinate.contrib.django import app

from usher.engage.contacts import erased
from usher.engage.contacts.suppress import FINAL
from usher.engage.errors import EngageError
from usher.engage.messages import asking
from usher.engage.messages.mime import File
from usher.engage.models import Attachment, Confirmation, Letter, Message
from usher.lib import addresses

#: Bytes of a letter: its text, its HTML and its files together.
LARGEST = 15 * 1024 * 1024
#: A confirmation's letter has an id made from the confirmation's, so that it is written once.
_CONFIRMATIONS = UUID("6f3f4d3a-2c0b-4b0e-9d5e-5d1d1c0c7a11")

#: Why the letter {letter} may not go to {address}; null: it may. What marketing is forbidden does not count:
#: an opt-out is no reason. Nobody who complained, and no address or domain that is closed for good, gets any
#: letter; a dead address gets none but the one that asks to come back. A test of a campaign is marketing: to
#: whoever is suppressed, for whatever reason, it does not go. Bind `final`.
BARRED = """
(select coalesce(suppression.reason, case when domain.id is not null then 'DomainSuppression' end)
   from engage_letter letter
   left join engage_suppression suppression
     on suppression.account_id = letter.account_id and suppression.lifted_at is null
    and suppression.email_key = lower({address})
    and (suppression.reason = any(%(final)s)
         or letter.kind = 'transactional' and suppression.reason = 'HardBounced'
         or letter.kind = 'test')
   left join engage_suppresseddomain domain
     on domain.account_id = letter.account_id and domain.domain = split_part(lower({address}), '@', 2)
  where letter.id = {letter})
"""
BOUND: dict[str, Any] = {"final": sorted(str(reason.value) for reason in FINAL)}

_BARRED = BARRED.format(letter="wanted.letter", address="wanted.address")
_QUEUE = f"""
insert into engage_message
       (account_id, campaign_id, contact_id, letter_id, address, node, state, queued_at, due_at,
        attempts, relay, reply, reason)
select letter.account_id, letter.campaign_id, wanted.contact, letter.id, wanted.address, '',
       case when barred.reason is null then 'queued' else 'skipped' end, %(now)s, %(now)s,
       0, '', '', coalesce('may not be mailed: ' || barred.reason, '')
  from unnest(%(letters)s::uuid[], %(addresses)s::text[], %(contacts)s::bigint[])
       as wanted(letter, address, contact)
  join engage_letter letter on letter.id = wanted.letter
 cross join lateral (select {_BARRED} as reason) barred
    on conflict do nothing
"""


def send(
    letters: Iterable[tuple[Letter, Sequence[File]]],
    now: datetime,
    contacts: Mapping[UUID, int] = MappingProxyType({}),
) -> None:
    """Put new letters with their files in the outbox, all of them or none.

    Each recipient (to, cc or bcc) gets a message, once; whoever may not be mailed gets one that is skipped
    and says why. The addresses have been checked. Doing it again with the same letters adds nothing.
    `contacts` are whom marketing letters go to, by letter: when one is claimed, all rules of campaigns hold.
    """
    all_of_them = list(letters)
    with transaction.atomic():
        ids = [letter.pk for letter, _ in all_of_them]
        known = set(Letter.objects.filter(pk__in=ids).values_list("pk", flat=True))
        new = [(letter, files) for letter, files in all_of_them if letter.pk not in known]
        Letter.objects.bulk_create([letter for letter, _ in new], ignore_conflicts=True)
        Attachment.objects.bulk_create(_attached(letter, file) for letter, files in new for file in files)
        wanted = [(letter.pk, address) for letter, _ in new for address in recipients(letter)]
        for account in {letter.account for letter, _ in new}:
            erased.recall(account, {addresses.key(address) for _, address in wanted})
        bound = BOUND | {
            "now": now,
            "letters": [one for one, _ in wanted],
            "addresses": [a for _, a in wanted],
            "contacts": [contacts.get(one) for one, _ in wanted],
        }
        with connection.cursor() as cursor:
            cursor.execute(_QUEUE, bound)
        transaction.on_commit(_hand_on)


def _hand_on() -> None:
    """Somebody waits for a letter: a worker takes it at once, not with the minute's tick."""
    with contextlib.suppress(exceptions.AlreadyEnqueued), transaction.atomic():
        # by its name: the task's file imports this one
        app.configure_task("deliver", queueing_lock="deliver").defer()


def recipients(letter: Letter) -> list[str]:
    """Everybody who gets a copy, each once."""
    found: dict[str, str] = {}
    for one in (*letter.to, *letter.cc, *letter.bcc):
        found.setdefault(addresses.key(one), one)
    return list(found.values())


def size(letter: Letter, files: Iterable[File]) -> int:
    """Bytes, to be compared with LARGEST."""
    return len(letter.html.encode()) + len(letter.text.encode()) + sum(len(file.content) for file in files)


def confirm(confirmation: Confirmation, now: datetime) -> Message:
    """Queue the mail that asks somebody to confirm, and answer its message; once, however often it is called.

    It goes to those who did not confirm yet and to those who left, too; to a final suppression it does not
    (its message is skipped). EngageError for a contact without an address.
    """
    if not confirmation.contact.email:
        raise EngageError("ERROR_INVALID_EMAIL", "The contact has no address.")
    confirm_all([confirmation], now)
    return Message.objects.get(letter=_letter_of(confirmation))


def confirm_all(confirmations: Sequence[Confirmation], now: datetime) -> None:
    """The same for many in a few statements; their contacts have addresses, and come with their accounts."""
    send([(_question(one, now), ()) for one in confirmations], now)


def _letter_of(confirmation: Confirmation) -> UUID:
    return uuid5(_CONFIRMATIONS, str(confirmation.pk))


def _question(confirmation: Confirmation, now: datetime) -> Letter:
    contact = confirmation.contact
    words = asking.written(confirmation)
    return Letter(
        id=_letter_of(confirmation),
        account=contact.account,
        kind=Letter.Kind.CONFIRMATION,
        to=[contact.email],
        subject=words.subject,
        html=words.html,
        text=words.text,
        created_at=now,
    )


def _attached(letter: Letter, file: File) -> Attachment:
    return Attachment(letter=letter, name=file.name, content_type=file.content_type, content=file.content)
