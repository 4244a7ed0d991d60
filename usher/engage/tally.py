"""Counts that all processes of this machine share, in a file that each maps: one costs a few microseconds."""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from threading import Lock

from django.conf import settings

#: Folder in the data directory.
FOLDER = "counts"


class Tally:
    """Counters in slots of several columns; a slot begins anew when it is asked about another period.

    Whoever asks holds the whole tally (`held`), so that looking and adding are one step.
    """

    def __init__(self, path: Path, slots: int, columns: int) -> None:
        self._slot = struct.Struct(f"=I{columns}I")
        self._blank = (0,) * columns
        self._lock = Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        size = slots * self._slot.size
        if os.fstat(self._file).st_size != size:
            os.ftruncate(self._file, size)
        self._map = mmap.mmap(self._file, size)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else looks or counts meanwhile: no thread, by our lock, and no process, by the file's."""
        with self._lock:
            fcntl.lockf(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(self._file, fcntl.LOCK_UN)

    def counts(self, slot: int, period: int) -> tuple[int, ...]:
        """Every column of a slot in this period."""
        found, *counts = self._slot.unpack_from(self._map, slot * self._slot.size)
        return tuple(counts) if found == period else self._blank

    def add(self, slot: int, period: int, columns: Iterable[int]) -> None:
        counts = list(self.counts(slot, period))
        for column in columns:
            counts[column] += 1
        self.put(slot, period, counts)

    def put(self, slot: int, period: int, counts: Iterable[int]) -> None:
        self._slot.pack_into(self._map, slot * self._slot.size, period, *counts)


def tally(name: str, slots: int, columns: int) -> Tally:
    """The tally of this name in the data directory."""
    return _opened(Path(settings.USHER_DATA_DIR) / FOLDER / name, slots, columns)


@lru_cache(maxsize=256)
def _opened(path: Path, slots: int, columns: int) -> Tally:
    return Tally(path, slots, columns)
