"""A mail server that does what a test tells it, one function call for each connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Visit:
    """One connection, as the script sees it."""

    def __init__(self, wire: socket.socket, number: int, log: list[str]) -> None:
        self.wire = wire
        #: 1 for the first connection
        self.number = number
        self.log = log
        self.incoming = wire.makefile("rb")

    def say(self, *lines: str) -> None:
        self.wire.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def hear(self) -> str:
        """The next command; EOFError if the client is gone or takes its leave."""
        line = self.incoming.readline()
        if not line or line == b"QUIT\r\n":
            raise EOFError
        self.log.append(line.decode().rstrip("\r\n"))
        return self.log[-1]

    def greet(self, *offers: str) -> None:
        self.say("220 scripted")
        self.hear()
        offered = ["scripted", *offers]
        self.say(*(f"250-{offer}" for offer in offered[:-1]), f"250 {offered[-1]}")

    def content(self) -> bytes:
        """All up to the final dot."""
        lines = []
        while (line := self.incoming.readline()) != b".\r\n":
            if not line:
                raise EOFError
            lines.append(line)
        self.log.append(".")
        return b"".join(lines)

    def mail(self, reply: str = "250 OK") -> bytes:
        """Take a whole mail and answer this to its final dot."""
        self.invite()
        content = self.content()
        self.say(reply)
        return content

    def invite(self, mail: str = "250 OK", rcpt: str = "250 OK", data: str = "354 Go") -> None:
        """Answer MAIL, RCPT and DATA."""
        for verb, reply in (("MAIL", mail), ("RCPT", rcpt), ("DATA", data)):
            assert self.hear().startswith(verb)
            self.say(reply)


class Scripted:
    """`with Scripted(script) as server:` runs `script(visit)` for every connection, then closes it."""

    def __init__(self, script: Callable[[Visit], None]) -> None:
        self.script = script
        #: every command that came, of all connections
        self.log: list[str] = []
        self.connections = 0
        self._errors: list[BaseException] = []

    def __enter__(self) -> Self:
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        threading.Thread(target=self._open, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        if self._errors:
            raise self._errors[0]

    def _open(self) -> None:
        while True:
            try:
                wire, _ = self._door.accept()
            except OSError:
                return
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            visit = Visit(wire, self.connections, self.log)
            threading.Thread(target=self._run, args=(visit,), daemon=True).start()

    def _run(self, visit: Visit) -> None:
        with visit.wire, visit.incoming:
            try:
                self.script(visit)
            except (EOFError, ConnectionError):
                pass
            except BaseException as error:
                self._errors.append(error)
