from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from usher.engage.models import Account, Campaign, Click, Contact, Link, Message, Open, PageView, Suppression
from usher.engage.reports import figures
from usher.engage.reports.clients import mail_client
from usher.engage.tests.conftest import NOW, Caller
from usher.engage.tests.test_campaigns import MAIL

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]

THUNDERBIRD = "Mozilla/5.0 (X11; rv:17.0) Gecko/20130307 Thunderbird/17.0.4"
HOUR = timedelta(hours=1)


class Story:
    """A campaign that was sent at noon, and what people did with it."""

    def __init__(self, api: Caller, account: Account) -> None:
        self.account = account
        self.campaign = Campaign.objects.get(pk=api.json("POST /v2/campaigns", MAIL, 201)["id"])
        self.link = Link.objects.create(campaign=self.campaign, url="https://shop.example/new")

    def mail(self, name: str, state: str = "sent", code: int | None = 250, **values: Any) -> Message:
        times = {"status_at": NOW, "created_at": NOW, "updated_at": NOW}
        email = f"{name}@example.com"
        contact, _ = Contact.objects.get_or_create(
            account=self.account, email_key=email, defaults=times | {"email": email} | values
        )
        return Message.objects.create(
            account=self.account,
            campaign=self.campaign,
            contact=contact,
            state=state,
            code=code,
            queued_at=NOW,
            due_at=NOW,
            sent_at=NOW if state == "sent" else None,
        )

    def open(self, mail: Message, hours: int, ip: str = "192.0.2.1", agent: str = THUNDERBIRD) -> None:
        Open.objects.create(message=mail, at=NOW + hours * HOUR, ip=ip, user_agent=agent)

    def click(self, mail: Message, hours: int) -> None:
        Click.objects.create(
            message=mail, link=self.link, at=NOW + hours * HOUR, ip="192.0.2.9", user_agent="curl"
        )

    def leave(self, mail: Message, hours: int, reason: str = "Unsubscribed") -> None:
        Suppression.objects.create(
            account=self.account,
            email_key=mail.to,
            reason=reason,
            at=NOW + hours * HOUR,
            source="page",
            message=mail,
        )


@pytest.fixture
def story(api: Caller, account: Account) -> Story:
    """Four get it as HTML and one as text; one address bounces, one is put off, one relay refuses."""
    story = Story(api, account)
    alice, bob, text = story.mail("alice"), story.mail("bob"), story.mail("text", email_type="PlainText")
    story.mail("still")
    story.mail("carol", "bounced", 550)
    story.mail("soft", "failed", 452)
    story.mail("blocked", "failed", 554)
    story.mail("unmade", "failed", None)
    story.mail("waits", "queued", None)
    story.mail("left-out", "skipped", None)
    seed = story.mail("sam", is_seed=True)
    for mail, hours in ((alice, 3), (alice, 1), (bob, 2), (seed, 2)):
        story.open(mail, hours, ip=f"192.0.2.{hours}")
    for mail, hours in ((alice, 3), (alice, 4), (text, 5), (seed, 3)):
        story.click(mail, hours)
    PageView.objects.create(message=alice, url="https://shop.example/new", at=NOW + 3 * HOUR)
    PageView.objects.create(message=seed, url="https://shop.example/new", at=NOW + 3 * HOUR)
    story.leave(bob, 6)
    story.leave(text, 7, "IspComplained")
    return story


def test_a_summary_counts_html_text_and_both(api: Caller, story: Story) -> None:
    shown = api.json(f"GET /v2/campaigns/{story.campaign.pk}/summary")
    assert shown["dateSent"] == "2026-03-01T12:00:00.000Z"
    numbers = {name: value for name, value in shown.items() if name.startswith("num") and value}
    assert numbers == {
        "numUniqueOpens": 2,
        "numTotalUniqueOpens": 2,
        "numOpens": 3,
        "numTotalOpens": 3,
        "numClicks": 2,
        "numTextClicks": 1,
        "numTotalClicks": 3,
        "numRecipientsClicked": 2,
        "numPageViews": 1,
        "numTotalPageViews": 1,
        "numHardBounces": 1,
        "numTotalHardBounces": 1,
        "numSoftBounces": 1,
        "numTotalSoftBounces": 1,
        "numMailBlocks": 1,
        "numTotalMailBlocks": 1,
        "numUnsubscribes": 1,
        "numTotalUnsubscribes": 1,
        "numTextIspComplaints": 1,
        "numTotalIspComplaints": 1,
        "numSent": 6,
        "numTextSent": 1,
        "numTotalSent": 7,
        "numDelivered": 3,
        "numTextDelivered": 1,
        "numTotalDelivered": 4,
    }
    assert shown["percentageDelivered"] == pytest.approx(4 / 7)
    assert shown["percentageOpens"] == 0.75
    assert shown["percentageUniqueOpens"] == 0.5
    assert shown["percentageUsersClicked"] == 0.5
    assert shown["percentageClicksToOpens"] == 1.0
    assert (shown["revenue"], shown["numOrders"]) == (None, 0)


def test_a_campaign_that_was_not_sent_has_zeros(api: Caller) -> None:
    campaign = api.json("POST /v2/campaigns", MAIL, 201)["id"]
    shown = api.json(f"GET /v2/campaigns/{campaign}/summary")
    assert shown["dateSent"] == "0001-01-01T00:00:00.000Z"
    assert (shown["numTotalSent"], shown["percentageDelivered"]) == (0, 0.0)
    assert api.json(f"GET /v2/campaigns/{campaign}/activities") == []
    assert api.json("GET /v2/campaigns/metrics") == []


def test_activities_tell_what_each_contact_did(api: Caller, story: Story) -> None:
    path = f"GET /v2/campaigns/{story.campaign.pk}/activities"
    rows = {row["email"].split("@")[0]: row for row in api.json(path)}
    assert list(rows) == ["alice", "bob", "text", "still", "carol", "soft", "blocked"]
    alice = rows["alice"]
    assert alice == {
        "contactId": alice["contactId"],
        "email": "alice@example.com",
        "numOpens": 2,
        "numPageViews": 1,
        "numClicks": 2,
        "numForwards": 0,
        "numEstimatedForwards": 0,
        "numReplies": 0,
        "dateSent": "2026-03-01T12:00:00.000Z",
        "dateFirstOpened": "2026-03-01T13:00:00.000Z",
        "dateLastOpened": "2026-03-01T15:00:00.000Z",
        "firstOpenIp": "192.0.2.1",
        "unsubscribed": False,
        "softBounced": False,
        "hardBounced": False,
    }
    assert api.json(f"{path}/{alice['contactId']}") == alice
    assert (rows["still"]["dateFirstOpened"], rows["still"]["firstOpenIp"]) == (
        "0001-01-01T00:00:00.000Z",
        "",
    )
    flags = {
        name: [flag for flag in ("unsubscribed", "softBounced", "hardBounced") if row[flag]]
        for name, row in rows.items()
    }
    assert {name: flag for name, flag in flags.items() if flag} == {
        "bob": ["unsubscribed"],
        "carol": ["hardBounced"],
        "soft": ["softBounced"],
    }
    assert [row["email"] for row in api.json(f"{path}?select=2&skip=1")] == [
        "bob@example.com",
        "text@example.com",
    ]


def test_activities_since_are_of_those_who_did_something_and_whole(api: Caller, story: Story) -> None:
    def since(moment: str) -> list[tuple[str, int]]:
        path = f"GET /v2/campaigns/{story.campaign.pk}/activities/since-date/{moment}"
        return [(row["email"].split("@")[0], row["numOpens"]) for row in api.json(path)]

    assert len(since("2026-03-01")) == 7
    assert since("2026-03-01T15:00:00Z") == [("alice", 2), ("bob", 1), ("text", 0)]
    assert since("2026-03-01T17:30:00Z") == [("bob", 1)]
    assert since("2026-03-02") == []


def test_somebody_who_did_not_get_it_has_no_activity(api: Caller, story: Story) -> None:
    numbers = dict(Contact.objects.values_list("email_key", "pk"))
    path = f"GET /v2/campaigns/{story.campaign.pk}/activities"
    for name in ("waits", "unmade", "left-out"):
        assert api.error(f"{path}/{numbers[name + '@example.com']}") == (
            404,
            "Error: ERROR_CONTACT_NOT_FOUND",
        )
    assert api.error(f"{path}/4711")[0] == 404
    assert api.json(f"{path}/{numbers['sam@example.com']}")["numOpens"] == 1


def test_opens_name_the_mail_program(api: Caller, story: Story) -> None:
    path = f"/v2/campaigns/{story.campaign.pk}/opens"
    rows = api.json(f"GET {path}")
    assert rows[0] == {
        "contactId": rows[0]["contactId"],
        "email": "alice@example.com",
        "mailClient": "Thunderbird",
        "mailClientVersion": "Thunderbird 17",
        "ipAddress": "192.0.2.3",
        "userAgent": THUNDERBIRD,
        "isHtml": True,
        "isForward": False,
        "dateOpened": "2026-03-01T15:00:00.000Z",
    }
    assert [row["email"].split("@")[0] for row in rows] == ["alice", "alice", "bob"]
    assert [row["ipAddress"] for row in api.json(f"GET {path}?select=1&skip=2")] == ["192.0.2.2"]
    assert [row["ipAddress"] for row in api.json(f"GET {path}/since-date/2026-03-01T14:00:00")] == [
        "192.0.2.3",
        "192.0.2.2",
    ]
    of_bob = f"GET /v2/campaigns/{story.campaign.pk}/activities/{rows[2]['contactId']}/opens"
    assert api.json(of_bob) == rows[2:]


def test_clicks_name_the_address(api: Caller, story: Story) -> None:
    path = f"/v2/campaigns/{story.campaign.pk}/clicks"
    rows = api.json(f"GET {path}")
    assert rows[0] == {
        "contactId": rows[0]["contactId"],
        "email": "alice@example.com",
        "url": "https://shop.example/new",
        "ipAddress": "192.0.2.9",
        "userAgent": "curl",
        "dateClicked": "2026-03-01T15:00:00.000Z",
        "keyword": "",
    }
    assert [row["email"].split("@")[0] for row in rows] == ["alice", "alice", "text"]
    assert api.json(f"GET {path}/since-date/2026-03-01T17:00:00") == rows[2:]
    of_alice = f"/v2/campaigns/{story.campaign.pk}/activities/{rows[0]['contactId']}/clicks"
    assert api.json(f"GET {of_alice}") == rows[:2]
    grouped = [row | {"groups": []} for row in rows]
    assert api.json(f"GET {path}-with-groups") == grouped
    assert api.json(f"GET {path}-with-groups/since-date/2026-03-01T17:00:00") == grouped[2:]
    assert api.json(f"GET {of_alice}-with-groups") == grouped[:2]


def test_page_views_are_listed(api: Caller, story: Story) -> None:
    path = f"GET /v2/campaigns/{story.campaign.pk}"
    (row,) = api.json(f"{path}/page-views/since-date/2026-03-01")
    assert row == {
        "contactId": row["contactId"],
        "email": "alice@example.com",
        "url": "https://shop.example/new",
        "dateViewed": "2026-03-01T15:00:00.000Z",
    }
    assert api.json(f"{path}/activities/{row['contactId']}/page-views") == [row]
    assert api.json(f"{path}/page-views/since-date/2026-03-01T15:00:01") == []


def test_hard_bouncing_contacts_are_listed(api: Caller, story: Story) -> None:
    (row,) = api.json(f"GET /v2/campaigns/{story.campaign.pk}/hard-bouncing-contacts")
    assert (row["email"], row["dataFields"]) == ("carol@example.com", None)
    (row,) = api.json(f"GET /v2/campaigns/{story.campaign.pk}/hard-bouncing-contacts?withFullData=true")
    assert row["dataFields"]


def test_metrics_count_what_happened_within_the_window(api: Caller, story: Story) -> None:
    def metrics(begin: str, end: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = api.json(f"GET /v2/campaigns/metrics?startDate={begin}&endDate={end}")
        return found

    names = (
        "sent",
        "delivered",
        "opens",
        "uniqueOpens",
        "clicks",
        "uniqueClicks",
        "unsubscribes",
        "complaints",
    )
    (row,) = metrics("2026-03-01", "2026-03-02")
    assert [row[name] for name in names] == [7, 4, 3, 2, 3, 2, 1, 1]
    assert (row["sendStatusFails"], row["mailBlocks"], row["softBounces"], row["hardBounces"]) == (1, 1, 1, 1)
    assert (row["percentageUniqueOpens"], row["campaignName"]) == (50.0, "Miss you")
    (row,) = metrics("2026-03-01T14:30:00", "2026-03-01T16:00:00Z")
    assert [row[name] for name in names] == [0, 0, 1, 1, 2, 1, 0, 0]
    assert row["dateSent"] == "2026-03-01T12:00:00.000Z"
    assert metrics("2026-03-02", "2026-03-03") == []
    assert api.error("GET /v2/campaigns/metrics?startDate=soon")[0] == 400


def test_campaigns_with_activity_since_then(api: Caller, story: Story) -> None:
    def since(moment: str) -> list[int]:
        return [row["id"] for row in api.json(f"GET /v2/campaigns/with-activity-since/{moment}")]

    assert since("2026-03-01T19:00:00") == [story.campaign.pk]
    assert since("2026-03-01T19:30:00") == []


def test_a_triggered_campaign_counts_people_once_and_mails_each_time(account: Account, api: Caller) -> None:
    story = Story(api, account)
    first, second = story.mail("alice"), story.mail("alice")
    story.open(first, 1)
    story.open(second, 2)
    html, text = figures.summary(story.campaign)
    assert (html.sent, html.opens, html.unique_opens) == (2, 2, 1)
    assert text == figures.Counts()
    (row,) = api.json(f"GET /v2/campaigns/{story.campaign.pk}/activities")
    assert row["numOpens"] == 2


@pytest.mark.parametrize(
    ("agent", "client"),
    [
        ("", (None, None)),
        ("nobody knows", (None, None)),
        (
            "Mozilla/5.0 (Windows NT 5.1) Firefox/11.0 (via ggpht.com GoogleImageProxy)",
            ("GmailImageProxy",) * 2,
        ),
    ],
)
def test_a_mail_program_may_be_unknown(agent: str, client: tuple[str | None, str | None]) -> None:
    assert mail_client(agent) == client
