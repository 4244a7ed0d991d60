"""The states of all rooms as people read them: a word and a tone for each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


@dataclass(frozen=True)
class State:
    word: str
    tone: str


_GOOD, _WARN, _BAD, _INFO, _PLAIN = "good", "warn", "bad", "info", "plain"

#: stored state -> (word, tone)
_STATES = {
    # evaluations, runs and steps
    "planned": (gettext_lazy("planned"), _INFO),
    "held": (gettext_lazy("held"), _WARN),
    "applying": (gettext_lazy("applying"), _INFO),
    "running": (gettext_lazy("running"), _INFO),
    "done": (gettext_lazy("done"), _GOOD),
    "refused": (gettext_lazy("refused"), _BAD),
    "failed": (gettext_lazy("failed"), _BAD),
    "intended": (gettext_lazy("to do"), _PLAIN),
    "in_doubt": (gettext_lazy("in doubt"), _WARN),
    # messages
    "queued": (gettext_lazy("queued"), _INFO),
    "waiting": (gettext_lazy("waiting"), _WARN),
    "claimed": (gettext_lazy("sending"), _INFO),
    "sent": (gettext_lazy("sent"), _GOOD),
    "bounced": (gettext_lazy("bounced"), _BAD),
    "skipped": (gettext_lazy("skipped"), _PLAIN),
    "ambiguous": (gettext_lazy("ambiguous"), _WARN),
    "delivered": (gettext_lazy("arrived"), _GOOD),
    "expired": (gettext_lazy("too late"), _PLAIN),
    # programs and campaigns
    "NotSent": (gettext_lazy("about to start"), _INFO),
    "Scheduled": (gettext_lazy("scheduled"), _INFO),
    "Draft": (gettext_lazy("draft"), _PLAIN),
    "Active": (gettext_lazy("active"), _GOOD),
    "Deactivated": (gettext_lazy("paused"), _WARN),
    "ReadOnly": (gettext_lazy("read only"), _PLAIN),
    "Triggered": (gettext_lazy("triggered"), _GOOD),
    "Unsent": (gettext_lazy("unsent"), _PLAIN),
    "Sending": (gettext_lazy("sending"), _INFO),
    "Sent": (gettext_lazy("sent"), _GOOD),
    "Paused": (gettext_lazy("paused"), _WARN),
    "Cancelled": (gettext_lazy("cancelled"), _PLAIN),
    # imports and refreshes
    "NotStarted": (gettext_lazy("waiting"), _INFO),
    "NotFinished": (gettext_lazy("running"), _INFO),
    "Finished": (gettext_lazy("done"), _GOOD),
    "Failed": (gettext_lazy("failed"), _BAD),
    "InvalidFileFormat": (gettext_lazy("cannot be read"), _BAD),
    "RejectedByWatchdog": (gettext_lazy("refused"), _BAD),
    "ExceedsAllowedContactLimit": (gettext_lazy("too many"), _BAD),
    # contacts
    "Subscribed": (gettext_lazy("subscribed"), _GOOD),
    "PendingOptIn": (gettext_lazy("waits for opt-in"), _INFO),
    "Unsubscribed": (gettext_lazy("unsubscribed"), _PLAIN),
    "SoftBounced": (gettext_lazy("soft bounced"), _WARN),
    "HardBounced": (gettext_lazy("hard bounced"), _BAD),
    "IspComplained": (gettext_lazy("complained"), _BAD),
    "DirectComplaint": (gettext_lazy("complained to us"), _BAD),
    "MailBlocked": (gettext_lazy("blocked"), _BAD),
    "Suppressed": (gettext_lazy("suppressed"), _BAD),
    "DomainSuppression": (gettext_lazy("domain suppressed"), _BAD),
    "SharedSuppression": (gettext_lazy("suppressed everywhere"), _BAD),
    "NotAllowed": (gettext_lazy("not allowed"), _BAD),
    "NoMxRecord": (gettext_lazy("domain takes no mail"), _BAD),
    "Deleted": (gettext_lazy("deleted"), _PLAIN),
    "inside": (gettext_lazy("inside"), _INFO),
    "left": (gettext_lazy("left"), _PLAIN),
    # seeds
    "placed": (gettext_lazy("placed"), _GOOD),
    "pending": (gettext_lazy("expected"), _INFO),
    "due": (gettext_lazy("due now"), _WARN),
    "watched": (gettext_lazy("watched"), _INFO),
    "on_time": (gettext_lazy("on time"), _GOOD),
    "early": (gettext_lazy("early"), _WARN),
    "late": (gettext_lazy("late"), _WARN),
    "missing": (gettext_lazy("missing"), _BAD),
    "duplicate": (gettext_lazy("doubled"), _BAD),
    "unexpected": (gettext_lazy("unexpected"), _BAD),
    "absent": (gettext_lazy("rightly absent"), _GOOD),
    "open": (gettext_lazy("open"), _BAD),
    "closed": (gettext_lazy("closed"), _GOOD),
    # people in audiences
    "in": (gettext_lazy("in"), _GOOD),
    "out": (gettext_lazy("out"), _PLAIN),
    # sources
    "read": (gettext_lazy("read"), _GOOD),
    "unreadable": (gettext_lazy("cannot be read"), _BAD),
    "problems": (gettext_lazy("rows left out"), _WARN),
    "remarks": (gettext_lazy("read, with remarks"), _WARN),
    "unread": (gettext_lazy("not read yet"), _PLAIN),
}


def words_of(stored: Iterable[str]) -> list[tuple[str, str]]:
    """These states, each with its word: to choose from."""
    return [(one, state_of(one).word) for one in stored]


def state_of(stored: str) -> State:
    """The word and tone of a stored state; one that is not known here shows as it is stored."""
    word, tone = _STATES.get(stored, (stored or _("unknown"), _PLAIN))
    return State(str(word), tone)
