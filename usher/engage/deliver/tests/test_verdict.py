"""What each answer of a relay means."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import pytest

from usher.engage.channels.relay import Outcome, Stage
from usher.engage.deliver.tests.conftest import NOW
from usher.engage.deliver.verdict import delay, judge, turned_away


def refused(code: int | None, text: str, stage: Stage = "rcpt") -> Outcome:
    return Outcome(1, "refused", code, text, stage)


@pytest.mark.parametrize(
    ("outcome", "state", "dead"),
    [
        (refused(550, "5.1.1 No such user"), "bounced", True),
        (refused(550, "5.1.10 Null MX"), "bounced", True),
        (refused(550, "5.2.1 Mailbox disabled"), "bounced", True),
        (refused(553, "no such mailbox"), "bounced", True),
        (refused(None, "not an e-mail address: 'x'"), "bounced", True),
        (refused(554, "5.1.1 unknown", "final"), "bounced", True),
        (refused(550, "5.1.8 Bad sender's system address"), "failed", False),
        (refused(552, "5.2.2 Mailbox full"), "failed", False),
        (refused(550, "5.7.1 Policy"), "failed", False),
        (refused(550, "5.7.515 Access denied, domain does not meet the requirements"), "failed", False),
        (refused(550, "Blocked for spam"), "failed", False),
        (refused(554, "Transaction failed"), "failed", False),
        (refused(550, "content rejected", "final"), "failed", False),
        (refused(550, "sender not allowed", "mail"), "failed", False),
        (Outcome(1, "accepted", 250, "OK", "final"), "sent", False),
        (Outcome(1, "unknown", None, "connection lost", "final"), "ambiguous", False),
        (Outcome(1, "deferred", 451, "4.7.1 Greylisted", "rcpt"), "queued", False),
    ],
)
def test_every_answer_has_its_end(outcome: Outcome, state: str, dead: bool) -> None:
    verdict = judge(outcome, attempts=1, queued_at=NOW, now=NOW, chance=0.0)
    assert (str(verdict.state), verdict.dead) == (state, dead)


def test_the_delay_grows_and_chance_adds_at_most_a_tenth() -> None:
    minutes = [delay(attempts, 0.0) // timedelta(minutes=1) for attempts in (1, 2, 3, 4, 50)]
    assert minutes == [5, 15, 60, 60, 60]
    assert delay(1, 1.0) == timedelta(minutes=5, seconds=30)


Answer = tuple[Literal["accepted", "deferred", "refused"], int | None, Stage]


@pytest.mark.parametrize(
    ("answers", "is_down"),
    [
        ([("deferred", 421, "greeting"), ("deferred", 421, "greeting")], True),
        ([("deferred", None, "connect")], True),
        ([("deferred", 535, "auth")], True),
        ([("deferred", 452, "mail")], True),
        ([("deferred", 450, "rcpt"), ("deferred", 450, "rcpt")], False),
        ([("accepted", 250, "final"), ("deferred", 421, "mail")], False),
        ([("refused", 550, "rcpt"), ("deferred", 421, "mail")], False),
        ([], False),
    ],
)
def test_a_relay_is_down_only_when_it_turned_everybody_away(answers: list[Answer], is_down: bool) -> None:
    outcomes = [Outcome(key, state, code, "", stage) for key, (state, code, stage) in enumerate(answers)]
    assert (turned_away(outcomes) is not None) == is_down
