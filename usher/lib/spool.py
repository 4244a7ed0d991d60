"""A directory that keeps mails in the order in which they came: one file of raw messages a day, and an index.

A mail is first appended to `messages-YYYYMMDD.bin`, then named by a line of `index.jsonl`: a crash between
the two leaves bytes that nobody points to, a crash within the second a last line without an end; readers pass
over it and the next writer cuts it off. One process writes (it holds a lock), any number read meanwhile.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from functools import lru_cache
from pathlib import Path

#: Bytes of the index read at a time.
BLOCK = 1 << 20
_HEADERS = re.compile(rb"\n(message-id|subject)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", re.IGNORECASE)
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_MESSAGE_ID = re.compile(rb'"message_id":"((?:[^"\\]|\\.)*)"')


class SpoolError(Exception):
    """The spool cannot be written or does not hold what its index says."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One mail as the index names it."""

    #: 1, 2, 3 … in the order of arrival
    id: int
    received_at: datetime
    mail_from: str
    rcpt_to: list[str]
    #: as in its header, with angle brackets; "" if it has none
    message_id: str
    #: decoded
    subject: str
    segment: str
    offset: int
    length: int
    #: cursor behind this entry: what `entries(since=…)` wants in order to go on
    next: int


class Spool:
    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.index = self.path / "index.jsonl"
        self._writer: _Writer | None = None

    def append(self, raw: bytes, mail_from: str, rcpt_to: Sequence[str], received_at: datetime) -> Entry:
        """Keep one mail: when this returns, killing us no longer loses it. SpoolError if it was not kept."""
        if self._writer is None:
            self._writer = _Writer(self.path, self.index)
        return self._writer.append(raw, mail_from, rcpt_to, received_at)

    def entries(self, since: int = 0, recipient: str | None = None) -> Iterator[Entry]:
        """Entries from the cursor `since` on, of one recipient (in any case of letters) or of all."""
        wanted = recipient.lower() if recipient else None
        for start, line in self._lines(since):
            # an address in plain ASCII stands in the line as it is: most lines need not be parsed
            if wanted and wanted.isascii() and '"' not in wanted and wanted.encode() not in line.lower():
                continue
            entry = _entry(line, start)
            if not wanted or any(address.lower() == wanted for address in entry.rcpt_to):
                yield entry

    def accepted(self, message_ids: set[str], since: int = 0) -> set[str]:
        """Which of these Message-IDs (with their angle brackets) have arrived from the cursor `since` on."""
        asked = {json.dumps(one, ensure_ascii=False)[1:-1].encode(): one for one in message_ids}
        found: set[str] = set()
        for _, line in self._lines(since):
            if (match := _MESSAGE_ID.search(line)) and match[1] in asked:
                found.add(asked[match[1]])
                if len(found) == len(asked):
                    break
        return found

    def read(self, entry: Entry) -> bytes:
        """The raw message."""
        with open(self.path / entry.segment, "rb") as segment:
            raw = os.pread(segment.fileno(), entry.length, entry.offset)
        if len(raw) != entry.length:
            raise SpoolError(f"{self.path / entry.segment} is shorter than its index says (mail {entry.id})")
        return raw

    def end(self) -> int:
        """The cursor behind the last entry: take it before sending, to look at what arrives afterwards."""
        last = _last_line(self.index)
        return last[0] + len(last[1]) if last else 0

    def count(self) -> int:
        """How many mails there are."""
        last = _last_line(self.index)
        return int(json.loads(last[1])["id"]) if last else 0

    def size(self) -> int:
        """Bytes taken on disk."""
        return sum(file.stat().st_size for file in self.path.iterdir()) if self.path.exists() else 0

    def close(self) -> None:
        """Let another process write."""
        if self._writer:
            self._writer.close()
            self._writer = None

    def _lines(self, since: int) -> Iterator[tuple[int, bytes]]:
        """Each whole line of the index with the place where it begins."""
        if not self.index.exists():
            return
        with open(self.index, "rb") as index:
            index.seek(since)
            start, rest = since, b""
            while block := index.read(BLOCK):
                *lines, rest = (rest + block).split(b"\n")
                for line in lines:
                    yield start, line
                    start += len(line) + 1


class _Writer:
    """The open files of the one process that writes."""

    def __init__(self, path: Path, index: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self.lock)
            raise SpoolError(f"{path} is being written by another process; stop that one first") from None
        self.index = _File(index)
        last = _last_line(index)
        self.index.cut(last[0] + len(last[1]) if last else 0)
        self.count = int(json.loads(last[1])["id"]) if last else 0
        self.segment: _File | None = None

    def append(self, raw: bytes, mail_from: str, rcpt_to: Sequence[str], received_at: datetime) -> Entry:
        name = f"messages-{received_at:%Y%m%d}.bin"
        if self.segment is None or self.segment.name != name:
            if self.segment:
                self.segment.close()
            self.segment = _File(self.path / name)
        message_id, subject = _headers(raw)
        offset = self.segment.size
        self.segment.append(raw)
        line = _json(
            {
                "id": self.count + 1,
                "received_at": received_at.isoformat(),
                "mail_from": mail_from,
                "rcpt_to": list(rcpt_to),
                "message_id": message_id,
                "subject": subject,
                "segment": name,
                "offset": offset,
                "length": len(raw),
            }
        )
        self.index.append(line.encode() + b"\n")
        self.count += 1
        return Entry(
            self.count, received_at, mail_from, list(rcpt_to), message_id, subject, name, offset, len(raw),
            self.index.size,
        )  # fmt: skip

    def close(self) -> None:
        self.index.close()
        if self.segment:
            self.segment.close()
        os.close(self.lock)


class _File:
    """A file that only grows; a write that did not fit is taken back."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.size = os.fstat(self.fd).st_size

    def append(self, data: bytes) -> None:
        try:
            written = os.write(self.fd, data)
        except OSError as error:
            raise SpoolError(f"{self.name}: {error.strerror}") from error
        if written != len(data):
            os.ftruncate(self.fd, self.size)
            raise SpoolError(f"{self.name}: no space left")
        self.size += written

    def cut(self, size: int) -> None:
        if self.size != size:
            os.ftruncate(self.fd, size)
            self.size = size

    def close(self) -> None:
        os.close(self.fd)


def _last_line(index: Path) -> tuple[int, bytes] | None:
    """The last whole line with its line end, and where it begins."""
    if not index.exists():
        return None
    with open(index, "rb") as file:
        end = file.seek(0, os.SEEK_END)
        reach = 4096
        while end:
            begin = max(0, end - reach)
            file.seek(begin)
            tail = file.read(end - begin)
            tail = tail[: tail.rfind(b"\n") + 1]
            at = tail.rfind(b"\n", 0, -1) + 1
            if tail and (at or begin == 0):
                return begin + at, tail[at:]
            if begin == 0:
                return None
            reach *= 8
    return None


def _entry(line: bytes, start: int) -> Entry:
    fields = json.loads(line)
    fields["received_at"] = datetime.fromisoformat(fields["received_at"])
    return Entry(**fields, next=start + len(line) + 1)


def _headers(raw: bytes) -> tuple[str, str]:
    """Message-ID and subject of a raw mail, "" for what it does not have."""
    end = raw.find(b"\r\n\r\n")
    found: dict[bytes, bytes] = {}
    for name, value in _HEADERS.findall(b"\n" + raw[: end + 2 if end >= 0 else 65536]):
        found.setdefault(name.lower(), value)
    message_id = found.get(b"message-id", b"").strip().decode("utf-8", "replace")
    return message_id, _decoded(found.get(b"subject", b""))


@lru_cache(1024)
def _decoded(value: bytes) -> str:
    """A header's text as a person reads it: unfolded, encoded words decoded; as it stands if that fails."""
    text = value.replace(b"\r\n", b"").strip().decode("utf-8", "replace")
    if "=?" not in text:
        return text
    try:
        # a strange charset can give halves of surrogate pairs, which no file can hold
        return str(make_header(decode_header(text))).encode("utf-8", "replace").decode()
    except (HeaderParseError, LookupError, ValueError):
        return text
