"""Click, for the seeds that do: a real request for the tracked link of a mail that arrived."""

from __future__ import annotations

from datetime import datetime, timedelta

import httpx
from django.conf import settings

from usher.lib.http import trust_for
from usher.seeds.models import Arrival

RETRY = timedelta(minutes=15)
#: A link that has not answered for so long after the click was due is given up.
PATIENCE = timedelta(days=1)


def act(now: datetime) -> int:
    """Make the clicks that are due, and answer how many succeeded.

    A crash between the request and its record leads to a second request, which changes nothing for the seed.
    """
    due = list(Arrival.objects.filter(click_due_at__lte=now).select_related("placement__path__plan"))
    if not due:
        return 0
    headers = {"User-Agent": "Mozilla/5.0 (Usher seed)"}
    with httpx.Client(timeout=10, headers=headers, verify=trust_for(settings.USHER_PUBLIC_URL)) as client:
        for arrival in due:
            _click(arrival, client, now)
    return sum(arrival.clicked_at is not None for arrival in due)


def _click(arrival: Arrival, client: httpx.Client, now: datetime) -> None:
    arrival.click_error = _fetch(client, arrival.link)
    given_up = now >= arrival.received_at + arrival.placement.path.plan.click_after + PATIENCE
    if not arrival.click_error:
        arrival.clicked_at = now
    arrival.click_due_at = now + RETRY if arrival.click_error and not given_up else None
    arrival.save(update_fields=["clicked_at", "click_due_at", "click_error"])


def _fetch(client: httpx.Client, link: str) -> str:
    """What went wrong; "" if the link answered. The page it leads to is elsewhere and not fetched."""
    try:
        answer = client.get(link, follow_redirects=False)
    except (httpx.HTTPError, httpx.InvalidURL) as problem:
        return f"the link could not be fetched: {problem}"
    return f"the link answered {answer.status_code}" if answer.status_code >= 400 else ""
