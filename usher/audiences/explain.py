"""Why one customer is, or is not, in an audience: as of the last evaluation."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings

from usher import rules
from usher.audiences.models import Audience
from usher.audiences.person import Person
from usher.audiences.published import last_done
from usher.audiences.rulebook import titled
from usher.rules.explain import Explanation
from usher.sources.open import open_tables


def explain_member(audience: Audience, key: str, now: datetime) -> Explanation:
    """What holds and what does not of the audience's rule, for one customer.

    The moment is that of the last evaluation, so that the answer is about what is published; `now` where
    nothing was evaluated yet. The data are read as they are. AudienceError for an unknown customer.
    """
    last = last_done()
    moment = last.now if last else now
    with open_tables(again=False) as opened:
        person = Person(opened, key, moment)
        if not audience.has_rule:
            return _by_hand(audience, key)
        node, zone = rules.parse(audience.rule), ZoneInfo(settings.TIME_ZONE)
        return rules.explain(node, person.schema, person.values, person.rows, now=moment, zone=zone)


def _by_hand(audience: Audience, key: str) -> Explanation:
    put = audience.assignments.filter(key=key, removed_at=None).first()
    zone = ZoneInfo(settings.TIME_ZONE)
    if put is None:
        return Explanation(f"{titled(audience)} is not on this customer", False, False, (), "put it on")
    text = f"put on by {put.by} ({put.cause}) on {put.at.astimezone(zone):%Y-%m-%d %H:%M}"
    return Explanation(text, True, True, (), "take it off")
