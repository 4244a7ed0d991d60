"""Transactional mail over the API, from the call into the outbox, and what became of it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from usher.engage.messages import letters, statistics
from usher.engage.messages.statistics import Figures, Period
from usher.engage.models import (
    Account,
    Campaign,
    Click,
    Contact,
    FromAddress,
    Letter,
    Link,
    Message,
    Open,
    Suppression,
)
from usher.engage.models.contacts import Status
from usher.engage.tests.conftest import NOW, Caller

MAIL = {"toAddresses": ["alice@example.com"], "subject": "Your order", "plainTextContent": "Thank you"}


@pytest.fixture
def campaign(account: Account) -> Campaign:
    return Campaign.objects.create(
        account=account,
        name="Order",
        subject="Order @ORDER@",
        html='<p>@ROWS@</p><a href="http://$UNSUB$">Leave</a>',
        text="Order @ORDER@\nLeave: http://$UNSUB$",
        status="Triggered",
        created_at=NOW,
        updated_at=NOW,
    )


def test_a_mail_is_taken_with_an_empty_answer(api: Caller) -> None:
    answer = api("POST /v2/email", MAIL)
    assert (answer.status_code, answer.content) == (200, b"")
    message = Message.objects.get()
    assert (message.state, message.address, message.contact, message.campaign) == (
        "queued",
        "alice@example.com",
        None,
        None,
    )
    assert Contact.objects.count() == 0


def test_all_that_clients_send_is_understood(api: Caller, account: Account) -> None:
    FromAddress.objects.create(account=account, email="Tickets@shop.example", created_at=NOW)
    body = {
        "ToAddresses": ["Alice <alice@example.com>", "bob@example.com, Carol@example.com"],
        "CCAddresses": ["bob@example.com"],
        "BccAddresses": ["sam@example.com"],
        "Subject": "Your order",
        "HtmlContent": "<p>Thank you</p>",
        "fromAddress": "Box office <tickets@shop.example>",
        "tags": ["orders"],
        "metadata": {"OrderId": 7, "Nested": {"KeepCase": True}},
        "attachments": [
            {
                "fileName": "Ticket Ü.pdf",
                "mimeType": "application/pdf",
                "content": base64.b64encode(b"\x00%PDF").decode(),
            }
        ],
        "unknown": 1,
    }
    assert api("POST /v2/email/", body).status_code == 200
    letter = Letter.objects.get()
    assert letter.to == ["alice@example.com", "bob@example.com", "Carol@example.com"]
    assert (letter.cc, letter.bcc, letter.tags) == (["bob@example.com"], ["sam@example.com"], ["orders"])
    assert (letter.from_name, letter.from_address) == ("Box office", "tickets@shop.example")
    assert letter.metadata == '{"OrderId":7,"Nested":{"KeepCase":true}}'
    (file,) = letter.attachments.all()
    assert (file.name, file.content_type, bytes(file.content)) == (
        "Ticket Ü.pdf",
        "application/pdf",
        b"\x00%PDF",
    )
    assert Message.objects.count() == 4


@pytest.mark.parametrize(
    "sender", ["Mallory <ceo@bank.example>", "nonsense", "", None, 7, "Shop\r\nBcc: x <x@y.example>"]
)
def test_a_sender_that_is_not_the_accounts_is_replaced_by_its_own(api: Caller, sender: Any) -> None:
    assert api("POST /v2/email", MAIL | {"fromAddress": sender}).status_code == 200
    letter = Letter.objects.get()
    assert (letter.from_name, letter.from_address) == ("", "")


@pytest.mark.parametrize(
    ("change", "token"),
    [
        ({"toAddresses": []}, "ToAddresses field is empty or invalid. ERROR_PARAMETER_INVALID"),
        ({"toAddresses": None}, "ToAddresses field is empty or invalid. ERROR_PARAMETER_INVALID"),
        ({"toAddresses": ["alice"]}, "ToAddresses field is empty or invalid. ERROR_PARAMETER_INVALID"),
        ({"toAddresses": [7]}, "ToAddresses field is empty or invalid. ERROR_PARAMETER_INVALID"),
        ({"toAddresses": ["a@example.com\r\nBcc: b@example.com"]}, "ERROR_PARAMETER_INVALID"),
        ({"toAddresses": [f"p{n}@example.com" for n in range(101)]}, "ERROR_PARAMETER_INVALID"),
        ({"bccAddresses": [f"p{n}@example.com" for n in range(101)]}, "ERROR_PARAMETER_INVALID"),
        ({"subject": ""}, "ERROR_PARAMETER_INVALID"),
        ({"subject": "a\r\nBcc: b@example.com"}, "ERROR_PARAMETER_INVALID"),
        ({"plainTextContent": None}, "ERROR_PARAMETER_INVALID"),
        ({"htmlContent": {}}, "ERROR_PARAMETER_INVALID"),
        ({"metadata": "x" * 1501}, "ERROR_PARAMETER_INVALID"),
        ({"tags": "one"}, "ERROR_PARAMETER_INVALID"),
        ({"attachments": [{"fileName": "a", "mimeType": "a/b", "content": "?"}]}, "ERROR_PARAMETER_INVALID"),
        ({"attachments": [{"fileName": "a", "content": ""}]}, "ERROR_PARAMETER_INVALID"),
        ({"attachments": {}}, "ERROR_PARAMETER_INVALID"),
    ],
)
def test_what_cannot_be_sent_is_refused(api: Caller, change: dict[str, Any], token: str) -> None:
    status, message = api.error("POST /v2/email", MAIL | change)
    assert (status, token in message) == (400, True)
    assert Message.objects.count() == 0


def test_a_mail_that_is_too_large_is_refused(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "LARGEST", 1000)
    file = {"fileName": "a", "mimeType": "text/plain", "content": base64.b64encode(b"a" * 1000).decode()}
    status, message = api.error("POST /v2/email", MAIL | {"attachments": [file]})
    assert (status, message.split()[-1]) == (400, "ERROR_DOCUMENT_ATTACHMENTSTOOLARGE")


def test_a_batch_tells_what_became_of_each(api: Caller) -> None:
    sent = [MAIL, MAIL | {"toAddresses": []}, "nonsense", MAIL | {"toAddresses": ["bob@example.com"]}]
    results = api.json("POST /v2/email/batch", sent)
    assert results[0] == {"index": 0}
    assert results[1] == {
        "index": 1,
        "failureCode": "ERROR_PARAMETER_INVALID",
        "failureReason": "ToAddresses field is empty or invalid. ERROR_PARAMETER_INVALID",
    }
    assert results[2]["failureCode"] == "ERROR_PARAMETER_INVALID"
    assert results[3] == {"index": 3}
    assert sorted(Message.objects.values_list("address", flat=True)) == [
        "alice@example.com",
        "bob@example.com",
    ]
    assert api.error("POST /v2/email/batch", {})[0] == 400


def test_a_triggered_campaign_is_sent_with_values(api: Caller, campaign: Campaign) -> None:
    body = {
        "toAddresses": ["alice@example.com"],
        "campaignId": str(campaign.pk),
        "personalizationValues": [{"name": "order", "value": 7}, {"Name": "ROWS", "Value": "<b>2 seats</b>"}],
    }
    assert api("POST /v2/email/triggered-campaign", body).status_code == 200
    assert Letter.objects.get().values == {"ORDER": "7", "ROWS": "<b>2 seats</b>"}
    assert Message.objects.get().campaign == campaign


@pytest.mark.parametrize(
    "sent", ["x", [7], [{"value": "a"}], [{"name": "a b", "value": "a"}], [{"name": "a", "value": {}}]]
)
def test_values_that_make_no_sense_are_refused(api: Caller, campaign: Campaign, sent: Any) -> None:
    body = {"toAddresses": ["a@example.com"], "campaignId": campaign.pk, "personalizationValues": sent}
    status, message = api.error("POST /v2/email/triggered-campaign", body)
    assert (status, message.split()[-1]) == (400, "ERROR_INVALID_PERSONALISATION_VALUES")


def test_only_triggered_campaigns_of_the_account_are_sent_so(
    api: Caller, other: Caller, campaign: Campaign
) -> None:
    body = {"toAddresses": ["a@example.com"], "campaignId": campaign.pk}
    assert other.error("POST /v2/email/triggered-campaign", body) == (400, "Error: ERROR_CAMPAIGN_NOT_FOUND")
    Campaign.objects.update(status="Unsent")
    status, message = api.error("POST /v2/email/triggered-campaign", body)
    assert (status, message.split()[-1]) == (400, "ERROR_CAMPAIGN_INVALID")
    results = api.json("POST /v2/email/triggered-campaign/batch", [body, body | {"campaignId": 10**18}])
    assert [one["failureCode"] for one in results] == ["ERROR_CAMPAIGN_INVALID", "ERROR_CAMPAIGN_NOT_FOUND"]


def test_a_campaign_is_shown_as_it_would_be_sent(api: Caller, campaign: Campaign) -> None:
    path = f"GET /v2/campaigns/{campaign.pk}/prepared-for-transactional-email/alice@example.com"
    values = "?personalizationValues[0].name=ORDER&personalizationValues[0].value=7"
    found = api.json(path + values)
    assert found["processedPlainTextContent"] == "Order 7"
    assert found["processedHtmlContent"] == "<p></p>"
    assert found["plainTextContent"] == "Order @ORDER@\nLeave: http://$UNSUB$"
    assert api.error(path.replace(str(campaign.pk), "9999999"))[0] == 404


def test_the_day_has_a_limit(api: Caller, account: Account) -> None:
    Account.objects.filter(pk=account.pk).update(limits={"transactional_mails_a_day": 3})
    two = MAIL | {"ccAddresses": ["bob@example.com"]}
    assert api("POST /v2/email", two).status_code == 200
    assert api.error("POST /v2/email", two)[1].split()[-1] == "ERROR_SEND_LIMITEXCEEDED"
    results = api.json("POST /v2/email/batch", [MAIL, MAIL])
    assert [one.get("failureCode") for one in results] == [None, "ERROR_SEND_LIMITEXCEEDED"]


def test_its_figures_are_counted_from_rows(account: Account, api: Caller) -> None:
    day = datetime(2026, 4, 6, 12, tzinfo=UTC)

    def mail(at: datetime, state: str) -> Message:
        letter = Letter(account=account, to=["a@example.com"], subject="x", text="x", created_at=at)
        letters.send([(letter, ())], at)
        Message.objects.filter(letter=letter).update(state=state)
        return Message.objects.get(letter=letter)

    opened = mail(day, "sent")
    Open.objects.create(message=opened, at=day)
    Open.objects.create(message=opened, at=day)
    campaign = Campaign.objects.create(account=account, name="c", created_at=NOW, updated_at=NOW)
    Click.objects.create(message=opened, link=Link.objects.create(campaign=campaign, url="x"), at=day)
    complained = mail(day + timedelta(days=1), "sent")
    Suppression.objects.create(
        account=account,
        email_key="a@example.com",
        reason=Status.ISP_COMPLAINED,
        at=day,
        source="x",
        message=complained,
    )
    mail(day + timedelta(days=30), "bounced")
    mail(day + timedelta(days=30), "queued")
    mail(day + timedelta(days=90), "sent")

    path = "GET /v2/email/stats/since-date/2026-04-06?endDate=2026-06-30"
    (all_of_it,) = api.json(path)
    assert all_of_it == {
        "startDate": "2026-04-06T00:00:00.000Z",
        "endDate": "2026-06-30T23:59:59.000Z",
        "numSent": 3,
        "numDelivered": 2,
        "numOpens": 1,
        "numClicks": 1,
        "numIspComplaints": 1,
        "numBounces": 1,
    }
    start, end = datetime(2026, 4, 6, tzinfo=UTC), datetime(2026, 6, 30, 23, 59, 59, tzinfo=UTC)
    april_ends = datetime(2026, 4, 30, 23, 59, 59, tzinfo=UTC)
    may, may_ends = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 31, 23, 59, 59, tzinfo=UTC)
    assert statistics.figures(account, start, end, Period.MONTH) == [
        Figures(start, april_ends, 2, 2, 1, 1, 1, 0),
        Figures(may, may_ends, 1, 0, 0, 0, 0, 1),
    ]
    assert [row["startDate"][:10] for row in api.json(path + "&aggregatedBy=day")] == [
        "2026-04-06",
        "2026-04-07",
        "2026-05-06",
    ]
    assert api.json(path + "&aggregatedBy=Week")[0]["endDate"] == "2026-04-12T23:59:59.000Z"
    assert api.json("GET /v2/email/stats/since-date/2030-01-01")[0]["numSent"] == 0
    assert api.error(path + "&aggregatedBy=Year")[0] == 400
    assert api.error("GET /v2/email/stats/since-date/2026-04-06?endDate=2026-04-01")[0] == 400


def test_a_worker_is_told_when_the_call_is_done(api: Caller, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        api("POST /v2/email", MAIL)
        api("POST /v2/sms-messages/send-to/447123123123", {"message": "Doors at 7"})
        api("POST /v2/email", MAIL)
    waiting = ProcrastinateJob.objects.filter(status="todo").values_list("task_name", flat=True)
    assert sorted(waiting) == ["deliver", "texts"]
