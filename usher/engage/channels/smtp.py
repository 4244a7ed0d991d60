"""Sends batches of mail to a relay over a few lasting connections, and tells exactly what came of each."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Sequence, Set
from concurrent.futures import Future
from types import TracebackType
from typing import Self

from usher.engage.channels.link import Link, LinkError, connect
from usher.engage.channels.relay import Envelope, Outcome, Relay, Security, Stage, State
from usher.engage.channels.wire import Prepared, prepare, refusal

__all__ = ["Envelope", "Outcome", "Relay", "Security", "Sender", "Stage", "State"]


class Sender:
    """`with Sender(relay) as sender: outcomes = sender.send(envelopes)`.

    Its connections live in a thread of their own and stay open between batches; batches go one after another.
    """

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="smtp sender", daemon=True)
        self._turn = asyncio.Lock()
        self._idle: list[Link] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Batches that were submitted are sent to their end first."""
        asyncio.run_coroutine_threadsafe(self._part(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def send(self, envelopes: Sequence[Envelope]) -> list[Outcome]:
        """One outcome for each envelope, in their order. Trouble with mail is an outcome, no exception."""
        return self.submit(envelopes).result()

    def submit(self, envelopes: Sequence[Envelope]) -> Future[list[Outcome]]:
        """The same without waiting. ValueError if two envelopes have the same key."""
        if not self._thread.is_alive():
            raise RuntimeError("a Sender sends only inside its with statement")
        if len({envelope.key for envelope in envelopes}) != len(envelopes):
            raise ValueError("the envelopes of a batch need different keys")
        return asyncio.run_coroutine_threadsafe(self._send(_Batch(envelopes)), self._loop)

    async def _send(self, batch: _Batch) -> list[Outcome]:
        async with self._turn:
            await self._work_off(batch)
        return [batch.outcomes[envelope.key] for envelope in batch.envelopes]

    async def _work_off(self, batch: _Batch) -> None:
        links = [link for link in self._idle if link.ready()]
        self._idle.clear()
        if batch.waiting and not links:
            # a relay that is not there is asked once, not by every connection
            try:
                links = [await connect(self.relay)]
            except LinkError as lost:
                batch.trouble = lost
                batch.give_up()
                return
        slots: list[Link | None] = [*links]
        slots += [None] * (min(self.relay.connections, len(batch.waiting)) - len(links))
        while batch.waiting and slots:
            await asyncio.gather(*(self._work(batch, link) for link in slots))
            # a mail put back by a broken connection after the others were done
            slots = [*self._idle]
            if batch.waiting:
                self._idle.clear()
        batch.give_up()

    async def _work(self, batch: _Batch, link: Link | None) -> None:
        """Send with one connection. A broken one is opened anew only if a mail was answered on it."""
        while batch.waiting:
            try:
                link = link or await connect(self.relay)
            except LinkError as lost:
                batch.trouble = lost
                return
            first = batch.take(link.offered)
            answered = await link.deliver(first, batch) if first else 0
            if not link.usable and not answered:
                return
            if link.usable:
                break
            link = None
        if link:
            self._idle.append(link)

    async def _part(self) -> None:
        async with self._turn:
            await asyncio.gather(*(link.quit() for link in self._idle))
        # the connections are told of their end in the loop's next round
        await asyncio.sleep(0)


class _Batch:
    """The envelopes that wait and the outcomes of the others."""

    def __init__(self, envelopes: Sequence[Envelope]) -> None:
        self.envelopes = envelopes
        self.outcomes: dict[int, Outcome] = {}
        self.waiting: deque[Envelope] = deque()
        self.trouble = LinkError("the relay closed its connections")
        for envelope in envelopes:
            if outcome := refusal(envelope):
                self.settle(outcome)
            else:
                self.waiting.append(envelope)

    def take(self, offered: Set[str]) -> Prepared | None:
        """The next mail for a relay with these extensions; those it cannot take are settled on the way."""
        while self.waiting:
            ready = prepare(self.waiting.popleft(), offered)
            if isinstance(ready, Prepared):
                return ready
            self.settle(ready)
        return None

    def put_back(self, mail: Prepared) -> None:
        self.waiting.appendleft(mail.envelope)

    def settle(self, outcome: Outcome) -> None:
        self.outcomes[outcome.key] = outcome
        if outcome.code == 421:
            self.trouble = LinkError(outcome.text, 421)

    def give_up(self) -> None:
        """Defer what is left: no connection is."""
        trouble = self.trouble
        while self.waiting:
            key = self.waiting.popleft().key
            self.settle(Outcome(key, "deferred", trouble.code, trouble.text, trouble.stage))
