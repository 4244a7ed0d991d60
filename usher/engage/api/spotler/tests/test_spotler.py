"""Spotler's audiences API, called by a signer of OAuth 1.0a that is not ours."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from oauthlib import oauth1

from usher.engage import calls
from usher.engage.accounts import create_account
from usher.engage.campaigns import edit as campaigns
from usher.engage.campaigns import send
from usher.engage.contacts.suppress import suppress
from usher.engage.models import Account, ApiCall, Audit, Contact, ContactList, Membership
from usher.engage.models.contacts import Status
from usher.engage.segments.edit import create_segment
from usher.engage.spotler_keys import create_key, set_enabled
from usher.lib import clock

KEY, SECRET = "the key", "a secret of some length"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HTML = '<p>Hello <a href="http://$UNSUB$">unsubscribe</a></p>'


class Signer:
    """Calls as a client of Spotler's does."""

    def __init__(
        self, key: str = KEY, secret: str = SECRET, prefix: str = "integrationservice-1.1.0"
    ) -> None:
        self.client, self.prefix = oauth1.Client(key, client_secret=secret), prefix
        self.http = Client(raise_request_exception=False, headers={"Host": "testserver"})

    def headers(self, method: str, url: str) -> dict[str, str]:
        return dict(self.client.sign(url, method)[1])

    def __call__(self, method: str, path: str, body: Any = ..., **headers: str) -> Any:
        url = f"/{self.prefix}/{path}"
        signed = self.headers(method, f"http://testserver{url}")
        data = "" if body is ... else json.dumps(body)
        return self.http.generic(
            method, url, data, headers={"Host": "testserver", **signed, **headers}, content_type=""
        )


@pytest.fixture
def account(db: None) -> Account:
    made = create_account("Shop", NOW)
    create_key(made, NOW, KEY, SECRET)
    return made


@pytest.fixture
def api(account: Account) -> Signer:
    return Signer()


def person(api: Signer, external_id: str, email: str = "", **properties: Any) -> None:
    properties = {"email": email or f"{external_id}@example.net", **properties}
    sent = {"update": True, "contact": {"externalId": external_id, "properties": properties}}
    answer = api("POST", "contact", sent)
    assert answer.status_code == 204, answer.content


def audience(api: Signer, external_id: str = "lapsed", name: str = "Lapsed buyers") -> dict[str, Any]:
    answer = api("POST", "audience/", {"externalId": external_id, "name": name, "description": "Gone"})
    assert answer.status_code == 200, answer.content
    made: dict[str, Any] = answer.json()
    return made


def test_an_audience_is_made_read_changed_and_deleted_under_both_prefixes(api: Signer) -> None:
    made = audience(api)
    assert made["externalId"] == "lapsed"
    assert made["name"] == "Lapsed buyers"
    assert made["description"] == "Gone"
    assert made["lastSyncDate"] is None
    assert abs(made["createDate"] / 1000 - clock.now().timestamp()) < 60
    other = Signer(prefix="integrationservice")
    assert other("GET", "audience/lapsed").json() == made
    changed = other("PUT", "audience/lapsed", {"externalId": "lapsed", "name": "Lost"}).json()
    assert (changed["name"], changed["description"]) == ("Lost", "Gone")
    assert api("PUT", "audience/lapsed", {"externalId": "another", "name": "Lost"}).status_code == 400
    gone = api("DELETE", "audience/lapsed")
    assert (gone.status_code, gone.content) == (204, b"")
    answer = api("GET", "audience/lapsed")
    assert (answer.status_code, answer.json()["errorType"]) == (404, "RESOURCE_NOT_FOUND")


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        ({"externalId": "x", "name": ""}, "INVALID_PARAMS"),
        ({"externalId": "", "name": "X"}, "INVALID_PARAMS"),
        ({"name": "X"}, "INVALID_PARAMS"),
        ({"externalId": "x" * 256, "name": "X"}, "INVALID_PARAMS"),
        ({"externalId": "x", "name": "x" * 256}, "INVALID_PARAMS"),
        ({"externalId": "x", "name": "LAPSED buyers"}, "NAME_ALREADY_IN_USE"),
        ({"externalId": "lapsed", "name": "X"}, "ID_NOTUNIQUE"),
    ],
)
def test_what_cannot_be_an_audience_is_not_as_expected(api: Signer, sent: dict[str, str], kind: str) -> None:
    audience(api)
    answer = api("POST", "audience", sent)
    assert (answer.status_code, answer.json()["errorType"]) == (417, kind)


def test_a_name_of_255_characters_is_taken(api: Signer) -> None:
    assert audience(api, "long", "x" * 255)["name"] == "x" * 255


def test_members_come_and_go_and_only_a_missing_body_empties(api: Signer, account: Account) -> None:
    audience(api)
    for one in ("a", "b", "c"):
        person(api, one)
    assert api("POST", "audience/lapsed/contact", {"contacts": ["a", "b", "c", "a"]}).status_code == 204
    assert api("POST", "audience/lapsed/contact", {"contacts": ["a"]}).status_code == 204
    assert members() == ["a", "b", "c"]
    assert api("DELETE", "audience/lapsed/contact", {"contacts": ["b", "nobody"]}).status_code == 204
    assert api("DELETE", "audience/lapsed/contact", {"contacts": []}).status_code == 204
    assert members() == ["a", "c"]
    seen = api("GET", "audience/lapsed").json()
    assert seen["lastContactAddedAt"] <= seen["lastContactRemovedAt"] == seen["lastSyncDate"]
    assert api("DELETE", "audience/lapsed/contact").status_code == 204
    assert members() == []
    person(api, "a")
    api("POST", "audience-contact/audience/lapsed/contact", {"contacts": ["a"]})
    assert members() == ["a"]
    assert api("DELETE", "audience/lapsed/contact", None).status_code == 204
    assert members() == []


def members() -> list[str]:
    return list(
        Membership.objects.order_by("contact__external_id").values_list("contact__external_id", flat=True)
    )


def test_the_two_kinds_of_not_found_differ_and_nobody_is_added(api: Signer) -> None:
    answer = api("POST", "audience/none/contact", {"contacts": ["a"]})
    assert (answer.status_code, answer.json()["errorType"]) == (404, "RESOURCE_NOT_FOUND")
    assert "externalContactIds" not in answer.json()
    audience(api)
    person(api, "a")
    answer = api("POST", "audience/lapsed/contact", {"contacts": ["a", "x", "y"]})
    assert answer.status_code == 404
    assert answer.json()["errorType"] == "CONTACT_NOT_FOUND"
    assert answer.json()["externalContactIds"] == ["x", "y"]
    assert members() == []


def test_more_than_2500_members_are_too_many(api: Signer) -> None:
    audience(api)
    ids = [str(number) for number in range(2501)]
    assert api("POST", "audience/lapsed/contact", {"contacts": ids}).status_code == 413
    assert api("DELETE", "audience/lapsed/contact", {"contacts": ids}).status_code == 413
    assert api("POST", "audience/lapsed/contact", {"contacts": ids[:2500]}).status_code == 404


def test_an_audience_in_use_is_not_deleted(api: Signer, account: Account) -> None:
    audience(api)
    found = ContactList.objects.get(external_id="lapsed")
    segment = create_segment(account, "Both", 'audience("Lapsed buyers")', NOW)
    answer = api("DELETE", "audience/lapsed")
    assert (answer.status_code, answer.json()["errorType"]) == (417, "INVALID_STATE")
    assert "the segment “Both”" in answer.json()["message"]
    segment.delete()
    person(api, "a")
    api("POST", "audience/lapsed/contact", {"contacts": ["a"]})
    made = campaigns.create(
        account, NOW, name="News", subject="News", from_name="Shop", html=HTML, text="http://$UNSUB$"
    )
    asked = send.ask(made, clock.now(), lists=[found.pk], at=clock.now() + timedelta(days=1))
    answer = api("DELETE", "audience/lapsed")
    assert answer.status_code == 417
    assert "the send of “News”" in answer.json()["message"]
    assert send.cancel(asked, clock.now())
    assert api("DELETE", "audience/lapsed").status_code == 204
    assert Contact.objects.filter(external_id="a").exists()


def test_a_hundred_contacts_are_written_row_by_row(api: Signer, account: Account) -> None:
    person(api, "left", "left@example.net")
    suppress(account, ["left@example.net"], Status.UNSUBSCRIBED, "page", NOW)
    rows = [
        {"externalId": "one", "properties": {"email": "one@example.net", "firstName": "Anaïs"}},
        {"externalId": "two", "properties": {"email": "no address"}},
        {"externalId": "three", "properties": {"email": "three@example.net", "shoeSize": 38}},
        {"externalId": "left", "properties": {"firstName": "Lee"}},
        {"externalId": "four", "properties": {"firstName": "Nobody"}},
    ]
    answer = api("POST", "contact/list", {"update": True, "contacts": rows})
    assert answer.status_code == 200
    assert [(row["externalId"], row["code"]) for row in answer.json()] == [
        ("one", "OK"),
        ("two", "PROPERTY_INVALID"),
        ("three", "PROPERTY_INVALID"),
        ("left", "CONTACT_OPTOUT"),
        ("four", "NO_ACTIVE_CHANNEL"),
    ]
    again = api("POST", "contact/list", {"contacts": rows[:1]})
    assert again.json()[0]["code"] == "CONTACT_ALREADY_EXISTS"
    assert api("POST", "contact/list", {"contacts": rows * 21}).status_code == 400
    assert api("POST", "contact/list", {"contacts": [{"properties": {}}]}).status_code == 400
    assert api("GET", "contact/one").json()["properties"] == {
        "email": "one@example.net",
        "firstName": "Anaïs",
    }
    assert Contact.objects.get(email_key="left@example.net").status == Status.UNSUBSCRIBED


def test_an_address_changes_and_the_person_stays(api: Signer) -> None:
    person(api, "a", "old@example.net", firstName="Ann", lastName="Lee")
    before = Contact.objects.get(external_id="a").pk
    sent = {"contact": {"externalId": "a", "properties": {"email": "new@example.net"}}, "purge": True}
    assert api("PUT", "contact/a", sent).status_code == 204
    after = Contact.objects.get(external_id="a")
    assert (after.pk, after.email, after.data) == (before, "new@example.net", {})
    assert api("PUT", "contact/b", sent).status_code == 404
    person(api, "b", "b@example.net")
    taken = api("PUT", "contact/b", {"contact": {"properties": {"email": "new@example.net"}}})
    assert (taken.status_code, taken.json()["errorType"]) == (400, "CONTACT_ALREADY_EXISTS")
    refused = api("POST", "contact", {"contact": {"externalId": "a", "properties": {"email": "a@b.example"}}})
    assert (refused.status_code, refused.json()["errorType"]) == (400, "CONTACT_ALREADY_EXISTS")


def test_contacts_are_searched_by_address_and_paged(api: Signer) -> None:
    for one in ("a", "b", "c"):
        person(api, one)
    found = api("GET", "contact/search?MPSearchQuery=email%3DB%40example.net&pageSize=10").json()
    assert [row["externalId"] for row in found["contacts"]] == ["b"]
    page = api("GET", "contact/search?pageSize=2&after=0").json()
    assert [row["externalId"] for row in page["contacts"]] == ["a", "b"]
    rest = api("GET", f"contact/search?pageSize=2&after={page['paging']['next']}").json()
    assert [row["externalId"] for row in rest["contacts"]] == ["c"]
    assert rest["paging"]["next"] is None
    since = "2020-01-01T00:00:00Z"
    assert len(api("GET", f"contact/updates/list?fromDate={since}&pageSize=9").json()["contacts"]) == 3
    names = {row["name"]: row["type"] for row in api("GET", "contact/properties/list").json()}
    assert names["email"] == "email"
    assert names["firstName"] == "string"


def test_an_id_with_blanks_and_accents_is_signed_and_found(api: Signer) -> None:
    audience(api, "ma liste été (2)", "Été 2")
    assert api("GET", "audience/ma%20liste%20%C3%A9t%C3%A9%20%282%29").json()["name"] == "Été 2"
    assert api("GET", "audience/ma%20liste%20%C3%A9t%C3%A9%20(2)").json()["name"] == "Été 2"


def test_a_nought_in_the_query_may_be_signed_as_nothing(api: Signer) -> None:
    url = "http://testserver/integrationservice/contact/search?after=&pageSize=5"
    signed = api.headers("GET", url)
    path = "/integrationservice/contact/search?after=0&pageSize=5"
    assert api.http.get(path, headers=signed).status_code == 200
    other = api.headers("GET", url)
    assert api.http.get(path.replace("after=0", "after=7"), headers=other).status_code == 403


def test_what_is_not_signed_rightly_is_not_let_in(api: Signer) -> None:
    path, url = "/integrationservice/audience/x", "http://testserver/integrationservice/audience/x"
    for refused in (
        {},
        {"Authorization": "Basic abc"},
        {"Authorization": "OAuth nonsense"},
        Signer(secret="another secret, as long").headers("GET", url),
        Signer(key="nobody").headers("GET", url),
        api.headers("GET", url + "y"),
        api.headers("DELETE", url),
    ):
        answer = api.http.get(path, headers=refused)
        assert (answer.status_code, answer.json()["errorType"]) == (403, "NOT_AUTHORIZED")
    set_enabled(KEY, False)
    assert api("GET", "audience/x").status_code == 403


def test_a_call_is_taken_once_and_only_while_it_is_fresh(api: Signer) -> None:
    path, url = "/integrationservice/audience/x", "http://testserver/integrationservice/audience/x"
    signed = api.headers("GET", url)
    assert api.http.get(path, headers=signed).status_code == 404
    again = api.http.get(path, headers=signed)
    assert again.status_code == 403
    assert "nonce" in again.json()["message"]
    old = oauth1.Client(KEY, client_secret=SECRET, timestamp=str(int(clock.now().timestamp()) - 400))
    stale = api.http.get(path, headers=dict(old.sign(url)[1]))
    assert stale.status_code == 403
    assert "timestamp" in stale.json()["message"]


def test_an_empty_token_and_a_proxy_in_front_are_understood(api: Signer) -> None:
    with_token = oauth1.Client(KEY, client_secret=SECRET, resource_owner_key="")
    url = "https://mail.example.com/integrationservice/audience/x"
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "mail.example.com"}
    answer = api.http.get(
        "/integrationservice/audience/x", headers={**dict(with_token.sign(url)[1]), **forwarded}
    )
    assert answer.status_code == 404


def test_what_is_described_and_not_offered_says_so(api: Signer) -> None:
    for method, path in (("GET", "templist"), ("POST", "automation/trigger/x"), ("GET", "mailing")):
        answer = api(method, path, {})
        assert (answer.status_code, answer.json()["errorType"]) == (403, "NOT_AUTHORIZED")
    assert api("GET", "no/such/thing").status_code == 404
    assert api("POST", "audience", {}, Accept="application/xml").status_code == 406


def test_a_body_that_is_no_json_is_refused(api: Signer) -> None:
    audience(api)
    url = "/integrationservice/audience/lapsed/contact"
    for body in ("{", '"text"', '{"contacts": [true]}', '{"contacts": {}}'):
        signed = api.headers("DELETE", f"http://testserver{url}")
        answer = api.http.generic("DELETE", url, body, headers=signed, content_type="application/json")
        assert answer.status_code == 400, body


def test_accounts_are_apart(api: Signer) -> None:
    audience(api)
    create_key(create_account("Another", NOW), NOW, "their key", SECRET)
    theirs = Signer(key="their key")
    assert theirs("GET", "audience/lapsed").status_code == 404
    assert audience(theirs)["name"] == "Lapsed buyers"


def test_calls_and_changes_are_written_down(api: Signer, account: Account) -> None:
    calls._waiting.clear()
    audience(api)
    calls.write()
    call = ApiCall.objects.filter(account=account).latest("pk")
    assert (call.method, call.status, call.user) == ("POST", 200, None)
    assert Audit.objects.filter(account=account, by=f"spotler key {KEY}", kind="list").exists()


def test_a_tilde_may_be_signed_as_a_code_and_a_slash_is_no_part_of_an_id(api: Signer) -> None:
    audience(api, "a~b", "Tilde")
    assert api("GET", "audience/a%7Eb").json()["name"] == "Tilde"
    assert api("GET", "audience/a~b").json()["name"] == "Tilde"
    assert api("POST", "audience", {"externalId": "a/b", "name": "Slash"}).status_code == 417
