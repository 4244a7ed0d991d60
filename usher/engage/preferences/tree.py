"""The topics of an account: made, changed, moved and removed, each at its place among its siblings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from usher.engage.errors import EngageError
from usher.engage.models import Account, Preference

LONGEST_NAME = 255
#: Where one goes of whom no place is told.
BOTTOM = "bottom"


@dataclass(frozen=True)
class Draft:
    """What a caller says about a preference or category."""

    private_name: str
    public_name: str = ""
    is_preference: bool = True
    is_public: bool = False
    #: The id of the category that it belongs to; 0: to none.
    category: int = 0
    #: A place from 0, "top" or "bottom"; None: where it is, or at the bottom.
    order: str | None = None


def preferences(account: Account) -> QuerySet[Preference]:
    """All of an account in the order in which they are shown, categories and preferences side by side."""
    return Preference.objects.filter(account=account).order_by("place", "pk")


def create(account: Account, draft: Draft, now: datetime) -> Preference:
    """Make a preference or category. Refused without a private name, and for a category in a category."""
    made = Preference(account=account, is_preference=draft.is_preference, created_at=now)
    return _write(made, draft, now)


def change(preference: Preference, draft: Draft, now: datetime) -> Preference:
    """Rename, move or publish it; a preference stays one, and a category too. Refused like `create`."""
    if draft.is_preference != preference.is_preference:
        raise _invalid("A preference does not become a category, nor a category a preference.")
    return _write(preference, draft, now)


def remove(preference: Preference) -> None:
    """Remove it with what was chosen; a category with its preferences."""
    preference.delete()


def _write(preference: Preference, draft: Draft, now: datetime) -> Preference:
    names = (draft.private_name.strip(), draft.public_name.strip() or draft.private_name.strip())
    if not names[0] or max(map(len, names)) > LONGEST_NAME:
        raise _invalid(
            f"The PrivateName field has 1 to {LONGEST_NAME} characters, PublicName at most as many."
        )
    with transaction.atomic():
        # siblings are numbered anew: one writer at a time
        Account.objects.select_for_update(no_key=True).get(pk=preference.account_id)
        preference.private_name, preference.public_name = names
        preference.is_public, preference.updated_at = draft.is_public, now
        preference.category = _category(preference, draft)
        _put_in_place(preference, draft.order)
    return preference


def _category(preference: Preference, draft: Draft) -> Preference | None:
    if not draft.category:
        return None
    if not draft.is_preference:
        raise _invalid("A category cannot be in a category.")
    found = preferences(preference.account).filter(pk=draft.category, is_preference=False).first()
    if found is None:
        raise _invalid(f"There is no category {draft.category}.")
    return found


def _put_in_place(preference: Preference, order: str | None) -> None:
    siblings = list(preferences(preference.account).filter(category=preference.category))
    before = [one.pk for one in siblings]
    was_at = before.index(preference.pk) if preference.pk in before else len(before)
    rest = [one for one in siblings if one.pk != preference.pk]
    rest.insert(_place(order, was_at, len(rest)), preference)
    for place, one in enumerate(rest):
        if one is preference or one.place != place:
            one.place = place
            one.save()


def _place(order: str | None, was_at: int, last: int) -> int:
    word = (order or "").strip().lower()
    if not word:
        return was_at
    if word in ("top", BOTTOM):
        return 0 if word == "top" else last
    if not (word.isascii() and word.isdecimal()):
        raise _invalid(f"'{order}' is not a place: a number from 0, top or bottom.")
    return min(int(word[:9]), last)


def _invalid(message: str) -> EngageError:
    return EngageError("ERROR_PREFERENCE_INVALID", message)
