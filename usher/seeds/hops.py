"""Which hop between placement and mailbox failed first, in plain words, from the platform's own trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from usher.seeds.match import fits
from usher.seeds.models import Expectation, Incident, Placement
from usher.seeds.place import zone

Hop = Incident.Hop
Row = Mapping[str, Any]

#: What a message is when the relay is done with it.
SETTLED = ("sent", "bounced", "failed", "ambiguous")


class Finding(NamedTuple):
    """The hop, and a sentence for the person who can mend it."""

    hop: Incident.Hop
    cause: str
    #: what changes from one look to the next while the cause stays
    outlook: str = ""

    @property
    def detail(self) -> str:
        return self.cause + self.outlook


def missing(expectation: Expectation, trace: Row | None) -> Finding:
    """Why a mail that was due is not in the mailbox."""
    placement = expectation.placement
    if placement.state != Placement.State.PLACED:
        return Finding(
            Hop.PLACEMENT, f"the seed was not placed: {placement.error or 'no answer was recorded'}"
        )
    if trace is None:
        return Finding(
            Hop.UNKNOWN, f"{placement.path.plan.destination} does not tell what became of the mail"
        )
    if not trace["contact"]:
        return _nobody(placement)
    messages = _of(expectation, trace["messages"])
    # a bounce suppresses the contact: then the relay's answer is the cause, and the status its effect
    is_over = bool(messages) and messages[-1]["status"] in SETTLED
    return (
        (None if is_over else _barred(trace["contact"]))
        or _message(messages)
        or _program(placement.path.plan.program, trace["enrolments"])
    )


def delayed(expectation: Expectation, trace: Row | None) -> Finding:
    """Which hop kept a mail that arrived after its window."""
    messages = _of(expectation, trace["messages"]) if trace else []
    if not messages:
        return Finding(Hop.UNKNOWN, "what delayed the mail is not known")
    message, closed = messages[-1], expectation.window_closes_at
    relay, sent_at = message.get("relay") or "", _moment(message.get("sent_at"))
    if _after(message.get("queued_at"), closed):
        return Finding(Hop.PROGRAM, f"the program queued the mail only on {_when(message['queued_at'])}")
    if (message.get("attempts") or 0) > 1:
        return Finding(Hop.RELAY, f"the relay{_at(relay)} took it only at attempt {message['attempts']}")
    if sent_at and sent_at > closed:
        return Finding(Hop.QUEUE, f"the mail left the queue only on {_when(sent_at)}")
    return Finding(Hop.MAILBOX, f"the relay{_at(relay)} took it on {_when(sent_at)}, the rest is its delay")


def unwanted(expectation: Expectation, trace: Row | None) -> Finding:
    """Where a mail came from that is early, doubled or not expected at all."""
    messages = _of(expectation, trace["messages"]) if trace else []
    if not messages:
        return Finding(Hop.UNKNOWN, "no such mail is in the platform's own record")
    if expectation.verdict != Expectation.Verdict.DUPLICATE:
        return Finding(Hop.PROGRAM, f"the platform queued it on {_when(messages[-1].get('queued_at'))}")
    if len(messages) > 1:
        return Finding(Hop.PROGRAM, f"the platform queued it {len(messages)} times")
    return Finding(
        Hop.RELAY, "the platform queued it once: it was doubled on the way, or sent again after a lost answer"
    )


def _nobody(placement: Placement) -> Finding:
    plan = placement.path.plan
    return Finding(
        Hop.PLACEMENT, f"the seed is no contact at {plan.destination}: add it to “{plan.list_name}”"
    )


def _barred(contact: Row) -> Finding | None:
    if contact["status"] == "Subscribed":
        return None
    return Finding(
        Hop.CONTACT, f"the seed's status is {contact['status']}, so it is not mailed: resubscribe it"
    )


def _program(program: str, enrolments: Sequence[Row]) -> Finding:
    here = [row for row in enrolments if str(row["program"]).casefold() == program.casefold()]
    if not here:
        return Finding(Hop.PROGRAM, f"the seed is not enrolled in “{program}”: check how contacts enter it")
    last = max(here, key=lambda row: _moment(row["entered_at"]) or datetime.min.replace(tzinfo=UTC))
    if last.get("left_at"):
        outcome = f" ({last['outcome']})" if last.get("outcome") else ""
        return Finding(
            Hop.PROGRAM,
            f"the seed left “{program}” on {_when(last['left_at'])}{outcome} and got no such mail",
        )
    return Finding(
        Hop.QUEUE,
        f"the seed is in “{program}” since {_when(last['entered_at'])}, now at “{last.get('node')}”, "
        "but no mail was queued: check that the program runs",
    )


def _message(messages: Sequence[Row]) -> Finding | None:
    """What the last mail of this kind says of itself."""
    if not messages:
        return None
    message = messages[-1]
    reply = _reply(message)
    why = reply or message.get("reason") or "no reason was recorded"
    relay = f"the relay{_at(message.get('relay') or '')}"
    later = message.get("next_attempt_at")
    next_try = f"; next try {_when(later)}" if later else ""
    match message["status"]:
        case "queued" if reply:
            return Finding(Hop.RELAY, f"{relay} deferred the mail: {reply}", next_try)
        case "queued":
            queued_at = _when(message.get("queued_at"))
            return Finding(Hop.QUEUE, f"the mail waits in the queue since {queued_at}", next_try)
        case "claimed":
            return Finding(Hop.RELAY, f"{relay} is being given the mail and has not answered yet")
        case "bounced":
            return Finding(Hop.RELAY, f"{relay} refused the mail: {why}")
        case "failed":
            return Finding(Hop.RELAY if reply else Hop.QUEUE, f"the mail could not be sent: {why}")
        case "skipped":
            return Finding(Hop.CONTACT, f"the seed may not be mailed, so the mail was left out: {why}")
        case "ambiguous":
            return Finding(Hop.RELAY, f"{relay} was given the mail, but its answer was lost")
        case "sent":
            sent_at = _when(message.get("sent_at"))
            return Finding(Hop.MAILBOX, f"{relay} took the mail on {sent_at}, but it is not in the mailbox")
        case other:
            return Finding(Hop.UNKNOWN, f"the platform says of the mail: {other}")


def _of(expectation: Expectation, messages: Sequence[Row]) -> list[Row]:
    """The platform's messages of this mail that belong to this expectation, oldest first."""

    def names(message: Row) -> Iterator[str]:
        yield from (str(message[key]) for key in ("campaign", "subject") if message.get(key))

    mine = [
        message
        for message in messages
        if any(name == expectation.mail or fits(expectation.subject, name) for name in names(message))
    ]
    return sorted(mine, key=lambda message: str(message.get("queued_at") or ""))


def _reply(message: Row) -> str:
    """The relay's answer with its code, once."""
    code, reply = str(message.get("code") or ""), (message.get("reply") or "").strip()
    return reply if reply.startswith(code) else f"{code} {reply}".strip()


def _at(relay: str) -> str:
    return f" at {relay}" if relay else ""


def _after(value: object, moment: datetime) -> bool:
    found = _moment(value)
    return found is not None and found > moment


def _moment(value: object) -> datetime | None:
    """A moment of the trace, which comes as text or as it is; one without a zone is in UTC."""
    if not value:
        return None
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _when(value: object) -> str:
    moment = _moment(value)
    return f"{moment.astimezone(zone()):%Y-%m-%d %H:%M}" if moment else "a moment not recorded"
