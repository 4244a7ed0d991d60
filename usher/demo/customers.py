"""The customers of the replay: they do with their mail what their orders say they did.

Whoever orders within 14 days after "We miss you" arrived clicks its link at noon of the next day. Customers
100, 200 … 2000 unsubscribe with one click an hour after their first mail. Addresses of customers 150, 250 …
1950 do not exist any more. Requests are real ones, to the running server.
"""

from __future__ import annotations

import csv
import email
import email.policy
import re
from bisect import bisect_right
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Literal

import httpx

from usher.lib.http import trust_for
from usher.lib.spool import Entry, Spool

ADDRESS = re.compile(r"customer(\d+)@example\.com")
COMES_BACK_WITHIN = timedelta(days=14)
UNSUBSCRIBE = frozenset(range(100, 2001, 100))
GONE = frozenset(range(150, 1951, 100))


def gone_addresses() -> dict[str, str]:
    """What the sink answers for addresses that are no more."""
    return {f"customer{number}@example.com": "550 5.1.1 No such user here" for number in sorted(GONE)}


def order_days(orders: Path) -> dict[int, list[date]]:
    """The days on which each customer ordered, in order."""
    days: dict[int, list[date]] = defaultdict(list)
    with orders.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            days[int(row["customer_id"])].append(date.fromisoformat(row["ordered_on"]))
    return {customer: sorted(found) for customer, found in days.items()}


@dataclass(frozen=True, order=True)
class Act:
    """Something a customer will do."""

    at: datetime
    kind: Literal["click", "unsubscribe"]
    url: str


@dataclass
class Customers:
    """Reads the mail that arrived, plans what its readers do, and does it when the time has come."""

    spool: Spool
    days: dict[int, list[date]]
    zone: tzinfo
    cursor: int = 0
    planned: list[Act] = field(default_factory=list)
    unsubscribed: set[int] = field(default_factory=set)

    def read_mail(self) -> int:
        """Look through the mail that came since the last look; how many there were for customers."""
        count = 0
        for entry in self.spool.entries(since=self.cursor):
            self.cursor = entry.next
            match = ADDRESS.fullmatch(entry.rcpt_to[0])
            if match:
                count += 1
                self._plan(int(match[1]), entry.received_at, entry)
        return count

    def _plan(self, customer: int, arrived: datetime, entry: Entry) -> None:
        wants_out = customer in UNSUBSCRIBE and customer not in self.unsubscribed
        comes_back = self._comes_back(customer, arrived)
        if not (wants_out or comes_back):
            return
        raw = self.spool.read(entry)
        message = email.message_from_bytes(raw, policy=email.policy.default)
        if wants_out:
            self.unsubscribed.add(customer)
            url = str(message["List-Unsubscribe"]).strip("<> ")
            self.planned.append(Act(arrived + timedelta(hours=1), "unsubscribe", url))
        elif str(message["Subject"]).startswith("We miss you"):
            part = message.get_body(("html",))
            link = re.search(r'href="([^"]*/t/c/[^"]+)"', part.get_content() if part else "")
            if link:
                noon = datetime.combine(arrived.astimezone(self.zone).date(), time(12), self.zone)
                self.planned.append(Act(noon + timedelta(days=1), "click", link[1]))

    def _comes_back(self, customer: int, arrived: datetime) -> bool:
        day = arrived.astimezone(self.zone).date()
        days = self.days.get(customer, [])
        nearest = bisect_right(days, day)
        return nearest < len(days) and days[nearest] <= day + COMES_BACK_WITHIN

    def next_act(self) -> datetime | None:
        return min((act.at for act in self.planned), default=None)

    def act(self, now: datetime) -> int:
        """Do everything that was planned for `now` or before; how many acts."""
        due = [act for act in self.planned if act.at <= now]
        if not due:
            return 0
        self.planned = [act for act in self.planned if act.at > now]
        with httpx.Client(timeout=30, verify=trust_for(due[0].url)) as client, ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda act: _do(client, act), due))
        return len(due)


def _do(client: httpx.Client, act: Act) -> None:
    if act.kind == "click":
        answer = client.get(act.url, follow_redirects=False)
        if answer.status_code not in (301, 302, 303):
            raise RuntimeError(f"a tracked link answered {answer.status_code}, not a redirect: {act.url}")
        return
    answer = client.post(act.url, data={"List-Unsubscribe": "One-Click"}, follow_redirects=False)
    if answer.status_code != 200:
        raise RuntimeError(f"a one-click unsubscribe answered {answer.status_code}: {act.url}")
