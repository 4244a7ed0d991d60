"""What each operation asks of its caller, and against which limit it counts: the first line that fits.

Dotdigital tells the tiers only beside its reference pages; these follow what it says a tier is for.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from usher.engage.models.accounts import Permission

LOW, MEDIUM, HIGH, UNLIMITED = "lowCallRate", "mediumCallRate", "highCallRate", "unlimited"


class Declared(NamedTuple):
    permission: Permission
    #: The tier by which the tiered scheme counts it.
    tier: str
    #: Does the flat scheme count it?
    is_counted: bool = True


_SENDS = (
    r"POST /v2/campaigns/(send|send-time-optimised|split-test)",
    r"POST /v2/email(/.+)?",
    r"POST /v2/sms-messages/.+",
    r"POST /cpaas/messages(/batch)?",
    r"POST /marketing-email/v3/.+",
)
_POLLS = (
    r"GET /v2/contacts/(import|deletion)/.+",
    r"GET /contacts/v3/(import|delete)/.+",
    r"GET /v2/programs/enrolments/\{?[0-9a-fA-F-]{32,}\}?(/.*)?",
    r"GET /v2/campaigns/send/.+",
    r"GET /v2/segments/refresh/.+",
    r"GET /cpaas/messages/.+",
    r"GET /events/v3/export/[^/]+",
    # our own, for those who watch over the mail
    r"GET /engage/.*",
)
_IMPORTS = (r"(POST|PUT) .*/(import|import-collection)(/.*)?",)
_READS_BY_POST = (r"POST /v2/contacts/retrieve-collection",)
_READS_OF_ONE = (
    r"GET /v2/(account-info|server-time|contacts/count)",
    r"GET /v2/contacts?/(\d+|[^/]*@[^/]*)(/[^/]+)?",
    r"GET /v2/(address-books|programs|sms/campaigns)/\d+",
    r"GET /v2/campaigns/\d+(/(summary|with-details|split-test|activities/\d+|prepared-for-.+))?",
    r"GET /contacts/v3/[^/]+/[^/]+",
    r"GET /events/v3/(export/subscriptions|lob)/[^/]+",
)
_READS_OF_SETTINGS = (r"GET /v2/(data-fields|preferences|custom-from-addresses)",)

_TABLE = tuple(
    (re.compile("|".join(lines), re.DOTALL), found)  # a path may have line breaks
    for lines, found in (
        (_SENDS, Declared(Permission.SEND, UNLIMITED, False)),
        ((r"POST /v2/programs/enrolments",), Declared(Permission.SEND, LOW, False)),
        (_POLLS, Declared(Permission.READ, UNLIMITED)),
        (_IMPORTS, Declared(Permission.WRITE, LOW)),
        (_READS_OF_ONE, Declared(Permission.READ, HIGH)),
        (_READS_OF_SETTINGS, Declared(Permission.READ, MEDIUM)),
        (("(GET|HEAD) .*", *_READS_BY_POST), Declared(Permission.READ, LOW)),
        ((".*",), Declared(Permission.WRITE, MEDIUM)),
    )
)


def declared(method: str, path: str) -> Declared:
    """Of this operation; `path` begins with a slash and has no other stray ones."""
    line = f"{method} {path}"
    return next(found for fits, found in _TABLE if fits.fullmatch(line))
