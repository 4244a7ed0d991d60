"""What a relay's answer means for a message: sent, later, bounced, failed or not known.

A mail is refused for good with a 5xx. Whether its address is at fault tells the enhanced code (RFC 3463):

- 5.1.x "bad destination address" (but not 5.1.7 to 5.1.9, the sender's) and 5.2.1 "mailbox disabled":
  bounced, and the address is never mailed again.
- any other, such as 5.7.x policy, 5.2.2 mailbox full, 5.3.x, 5.6.x: failed; the address stays good, because
  the mail, our reputation or their server was at fault.
- no enhanced code: 550, 551 and 553 in answer to RCPT speak of the mailbox (RFC 5321 4.2.3) and bounce,
  unless their text speaks of policy; so does an address that cannot even be written; everything else failed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from usher.engage.channels.relay import Outcome
from usher.engage.models.messages import MessageState

#: How long after each failed attempt; the last one again and again.
BACK_OFF = (timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
#: Up to this part of a delay is added by chance, so that waiting mails do not all come back at once.
JITTER = 0.1
#: A mail that could not be handed over for so long is given up.
PATIENCE = timedelta(days=3)

_ENHANCED = re.compile(r"\b5\.(\d{1,3})\.(\d{1,3})\b")
_ADDRESS_CODES = frozenset({None, 550, 551, 553})
_POLICY = re.compile(r"spam|polic|block|blacklist|reputation|denied|auth|relay|dmarc|spf|dkim", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Verdict:
    state: MessageState
    #: When to try again, for one that goes back to the queue.
    due_at: datetime | None = None
    reason: str = ""
    #: The address must not be mailed any more.
    dead: bool = False


def judge(
    outcome: Outcome,
    attempts: int,
    queued_at: datetime,
    now: datetime,
    chance: float,
    *,
    awaited: bool = False,
) -> Verdict:
    """`attempts` counts this one; `chance` is between 0 and 1.

    A mail that somebody waits for (`awaited`) is sent again when its answer was lost: a password that comes
    twice does no harm, one that never comes does, and both copies have the same Message-ID.
    """
    if outcome.state == "accepted":
        return Verdict(MessageState.SENT)
    if outcome.state == "unknown" and awaited:
        later = _later(attempts, queued_at, now, chance)
        return later if later.reason else replace(later, reason=AGAIN)
    if outcome.state == "unknown":
        return Verdict(MessageState.AMBIGUOUS, reason="its data was sent, and the relay's answer was lost")
    if outcome.state == "deferred":
        return _later(attempts, queued_at, now, chance)
    if _speaks_of_the_address(outcome):
        return Verdict(MessageState.BOUNCED, reason="the address does not take mail", dead=True)
    return Verdict(MessageState.FAILED, reason="refused for good, for another reason than its address")


def turned_away(outcomes: Sequence[Outcome]) -> Outcome | None:
    """The relay's answer when it took nothing from us, whoever a mail was for: no use in trying the others.

    That is: every mail was deferred, and not all of them because of their recipients.
    """
    if any(outcome.state != "deferred" for outcome in outcomes):
        return None
    return next((one for one in outcomes if one.code == 421 or one.at_stage != "rcpt"), None)


def delay(attempts: int, chance: float) -> timedelta:
    """How long to wait after the `attempts`-th attempt failed."""
    base = BACK_OFF[min(max(attempts, 1), len(BACK_OFF)) - 1]
    return base + base * (JITTER * chance)


def _later(attempts: int, queued_at: datetime, now: datetime, chance: float) -> Verdict:
    if now - queued_at >= PATIENCE:
        return Verdict(MessageState.FAILED, reason=GIVEN_UP)
    return Verdict(MessageState.QUEUED, due_at=now + delay(attempts, chance))


AGAIN = "the relay's answer was lost: sent again with the same Message-ID"
GIVEN_UP = f"given up: not taken for {PATIENCE.days} days"


def _speaks_of_the_address(outcome: Outcome) -> bool:
    if found := _ENHANCED.search(outcome.text):
        subject, detail = int(found[1]), int(found[2])
        return (subject == 1 and detail not in (7, 8, 9)) or (subject, detail) == (2, 1)
    at_rcpt = outcome.at_stage == "rcpt" and outcome.code in _ADDRESS_CODES
    return at_rcpt and not _POLICY.search(outcome.text)
