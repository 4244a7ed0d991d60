"""The account, and the server's clock."""

from __future__ import annotations

from django.http import HttpResponse

from usher.engage import sandbox
from usher.engage.accounts import limit
from usher.engage.api import limits
from usher.engage.api.manner import Call, empty, moment, reply
from usher.engage.contacts.write import purge


def info(call: Call) -> HttpResponse:
    account = call.account
    used = limits.last_hour(account, call.now)
    properties = [
        ("Name", "String", account.name),
        ("MainEmail", "String", account.from_address),
        ("APILocale", "String", "en-GB"),
        ("ApiCallsInLastHour", "Int", used),
        ("ApiCallsRemaining", "Int", max(0, limit(account, "calls_an_hour") - used)),
        ("ApiEndpoint", "String", sandbox.endpoint(account) + "/"),
        ("TimeZoneIana", "String", account.time_zone),
    ]
    return reply(
        {
            "id": account.pk,
            "properties": [
                {"name": name, "type": kind, "value": str(value)} for name, kind, value in properties
            ],
        }
    )


def server_time(call: Call) -> HttpResponse:
    return reply(moment(call.now))


def empty_recycle_bin(call: Call) -> HttpResponse:
    purge(call.account, call.now)
    return empty(200)
