"""Contacts whom a rule finds: the newest are asked first, and more of them until a page is full."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet
from django.db.utils import OperationalError
from django.utils.translation import gettext as _

from usher.engage.contacts.people import People
from usher.engage.models import Account, Contact
from usher.web.figures.segments import judged
from usher.web.paging import ROWS, Stretch

#: So many contacts are asked first, and so many times as many each time that these were not enough.
FIRST, MORE, MOST = 2_000, 4, 128_000
#: Seconds after which no more are asked.
ENOUGH = 1.5

_ASK = """
with scope as materialized (select unnest(%(ids)s::bigint[]) as contact_id), {answers}
select id from answers where member order by id desc limit %(most)s
"""


@dataclass(frozen=True)
class Found:
    """A page of contacts; `trouble` says why there is none, `asked` how many were asked when not all were."""

    rows: Stretch
    trouble: str = ""
    asked: int = 0


def found(account: Account, rule: str, among: QuerySet[Contact], after: str, now: datetime) -> Found:
    """Those of `among` whom the rule finds, the newest first, behind the contact with the id `after`."""
    if slips := judged(account, rule).slips:
        return Found(Stretch([]), slips[0].message)
    answers = People.of(account).answers({"member": rule}, now)
    ids = among.filter(account=account).order_by("-pk").values_list("pk", flat=True)
    mark = int(after) if after.isdecimal() and len(after) < 19 else None
    hits: list[int] = []
    size, asked, began, ended = FIRST, 0, time.monotonic(), False
    try:
        while len(hits) <= ROWS and not ended and time.monotonic() - began < ENOUGH:
            with transaction.atomic():
                part = list((ids.filter(pk__lt=mark) if mark else ids)[:size])
                hits += _members(answers, part)
            asked, ended, mark = asked + len(part), len(part) < size, part[-1] if part else mark
            size = min(size * MORE, MOST)
    except OperationalError:  # it took too long: what was found before stays
        if not asked:
            raise
    except DatabaseError:
        return Found(Stretch([]), _("a value of some contact does not suit what the rule does with it"))
    rows = list(Contact.objects.filter(pk__in=hits[:ROWS]).order_by("-pk"))
    if len(hits) > ROWS:
        return Found(Stretch(rows, "", str(hits[ROWS - 1])))
    return Found(Stretch(rows, "", "" if ended else str(mark)), asked=0 if ended else asked)


def _members(answers: str, ids: list[int]) -> list[int]:
    values: dict[str, Any] = {"ids": ids, "most": ROWS + 1}
    with connection.cursor() as cursor:
        cursor.execute(_ASK.format(answers=answers), values)
        return [row for (row,) in cursor.fetchall()]
