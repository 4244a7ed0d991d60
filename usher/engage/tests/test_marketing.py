from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from usher.engage.channels.relay import Envelope
from usher.engage.contacts.suppress import suppress
from usher.engage.deliver.claim import claim
from usher.engage.deliver.compose import Composer
from usher.engage.models import Account, Campaign, Choice, Contact, Letter, Message, Preference, Suppression
from usher.engage.models.contacts import Status
from usher.engage.tests.conftest import NOW, Caller
from usher.engage.tracking import record as tracking
from usher.lib import clock

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]

HTML = '<p>Hello</p><a href="https://shop.example/jazz">Jazz</a> <a href="http://$UNSUB$">Leave</a>'
PATH = "/marketing-email/v3"


def mail(to: str = "alice@example.com", **more: Any) -> dict[str, Any]:
    return {"to": to, "content": {"source": "html", "subject": "An offer", "htmlContent": HTML}, **more}


def template(campaign: Campaign, **more: Any) -> dict[str, Any]:
    return mail(content={"source": "template", "campaignId": campaign.pk, **more})


def code(api: Caller, body: Any, path: str = "send") -> tuple[int, str]:
    answer = api(f"POST {PATH}/{path}", body)
    return answer.status_code, json.loads(answer.content)["errorCode"]


def posted() -> list[str]:
    """The mails that go now, as they go over the wire."""
    batch = claim(clock.now(), 10)
    composed = Composer().compose(batch.messages, NOW) if batch else None
    assert composed is None or not composed.failed
    envelopes: list[Envelope] = composed.envelopes if composed else []
    return [one.data.decode() for one in envelopes]


@pytest.fixture
def campaign(account: Account) -> Campaign:
    return Campaign.objects.create(
        account=account, name="Offer", subject="For @FIRSTNAME@", status="Triggered",
        html='@FIRSTNAME@: @OFFER@ <a href="http://$UNSUB$">Leave</a>', text="@FIRSTNAME@ $UNSUB$",
        created_at=NOW, updated_at=NOW,
    )  # fmt: skip


def test_a_stranger_becomes_a_contact_and_is_mailed_with_a_way_out(api: Caller) -> None:
    answer = api(f"POST {PATH}/send", mail(metadata={"Id": 7}))
    assert (answer.status_code, answer.content) == (201, b"")
    contact = Contact.objects.get()
    assert (contact.email, contact.status) == ("alice@example.com", "Subscribed")
    assert json.loads(Letter.objects.get().metadata) == {"Id": 7}
    [wire] = posted()
    assert "$UNSUB$" not in wire
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in wire
    assert "shop.example/jazz" not in wire  # the link is counted
    tracking.unsubscribed(Message.objects.get().pk, "one-click", NOW)
    contact.refresh_from_db()
    assert contact.status == "Unsubscribed"


def test_a_template_is_filled_with_the_contact_and_with_values(api: Caller, campaign: Campaign) -> None:
    body = {"email": "alice@example.com", "dataFields": [{"key": "FIRSTNAME", "value": "Alice"}]}
    api.json("POST /v2/contacts", body, 201)
    values = [{"name": "OFFER", "value": "Verdi"}]
    assert api(f"POST {PATH}/send", template(campaign, personalizationValues=values)).status_code == 201
    [wire] = posted()
    assert "Subject: For Alice" in wire
    assert "Alice: Verdi" in wire
    assert "List-Unsubscribe:" in wire
    row = Message.objects.get()
    assert (row.campaign, row.contact) == (campaign, Contact.objects.get())


@pytest.mark.parametrize(
    ("reason", "token"),
    [
        (Status.UNSUBSCRIBED, "unsubscribed"),
        (Status.HARD_BOUNCED, "hardBounced"),
        (Status.DIRECT_COMPLAINT, "complaint"),
        (Status.MAIL_BLOCKED, "blocked"),
        (Status.SUPPRESSED, "suppressed"),
    ],
)
@pytest.mark.parametrize("is_known", [True, False])
def test_whoever_may_not_be_mailed_is_refused(
    api: Caller, account: Account, reason: Status, token: str, is_known: bool
) -> None:
    if is_known:
        api.json("POST /v2/contacts", {"email": "alice@example.com"}, 201)
    suppress(account, ["alice@example.com"], reason, "test", NOW)
    assert code(api, mail()) == (409, f"marketingEmail:{token}")
    assert not Message.objects.exists()
    assert Suppression.objects.filter(lifted_at=None).count() == 1


def test_whoever_has_to_confirm_is_asked_and_not_mailed(api: Caller, account: Account) -> None:
    account.double_opt_in = True
    account.save()
    assert code(api, mail()) == (409, "marketingEmail:suppressed")
    assert [letter.kind for letter in Letter.objects.all()] in ([], ["confirmation"])
    assert not Message.objects.filter(letter__kind="marketing").exists()


def test_whoever_leaves_between_is_skipped(api: Caller, account: Account) -> None:
    api(f"POST {PATH}/send", mail())
    suppress(account, ["alice@example.com"], Status.UNSUBSCRIBED, "page", NOW)
    assert posted() == []
    assert Message.objects.get().reason == "may not be mailed: Unsubscribed"


def test_whoever_opted_out_of_the_topic_is_refused(api: Caller, account: Account, campaign: Campaign) -> None:
    topic = Preference.objects.create(account=account, private_name="Jazz", created_at=NOW, updated_at=NOW)
    Campaign.objects.update(preference=topic)
    contact = api.json("POST /v2/contacts", {"email": "alice@example.com"}, 201)["id"]
    Choice.objects.create(preference=topic, contact_id=contact, opted_in=False, at=NOW)
    assert code(api, template(campaign)) == (409, "marketingEmail:unsubscribed")


def test_a_batch_tells_of_each(api: Caller, account: Account) -> None:
    suppress(account, ["gone@example.com"], Status.UNSUBSCRIBED, "page", NOW)
    no_way_out = mail(
        "bob@example.com", content={"source": "html", "subject": "x", "htmlContent": "<p>x</p>"}
    )
    told = api.json(
        f"POST {PATH}/batch", [mail(), mail("gone@example.com"), mail("nonsense"), no_way_out, mail()], 201
    )
    assert told["summary"] == {"sent": 2, "uncontactable": 1, "failed": 2}
    assert [one["status"] for one in told["results"]] == ["sent", "uncontactable", "failed", "failed", "sent"]
    assert told["results"][2]["failures"][0]["failureCode"] == "INVALID_EMAIL"
    assert told["results"][3]["failures"][0]["failureCode"] == "MISSING_UNSUB"
    assert Message.objects.count() == 2
    assert Contact.objects.count() == 1


@pytest.mark.parametrize("body", [[], {}, None, "x"])
def test_a_batch_without_mails_is_refused(api: Caller, body: Any) -> None:
    status, token = code(api, body, "batch")
    assert (status, token.split(":")[0]) == (400, "marketingEmail")


FILE = {"fileName": "a.txt", "mimeType": "text/plain", "content": base64.b64encode(b"x").decode()}


@pytest.mark.parametrize(
    ("change", "token"),
    [
        ({"content": {"source": "html", "subject": "x", "htmlContent": "<p>x</p>"}}, "badRequest"),
        ({"content": {"source": "html", "subject": "", "htmlContent": HTML}}, "badRequest"),
        ({"content": {"source": "pigeon"}}, "badRequest"),
        ({"content": {"source": "template", "campaignId": 5}}, "campaignNotFound"),
        ({"content": {"source": "template", "campaignId": "x"}}, "invalidValue"),
        ({"from": "somebody@elsewhere.example"}, "invalidFromAddress"),
        ({"metadata": "x"}, "invalidValue"),
        ({"attachments": [{**FILE, "content": "%"}]}, "attachmentContentInvalid"),
        ({"attachments": [{**FILE, "mimeType": ""}]}, "attachmentMimeTypeMissing"),
        ({"attachments": [{**FILE, "content": "A" * (22 * 2**20)}]}, "attachmentCombinedContentTooBig"),
    ],
)
def test_what_does_not_fit_is_refused(api: Caller, change: dict[str, Any], token: str) -> None:
    assert code(api, mail() | change) == (400, f"marketingemail:{token}")
    assert not Contact.objects.exists()


def test_the_same_value_twice_is_refused(api: Caller, campaign: Campaign) -> None:
    values = [{"name": "OFFER", "value": "a"}, {"name": "offer", "value": "b"}]
    body = template(campaign, personalizationValues=values)
    assert code(api, body) == (400, "marketingemail:duplicatePersonalizationValuesFound")


def test_files_and_a_name_beside_the_address_go_along(api: Caller, account: Account) -> None:
    body = mail(attachments=[FILE], **{"from": f"The Shop <{account.from_address}>"})
    assert api(f"POST {PATH}/send", body).status_code == 201
    [wire] = posted()
    assert f"From: The Shop <{account.from_address}>" in wire
    assert 'filename="a.txt"' in wire


def test_campaigns_that_are_not_triggered_are_no_templates(api: Caller, campaign: Campaign) -> None:
    Campaign.objects.update(status="Unsent")
    assert code(api, template(campaign)) == (400, "marketingemail:campaignNotFound")
