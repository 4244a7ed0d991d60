"""Asking somebody by mail whether they want to be mailed, and what their answer changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction

from usher.engage.contacts.suppress import resubscribe
from usher.engage.lists import joining
from usher.engage.messages import letters
from usher.engage.models import Confirmation, Contact, ContactList
from usher.engage.models.contacts import Status

#: Whoever was asked is not asked the same again for so long, however often a caller wants it.
AGAIN = timedelta(days=1)
#: Questions to one person within that time, whatever they are about: a form must not be a way to pester.
MOST_A_DAY = 3
#: An answer counts for so long.
LASTS = timedelta(days=30)
#: Whoever is subscribed already may still confirm a list.
_MAY_OPT_IN = frozenset({Status.PENDING_OPT_IN, Status.SUBSCRIBED})


def ask(
    contact: Contact,
    kind: Confirmation.Kind,
    now: datetime,
    *,
    joins: ContactList | None = None,
    return_url: str = "",
) -> Confirmation:
    """Mail the question, and what it is about: the account, or with `joins` that list.

    Nothing changes until the answer. The question of the last day stands for a further one, and so does the
    newest of all where there were MOST_A_DAY.
    """
    with transaction.atomic():
        Contact.objects.select_for_update().get(pk=contact.pk)  # two callers at once ask one question
        lately = Confirmation.objects.filter(contact=contact, asked_at__gt=now - AGAIN).order_by("-pk")
        asked = lately.filter(kind=kind, list=joins, confirmed_at=None).first()
        if asked is None and lately.count() >= MOST_A_DAY:
            asked = lately[0]
        if asked is None:
            asked = Confirmation.objects.create(
                contact=contact, kind=kind, list=joins, return_url=return_url, asked_at=now
            )
            letters.confirm(asked, now)
    return asked


def ask_all(wished: Mapping[int, tuple[Confirmation.Kind, str]], now: datetime) -> None:
    """The same for many about the account, in a few statements; contact -> the question, and where it leads.

    Whoever has no address cannot be asked, and is passed over.
    """
    with transaction.atomic():
        rows = Contact.objects.filter(pk__in=wished, email_key__isnull=False).order_by("pk")
        people = list(rows.select_for_update(of=("self",)).select_related("account"))
        asked = set(
            Confirmation.objects.filter(
                contact__in=people, list=None, confirmed_at=None, asked_at__gt=now - AGAIN
            ).values_list("contact", "kind")
        )
        new = [
            Confirmation(contact=one, kind=kind, return_url=url, asked_at=now)
            for one in people
            for kind, url in [wished[one.pk]]
            if (one.pk, kind) not in asked
        ]
        letters.confirm_all(Confirmation.objects.bulk_create(new), now)


def accept(confirmation: Confirmation, now: datetime, ip: str | None = None, user_agent: str = "") -> bool:
    """The person said yes: they are subscribed, and on the list that they were asked about.

    False, and nothing changes, when the question is too old or a final suppression stands against it;
    a second yes changes nothing. Somebody who opted out after being asked to opt in stays out.
    """
    if now - confirmation.asked_at > LASTS:
        return False
    with transaction.atomic():
        contact = (
            Contact.objects.select_for_update().select_related("account").get(pk=confirmation.contact_id)
        )
        confirmation.refresh_from_db(fields=["confirmed_at"])
        if confirmation.confirmed_at is not None:  # answered: whoever left since is asked anew
            return bool(contact.status == Status.SUBSCRIBED)
        if confirmation.kind == Confirmation.Kind.OPT_IN and contact.status not in _MAY_OPT_IN:
            return False
        if contact.status == Status.DELETED or not resubscribe(contact, now):
            return False
        Confirmation.objects.filter(pk=confirmation.pk).update(
            confirmed_at=now, ip=ip, user_agent=user_agent[:300]
        )
        waited = contact.status == Status.PENDING_OPT_IN
        contact.refresh_from_db()
        if waited:
            joining.confirmed(contact, now)
        if confirmation.list:
            joining.rejoin(confirmation.list, contact, now)
    return True
