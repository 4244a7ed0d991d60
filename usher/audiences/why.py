"""Why a rule finds a customer, or does not, as of any moment: from the rows, not from what was published."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from django.conf import settings

from usher import rules
from usher.audiences.person import Person
from usher.audiences.whom import Asking
from usher.rules.explain import Explanation
from usher.sources.open import open_tables


def why(node: rules.Node, key: str, now: datetime) -> Explanation:
    """What holds and what does not of a rule, for one customer; AudienceError for an unknown one."""
    with open_tables() as opened, tempfile.TemporaryDirectory() as scratch:
        person = Person(opened, key, now, Asking(opened, now, Path(scratch)).members)
        zone = ZoneInfo(settings.TIME_ZONE)
        values, rows, rule_of = person.values, person.rows, person.rule_of
        return rules.explain(node, person.schema, values, rows, now=now, zone=zone, rule_of=rule_of)
