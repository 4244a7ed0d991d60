"""One customer: what the source says of them, what they carry, and what they gained and lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from usher.audiences.errors import AudienceError, NotEvaluatedError
from usher.audiences.models import Assignment, Audience
from usher.audiences.published import members_sql
from usher.audiences.tagging import BY_HAND
from usher.audiences.timeline import Step, changes_of
from usher.engage.models import Contact
from usher.sources import sql
from usher.sources.open import Opened, open_tables


@dataclass(frozen=True)
class Customer:
    """`inside`: the audiences that were published with this customer in them."""

    key: str
    email: str
    columns: Sequence[tuple[str, Any]]
    inside: Sequence[Audience]
    #: What was put on by hand and is to hold from the next evaluation on.
    put: Sequence[Assignment]
    #: What can be put on.
    free: Sequence[Audience]
    steps: Sequence[Step]
    contact: int | None


def customer(key: str) -> Customer:
    """AudienceError when there is none; SourceError when the customers cannot be read."""
    with open_tables(again=False) as opened:
        columns = _row(opened, key)
        inside = _inside(opened, key)
        email = str(columns.get(opened.subject.email) or "")
    put = Assignment.objects.filter(key=key, removed_at=None, audience__kind__in=BY_HAND)
    mine = list(put.select_related("audience").order_by("audience__name"))
    taken = {one.audience_id for one in mine}
    by_hand = Audience.objects.filter(kind__in=BY_HAND).order_by("kind", "name")
    contact = Contact.objects.filter(email_key=email.lower()).values_list("pk", flat=True).first()
    return Customer(
        key,
        email,
        list(columns.items()),
        inside,
        mine,
        [one for one in by_hand if one.pk not in taken],
        changes_of(key)[::-1][:200],
        contact,
    )


def _row(opened: Opened, key: str) -> dict[str, Any]:
    name = sql.name(opened.subject.name)
    answer = opened.duckdb.execute(
        f"SELECT * FROM {name} WHERE {sql.name(opened.subject.key)}::VARCHAR = ?", [key]
    )
    names = [one[0] for one in answer.description or ()]
    rows = answer.fetchall()
    if not rows:
        raise AudienceError(f"there is no customer {key} in {opened.subject.name}")
    shown = opened.opened[opened.subject.name].columns
    return {column: value for column, value in zip(names, rows[0], strict=True) if column in shown}


def _inside(opened: Opened, key: str) -> list[Audience]:
    """One question for all audiences."""
    asked = []
    known = {one.pk: one for one in Audience.objects.order_by("kind", "name")}
    for one in known.values():
        try:
            asked.append(f"SELECT {one.pk} AS audience FROM {members_sql(one)} WHERE key = $key")
        except NotEvaluatedError:
            continue
    if not asked:
        return []
    rows = opened.duckdb.execute(" UNION ALL ".join(asked), {"key": key}).fetchall()
    return [known[pk] for (pk,) in sorted(rows, key=lambda row: list(known).index(row[0]))]
