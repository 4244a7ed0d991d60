"""What people chose: opting in to topics and out of them, which is no unsubscribing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import connection
from django.db.models import QuerySet

from usher.engage.errors import EngageError
from usher.engage.models import Choice, Contact, Preference

_CHOOSE = """
insert into engage_choice (preference_id, contact_id, opted_in, at)
select preference, %(contact)s, opted_in, %(now)s
from unnest(%(preferences)s::bigint[], %(answers)s::boolean[]) as said(preference, opted_in)
order by preference
on conflict (preference_id, contact_id) do update set opted_in = excluded.opted_in, at = excluded.at
where engage_choice.opted_in <> excluded.opted_in
"""


def choose(contact: Contact, chosen: Mapping[int, bool], now: datetime) -> None:
    """Keep what the contact said of these preferences, by id; what was said before is not touched.

    Refused for an id that is no preference of the account (a category is none).
    """
    known = Preference.objects.filter(account=contact.account_id, is_preference=True, pk__in=chosen)
    unknown = set(chosen) - set(known.values_list("pk", flat=True))
    if unknown:
        raise EngageError("ERROR_PREFERENCE_NOT_FOUND", f"There is no preference {min(unknown)}.")
    with connection.cursor() as cursor:
        cursor.execute(
            _CHOOSE,
            {
                "contact": contact.pk,
                "preferences": list(chosen),
                "answers": list(chosen.values()),
                "now": now,
            },
        )


def opted_in(contact: Contact) -> set[int]:
    """The preferences to which the contact has opted in."""
    return set(Choice.objects.filter(contact=contact, opted_in=True).values_list("preference_id", flat=True))


def choices_of(preference: Preference) -> QuerySet[Choice]:
    """What contacts said of a preference, those in the recycle bin aside, by ascending contact."""
    rows = Choice.objects.filter(preference=preference).exclude(contact__status="Deleted")
    return rows.select_related("contact").order_by("contact_id")
