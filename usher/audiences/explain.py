"""Why one customer is, or is not, in an audience: as of the last evaluation."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import duckdb
from django.conf import settings

from usher import rules
from usher.audiences.errors import NotEvaluatedError
from usher.audiences.models import Audience
from usher.audiences.person import Person
from usher.audiences.published import last_done, members_sql
from usher.audiences.rulebook import titled
from usher.rules.explain import Explanation
from usher.sources import sql
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
        values, rows, rule_of = person.values, person.rows, person.rule_of
        return rules.explain(node, person.schema, values, rows, now=moment, zone=zone, rule_of=rule_of)


def _by_hand(audience: Audience, key: str) -> Explanation:
    """What is published decides; who put it on, and what the next evaluation will change, is said."""
    put = audience.assignments.filter(key=key, removed_at=None).first()
    zone, there = ZoneInfo(settings.TIME_ZONE), _published(audience, key)
    text = f"{titled(audience)} is not on this customer"
    if put:
        text = f"put on by {put.by} ({put.cause}) on {put.at.astimezone(zone):%Y-%m-%d %H:%M}"
    if audience.expired_at:
        text += f"; {titled(audience)} is empty since its last day, {audience.expires_on}"
    elif there is None:
        text += "; it was not evaluated yet, so nothing is published"
    elif there != bool(put):
        text += "; the next evaluation publishes that"
    return Explanation(text, bool(there), bool(there), (), "take it off" if put else "put it on")


def _published(audience: Audience, key: str) -> bool | None:
    """Whether the customer was in it when it was last published; None where it never was."""
    try:
        members = members_sql(audience)
    except NotEvaluatedError:
        return None
    with duckdb.connect() as connection:
        return bool(sql.row(connection, f"SELECT count(*) FROM {members} WHERE key = ?", [key])[0])
