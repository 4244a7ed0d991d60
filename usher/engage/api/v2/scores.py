"""Scores of contacts, worked out when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpResponse

from usher.engage.api.manner import Call, reply
from usher.engage.api.reading import since, taken
from usher.engage.api.v2 import lists, sent
from usher.engage.api.v2.contacts import all_of
from usher.engage.contacts.score import Score, scores
from usher.engage.lists import members
from usher.engage.models import Click, Contact, Open


def of_contact(call: Call, who: int | str) -> HttpResponse:
    return reply(_shown(call, [sent.known(call, who)])[0])


def listed(call: Call) -> HttpResponse:
    return reply(_shown(call, taken(call, all_of(call))))


def in_list(call: Call, book: int) -> HttpResponse:
    rows = members.rows(lists.known(call, book))
    return reply(_shown(call, [row.contact for row in taken(call, rows, key="contact_id")]))


def modified_since(call: Call, date: str) -> HttpResponse:
    """Those who have opened or clicked since, or are new."""
    return reply(_shown(call, taken(call, _active(call, date))))


def _active(call: Call, date: str) -> QuerySet[Contact]:
    moment = since(date)
    return all_of(call).filter(
        Q(created_at__gte=moment)
        | Exists(Open.objects.filter(message__contact=OuterRef("pk"), at__gte=moment))
        | Exists(Click.objects.filter(message__contact=OuterRef("pk"), at__gte=moment))
    )


def _shown(call: Call, people: Sequence[Contact]) -> list[dict[str, Any]]:
    found = scores([row.pk for row in people], call.now)
    return [_shape(row, found[row.pk]) for row in people]


def _shape(row: Contact, score: Score) -> dict[str, Any]:
    return {
        "contactId": row.pk,
        "email": row.email,
        "dateModified": score.at or row.created_at,
        "scoreLabel": score.label,
        "score": score.points,
        "engagement": score.points,
        "suitability": 0,
    }
