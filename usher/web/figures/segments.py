"""Rules about contacts: checked and completed while one types, and counted over everybody in the account."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.utils import OperationalError
from django.utils.translation import gettext as _

from usher import rules
from usher.engage.contacts.people import People
from usher.engage.models import Account, Contact, ContactList
from usher.engage.segments import edit
from usher.engage.segments.refresh import request_refresh
from usher.rules.complete import complete
from usher.web.figures.rulefield import Judged, judged_by

#: Seconds after which a count is given up, and contacts shown of those found.
LIMIT, SAMPLE = 10, 10
EXAMPLES = (
    "exists(opens where at within 30 days)",
    "not exists(sends where sent_on within 90 days)",
    "count(clicks) >= 3",
)

_COUNT = """
with scope as materialized (
    select id as contact_id from engage_contact where account_id = %(account)s and status <> 'Deleted'
), {answers}, found as materialized (
    select id from answers where member
)
select (select count(*) from found), (select count(*) from scope),
       (select count(*) from found join engage_contact contact using (id)
         where contact.status in ('Subscribed', 'PendingOptIn')),
       array(select id from found order by id limit %(sample)s)
"""


class CountError(Exception):
    """The contacts could not be counted; says why, for a person."""

    retry = True


@dataclass(frozen=True)
class Counted:
    """`count` of `of` contacts, of whom `mailable` may be mailed or have yet to confirm; a few of them."""

    count: int
    of: int
    mailable: int
    people: list[Contact]
    now: datetime
    seconds: float


def judged(account: Account, text: str) -> Judged:
    schema = People.of(account).schema()
    return judged_by(text, schema, lambda node: rules.check(node, schema, condition=True, engine="postgres"))


def offers(account: Account, text: str, position: int) -> list[dict[str, str | int]]:
    return [asdict(one) for one in complete(text, position, People.of(account).schema())]


def counted(account: Account, text: str, now: datetime) -> Counted:
    """Whom the rule finds at `now`. CountError for a rule that does not fit, and after LIMIT seconds."""
    if slips := judged(account, text).slips:
        raise CountError(slips[0].message)
    began = time.perf_counter()
    answers = People.of(account).answers({"member": text}, now)
    values: dict[str, Any] = {"account": account.pk, "sample": SAMPLE}
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"set local statement_timeout = '{LIMIT}s'")
            cursor.execute(_COUNT.format(answers=answers), values)
            count, of, mailable, some = cursor.fetchone()
    except OperationalError:
        raise CountError(_("counting took longer than 10 seconds and was given up")) from None
    except DatabaseError:
        raise CountError(_("a value of some contact does not suit what the rule does with it")) from None
    people = list(Contact.objects.filter(pk__in=some).order_by("pk"))
    return Counted(count, of, mailable, people, now, time.perf_counter() - began)


def said(row: ContactList) -> str:
    """The segment's rule in English."""
    return People.of(row.account).described(row.rule)


def save(row: ContactList, name: str, rule: str, folder: str, now: datetime) -> ContactList:
    """Make or change a segment, and have it refreshed. EngageError says why not."""
    saved = (
        edit.change_segment(row, name, rule, folder)
        if row.pk
        else edit.create_segment(row.account, name, rule, now, folder)
    )
    request_refresh(saved)
    return saved
