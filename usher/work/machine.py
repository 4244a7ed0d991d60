"""The processes of one machine: web, worker and local mail sink, started, watched and stopped together."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

log = logging.getLogger(__name__)

PR_SET_PDEATHSIG = 1


class MachineError(Exception):
    """A process of this machine could not be started; says which and what to do."""


@contextlib.contextmanager
def hold(data_dir: Path) -> Iterator[None]:
    """Hold the data directory: one machine at a time, or two would play on one clock and one database."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        file = (data_dir / "machine.lock").open("w")
    except OSError as problem:
        raise MachineError(f"the data directory {data_dir} cannot be written: {problem}") from None
    with file as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise MachineError(f"Usher already runs on {data_dir}; stop that one first") from None
        yield


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(wanted: int) -> int:
    """`wanted`, or the next port above it that nobody holds."""
    return next(port for port in range(wanted, wanted + 200) if port_is_free(port))


def _die_with_parent() -> None:
    """In a child, before it becomes the program: end when the supervisor is killed (Linux only)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Part:
    """One process of the machine."""

    name: str
    command: list[str]
    #: Answers whether it does its work; asked until it does.
    is_ready: Callable[[], bool]
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    started_at: float = 0.0

    def start(self, environment: Mapping[str, str]) -> None:
        self.end()
        # a session of its own: Ctrl-C reaches the supervisor alone, and what a part left behind can be found
        self.process = subprocess.Popen(
            self.command, env=dict(environment), preexec_fn=_die_with_parent, start_new_session=True
        )
        self.starts += 1
        self.started_at = time.monotonic()

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def end(self, patience: float = 0) -> None:
        """Ask it to finish what it has in hand, insist after `patience` seconds; nothing of it stays."""
        if self.process is None:
            return
        if self.is_running:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
        # its own children too, which a killed parent leaves behind
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _answers(port: int, path: str | None = None) -> Callable[[], bool]:
    """A question: does something listen at the port (and answer the path with less than 500)?"""

    def ask() -> bool:
        try:
            if path is None:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return True
            return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5).status_code < 500
        except (OSError, httpx.HTTPError):
            return False

    return ask


@dataclass
class Machine:
    """`with Machine(...)`: everything runs inside the block and is stopped after it."""

    port: int
    #: None when mail goes to a relay of the outside world.
    sink_port: int | None
    host: str = "127.0.0.1"
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    parts: list[Part] = field(default_factory=list)

    def __post_init__(self) -> None:
        usher = [sys.executable, "-W", "ignore::UserWarning", "-m", "usher.cli"]
        web = [*usher, "web", "--host", self.host, "--port", str(self.port)]
        self.parts = [Part("worker", [*usher, "worker"], lambda: True)]
        if self.sink_port is not None:
            sink = [*usher, "sink", "--port", str(self.sink_port)]
            self.parts.append(Part("mail sink", sink, _answers(self.sink_port)))
        self.parts.append(Part("web", web, _answers(self.port, "/login")))

    def __enter__(self) -> Self:
        try:
            for part in self.parts:
                part.start(self.environment)
            self._wait_until_ready(60)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_until_ready(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        for part in self.parts:
            while not part.is_ready():
                if not part.is_running:
                    raise MachineError(
                        f"the {part.name} process ended at its start; its message stands above"
                    )
                if time.monotonic() > end:
                    raise MachineError(f"the {part.name} process did not answer within {seconds:.0f} s")
                time.sleep(0.05)

    def watch(self) -> None:
        """Start again what has died, at most once a second for each part."""
        for part in self.parts:
            if not part.is_running and time.monotonic() - part.started_at > 1:
                code = part.process.returncode if part.process else None
                log.warning("the %s process ended (%s); it is started again", part.name, code)
                part.start(self.environment)

    def stop(self, patience: float = 35) -> None:
        """End every part in their order: the worker may still want the mail sink and the web process."""
        for part in self.parts:
            part.end(patience)
