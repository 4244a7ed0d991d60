from __future__ import annotations

import socket
from pathlib import Path

import pytest

from usher.work.machine import MachineError, free_port, hold, port_is_free


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
