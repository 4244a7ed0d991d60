from __future__ import annotations

import pytest

from usher.engage.models import Account, Consent
from usher.engage.tests.conftest import Caller

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]

FIELDS = [
    {"key": "TEXT", "value": "Yes, send me news"},
    {"key": "DATETIMECONSENTED", "value": "2020-01-01T09:40:18.527Z"},
    {"key": "URL", "value": "https://shop.example.com/signup"},
    {"key": "IPADDRESS", "value": "192.0.2.7"},
    {"key": "USERAGENT", "value": "Mozilla/5.0"},
]
BODY = {"contact": {"email": "alice@example.com"}, "consentFields": [{"fields": FIELDS}]}


def test_consent_is_kept_with_the_contact_and_shown(api: Caller) -> None:
    made = api.json("POST /v2/contacts/with-consent", BODY, 201)
    assert made["contact"]["email"] == "alice@example.com"
    assert [one["fields"] for one in made["consentFields"]] == [FIELDS]
    for who in (made["contact"]["id"], "alice@example.com"):
        assert api.json(f"GET /v2/contacts/{who}/with-consent") == made


def test_the_same_evidence_is_kept_once_and_other_evidence_beside_it(api: Caller) -> None:
    api.json("POST /v2/contacts/with-consent", BODY, 201)
    api.json("POST /v2/contacts/with-consent", BODY, 201)
    alice = api.json("GET /v2/contacts/alice@example.com")["id"]
    more = {"contact": {"email": "alice@example.com"}, "consentFields": {"fields": {"consentText": "Yes!"}}}
    changed = api.json(f"PUT /v2/contacts/{alice}/with-consent", more)
    assert [one["fields"][0]["value"] for one in changed["consentFields"]] == ["Yes, send me news", "Yes!"]
    assert Consent.objects.count() == 2


def test_evidence_of_a_refused_contact_is_not_kept(api: Caller, account: Account) -> None:
    api.json("POST /v2/contacts/unsubscribe", {"email": "alice@example.com"})
    status, message = api.error("POST /v2/contacts/with-consent", BODY)
    assert (status, "ERROR_CONTACT_SUPPRESSED" in message) == (400, True)
    assert not Consent.objects.exists()


@pytest.mark.parametrize(
    "fields", [[{"key": "SHOESIZE", "value": "9"}], [{"key": "DATETIMECONSENTED", "value": "now"}]]
)
def test_evidence_that_says_nothing_known_is_refused(api: Caller, fields: list[dict[str, str]]) -> None:
    body = {"contact": {"email": "alice@example.com"}, "consentFields": [{"fields": fields}]}
    assert api.error("POST /v2/contacts/with-consent", body)[0] == 400
    assert api.json("GET /v2/contacts") == []


def test_consent_and_preferences_come_in_one_call(api: Caller) -> None:
    news = api.json("POST /v2/preferences", {"privateName": "News", "isPreference": True})["id"]
    body = BODY | {"preferences": [{"id": news, "isPreference": True, "isOptedIn": True}]}
    made = api.json("POST /v2/contacts/with-consent-and-preferences", body, 201)
    assert made["preferences"][0]["isOptedIn"] is True
    alice = made["contact"]["id"]
    body = {
        "contact": {"email": "alice@example.com", "dataFields": [{"key": "FIRSTNAME", "value": "Alice"}]},
        "preferences": [{"id": news, "isPreference": True, "isOptedIn": False}],
    }
    changed = api.json(f"PUT /v2/contacts/{alice}/with-consent-and-preferences", body)
    assert changed["preferences"][0]["isOptedIn"] is False
    assert {"key": "FIRSTNAME", "value": "Alice"} in changed["contact"]["dataFields"]
    assert len(changed["consentFields"]) == 1
