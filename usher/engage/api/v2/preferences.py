"""Preferences: the account's topics, what one contact chose, and who chose one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse

from usher.engage.api.manner import Answer, Call, empty, reply
from usher.engage.api.problems import invalid, missing
from usher.engage.api.reading import LARGEST_ID, MOST, since, text, whole
from usher.engage.api.v2 import lists, sent, shapes
from usher.engage.lists.members import SHOWN
from usher.engage.models import Choice, Contact, Preference
from usher.engage.preferences import choices, tree

INVALID = "ERROR_PREFERENCE_INVALID"


def listed(call: Call) -> HttpResponse:
    return reply(_tree(tree.preferences(call.account), lambda _: None))


def modified_since(call: Call, date: str) -> HttpResponse:
    """What was changed, each in its category."""
    changed = since(date)
    rows = [row for row in tree.preferences(call.account) if row.updated_at >= changed]
    wanted = {row.pk for row in rows} | {row.category_id for row in rows}
    kept = (row for row in tree.preferences(call.account) if row.pk in wanted)
    return reply(_tree(kept, lambda _: None))


def create(call: Call) -> HttpResponse:
    return reply(_alone(tree.create(call.account, _draft(call, None), call.now)))


def change(call: Call, preference: int) -> HttpResponse:
    found = known(call, preference)
    return reply(_alone(tree.change(found, _draft(call, found), call.now)))


def delete(call: Call, preference: int) -> HttpResponse:
    tree.remove(known(call, preference))
    said = "Preference or category (and preferences) were deleted successfully"
    return Answer(said, content_type="text/plain; charset=utf-8")


def known(call: Call, preference: int) -> Preference:
    rows = tree.preferences(call.account).select_related("account")
    found = rows.filter(pk=preference).first() if preference <= LARGEST_ID else None
    if found is None:
        raise missing("ERROR_PREFERENCE_NOT_FOUND")
    return found


def _draft(call: Call, had: Preference | None) -> tree.Draft:
    """What the body says; what it leaves out stays as it is."""
    body = call.fields
    usual = {
        "isPreference": had.is_preference if had else False,
        "isPublic": had.is_public if had else True,
    }
    category = body.get("categoryid", had.category_id if had else None)
    order = body.get("order")
    return tree.Draft(
        private_name=text(body.get("privatename", had and had.private_name), "PrivateName", INVALID),
        public_name=str(body.get("publicname") or (had.public_name if had else "")),
        is_preference=_yes(body, "isPreference", usual["isPreference"]),
        is_public=_yes(body, "isPublic", usual["isPublic"]),
        category=whole(category or 0, "categoryId"),
        order=None if order is None else str(order),
    )


def _yes(body: Mapping[str, Any], name: str, usual: bool | None) -> bool:
    value = body.get(name.lower())
    said = usual if value is None else {"true": True, "false": False}.get(str(value).lower())
    if said is None:
        raise invalid(f"{name} is neither true nor false.", INVALID)
    return said


def of_contact(call: Call, who: int | str) -> HttpResponse:
    return reply(tree_for(call, sent.known(call, who)))


def tree_for(call: Call, contact: Contact) -> list[dict[str, Any]]:
    """The whole tree, which says of each preference whether the contact has opted in."""
    chosen = choices.opted_in(contact)
    return _tree(tree.preferences(call.account), lambda row: row.pk in chosen)


def set_for_contact(call: Call, who: int | str) -> HttpResponse:
    choose(call, sent.known(call, who), call.body)
    return empty(200)


def choose(call: Call, contact: Contact, told: Any) -> None:
    """Opt the contact in and out as a tree, or a bare list, of preferences says."""
    choices.choose(contact, dict(_chosen(told)), call.now)


def _chosen(told: Any) -> Iterator[tuple[int, bool]]:
    if not isinstance(told, list) or not all(isinstance(one, Mapping) for one in told):
        raise invalid("Send a list of preferences.", INVALID)
    for one in told:
        if one.get("preferences"):
            yield from _chosen(one["preferences"])
        elif _yes(one, "isPreference", True):
            yield whole(one.get("id"), "id"), _yes(one, "isOptedIn", None)


def subscriptions(call: Call, who: int | str) -> HttpResponse:
    """All that a contact has said of preferences, with the moment of each."""
    contact = sent.known(call, who)
    rows = Choice.objects.filter(contact=contact).order_by("preference_id")
    return reply(
        {"contact": shapes.contact(contact), "marketingPreferenceOptIns": [_opt_in(row, 0) for row in rows]}
    )


def contacts(call: Call, preference: int, book: int = 0) -> HttpResponse:
    """Who has opted in, at most 1,000 from `minContactId` on; of a list's members with `book`."""
    rows = _said(call, preference, book).filter(opted_in=True)
    return reply([{"id": row.contact_id, "email": row.contact.email} for row in rows[:MOST]])


def opt_ins_since(call: Call, preference: int, date: str, book: int = 0) -> HttpResponse:
    """Who has opted in or out since then, at most 1,000 from `minContactId` on."""
    rows = _said(call, preference, book).filter(at__gte=since(date))
    return reply(
        [
            {"contact": shapes.contact(row.contact), "marketingPreferenceOptIns": [_opt_in(row, book)]}
            for row in rows[:MOST]
        ]
    )


def _said(call: Call, preference: int, book: int) -> QuerySet[Choice]:
    rows = choices.choices_of(known(call, preference))
    rows = rows.filter(contact_id__gte=whole(call.query.get("mincontactid") or 0, "minContactId"))
    if not book:
        return rows
    return rows.filter(
        contact__memberships__list=lists.known(call, book),
        contact__memberships__unsubscribed_at=None,
        contact__status__in=SHOWN,
    )


def _opt_in(row: Choice, book: int) -> dict[str, Any]:
    # "dateModifed" is spelt so
    return {
        "marketingPreferenceId": row.preference_id,
        "addressBookId": book,
        "isOptedIn": row.opted_in,
        "dateModifed": row.at,
    }


def _tree(rows: Iterable[Preference], said: Callable[[Preference], bool | None]) -> list[dict[str, Any]]:
    """Categories with their preferences inside, and the preferences of no category beside them."""
    shown = list(rows)
    inside: dict[int | None, list[dict[str, Any]]] = {}
    for row in shown:
        if row.is_preference:
            inside.setdefault(row.category_id, []).append(_shape(row, [], said(row)))
    loose = iter(inside.get(None, ()))
    return [
        next(loose) if row.is_preference else _shape(row, inside.get(row.pk, []), None)
        for row in shown
        if not row.is_preference or row.category_id is None
    ]


def _alone(row: Preference) -> dict[str, Any]:
    inside = [_shape(one, [], None) for one in row.preferences.order_by("place", "pk")]
    return _shape(row, inside, None)


def _shape(row: Preference, inside: list[dict[str, Any]], opted_in: bool | None) -> dict[str, Any]:
    return {
        "id": row.pk,
        "publicName": row.public_name,
        "privateName": row.private_name,
        "isPreference": row.is_preference,
        "order": str(row.place),
        "isPublic": row.is_public,
        "categoryId": row.category_id or 0,
        "preferenceCount": len(inside),
        "created": row.created_at,
        "lastModified": row.updated_at,
        "isOptedIn": opted_in,
        "preferences": inside,
    }
