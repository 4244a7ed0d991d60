"""Rules about contacts: checked and completed while one types, and counted over everybody in the account."""

from __future__ import annotations

import math
import random
import time
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import Max, Min
from django.db.utils import OperationalError
from django.utils.translation import gettext as _

from usher import rules
from usher.engage.contacts.people import People
from usher.engage.models import Account, Contact, ContactList
from usher.engage.models.contacts import Status
from usher.engage.segments import edit
from usher.engage.segments.refresh import MEMORY, request_refresh
from usher.rules.complete import complete
from usher.web.figures.rulefield import Judged, judged_by

#: Seconds after which a count is given up, and contacts shown of those found.
LIMIT, SAMPLE = 10, 10
#: Contacts that are asked, of more, before all are: drawn by chance, each with the same chance.
DRAWN = 10_000
EXAMPLES = (
    "exists(opens where at within 30 days)",
    "not exists(sends where sent_on within 90 days)",
    "count(clicks) >= 3",
)

_EVERYBODY = (
    "select id as contact_id from engage_contact where account_id = %(account)s and status <> 'Deleted'"
)
_DRAWN = """
    select id as contact_id from engage_contact
     where account_id = %(account)s and status <> 'Deleted' and id = any(%(drawn)s::bigint[])"""
_COUNT = """
with scope as materialized ({scope}), {answers}, found as materialized (
    select id from answers where member
)
select (select count(*) from found), (select count(*) from scope),
       (select count(*) from found join engage_contact contact using (id)
         where contact.status in ('Subscribed', 'PendingOptIn')),
       array(select id from found order by id limit %(sample)s)
"""
_CANCEL = """
select pg_cancel_backend(pid) from pg_stat_activity
 where application_name = %s and datname = current_database() and pid <> pg_backend_pid()
"""


class CountError(Exception):
    """The contacts could not be counted; says why, for a person."""

    retry = True


@dataclass(frozen=True)
class Counted:
    """`count` of `of` contacts, of whom `mailable` may be mailed or have yet to confirm; a few of them.

    `drawn`: so many were asked, and the numbers are what that comes to for all; 0: everybody was asked.
    """

    count: int
    of: int
    mailable: int
    people: list[Contact]
    now: datetime
    seconds: float
    drawn: int = 0
    #: Between which numbers the true one is in 95 of 100 such draws.
    low: int = 0
    high: int = 0


def judged(account: Account, text: str) -> Judged:
    schema = People.of(account).schema()
    return judged_by(text, schema, lambda node: rules.check(node, schema, condition=True, engine="postgres"))


def offers(account: Account, text: str, position: int) -> list[dict[str, str | int]]:
    return [asdict(one) for one in complete(text, position, People.of(account).schema())]


def counted(account: Account, text: str, now: datetime, *, exact: bool = False, token: str = "") -> Counted:
    """Whom the rule finds at `now`: of many contacts some are asked by chance, unless it is to be `exact`.

    `token` names the field that asks: an older count of it is ended. CountError for a rule that does not fit,
    after LIMIT seconds, and when it was ended.
    """
    if slips := judged(account, text).slips:
        raise CountError(slips[0].message)
    stop(token)
    began = time.perf_counter()
    everybody = 0 if exact else _everybody(account)
    drawn = _drawn() if everybody > DRAWN else []
    answers = People.of(account).answers({"member": text}, now)
    values: dict[str, Any] = {"account": account.pk, "sample": SAMPLE, "drawn": drawn}
    statement = _COUNT.format(scope=_DRAWN if drawn else _EVERYBODY, answers=answers)
    count, of, mailable, some = _asked(statement, values, token)
    people = list(Contact.objects.filter(pk__in=some).order_by("pk"))
    if not drawn:
        return Counted(count, of, mailable, people, now, time.perf_counter() - began)
    low, high = _between(count, of, everybody)
    count, mailable = (round(part / max(of, 1) * everybody) for part in (count, mailable))
    return Counted(count, everybody, mailable, people, now, time.perf_counter() - began, of, low, high)


def stop(token: str) -> None:
    """End the count of this field, in whichever process it is: nobody waits for it."""
    if token:
        with connection.cursor() as cursor:
            cursor.execute(_CANCEL, [_named(token)])


def _named(token: str) -> str:
    return f"usher count {token}"[:60]


def _asked(statement: str, values: dict[str, Any], token: str) -> Any:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"set local statement_timeout = '{LIMIT}s'; set local work_mem = '{MEMORY}'")
            cursor.execute("select set_config('application_name', %s, true)", [_named(token)])
            cursor.execute(statement, values)
            return cursor.fetchone()
    except OperationalError as problem:
        if "user request" in str(problem):
            raise CountError(_("a newer count took the place of this one")) from None
        raise CountError(_("counting took longer than 10 seconds and was given up")) from None
    except DatabaseError:
        raise CountError(_("a value of some contact does not suit what the rule does with it")) from None


def _drawn() -> list[int]:
    """Ids by chance; those of no contact of the account find nobody."""
    ids = Contact.objects.aggregate(first=Min("pk"), last=Max("pk"))
    span = range(ids["first"], ids["last"] + 1)
    return random.sample(span, min(DRAWN, len(span)))


def _everybody(account: Account) -> int:
    """How many contacts there are, without the recycle bin, which is small and has an index of its own."""
    everybody = Contact.objects.filter(account=account).count()
    return everybody - Contact.objects.filter(account=account, status=Status.DELETED).count()


def _between(count: int, of: int, everybody: int) -> tuple[int, int]:
    """Wilson's interval: it is honest for shares near nothing and near all, too."""
    if not of:
        return 0, everybody
    z, share = 1.96, count / of
    middle, width = share + z * z / (2 * of), z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    scale = everybody / (1 + z * z / of)
    return max(0, math.floor(scale * (middle - width))), min(everybody, math.ceil(scale * (middle + width)))


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
