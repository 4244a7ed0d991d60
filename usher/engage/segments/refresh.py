"""Works out who is in a segment now, as one set."""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from procrastinate import exceptions
from procrastinate.contrib.django import app

from usher.engage.contacts.people import People
from usher.engage.models import ContactList
from usher.engage.models.lists import ListKind, RefreshState
from usher.lib import statistics
from usher.rules import RuleError

#: What a rule over mails looks up for each contact has to stay in memory: else it is read again for each.
MEMORY = "256MB"

# Whoever stays keeps the moment at which they came in. Everybody but the recycle bin is asked, so that rules
# may speak of statuses; a list shows only those who may be mailed.
_REFRESH = """
with scope as (
    select id as contact_id from engage_contact where account_id = %(account)s and status <> 'Deleted'
), {answers}, wanted as materialized (
    select id from answers where member
), gone as (
    delete from engage_membership membership
     where list_id = %(list)s and not exists (select 1 from wanted where wanted.id = membership.contact_id)
    returning 1
), came as (
    insert into engage_membership (list_id, contact_id, joined_at)
    select %(list)s, id, %(now)s from wanted order by id
        on conflict (list_id, contact_id) do nothing
    returning 1
)
select (select count(*) from came), (select count(*) from gone)
"""


def request_refresh(segment: ContactList) -> None:
    """Have a worker refresh the segment. One refresh that waits already stands for both."""
    with transaction.atomic():
        _tell(segment, RefreshState.NOT_STARTED)
        with contextlib.suppress(exceptions.AlreadyEnqueued), transaction.atomic():
            # by its name: the task's file imports this one
            job = app.configure_task("refresh_segment", queueing_lock=f"segment {segment.pk}")
            job.defer(segment=segment.pk)


def refresh(segment: ContactList, now: datetime) -> tuple[int, int]:
    """Let those in whom the rule finds at `now`, and all others out; how many came, and how many went.

    In one transaction: nobody sees half of it. A rule that does not fit the contacts any more leaves the
    members as they are, and the segment says so.
    """
    _tell(segment, RefreshState.NOT_FINISHED)
    try:
        came, gone = _refresh(segment, now)
    except RuleError as problem:
        _tell(segment, RefreshState.FAILED, str(problem))
        return 0, 0
    except Exception:
        _tell(segment, RefreshState.FAILED, "an error of the server; its log says more")
        raise
    return came, gone


def _refresh(segment: ContactList, now: datetime) -> tuple[int, int]:
    with transaction.atomic(), connection.cursor() as cursor:
        # the one lock: two refreshes at once would each let the same people in
        found = ContactList.objects.select_for_update(no_key=True, of=("self",)).select_related("account")
        segment = found.get(pk=segment.pk)
        answers = People.of(segment.account).answers({"member": segment.rule}, now)
        values: dict[str, Any] = {"account": segment.account_id, "list": segment.pk, "now": now}
        cursor.execute(f"set local work_mem = '{MEMORY}'")
        cursor.execute(_REFRESH.format(answers=answers), values)
        came, gone = cursor.fetchone()
        ContactList.objects.filter(pk=segment.pk).update(
            refresh_state=RefreshState.FINISHED, refreshed_at=now, refresh_error=""
        )
        statistics.refresh(came, "engage_membership")
    return came, gone


def request_all() -> int:
    """Have every segment refreshed, oldest first; how many there are."""
    segments = list(ContactList.objects.filter(kind=ListKind.SEGMENT).order_by("pk"))
    for segment in segments:
        request_refresh(segment)
    return len(segments)


def _tell(segment: ContactList, state: RefreshState, error: str = "") -> None:
    ContactList.objects.filter(pk=segment.pk).update(refresh_state=state, refresh_error=error)
