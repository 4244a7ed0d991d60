"""Lets contacts into a program: whoever may be mailed, is not inside, and does not come too soon again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from usher.engage.models import Program, ProgramVersion
from usher.engage.programs.graph import Graph, Wait

#: Reads the relation `wanted` (contact_id) and judges each of it: a fault, or null for who may enter.
JUDGED = """
judged as materialized (
    select contact.id as contact_id, contact.is_seed,
           case when coalesce(suppression.reason, contact.status) = 'Unsubscribed' then 'Unsubcribed'
                when contact.status <> 'Subscribed' or suppression.id is not null then 'Suppressed'
                when exists (select 1 from engage_enrolment inside
                              where inside.program_id = %(program)s and inside.contact_id = contact.id
                                and inside.left_at is null) then 'AlreadyInProgram'
                when %(since)s::timestamptz is not null
                     and exists (select 1 from engage_enrolment before
                                  where before.program_id = %(program)s and before.contact_id = contact.id
                                    and before.entered_at > %(since)s) then 'EnrolmentLimitReached'
                end as fault
      from (select distinct contact_id from wanted) as wanted
      join engage_contact contact on contact.id = wanted.contact_id and contact.account_id = %(account)s
      left join engage_suppression suppression
        on suppression.account_id = contact.account_id
       and suppression.email_key = contact.email_key
       and suppression.lifted_at is null
)"""

#: Stands behind JUDGED: enrols the faultless at the first node, each with its first move.
ENTERED = """
entered as (
    insert into engage_enrolment
           (program_id, version_id, contact_id, node, due_at, entered_at, left_at, outcome, cause)
    select %(program)s, %(version)s, contact_id, %(first)s, %(first_due)s, %(now)s, null, '', %(cause)s
      from judged where fault is null
        on conflict do nothing
    returning id, contact_id
), told as (
    insert into engage_move (enrolment_id, at, from_node, to_node, why)
    select id, %(now)s, '', %(first)s, left('entered: ' || %(cause)s, 100) from entered
)"""


def bound(
    program: Program, version: ProgramVersion, graph: Graph, cause: str, now: datetime
) -> dict[str, Any]:
    """The parameters of both."""
    first = graph.nodes[graph.start.first]
    return {
        "account": program.account_id,
        "program": program.pk,
        "version": version.pk,
        "first": graph.start.first,
        "first_due": now + first.length if isinstance(first, Wait) else now,
        "cause": cause[:64],
        "now": now,
        "since": _since(graph.start.once_in_days, now),
    }


def _since(once_in_days: int | None, now: datetime) -> datetime | None:
    if once_in_days is None:
        return None
    return now - timedelta(days=once_in_days) if once_in_days else datetime.min.replace(tzinfo=UTC)
