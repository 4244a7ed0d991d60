"""The API over HTTP as `usher web` serves it: single contacts, pages of many, sizes of lists."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles

from bench.ground import NOW, Figure, account, seconds

CLIENTS = 8
#: Calls of each client.
CALLS = 250
SIZES = (10_000, 100_000, 1_000_000)
LISTS = 100
PAGE = 1000

_PEOPLE = """
insert into engage_contact (account_id, email, email_key, mobile_number, status, status_at, opt_in_type,
                            email_type, data, is_seed, created_at, updated_at)
select %(account)s, 'reader' || n || '@example.net', 'reader' || n || '@example.net', '', 'Subscribed',
       %(now)s, 'Single', 'Html', jsonb_build_object('FIRSTNAME', 'Reader ' || n), false, %(now)s, %(now)s
  from generate_series(%(first)s, %(last)s) as n
"""
_MEMBERS = """
insert into engage_membership (list_id, contact_id, joined_at)
select lists.id, contact.id, %(now)s
  from (select id, row_number() over (order by id) as number from engage_contactlist
         where account_id = %(account)s and name like 'Size %%') lists
  join (select id, row_number() over (order by id) as number from engage_contact
         where account_id = %(account)s) contact on contact.number %% %(lists)s = lists.number - 1
on conflict do nothing
"""


def figures(root: Path) -> Iterator[Figure]:
    """Each beside the bare web server, which answers without looking at anything (server-time)."""
    head = _user()
    with _served(root) as port:
        limit, _, _ = _rate(port, lambda n: _request(head, "GET", "/v2/server-time"))
        grown = 0
        for size in SIZES:
            _grow(grown, size)
            grown = size
            yield from _singles(port, head, size, limit)
        yield from _pages(port, head)
        yield _sizes(port, head)


def _singles(port: int, head: str, size: int, limit: float) -> Iterator[Figure]:
    count = f"{size:,} contacts there"
    beside = (limit, "server-time")
    written, middle, slowest = _rate(port, lambda n: _request(head, "POST", "/v2/contacts", _body(n)))
    yield Figure(f"contacts upserted one by one, {count}", written, "calls/s", *beside, "≥ 400 calls/s")
    what = f"the slowest of a hundred of them, {count}"
    yield Figure(what, slowest * 1000, "ms", middle * 1000, "the middle one", "≤ 60 ms", False)
    path = "/v2/contacts/reader{}@example.net"
    read, _, _ = _rate(port, lambda n: _request(head, "GET", path.format(n % size)))
    yield Figure(f"contacts read one by one, {count}", read, "calls/s", *beside, "≥ 1,000 calls/s")


def _pages(port: int, head: str) -> Iterator[Figure]:
    """All contacts page by page: the last twenty pages beside the first twenty."""
    paths = (f"/v2/contacts?select={PAGE}&skip={skip}" for skip in range(0, SIZES[-1], PAGE))
    with socket.create_connection(("127.0.0.1", port)) as link:
        took = [_timed(link, _request(head, "GET", path)) for path in paths]
    first, last = sum(took[:20]) / 20, sum(took[-20:]) / 20
    yield Figure(
        f"a page of {PAGE:,} at the end of {SIZES[-1]:,} contacts",
        last * 1000,
        "ms",
        first * 1000,
        "one at the start",
        "the same",
        False,
    )


def _sizes(port: int, head: str) -> Figure:
    _fill_lists()
    with socket.create_connection(("127.0.0.1", port)) as link:
        ask = _request(head, "GET", "/v2/address-books")
        took = min(_timed(link, ask) for _ in range(3))
    what = f"{LISTS} lists with their sizes, {SIZES[-1]:,} members in all"
    return Figure(what, took, "s", _counted(), "a bare count of the members", "≤ 1 s", False)


def _user() -> str:
    """The line of a request that says who calls."""
    from usher.engage.access import create_api_user
    from usher.engage.models.accounts import Scheme

    name, password = create_api_user(account(), NOW, scheme=Scheme.NONE)
    return "Authorization: Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@contextmanager
def _served(root: Path) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    cores = os.cpu_count() or 1
    command = [sys.executable, "-m", "usher.cli", "web", "--port", str(port), "--workers", str(cores)]
    with (root / "web.log").open("wb") as log:
        server = subprocess.Popen([*command, "--threads", "4"], env=os.environ.copy(), stdout=log, stderr=log)
    try:
        _wait_for(port, server)
        yield port
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the web server does not answer")


def _body(n: int) -> bytes:
    fields = [{"key": "FIRSTNAME", "value": f"Writer {n}"}, {"key": "LASTNAME", "value": str(time.time())}]
    return json.dumps({"email": f"writer{n % 1000}@example.net", "dataFields": fields}).encode()


def _request(head: str, method: str, path: str, body: bytes = b"") -> bytes:
    lines = (f"{method} {path} HTTP/1.1", "Host: localhost", head, f"Content-Length: {len(body)}", "", "")
    return "\r\n".join(lines).encode() + body


def _call(link: socket.socket, request: bytes) -> None:
    """Send one request and read its whole answer, which must be a success."""
    link.sendall(request)
    got = b""
    while b"\r\n\r\n" not in got:
        got += _some(link)
    head, _, rest = got.partition(b"\r\n\r\n")
    if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
        raise AssertionError(f"{head[:100]!r} {rest[:200]!r}")
    length = next(
        int(line.partition(b":")[2])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length")
    )
    missing = length - len(rest)
    while missing > 0:
        missing -= len(_some(link))


def _timed(link: socket.socket, request: bytes) -> float:
    return seconds(lambda: _call(link, request))


def _some(link: socket.socket) -> bytes:
    part = link.recv(1 << 18)
    if not part:
        raise AssertionError("the web server hung up")
    return part


def _rate(port: int, request: Callable[[int], bytes]) -> tuple[float, float, float]:
    """Calls a second of all clients together; the middle one's seconds, and those of the slowest of 100."""

    def client(number: int) -> list[float]:
        with socket.create_connection(("127.0.0.1", port)) as link:
            asks = [request(number * CALLS + n) for n in range(CALLS)]
            return [_timed(link, ask) for ask in asks]

    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(client, range(CLIENTS)))  # a turn that does not count: processes and caches awake
        began = time.perf_counter()
        times = [took for some in clients.map(client, range(CLIENTS)) for took in some]
        elapsed = time.perf_counter() - began
    hundredths = quantiles(times, n=100)
    return len(times) / elapsed, hundredths[49], hundredths[98]


def _grow(first: int, last: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE, {"account": account().pk, "now": NOW, "first": first, "last": last - 1})
        cursor.execute("vacuum analyze engage_contact")


def _fill_lists() -> None:
    from django.db import connection

    from usher.engage.models import ContactList

    own = account()
    ContactList.objects.bulk_create(
        [ContactList(account=own, name=f"Size {n}", created_at=NOW) for n in range(LISTS)]
    )
    with connection.cursor() as cursor:
        cursor.execute(_MEMBERS, {"account": own.pk, "now": NOW, "lists": LISTS})
        cursor.execute("vacuum analyze engage_membership")


def _counted() -> float:
    from django.db import connection

    with connection.cursor() as cursor:
        return min(
            seconds(lambda: cursor.execute("select list_id, count(*) from engage_membership group by 1"))
            for _ in range(3)
        )
