"""Moves everybody who is due at one node, as a set: one statement finds them, one does all the rest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from usher.engage.contacts.people import People
from usher.engage.messages.queue import INSERT
from usher.engage.models import Program, ProgramVersion
from usher.engage.programs.graph import Decision, End, Graph, Send, Wait, spoken

#: Enrolments of one set: few enough to be done within a second, many enough to be quick.
BATCH = 20_000


@dataclass(slots=True)
class Moved:
    """What one statement did."""

    moved: int = 0
    queued: int = 0
    skipped: int = 0
    #: How people left, by outcome.
    exits: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Place:
    """A node of one version of a program."""

    program: Program
    version: ProgramVersion
    key: str
    graph: Graph

    def arrival(self, key: str, now: datetime) -> datetime:
        """When somebody who comes to that node now moves on from it."""
        node = self.graph.nodes[key]
        return now + node.length if isinstance(node, Wait) else now


_DUE = """
select id, contact_id
  from engage_enrolment
 where program_id = %(program)s and version_id = %(version)s and node = %(node)s
   and left_at is null and due_at <= %(now)s
 order by due_at, id
 limit %(limit)s
   for update skip locked
"""

# Those who are due come back as arrays, of which PostgreSQL knows the length: of rows that have just been
# written it knows nothing yet, and would join twenty thousand with twenty thousand as if they were two.
#
# Whoever may not be mailed any more leaves, in the order: deleted, then by the reason; a soft bounce and a
# pending opt-in may end, so these only miss the mail. Then the program's own exits, in their order.
_STEP = """
with due as materialized (
    select * from unnest(%(enrolments)s::bigint[], %(contacts)s::bigint[]) as due(id, contact_id)
), scope as (
    select contact_id from due
){rules}, judged as materialized (
    select due.id, due.contact_id, {hit} as hit,
           case when contact.status = 'Deleted' then 'deleted'
                when reason.status = 'Unsubscribed' then 'unsubscribed'
                when reason.status in ('HardBounced', 'MailBlocked', 'NoMxRecord') then 'bounced'
                when reason.status not in ('Subscribed', 'PendingOptIn', 'SoftBounced') then 'suppressed'
                {exits} end as leaves,
           reason.status,
           %(sends)s and exists (
               select 1 from engage_choice choice join engage_campaign campaign
                      on campaign.preference_id = choice.preference_id
                where campaign.id = %(campaign)s and choice.contact_id = due.contact_id
                  and not choice.opted_in) as shuns
      from due
      join engage_contact contact on contact.id = due.contact_id
      left join engage_suppression suppression
        on suppression.account_id = contact.account_id
       and suppression.email_key = contact.email_key
       and suppression.lifted_at is null
      left join engage_suppresseddomain shut
        on shut.account_id = contact.account_id and shut.domain = split_part(contact.email_key, '@', -1)
      cross join lateral (
          select coalesce(suppression.reason, case when shut.id is not null then 'DomainSuppression' end,
                          contact.status) as status) as reason
      {answers}
), wanted as (
    select contact_id, id as enrolment_id, %(node)s::text as node
      from judged where leaves is null and %(sends)s
), queued as ({insert}), decided as materialized (
    select judged.id,
           case when leaves is null then %(ends)s else leaves end as outcome,
           case when leaves is null then case when hit then %(yes)s else %(no)s end end as goes,
           case when leaves is null and hit then %(yes_due)s::timestamptz else %(no_due)s end as due_at,
           case when leaves is not null then 'exit: ' || leaves
                when queued.enrolment_id is not null then %(why_queued)s
                when %(sends)s and status <> 'Subscribed' then 'skipped: ' || status
                when shuns then 'skipped: opted out of its topic'
                when hit then %(why_yes)s
                else %(why_no)s end as why,
           queued.enrolment_id is not null as is_queued
      from judged left join queued on queued.enrolment_id = judged.id
), moved as (
    update engage_enrolment enrolment
       set node = coalesce(decided.goes, enrolment.node),
           due_at = case when decided.outcome is null then decided.due_at else enrolment.due_at end,
           left_at = case when decided.outcome is not null then %(now)s end,
           outcome = coalesce(decided.outcome, '')
      from decided
     where enrolment.id = decided.id
), told as (
    insert into engage_move (enrolment_id, at, from_node, to_node, why)
    select id, %(now)s, %(node)s, coalesce(goes, ''), left(why, 100) from decided
)
select outcome, count(*), count(*) filter (where is_queued) from decided group by outcome
"""


def step(place: Place, people: People, campaigns: dict[str, int], now: datetime, limit: int = BATCH) -> Moved:
    """Move at most `limit` of those who are due there.

    `campaigns` holds the account's campaigns by lower-case name. RuleError when a rule of the program does
    not fit the contacts any more, LookupError when its campaign is gone; then nobody is moved.
    """
    node = place.graph.nodes[place.key]
    bound: dict[str, Any] = {
        "program": place.program.pk,
        "version": place.version.pk,
        "node": place.key,
        "now": now,
        "limit": limit,
        "ends": node.name if isinstance(node, End) else None,
        "sends": isinstance(node, Send),
        "campaign": _campaign(node, campaigns) if isinstance(node, Send) else None,
    }
    sql, outcomes = _statement(place, people, now)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_DUE, bound)
        due = cursor.fetchall()
        if not due:
            return Moved()
        bound["enrolments"], bound["contacts"] = [row[0] for row in due], [row[1] for row in due]
        cursor.execute(sql, bound | outcomes | _ways(place, now))
        rows = cursor.fetchall()
    return _counted(rows, isinstance(node, Send))


def _campaign(node: Send, campaigns: dict[str, int]) -> int:
    try:
        return campaigns[node.campaign.lower()]
    except KeyError:
        raise LookupError(f"there is no campaign “{node.campaign}”") from None


def _ways(place: Place, now: datetime) -> dict[str, Any]:
    """Where the node leads, when people move on from there, and what is said of the move."""
    said = {"why_queued": "", "why_yes": "yes", "why_no": "no"}
    match place.graph.nodes[place.key]:
        case Decision(yes=yes, no=no):
            pass
        case Wait(length=length, next=following):
            yes = no = following
            said["why_no"] = f"waited {spoken(length)}"
        case Send(campaign=campaign, next=following):
            yes = no = following
            said["why_queued"] = f"mail queued: {campaign}"
            said["why_no"] = "skipped: mailed at this step before"
        case End(name=name):
            said["why_no"] = f"ended: {name}"
            return {"yes": None, "no": None, "yes_due": now, "no_due": now} | said
    return {"yes": yes, "no": no, "yes_due": place.arrival(yes, now), "no_due": place.arrival(no, now)} | said


def _statement(place: Place, people: People, now: datetime) -> tuple[str, dict[str, str]]:
    """The statement with the program's rules compiled into it, and the names of the exits to bind."""
    node, exits = place.graph.nodes[place.key], place.graph.exits
    rules = {f"exit_{number}": one.rule for number, one in enumerate(exits)}
    if isinstance(node, Decision):
        rules["hit"] = node.rule
    sql = _STEP.format(
        insert=INSERT,
        rules=f",\n{people.answers(rules, now)}" if rules else "",
        answers="left join answers on answers.id = due.contact_id" if rules else "",
        hit="coalesce(answers.hit, false)" if isinstance(node, Decision) else "false",
        exits=" ".join(f"when answers.exit_{number} then %(exit_{number})s" for number in range(len(exits))),
    )
    return sql, {f"exit_{number}": one.name for number, one in enumerate(exits)}


def _counted(rows: list[tuple[Any, ...]], sends: bool) -> Moved:
    moved = Moved(moved=sum(row[1] for row in rows), queued=sum(row[2] for row in rows))
    moved.exits = Counter({outcome: count for outcome, count, _ in rows if outcome is not None})
    moved.skipped = moved.moved - moved.queued - moved.exits.total() if sends else 0
    return moved
