"""Takes what is due to the gateway, a few at a time, and asks it later what became of what it took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from django.db import connection

from usher.engage.channels.texting import Answer, Gateway, Text
from usher.engage.models import TextMessage
from usher.engage.models.texts import TextState
from usher.engage.texts.outbox import BARRED, BOUND
from usher.engage.texts.settle import learned, settle
from usher.lib.database.alone import alone

#: Texts in the gateway's hands at once, and so in doubt when the sender is killed.
AT_ONCE = 8
#: Texts that the gateway is asked about in one run.
ASKED = 400
#: The gateway's clock may be so far behind ours.
SKEW = timedelta(minutes=1)
#: One sender at a time holds this advisory lock: "text" in its upper half.
LOCK = 0x74657874 << 32

_LOST = "the sender died while it handed this over, and nobody can tell whether it came"

_BARRED = BARRED.format(account="due.account_id", number="due.number")
_TAKE = f"""
with due as (
    select id, account_id, number, route, expires_at
      from engage_textmessage
     where state = 'queued' and due_at <= %(now)s
     order by due_at, id
     limit %(limit)s
), judged as materialized (
    select id, case when expires_at <= %(now)s then 'expired'
                    when route = 'marketing' and barred.reason is not null then 'skipped'
                    else 'claimed' end as state, barred.reason
      from due
     cross join lateral (select {_BARRED} as reason) barred
)
update engage_textmessage text
   set state = judged.state, updated_at = %(now)s,
       attempts = text.attempts + case judged.state when 'claimed' then 1 else 0 end,
       reply = case judged.state when 'skipped' then 'may not be texted: ' || judged.reason else '' end
  from judged
 where text.id = judged.id
returning text.id, text.state
"""


def run(now: Callable[[], datetime], gateway: Gateway, *, chance: Callable[[], float]) -> Counter[str]:
    """Send every text that is due and ask about those that were sent; how many reached which state.

    Nothing happens while another sender is at it. Stops early when the gateway takes nothing. `chance`
    answers a number between 0 and 1 and spreads repeated attempts.
    """
    done: Counter[str] = Counter()
    with alone(LOCK) as is_alone, ThreadPoolExecutor(AT_ONCE) as hands:
        if not is_alone:
            return done
        # whoever had them is dead: we hold its lock
        lost = TextMessage.objects.filter(state=TextState.CLAIMED)
        done["ambiguous"] += lost.update(state=TextState.AMBIGUOUS, reply=_LOST, ask_at=now())
        while (taken := _take(now(), done)) is not None:
            answers = list(hands.map(gateway.send, [_text(row) for row in taken]))
            done += settle(taken, answers, now(), chance)
            if answers and all(answer.state == "deferred" for answer in answers):
                break
        done += _ask(now(), gateway, hands)
    return done


def _take(now: datetime, done: Counter[str]) -> Sequence[TextMessage] | None:
    """The next few in our hands, written down before anything leaves; None when nothing is due."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, BOUND | {"now": now, "limit": AT_ONCE})
        states = dict(cursor.fetchall())
    if not states:
        return None
    done += Counter(state for state in states.values() if state != TextState.CLAIMED)
    return list(TextMessage.objects.filter(pk__in=states, state=TextState.CLAIMED).order_by("due_at", "pk"))


def _ask(now: datetime, gateway: Gateway, hands: ThreadPoolExecutor) -> Counter[str]:
    asked = TextMessage.objects.filter(ask_at__lte=now).order_by("ask_at")
    rows = list(asked.exclude(state=TextState.AMBIGUOUS)[:ASKED])
    answers = list(hands.map(gateway.ask, [row.gateway_id for row in rows]))
    done = learned(rows, answers, now)
    lost = list(asked.filter(state=TextState.AMBIGUOUS)[:ASKED])
    found = list(hands.map(gateway.find, map(_text, lost), [row.updated_at - SKEW for row in lost]))
    return done + learned(lost, _each_its_own(lost, found), now)


def _each_its_own(rows: Sequence[TextMessage], found: Sequence[Sequence[Answer]]) -> list[Answer | None]:
    """For each lost text the first of those that the gateway found which is no other row's."""
    names = {answer.gateway_id for answers in found for answer in answers}
    taken = set(TextMessage.objects.filter(gateway_id__in=names).values_list("gateway_id", flat=True))
    own: list[Answer | None] = []
    for _, answers in zip(rows, found, strict=True):
        answer = next((one for one in answers if one.gateway_id not in taken), None)
        if answer:
            taken.add(answer.gateway_id)
        own.append(answer)
    return own


def _text(row: TextMessage) -> Text:
    return Text(row.pk, row.number, row.sender, row.body)
