from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from usher.engage.campaigns import senders
from usher.engage.models import (
    Account,
    Campaign,
    Contact,
    ContactList,
    Enrolment,
    FromAddress,
    Link,
    Message,
    Open,
    Program,
    ProgramVersion,
    Send,
    Suppression,
)
from usher.engage.tests.conftest import NOW, Caller

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]

MAIL = {
    "name": "Miss you",
    "subject": "We miss you",
    "fromName": "Shop",
    "htmlContent": '<a href="http://$UNSUB$">leave</a>',
    "plainTextContent": "leave: $UNSUB$",
}


@pytest.fixture
def campaign(api: Caller) -> int:
    return int(api.json("POST /v2/campaigns", MAIL, 201)["id"])


def status(campaign: int, to: str) -> None:
    Campaign.objects.filter(pk=campaign).update(status=to)


def test_it_changes_what_the_body_names(api: Caller, campaign: int) -> None:
    changed = api.json(f"PUT /v2/campaigns/{campaign}", {"Subject": " Come back ", "name": "Miss you"})
    assert (changed["subject"], changed["fromName"]) == ("Come back", "Shop")
    assert api.json(f"GET /v2/campaigns/{campaign}") == changed


@pytest.mark.parametrize("state", ["Sending", "Sent", "Cancelled", "Paused"])
def test_only_unsent_and_triggered_campaigns_are_changed(api: Caller, campaign: int, state: str) -> None:
    status(campaign, state)
    assert api.error(f"PUT /v2/campaigns/{campaign}", {"subject": "New"}) == (
        400,
        f"The campaign is {state}; only unsent ones can be changed. ERROR_CAMPAIGN_READONLY",
    )
    status(campaign, "Triggered")
    assert api.json(f"PUT /v2/campaigns/{campaign}", {"subject": "New"})["subject"] == "New"


@pytest.mark.parametrize(
    "wrong",
    [
        {"plainTextContent": "no way out"},
        {"subject": "two\nlines"},
        {"name": " "},
        {"htmlContent": "{% if %}http://$UNSUB$"},
        {"subject": 7},
        {"replyToAddress": "nobody"},
    ],
)
def test_a_change_that_could_not_be_mailed_is_refused(
    api: Caller, campaign: int, wrong: dict[str, Any]
) -> None:
    code, message = api.error(f"PUT /v2/campaigns/{campaign}", wrong)
    assert (code, message.split()[-1]) == (400, "ERROR_CAMPAIGN_INVALID")
    assert Campaign.objects.get().subject == "We miss you"


def test_replies_go_to_the_address_that_was_asked_for(api: Caller, campaign: int) -> None:
    ask = {"replyAction": "webmailforward", "replyToAddress": "desk@example.com"}
    shown = api.json(f"PUT /v2/campaigns/{campaign}", ask)
    assert (shown["replyAction"], shown["replyToAddress"], shown["customReplyToAddress"]) == (
        "WebMailForward",
        "desk@example.com",
        None,
    )
    assert Campaign.objects.get().reply_to == "desk@example.com"
    shown = api.json(f"PUT /v2/campaigns/{campaign}", ask | {"customReplyToAddress": "us@example.com"})
    assert (shown["replyToAddress"], shown["customReplyToAddress"]) == ("desk@example.com", "us@example.com")
    assert Campaign.objects.get().reply_to == "us@example.com"
    assert api.error(f"PUT /v2/campaigns/{campaign}", {"replyAction": "Burn"})[0] == 400


def test_the_accounts_addresses_may_be_chosen_by_id_or_address(api: Caller, account: Account) -> None:
    senders.make_known(account, "News@shop.example", NOW)
    senders.make_known(account, "news@SHOP.example", NOW)
    senders.make_known(account, "mail@example.com", NOW)
    row = FromAddress.objects.get()
    listed = [{"id": 0, "email": "mail@example.com"}, {"id": row.pk, "email": "news@shop.example"}]
    assert api.json("GET /v2/custom-from-addresses") == listed
    assert api.json("GET /v2/custom-from-addresses?select=1&skip=1") == listed[1:]

    def chosen(address: Any) -> Any:
        Campaign.objects.all().delete()
        answer = api("POST /v2/campaigns", MAIL | {"fromAddress": address})
        return answer.json().get("fromAddress") or answer.status_code

    assert chosen({"email": "NEWS@shop.example"}) == {"id": row.pk, "email": "NEWS@shop.example"}
    assert chosen({"id": str(row.pk)}) == {"id": row.pk, "email": "news@shop.example"}
    assert chosen({"id": 0, "email": None}) == listed[0]
    assert chosen(None) == listed[0]
    assert chosen({"email": "stranger@example.com"}) == 400
    assert chosen({"id": row.pk + 1}) == 400


def test_a_copy_is_unsent_and_has_its_own_name(api: Caller, campaign: int) -> None:
    status(campaign, "Sent")
    first = api.json(f"POST /v2/campaigns/{campaign}/copy", status=201)
    assert (first["name"], first["status"], first["htmlContent"]) == (
        "Copy of Miss you",
        "Unsent",
        MAIL["htmlContent"],
    )
    assert api.json(f"POST /v2/campaigns/{campaign}/copy", status=201)["name"] == "Copy of Miss you (2)"
    Campaign.objects.filter(pk=campaign).update(name="x" * 255, status="Triggered")
    long = api.json(f"POST /v2/campaigns/{campaign}/copy", status=201)
    assert (len(long["name"]), long["status"]) == (255, "Triggered")


def test_deleting_takes_the_reports_along(api: Caller, campaign: int, account: Account) -> None:
    alice = Contact.objects.get(pk=api.json("POST /v2/contacts", {"email": "alice@example.com"}, 201)["id"])
    mail = Message.objects.create(
        account=account, campaign_id=campaign, contact=alice, state="sent", queued_at=NOW, due_at=NOW
    )
    Open.objects.create(message=mail, at=NOW)
    Link.objects.create(campaign_id=campaign, url="https://x.example").clicks.create(message=mail, at=NOW)
    gone = Suppression.objects.create(
        account=account,
        email_key="alice@example.com",
        reason="Unsubscribed",
        at=NOW,
        source="page",
        message=mail,
    )
    assert api(f"DELETE /v2/campaigns/{campaign}").status_code == 204
    assert not Campaign.objects.exists()
    assert not Message.objects.exists()
    gone.refresh_from_db()
    assert (gone.message_id, gone.lifted_at) == (None, None)
    assert api.error(f"DELETE /v2/campaigns/{campaign}") == (404, "Error: ERROR_CAMPAIGN_NOT_FOUND")


def test_what_is_in_use_is_not_deleted_or_renamed(api: Caller, campaign: int, account: Account) -> None:
    def refused(by: str) -> None:
        for done, line, body in (
            ("deleted", "DELETE", None),
            ("renamed", "PUT", {"name": "Other"}),
        ):
            assert api.error(f"{line} /v2/campaigns/{campaign}", body) == (
                400,
                f"The campaign cannot be {done}: it is used by {by}. ERROR_CAMPAIGN_READONLY",
            )

    book = ContactList.objects.create(account=account, name="News", created_at=NOW, join_campaign_id=campaign)
    refused("the join action of “News”")
    book.delete()
    send = Send.objects.create(
        account=account, campaign_id=campaign, status="Scheduled", due_at=NOW, created_at=NOW
    )
    refused("a send that has not ended")
    Send.objects.filter(pk=send.pk).update(status="Cancelled")
    program = Program.objects.create(account=account, name="Win back", created_at=NOW)
    graph = {"start": {"first": "a"}, "nodes": {"a": {"kind": "send", "campaign": "MISS YOU", "next": "b"}}}
    old = ProgramVersion.objects.create(program=program, number=1, graph=graph, created_at=NOW)
    refused("the program “Win back”")
    ProgramVersion.objects.create(program=program, number=2, graph={"nodes": {}}, created_at=NOW)
    alice = Contact.objects.get(pk=api.json("POST /v2/contacts", {"email": "alice@example.com"}, 201)["id"])
    inside = Enrolment.objects.create(
        program=program, version=old, contact=alice, node="a", due_at=NOW, entered_at=NOW, cause="api"
    )
    refused("the program “Win back”")
    Enrolment.objects.filter(pk=inside.pk).update(left_at=NOW)
    status(campaign, "Sending")
    assert api.error(f"DELETE /v2/campaigns/{campaign}")[1] == (
        "The campaign is being sent. ERROR_CAMPAIGN_READONLY"
    )
    status(campaign, "Sent")
    assert api(f"DELETE /v2/campaigns/{campaign}").status_code == 204


def test_campaigns_are_filtered(api: Caller, account: Account) -> None:
    def made(name: str, state: str, *tags: str) -> int:
        row = api.json("POST /v2/campaigns", MAIL | {"name": name}, 201)["id"]
        Campaign.objects.filter(pk=row).update(status=state, tags=list(tags))
        return int(row)

    spring, welcome, coming = (
        made("Spring", "Sent", "a", "b"),
        made("Welcome", "Triggered"),
        made("Next", "Unsent"),
    )
    alice = Contact.objects.get(pk=api.json("POST /v2/contacts", {"email": "alice@example.com"}, 201)["id"])
    Message.objects.create(
        account=account,
        campaign_id=spring,
        contact=alice,
        state="sent",
        queued_at=NOW,
        due_at=NOW,
        sent_at=NOW,
    )
    Send.objects.create(
        account=account,
        campaign_id=coming,
        status="Scheduled",
        due_at=NOW + timedelta(days=2),
        created_at=NOW,
    )

    def found(query: str) -> list[int]:
        return [row["id"] for row in api.json(f"GET /v2/campaigns/filtered?{query}")]

    assert found("") == [spring, welcome, coming]
    assert found("~type=triggered") == [welcome]
    assert found("~type=Standard&select=1&skip=1") == [coming]
    assert found("~tags=a&~tags=b") == [spring]
    assert found("~tags=a&~tags=c") == []
    assert found("~statuses=Sent&~statuses=unsent") == [spring, coming]
    assert found("~statuses=RequiresWorkflowApproval") == []
    assert found("~sentDate=2026-03-01") == [spring]
    assert found("~sentDate=2026-03-02") == []
    assert found("~scheduledDateFrom=2026-03-03&~scheduledDateTo=2026-03-04") == [coming]
    assert found("~scheduledDateTo=2026-03-02") == []
    shown = api.json("GET /v2/campaigns/filtered?~tags=a,b")[0]
    assert (shown["type"], shown["tags"], shown["sentDate"], shown["scheduledDate"]) == (
        "Standard",
        ["a", "b"],
        "2026-03-01T12:00:00.000Z",
        None,
    )
    assert api.json("GET /v2/campaigns/filtered?~statuses=Unsent")[0]["scheduledDate"] == (
        "2026-03-03T12:00:00.000Z"
    )
    details = api.json(f"GET /v2/campaigns/{spring}/with-details")
    assert (details["tags"], details["sentDate"]) == (
        [{"name": "a"}, {"name": "b"}],
        "2026-03-01T12:00:00.000Z",
    )
    assert details["htmlContent"] == MAIL["htmlContent"]
    listed = api.json("GET /v2/campaigns/with-details")
    assert [(row["htmlContent"], row["sentDate"]) for row in listed[1:]] == [
        (None, "0001-01-01T00:00:00.000Z")
    ] * 2
    assert api.error("GET /v2/campaigns/filtered?~sentDate=soon")[0] == 400


def test_campaigns_of_another_account_are_not_there(api: Caller, other: Caller, campaign: int) -> None:
    for line in ("GET /v2/campaigns/{}", "PUT /v2/campaigns/{}", "DELETE /v2/campaigns/{}"):
        assert other.error(line.format(campaign), {}) == (404, "Error: ERROR_CAMPAIGN_NOT_FOUND")
    for what in ("summary", "activities", "opens", "clicks", "address-books", "with-details"):
        assert other.error(f"GET /v2/campaigns/{campaign}/{what}")[0] == 404
    assert other.error("POST /v2/campaigns/send", {"campaignId": campaign, "contactIds": [1]}) == (
        400,
        "Error: ERROR_CAMPAIGN_NOT_FOUND",
    )


@pytest.mark.parametrize(
    "path",
    [
        "activities/1/replies",
        "social-bookmark-views",
        "roi-details/since-date/2026-01-01",
        "revenue/since-date/2026-01-01",
    ],
)
def test_what_is_not_there_says_so(api: Caller, campaign: int, path: str) -> None:
    assert api.error(f"GET /v2/campaigns/{campaign}/{path}") == (403, "Error: ERROR_FEATURENOTACTIVE")
