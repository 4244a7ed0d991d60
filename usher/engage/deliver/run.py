"""Sends what is due: while one batch is on the wire, the next is rendered and the last one settled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from usher.engage.channels.relay import Outcome, Relay
from usher.engage.channels.smtp import Sender
from usher.engage.deliver.claim import Batch, claim, release
from usher.engage.deliver.compose import Composer
from usher.engage.deliver.edition import Composed
from usher.engage.deliver.letters import drop_files
from usher.engage.deliver.recover import Asked, recover
from usher.engage.deliver.settle import hold, put_back, put_some_back, settle
from usher.engage.deliver.verdict import turned_away

#: At most so many mails are on the wire at once, and so in doubt when a sender is killed.
BATCH = 200


@dataclass(slots=True)
class Delivered:
    """What a run did, counted in messages."""

    sent: int = 0
    bounced: int = 0
    failed: int = 0
    skipped: int = 0
    ambiguous: int = 0
    #: Back in the queue, to be tried later.
    deferred: int = 0
    #: Found in the hands of a dead sender.
    recovered: int = 0
    #: The relay took nothing: the whole queue was moved on.
    held: int = 0

    def add(self, states: Counter[str]) -> None:
        self.sent += states["sent"]
        self.bounced += states["bounced"]
        self.failed += states["failed"]
        self.ambiguous += states["ambiguous"]
        self.deferred += states["queued"]


@dataclass(slots=True)
class _OnTheWire:
    batch: Batch
    composed: Composed
    answers: Future[list[Outcome]] = field(default_factory=Future)


def deliver(
    now: Callable[[], datetime],
    relay: Relay,
    *,
    chance: Callable[[], float],
    was_accepted: Asked,
    size: int = BATCH,
) -> Delivered:
    """Send everything that is due, after settling what dead senders left.

    `chance` answers a number between 0 and 1 and spreads repeated attempts. Stops at the end of the queue,
    or when the relay takes nothing. Any number of senders may run at once.
    """
    done = Delivered()
    found = recover(now(), was_accepted)
    done.recovered = found.total()
    done.add(found)
    held: list[int] = []
    try:
        with Sender(relay) as sender:
            _Run(now, sender, f"{relay.host}:{relay.port}", chance, size, done, held).send_all()
    finally:
        # whatever stopped us: nothing is on the wire any more, and who recovers must see that
        for claimed in held:
            release(claimed)
    drop_files()
    return done


@dataclass(slots=True)
class _Run:
    now: Callable[[], datetime]
    sender: Sender
    relay: str
    chance: Callable[[], float]
    size: int
    done: Delivered
    #: Claims that are not settled yet.
    held: list[int]
    composer: Composer = field(default_factory=Composer)

    def send_all(self) -> None:
        wire = self._next()
        if wire:
            self._send(wire)
        while wire:
            following = self._next()
            outcomes = wire.answers.result()
            down = turned_away(outcomes)
            if following and not down:
                self._send(following)
            if down:
                # all of its mail waits for the relay together, and comes back as one queue
                luck = self.chance()
                self._settle(wire, outcomes, partial(float, luck))
                self._stop(down, following, luck)
                following = None
            else:
                self._settle(wire, outcomes, self.chance)
            wire = following

    def _next(self) -> _OnTheWire | None:
        """The next batch, rendered; None at the end of the queue."""
        while batch := claim(self.now(), self.size):
            self.done.skipped += batch.skipped
            if batch.messages:
                self.held.append(batch.claim)
                composed = self.composer.compose(batch.messages, self.now())
                if composed.left:
                    put_some_back(batch, composed.left)
                return _OnTheWire(batch, composed)
        return None

    def _send(self, wire: _OnTheWire) -> None:
        wire.answers = self.sender.submit(wire.composed.envelopes)

    def _settle(self, wire: _OnTheWire, outcomes: list[Outcome], chance: Callable[[], float]) -> None:
        unmade = wire.composed.failed
        self.done.add(settle(wire.batch, outcomes, unmade, self.relay, self.now(), chance))
        self.held.remove(wire.batch.claim)

    def _stop(self, answer: Outcome, following: _OnTheWire | None, luck: float) -> None:
        if following:
            put_back(following.batch, self.now())
            self.held.remove(following.batch.claim)
        self.done.held = hold(self.relay, answer, self.now(), luck)
