"""Writes down what became of a batch, in one transaction; bad addresses are suppressed by it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from usher.engage.channels.relay import Outcome
from usher.engage.contacts.suppress import suppress
from usher.engage.deliver.claim import Batch, release
from usher.engage.deliver.verdict import BACK_OFF, GIVEN_UP, JITTER, PATIENCE, Verdict, judge
from usher.engage.models import Account, Claim
from usher.engage.models.contacts import Status
from usher.engage.models.messages import MessageState

_SETTLE = """
update engage_message message
   set state = verdict.state,
       claim_id = case when verdict.state = 'queued' then null else message.claim_id end,
       due_at = coalesce(verdict.due_at, message.due_at),
       sent_at = case when verdict.state = 'sent' then %(now)s else message.sent_at end,
       relay = %(relay)s,
       code = verdict.code,
       reply = verdict.reply,
       reason = verdict.reason
  from unnest(%(ids)s::bigint[], %(states)s::text[], %(dues)s::timestamptz[], %(codes)s::int[],
              %(replies)s::text[], %(reasons)s::text[])
       as verdict(id, state, due_at, code, reply, reason)
 where message.id = verdict.id and message.claim_id = %(claim)s and message.state = 'claimed'
"""


def settle(
    batch: Batch,
    outcomes: Sequence[Outcome],
    unmade: Mapping[int, str],
    relay: str,
    now: datetime,
    chance: Callable[[], float],
) -> Counter[str]:
    """Settle the whole claim: the relay's answers, and the messages that no mail could be made for.

    Answers how many messages reached which state ("queued": to be tried again).
    """
    known = {one.message: one for one in batch.messages}
    verdicts = {message: Verdict(MessageState.FAILED, reason=why[:200]) for message, why in unmade.items()}
    answers: dict[int, Outcome] = {}
    for outcome in outcomes:
        one = known[outcome.key]
        answers[outcome.key] = outcome
        verdicts[outcome.key] = judge(
            outcome, one.attempts, one.queued_at, now, chance(), awaited=one.letter is not None
        )
    with transaction.atomic():
        _write(batch.claim, verdicts, answers, relay, now)
        _suppress([answers[message] for message, verdict in verdicts.items() if verdict.dead], now)
        Claim.objects.filter(pk=batch.claim).update(settled_at=now)
    release(batch.claim)
    return Counter(str(verdict.state.value) for verdict in verdicts.values())


def _write(
    claim: int, verdicts: Mapping[int, Verdict], answers: Mapping[int, Outcome], relay: str, now: datetime
) -> None:
    ids = sorted(verdicts)
    bound: dict[str, Any] = {
        "claim": claim,
        "now": now,
        "relay": relay,
        "ids": ids,
        "states": [verdicts[one].state.value for one in ids],
        "dues": [verdicts[one].due_at for one in ids],
        "codes": [answers[one].code if one in answers else None for one in ids],
        "replies": [_clean(answers[one].text) if one in answers else "" for one in ids],
        "reasons": [verdicts[one].reason for one in ids],
    }
    with connection.cursor() as cursor:
        cursor.execute(_SETTLE, bound)


def _clean(reply: str) -> str:
    return reply.replace("\0", "")[:500]


_PEOPLE = """
select message.id, message.account_id, coalesce(contact.email_key, lower(message.address))
  from engage_message message left join engage_contact contact on contact.id = message.contact_id
 where message.id = any(%s)
"""
_CODES = re.compile(r"\b5\.\d{1,3}\.\d{1,3}\b")


def _suppress(dead: Sequence[Outcome], now: datetime) -> None:
    """Hard bounces, in as many calls as there are kinds of answer; the whole answer is on the message."""
    if not dead:
        return
    answers = {outcome.key: outcome for outcome in dead}
    groups: dict[tuple[int, str], list[str]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE, [list(answers)])
        for message, account, email_key in cursor.fetchall():
            groups[account, _source(answers[message])].append(email_key)
    for account in Account.objects.filter(pk__in={account for account, _ in groups}):
        for (owner, source), keys in groups.items():
            if owner == account.pk:
                suppress(account, keys, Status.HARD_BOUNCED, source, now)


def _source(outcome: Outcome) -> str:
    code = _CODES.search(outcome.text)
    return f"smtp {outcome.code} {code[0]}" if code else f"smtp {outcome.code}"


_PUT_BACK = """
update engage_message set state = 'queued', claim_id = null, attempts = attempts - 1
 where claim_id = %s and state = 'claimed' and id = any(%s)
"""


def put_some_back(batch: Batch, messages: Sequence[int]) -> None:
    """Give messages of a batch back that were never sent: it is as if they had not been claimed."""
    with connection.cursor() as cursor:
        cursor.execute(_PUT_BACK, [batch.claim, list(messages)])


def put_back(batch: Batch, now: datetime) -> None:
    """Give a whole batch back."""
    with transaction.atomic():
        put_some_back(batch, [one.message for one in batch.messages])
        Claim.objects.filter(pk=batch.claim).update(settled_at=now)
    release(batch.claim)


_HOLD = """
update engage_message
   set state = case when queued_at <= %(patience)s then 'failed' else state end,
       reason = case when queued_at <= %(patience)s then %(given_up)s else reason end,
       due_at = %(now)s + (%(delays)s::interval[])[least(attempts + 1, %(steps)s)],
       attempts = attempts + 1,
       relay = %(relay)s,
       code = %(code)s,
       reply = %(reply)s
 where state = 'queued' and due_at <= %(now)s
"""


def hold(relay: str, answer: Outcome, now: datetime, chance: float) -> int:
    """The relay takes nothing: all that waits is moved on as one set, with the answer written to it."""
    bound: dict[str, Any] = {
        "now": now,
        "patience": now - PATIENCE,
        "given_up": GIVEN_UP,
        "delays": [base + base * (JITTER * chance) for base in BACK_OFF],
        "steps": len(BACK_OFF),
        "relay": relay,
        "code": answer.code,
        "reply": _clean(answer.text),
    }
    with connection.cursor() as cursor:
        cursor.execute(_HOLD, bound)
        return int(cursor.rowcount)
