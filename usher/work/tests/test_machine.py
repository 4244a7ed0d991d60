from __future__ import annotations

import socket
import sys
import time
from pathlib import Path

import psutil
import pytest

from usher.work.machine import Machine, MachineError, Part, free_port, hold, port_is_free


def test_a_taken_port_is_seen_and_the_next_free_one_is_found() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not port_is_free(port)
        assert free_port(port) > port


def test_two_machines_never_hold_one_data_directory(tmp_path: Path) -> None:
    with hold(tmp_path), pytest.raises(MachineError, match="already runs"), hold(tmp_path):
        pass
    with hold(tmp_path):
        pass


def leader(program: str) -> Part:
    """A process that starts another one, as a web server does, and waits."""
    return Part("leader", [sys.executable, "-c", program], lambda: True)


def children_of(part: Part) -> list[psutil.Process]:
    assert part.process
    for _ in range(200):
        if found := psutil.Process(part.process.pid).children():
            return found
        time.sleep(0.02)
    raise AssertionError("it started nobody")


SLEEPS = "import time; time.sleep(60)"
FORKS = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', '{SLEEPS}']); "


def test_a_killed_part_leaves_no_child_behind_when_it_is_started_again() -> None:
    part = leader(FORKS + "time.sleep(60)")
    part.start({})
    (orphan,) = children_of(part)
    assert part.process
    part.process.kill()
    part.process.wait()
    part.start({})
    assert not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE
    part.end()


def test_parts_end_in_their_order_and_are_given_time_to_finish(tmp_path: Path) -> None:
    told = tmp_path / "told"
    program = (
        "import pathlib, signal, sys, time\n"
        "def finish(*_):\n"
        "    time.sleep(0.3)\n"
        "    with open(sys.argv[1], 'a') as file: file.write(sys.argv[2])\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, finish)\n"
        "pathlib.Path(sys.argv[1] + sys.argv[2]).touch()\n"
        "time.sleep(60)\n"
    )
    machine = Machine(0, None)
    machine.parts = [
        Part(name, [sys.executable, "-c", program, str(told), name], (tmp_path / f"told{name}").exists)
        for name in ("a", "b")
    ]
    with machine:
        pass
    assert told.read_text() == "ab"
