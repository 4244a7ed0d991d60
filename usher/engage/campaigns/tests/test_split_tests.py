from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from usher.engage.campaigns import edit, send, trial
from usher.engage.campaigns.tests.conftest import LATER, Made, put
from usher.engage.deliver.claim import Claimed
from usher.engage.deliver.compose import Composer
from usher.engage.models import Campaign, Click, ContactList, Link, Message, Open, Send
from usher.engage.tests.conftest import NOW, Caller

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]

LEAVE = '<a href="http://$UNSUB$">leave</a>'
TRY = {
    "name": "Try",
    "subjects": ["First", "Second"],
    "fromNames": ["Shop"],
    "htmlContents": [f"<p>one</p>{LEAVE}", f"<p>two</p>{LEAVE}"],
    "plainTextContents": ["$UNSUB$"],
    "replyAction": "Webmail",
}
OPTIONS = {"TestMetric": "opens", "TestPercentage": "40", "TestPeriodHours": 4}


@pytest.fixture
def campaign(api: Caller) -> int:
    return int(api.json("POST /v2/campaigns/split-test", TRY, 201)["id"])


def test_it_makes_a_campaign_with_versions(api: Caller) -> None:
    made = api.json("POST /v2/campaigns/split-test", TRY, 201)
    assert made == {
        "id": made["id"],
        "name": "Try",
        "subjects": ["First", "Second"],
        "fromNames": ["Shop", "Shop"],
        "fromAddresses": [{"id": 0, "email": "mail@example.com"}] * 2,
        "htmlContents": TRY["htmlContents"],
        "plainTextContents": ["$UNSUB$", "$UNSUB$"],
        "replyAction": "Webmail",
        "replyToAddress": None,
        "status": "Unsent",
        "customReplyToAddress": None,
    }
    shown = api.json(f"GET /v2/campaigns/{made['id']}/with-details")
    assert (shown["isSplitTest"], shown["subject"], shown["splitTestOptions"]) == (
        True,
        "First",
        ["Subject", "Html"],
    )
    results = api.json(f"GET /v2/campaigns/{made['id']}/split-test")
    assert results["splitTestWinnerMetric"] == "Opens"
    assert results["versions"][1] == {
        "subjectLine": "Second",
        "fromName": "Shop",
        "fromAddress": "mail@example.com",
        "htmlContent": f"<p>two</p>{LEAVE}",
        "plainTextContent": "$UNSUB$",
        "version": "B",
        "winningVersion": False,
        "resultsActual": 0,
        "resultsPercentage": 0.0,
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"subjects": ["one"], "htmlContents": [LEAVE]},
        {"subjects": []},
        {"subjects": ["a", "b", "c"]},
        {"subjects": ["a", "two\nlines"]},
        {"subjects": "a"},
        {"htmlContents": [LEAVE, "no way out"]},
        {"plainTextContents": None},
        {"fromAddresses": [{"email": "stranger@example.com"}]},
        {"name": None},
        {"subjects": [f"{number}" for number in range(11)], "htmlContents": [LEAVE]},
    ],
)
def test_it_refuses_versions_that_cannot_be_tried(api: Caller, wrong: dict[str, Any]) -> None:
    code, message = api.error("POST /v2/campaigns/split-test", TRY | wrong)
    assert (code, message.split()[-1]) == (400, "ERROR_CAMPAIGN_INVALID")
    assert not Campaign.objects.exists()


def test_versions_are_read_only_and_copied(api: Caller, campaign: int) -> None:
    assert api.error(f"PUT /v2/campaigns/{campaign}", {"subject": "New"})[1].endswith(
        "ERROR_CAMPAIGN_READONLY"
    )
    assert api.json(f"PUT /v2/campaigns/{campaign}", {"name": "Trial"})["name"] == "Trial"
    copied = api.json(f"POST /v2/campaigns/{campaign}/copy", status=201)
    assert copied["isSplitTest"]
    assert trial.letters(Campaign.objects.get(pk=copied["id"])) == ["A", "B"]
    edit.delete(Campaign.objects.get(pk=campaign))


def versions() -> dict[str, int]:
    found: dict[str, int] = {}
    for version in Message.objects.values_list("version", flat=True):
        found[version] = found.get(version, 0) + 1
    return found


def relay_took() -> None:
    Message.objects.filter(state="queued").update(state="sent", sent_at=NOW, code=250)


def test_the_version_that_is_opened_most_goes_to_the_others(
    api: Caller,
    campaign: int,
    people: Made,
    news: ContactList,
) -> None:
    put(news, *people(*(f"p{number:02}" for number in range(20))))
    body = {"campaignId": campaign, "addressBookIds": [news.pk], "splitTestOptions": OPTIONS}
    asked = api.json("POST /v2/campaigns/send", body, 202)
    assert asked["splitTestOptions"] == {"testMetric": "Opens", "testPercentage": 40, "testPeriodHours": 4}
    assert send.run_due(NOW) == 8
    assert versions() == {"A": 4, "B": 4}
    decides = NOW + timedelta(hours=4)
    assert send.next_due(NOW) == decides
    relay_took()
    for mail in Message.objects.filter(version="B")[:2]:
        Open.objects.create(message=mail, at=LATER)
    mail = Message.objects.filter(version="A").first()
    assert mail is not None
    for _ in range(5):  # one person who opens five times is one person
        Open.objects.create(message=mail, at=LATER)
    assert not send.due(LATER)
    assert send.run_due(LATER) == 0
    assert api.json(f"GET /v2/campaigns/send/{asked['id']}")["status"] == "Sending"
    assert send.due(decides)
    assert send.run_due(decides) == 12
    assert versions() == {"A": 4, "B": 16}
    relay_took()
    send.settle(decides)
    assert Send.objects.get().status == "Sent"
    results = api.json(f"GET /v2/campaigns/{campaign}/split-test")["versions"]
    assert [(one["winningVersion"], one["resultsActual"], one["resultsPercentage"]) for one in results] == [
        (False, 1, 0.25),
        (True, 2, 0.125),
    ]
    assert send.run_due(decides) == 0


def test_clicks_may_decide(campaign: int, people: Made, news: ContactList) -> None:
    put(news, *people(*(f"p{number:02}" for number in range(9))))
    row = Campaign.objects.get(pk=campaign)
    send.ask(row, NOW, lists=[news.pk], test=trial.Test("Clicks", 100, 2**31 - 1))
    assert send.run_due(NOW) == 9
    relay_took()
    mail = Message.objects.filter(version="B").first()
    assert mail is not None
    Click.objects.create(
        message=mail, link=Link.objects.create(campaign=row, url="https://x.example"), at=NOW
    )
    assert send.run_due(NOW + timedelta(days=366)) == 0
    row.refresh_from_db()
    assert (row.winner, row.status) == ("B", "Sent")


def test_a_test_that_was_killed_goes_on_with_nobody_twice(
    campaign: int,
    people: Made,
    news: ContactList,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(news, *people(*(f"p{number:02}" for number in range(20))))
    asked = send.ask(Campaign.objects.get(pk=campaign), NOW, lists=[news.pk], test=trial.Test("Opens", 50, 1))
    real = send.queue_test

    def dies(*args: Any) -> int:
        real(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(send, "queue_test", dies)
    with pytest.raises(KeyboardInterrupt):
        send.run(asked.pk, NOW, part=6)
    monkeypatch.setattr(send, "queue_test", real)
    first = send.run(asked.pk, NOW, part=6)
    assert first == sum(versions().values()) == 10
    assert send.run(asked.pk, NOW + timedelta(hours=1), part=6) == 10
    assert Message.objects.values("contact").distinct().count() == 20


def test_without_all_options_everybody_gets_the_first_version(
    api: Caller,
    campaign: int,
    people: Made,
) -> None:
    body = {
        "campaignId": campaign,
        "contactIds": people("alice"),
        "splitTestOptions": {"testMetric": "Opens"},
    }
    assert api.json("POST /v2/campaigns/send", body, 202)["splitTestOptions"] is None
    send.run_due(NOW)
    assert versions() == {"": 1}


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ({"testMetric": "ROI"}, "Error: ERROR_FEATURENOTACTIVE"),
        ({"testMetric": "Luck"}, "testMetric is Opens or Clicks. ERROR_CAMPAIGN_SEND_INVALID"),
        ({"testPercentage": 101}, None),
        ({"testPeriodHours": 0}, None),
    ],
)
def test_it_refuses_tests_that_cannot_be(
    api: Caller,
    campaign: int,
    people: Made,
    options: dict[str, Any],
    answer: str | None,
) -> None:
    body = {"campaignId": campaign, "contactIds": people("alice")}
    wanted = {"testMetric": "Opens", "testPercentage": 10, "testPeriodHours": 1} | options
    code, message = api.error("POST /v2/campaigns/send", body | {"splitTestOptions": wanted})
    assert code == (403 if "FEATURE" in message else 400)
    assert answer in (None, message)
    assert api.error("POST /v2/campaigns/send-time-optimised", body)[1].endswith(
        "ERROR_CAMPAIGN_SEND_INVALID"
    )
    assert not Send.objects.exists()


def test_each_version_is_a_mail_of_its_own(campaign: int) -> None:
    mails = [
        Claimed(number, campaign, number, f"p{number}@example.com", {}, 1, NOW, version=version)
        for number, version in enumerate(("A", "B", ""), 1)
    ]
    composed = Composer().compose(mails, NOW)
    assert not composed.failed
    made = {one.key: one.data for one in composed.envelopes}
    assert b"Subject: First" in made[1]
    assert b"<p>one</p>" in made[1]
    assert b"Subject: Second" in made[2]
    assert b"<p>two</p>" in made[2]
    assert b"Subject: First" in made[3]
