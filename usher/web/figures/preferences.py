"""The topics of an account as a tree, with how many contacts chose each, and what would miss one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, Q
from django.utils.translation import gettext as _

from usher.engage.errors import EngageError
from usher.engage.models import Account, Campaign, Choice, Form, Preference
from usher.engage.preferences import tree

#: Where a topic is put among its siblings, by its name in a form.
MOVES = {"up": -1, "down": 1}


@dataclass(frozen=True)
class Topic:
    """A topic or category; `chose` and `left`: contacts who said yes, or no."""

    row: Preference
    chose: int = 0
    left: int = 0
    below: list[Topic] = field(default_factory=list)
    is_first: bool = False
    is_last: bool = False


def topics(account: Account) -> list[Topic]:
    """Topics and categories in their order; those of a category below it."""
    rows = list(tree.preferences(account))
    said = _said(account)
    return _placed(None, rows, said)


def _placed(parent: int | None, rows: list[Preference], said: Mapping[int, tuple[int, int]]) -> list[Topic]:
    here = [row for row in rows if row.category_id == parent]
    return [
        Topic(
            row,
            *said.get(row.pk, (0, 0)),
            below=[] if row.is_preference else _placed(row.pk, rows, said),
            is_first=row is here[0],
            is_last=row is here[-1],
        )
        for row in here
    ]


def _said(account: Account) -> dict[int, tuple[int, int]]:
    """Of each preference how many contacts said yes and no, who is in the recycle bin aside."""
    said = Choice.objects.filter(preference__account=account).exclude(contact__status="Deleted")
    counted = said.values("preference").annotate(yes=Count("pk", filter=Q(opted_in=True)), all=Count("pk"))
    return {
        row["preference"]: (row["yes"], row["all"] - row["yes"]) for row in counted.order_by("preference")
    }


def categories(account: Account) -> list[tuple[str, str]]:
    """(id, name) of each category, for somebody to choose from."""
    rows = tree.preferences(account).filter(is_preference=False)
    return [(str(row.pk), row.private_name) for row in rows]


def save(row: Preference | None, account: Account, draft: tree.Draft, now: datetime) -> Preference:
    """Make or change a topic or category. EngageError says why not.

    Nobody can tell twins apart: two side by side have two names.
    """
    beside = tree.preferences(account).filter(
        category=draft.category or None,
        is_preference=draft.is_preference,
        private_name__iexact=draft.private_name.strip(),
    )
    if beside.exclude(pk__in=[row.pk] if row else []).exists():
        raise EngageError("", _("there is “{name}” already").format(name=draft.private_name.strip()))
    return tree.change(row, draft, now) if row else tree.create(account, draft, now)


def move(row: Preference, step: int, now: datetime) -> None:
    """One place up or down among its siblings."""
    tree.change(row, draft_of(row, order=str(max(0, row.place + step))), now)


def draft_of(row: Preference, order: str | None = None) -> tree.Draft:
    """What it is already."""
    return tree.Draft(
        row.private_name, row.public_name, row.is_preference, row.is_public, row.category_id or 0, order
    )


def uses(row: Preference) -> list[str]:
    """What would miss it, in words: campaigns about the topic, and forms that offer it."""
    ids = [row.pk, *row.preferences.values_list("pk", flat=True)]
    campaigns = Campaign.objects.filter(preference__in=ids).order_by("name").values_list("name", flat=True)
    offered = Q(pk=None)
    for one in ids:
        offered |= Q(preferences__contains=[one])
    forms = Form.objects.filter(offered, account=row.account_id).order_by("name")
    return [
        *(_("the campaign “{name}”").format(name=name) for name in campaigns),
        *(_("the form “{name}”").format(name=one.name) for one in forms),
    ]


def touched(row: Preference) -> int:
    """How many contacts chose something that would be gone."""
    of = Choice.objects.filter(Q(preference=row) | Q(preference__category=row))
    return of.values("contact").distinct().count()


def remove(row: Preference) -> None:
    """Delete it with what was chosen. EngageError while something needs it."""
    if needing := uses(row):
        raise EngageError("", _("it is used by {names}").format(names=", ".join(needing)))
    tree.remove(row)
