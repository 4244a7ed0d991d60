"""One connection to a relay: opened and secured by aiosmtplib, then driven by our own pipelining.

RFC 2920: MAIL, RCPT and DATA go out together, behind the final dot of one mail those of the next: one round
trip a mail. Content is sent only after 354: a mail whose content was never asked for was never taken.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections import deque
from collections.abc import Set
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple, Protocol

import aiosmtplib

from usher.engage.channels.relay import Outcome, Relay, Stage
from usher.engage.channels.wire import Prepared

#: Bytes: a larger mail is handed to the system before its final dot is, so that when the connection breaks in
#: the middle, it is known not to have arrived.
LARGE = 64 * 1024
#: Characters of a reply that are kept.
LONGEST_TEXT = 500
#: Bytes of a reply after which the other side is not taken for a mail server.
LONGEST_REPLY = 64 * 1024
DATA = b"DATA\r\n"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_REPLY_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?\Z", re.DOTALL)


class Reply(NamedTuple):
    code: int
    text: str


class LinkError(Exception):
    """The connection cannot be used any more; `code` if the relay said so itself."""

    def __init__(self, text: str, code: int | None = None, stage: Stage = "connect") -> None:
        super().__init__(text)
        self.text = text
        self.code = code
        self.stage: Stage = stage


class Batch(Protocol):
    """Where a link takes its mails from and tells what came of them."""

    def take(self, offered: Set[str]) -> Prepared | None: ...

    def put_back(self, mail: Prepared) -> None: ...

    def settle(self, outcome: Outcome) -> None: ...


class Link(asyncio.Protocol):
    """An open connection. `usable` becomes False when it must not be given a further mail."""

    def __init__(self, transport: asyncio.Transport, offered: frozenset[str], timeout: float) -> None:
        self.transport = transport
        self.offered = offered
        self.timeout = timeout
        self.usable = True
        self.pipelining = "pipelining" in offered
        self.rest = b""
        self.lines: list[str] = []
        self.replies: deque[Reply] = deque()
        self.broken: str | None = None
        self.waiter: asyncio.Future[None] | None = None
        self.writable = asyncio.Event()
        self.writable.set()

    # asyncio calls these

    def data_received(self, data: bytes) -> None:
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self._take(line.rstrip(b"\r"))
        if len(self.rest) + sum(map(len, self.lines)) > LONGEST_REPLY:
            self._break("the relay's reply has no end")
        self._wake()

    def eof_received(self) -> bool:
        self._break("the relay closed the connection")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._break(f"connection lost: {exc}" if exc else "connection lost")

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    # what `deliver` is made of

    def _take(self, line: bytes) -> None:
        found = _REPLY_LINE.match(line)
        if not found:
            self._break(f"the relay does not speak SMTP: {_clean(line.decode('utf-8', 'replace'))}")
            return
        self.lines.append((found[3] or b"").decode("utf-8", "replace"))
        if found[2] != b"-":
            self.replies.append(Reply(int(found[1]), _clean(" ".join(self.lines))))
            self.lines = []

    def _break(self, text: str) -> None:
        self.broken = self.broken or text
        self.usable = False
        self.writable.set()
        self._wake()

    def _wake(self) -> None:
        if self.waiter and not self.waiter.done():
            self.waiter.set_result(None)

    async def reply(self) -> Reply:
        """The next reply; LinkError if there will be none, or if it is 421, the relay's word for closing."""
        while not self.replies:
            if self.broken:
                raise LinkError(self.broken)
            await self._wait()
        reply = self.replies.popleft()
        if reply.code == 421:
            self.drop()
            raise LinkError(reply.text, 421)
        return reply

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        self.waiter = loop.create_future()
        alarm = loop.call_later(self.timeout, self._time_out)
        try:
            await self.waiter
        finally:
            alarm.cancel()
            self.waiter = None

    def _time_out(self) -> None:
        self.drop(f"no answer within {self.timeout:g} s")

    def drop(self, text: str = "connection dropped") -> None:
        """Close at once, without a word."""
        self._break(text)
        self.transport.abort()

    async def deliver(self, first: Prepared, batch: Batch) -> int:
        """Send until the batch has no more or the connection breaks; how many mails the relay answered."""
        answered = 0
        current: Prepared | None = first
        self.transport.write(self._opening(current))
        while current:
            outcome = await self._offer(current)
            following = batch.take(self.offered) if self.usable else None
            if outcome is None:
                outcome = await self._transfer(current, following)
            elif self.usable:
                await self._reset(following)
            batch.settle(outcome)
            answered += outcome.code not in (None, 421)
            if not self.usable:
                # its content was not asked for, so nobody has it: another connection may send it
                if following:
                    batch.put_back(following)
                self.drop()
                break
            current = following
        return answered

    async def _offer(self, mail: Prepared) -> Outcome | None:
        """The replies to MAIL, RCPT and DATA: None if the content is wanted."""
        refusal: Outcome | None = None
        stage: Stage = "mail"
        steps: tuple[tuple[Stage, bytes], ...] = (("mail", mail.mail), ("rcpt", mail.rcpt), ("data", DATA))
        try:
            for stage, command in steps:
                if not self.pipelining:
                    self.transport.write(command)
                reply = await self.reply()
                if reply.code // 100 != 2 if stage != "data" else reply.code != 354:
                    refusal = refusal or self._judge(mail, reply, stage)
                    if not self.pipelining:
                        break
            if refusal and reply.code == 354:
                # RFC 2920 3.1: a relay may ask for content although it took no recipient
                self.transport.write(b".\r\n")
                await self.reply()
        except LinkError as lost:
            return refusal or Outcome(mail.envelope.key, "deferred", lost.code, lost.text, stage)
        return refusal

    async def _transfer(self, mail: Prepared, following: Prepared | None) -> Outcome:
        """The content and its final dot, and what the relay says to it."""
        key = mail.envelope.key
        content = mail.content
        try:
            if len(content) > LARGE:
                self._still_there()
                self.transport.write(content)
                content = b""
                await self._flushed()
            self._still_there()
        except LinkError as lost:
            return Outcome(key, "deferred", None, lost.text, "data")
        self.transport.write(content + b".\r\n" + self._opening(following))
        try:
            return self._judge(mail, await self.reply(), "final")
        except LinkError as lost:
            # 421 says that the mail was not taken; silence says nothing
            return Outcome(key, "deferred" if lost.code else "unknown", lost.code, lost.text, "final")

    async def _reset(self, following: Prepared | None) -> None:
        self.transport.write(b"RSET\r\n" + self._opening(following))
        try:
            await self.reply()
        except LinkError:
            self.drop()

    def _opening(self, mail: Prepared | None) -> bytes:
        """The commands that may be sent before the replies to what went before them."""
        return mail.mail + mail.rcpt + DATA if mail and self.pipelining else b""

    def _judge(self, mail: Prepared, reply: Reply, stage: Stage) -> Outcome:
        key = mail.envelope.key
        match reply.code // 100, stage:
            case 2, "final":
                return Outcome(key, "accepted", reply.code, reply.text, stage)
            case 4, _:
                return Outcome(key, "deferred", reply.code, reply.text, stage)
            case 5, _:
                return Outcome(key, "refused", reply.code, reply.text, stage)
        self.drop()
        text = f"the relay answered {reply.code}, which has no meaning here: {reply.text}"
        return Outcome(key, "unknown" if stage == "final" else "deferred", reply.code, text, stage)

    def _still_there(self) -> None:
        if self.broken:
            raise LinkError(self.broken)

    async def _flushed(self) -> None:
        """Until the system has taken all that was written; the relay may be slow, but not stand still."""
        left = self.transport.get_write_buffer_size()
        while not self.writable.is_set():
            try:
                async with asyncio.timeout(self.timeout):
                    await self.writable.wait()
            except TimeoutError:
                now_left = self.transport.get_write_buffer_size()
                if now_left >= left:
                    self._time_out()
                left = now_left

    def ready(self) -> bool:
        """Whether it can be used after a rest: the relay has not closed it or said anything meanwhile."""
        return self.usable and not self.replies and not self.rest and not self.transport.is_closing()

    async def quit(self) -> None:
        """Part in good manners, within a second or two."""
        if self.ready():
            self.timeout = min(self.timeout, 2.0)
            self.transport.write(b"QUIT\r\n")
            with suppress(LinkError):
                await self.reply()
        self.drop()


async def connect(relay: Relay) -> Link:
    """Connect, greet, secure and log in. LinkError tells the stage that failed."""
    client = aiosmtplib.SMTP(
        hostname=relay.host,
        port=relay.port,
        timeout=relay.timeout,
        use_tls=relay.security == "tls",
        start_tls=False,
        local_hostname=_own_name(),
    )
    stage: Stage = "connect"
    try:
        await client.connect()
        stage = "greeting"
        await _greet(client)
        if relay.security == "starttls":
            await client.starttls()
            await _greet(client)
        stage = "auth"
        if relay.username:
            await client.login(relay.username, relay.password)
    except aiosmtplib.SMTPResponseException as error:
        client.close()
        answered: Stage = "greeting" if stage == "connect" else stage
        raise LinkError(_clean(error.message), error.code, answered) from error
    except (aiosmtplib.SMTPException, OSError, UnicodeError) as error:
        client.close()
        raise LinkError(_clean(str(error)) or type(error).__name__, None, stage) from error
    transport = client.transport
    if not isinstance(transport, asyncio.Transport) or transport.is_closing():
        raise LinkError("the relay closed the connection", None, stage)
    link = Link(transport, frozenset(client.esmtp_extensions), relay.timeout)
    transport.set_write_buffer_limits(high=0)
    transport.set_protocol(link)
    return link


async def _greet(client: aiosmtplib.SMTP) -> None:
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError:
        await client.helo()


@lru_cache(1)
def _own_name() -> str:
    """Asked for once: a slow name server must not delay every connection."""
    return socket.getfqdn()


def _clean(text: str) -> str:
    """One line of printable text, not too long."""
    return _CONTROL.sub(" ", text).strip()[:LONGEST_TEXT]
