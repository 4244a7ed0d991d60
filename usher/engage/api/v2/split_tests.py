"""Campaigns with versions that are tried against each other, and which of them won."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse

from usher.engage.api.manner import Call, reply
from usher.engage.api.problems import invalid, missing, not_offered
from usher.engage.api.reading import whole
from usher.engage.api.v2 import campaign_shapes
from usher.engage.api.v2.campaigns import INVALID, from_address, known, sent_fields
from usher.engage.campaigns import senders, trial
from usher.engage.models import Campaign, CampaignVersion, Send

#: Name in a body, which holds one value for each version or one for all -> what it is here.
PLURALS = {
    "subjects": "subject",
    "fromnames": "from_name",
    "fromaddresses": "from_address",
    "htmlcontents": "html",
    "plaintextcontents": "text",
}
#: As errors call them.
SHOWN = {
    "subjects": "Subjects",
    "fromnames": "FromNames",
    "fromaddresses": "FromAddresses",
    "htmlcontents": "HtmlContents",
    "plaintextcontents": "PlainTextContents",
}
#: What all versions have in common.
OWN = ("name", "reply_action", "reply_to", "forward_to")
#: All three are needed for a test; with fewer, everybody gets the same.
OPTIONS = ("testmetric", "testpercentage", "testperiodhours")


def create(call: Call) -> HttpResponse:
    values = sent_fields(call)
    own: dict[str, Any] = {name: value for name, value in values.items() if name in OWN}
    if not own.get("name"):
        raise invalid("The Name field is required.", INVALID)
    made = trial.create(call.account, call.now, own, _versions(call))
    versions = list(CampaignVersion.objects.filter(campaign=made).order_by("letter"))
    return reply(campaign_shapes.split_test(made, versions, senders.known(call.account)), 201)


def _versions(call: Call) -> list[dict[str, str]]:
    """As many versions as the longest list has; a list of one is the same for all."""
    found = {field: _values(call, name) for name, field in PLURALS.items()}
    count = max(len(values) for values in found.values())
    for name, field in PLURALS.items():
        if len(found[field]) not in (1, count):
            raise invalid(f"The {SHOWN[name]} field has 1 or {count} values.", INVALID)
    return [
        {field: values[place] if len(values) > 1 else values[0] for field, values in found.items()}
        for place in range(count)
    ]


def _values(call: Call, name: str) -> list[str]:
    sent = call.fields.get(name)
    if sent is None and name in ("fromnames", "fromaddresses"):
        return [""]
    if not isinstance(sent, list) or not sent:
        raise invalid(f"The {SHOWN[name]} field is a list of one or more.", INVALID)
    if name == "fromaddresses":
        return [from_address(call, one) for one in sent]
    if not all(isinstance(one, str) for one in sent):
        raise invalid(f"The {SHOWN[name]} field is a list of texts.", INVALID)
    return list(sent)


def options(sent: Any) -> trial.Test | None:
    """The test that a send asks for; None when not all of it is there."""
    if not isinstance(sent, dict) or any(sent.get(name) is None for name in OPTIONS):
        return None
    metric = str(sent["testmetric"]).capitalize()
    if metric == "Roi":
        raise not_offered()
    if metric not in ("Opens", "Clicks"):
        raise invalid("testMetric is Opens or Clicks.", "ERROR_CAMPAIGN_SEND_INVALID")
    percentage, hours = (
        whole(sent["testpercentage"], "testPercentage"),
        whole(sent["testperiodhours"], "testPeriodHours"),
    )
    if not 1 <= percentage <= 100 or not 1 <= hours < 2**31:
        raise invalid(
            "testPercentage is 1 to 100, testPeriodHours 1 to 2147483647.", "ERROR_CAMPAIGN_SEND_INVALID"
        )
    return trial.Test("Opens" if metric == "Opens" else "Clicks", percentage, hours)


def results(call: Call, campaign: int) -> HttpResponse:
    found = known(call, campaign)
    if not found.is_split_test:
        raise missing("ERROR_CAMPAIGN_NOT_FOUND")
    metric = _metric(found)
    return reply(
        {
            "versions": [campaign_shapes.split_result(found, one) for one in trial.results(found, metric)],
            "splitTestWinnerMetric": metric,
        }
    )


def _metric(campaign: Campaign) -> trial.Metric:
    rows = Send.objects.filter(campaign=campaign, split__isnull=False).order_by("-created_at")
    test = next((trial.Test.of(send) for send in rows[:1]), None)
    return test.metric if test else "Opens"
