"""Campaigns at the pages: written with their checks, tried, sent after a yes, followed, copied, deleted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from usher.engage.accounts import create_account
from usher.engage.campaigns import send as sends
from usher.engage.contacts.suppress import suppress
from usher.engage.contacts.write import Draft, save
from usher.engage.lists import members
from usher.engage.lists.edit import create_list
from usher.engage.messages import letters
from usher.engage.models import (
    Account,
    Audit,
    Campaign,
    CampaignVersion,
    Contact,
    ContactList,
    Letter,
    Message,
    Send,
)
from usher.engage.models.contacts import Status
from usher.engage.reports import received
from usher.engage.segments.edit import create_segment
from usher.engage.texts import outbox
from usher.web.tests.scene import NOW

pytestmark = pytest.mark.django_db

HTML = '<p>Hello @EMAIL@ <a href="https://shop.example">shop</a> <a href="http://$UNSUB$">out</a></p>'
TEXT = "Hello @EMAIL@, here is what is new: https://shop.example\nout: http://$UNSUB$"
WRITTEN = {
    "name": "News",
    "subject": "Hello @EMAIL@",
    "from_address": "mail@example.com",
    "kind": "standard",
    "html": HTML,
    "text": TEXT,
}


@pytest.fixture
def of(db: None) -> Account:
    return create_account("Music shop", NOW)


@pytest.fixture
def news(of: Account) -> ContactList:
    """Ann and Bob are on it; Eve opted out, Dan did once from this list."""
    found = create_list(of, "News", NOW)
    for name in ("ann", "bob", "eve", "dan"):
        members.join(found, save(of, Draft(f"{name}@example.com"), NOW)[0], NOW)
    suppress(of, ["eve@example.com"], Status.UNSUBSCRIBED, "page", NOW)
    found.memberships.filter(contact__email="dan@example.com").update(unsubscribed_at=NOW)
    return found


@pytest.fixture
def campaign(page: Client, of: Account) -> Campaign:
    page.post("/campaigns/new", WRITTEN)
    return Campaign.objects.get()


def said(page: Client, path: str, **asked: object) -> str:
    return " ".join(page.get(path, asked).content.decode().split())


def test_it_makes_a_campaign_and_changes_it(page: Client, campaign: Campaign) -> None:
    assert (campaign.name, campaign.status, campaign.html, campaign.from_address) == (
        "News",
        "Unsent",
        HTML,
        "",
    )
    page.post(f"/campaigns/{campaign.pk}/edit", WRITTEN | {"subject": "Hi", "reply_to": "us@example.com"})
    campaign.refresh_from_db()
    assert (campaign.subject, campaign.reply_to) == ("Hi", "us@example.com")
    assert list(Audit.objects.filter(kind="campaign").values_list("by", "act")) == [
        ("page alice", "create"),
        ("page alice", "change"),
    ]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"html": "<p>Hello</p>"}, "no unsubscribe link"),
        ({"text": "{% if %}" + TEXT}, "Text, line 1: missing expression."),
        ({"reply_to": "nobody"}, "is not an address"),
        ({"subject": ""}, "This field is required"),
        ({"from_address": "else@example.org"}, "not one of the available choices"),
    ],
)
def test_what_could_not_be_mailed_is_not_saved_and_what_was_typed_is_kept(
    page: Client, of: Account, changed: dict[str, str], why: str
) -> None:
    shown = page.post("/campaigns/new", WRITTEN | changed).content.decode()
    assert why in shown
    assert "here is what is new" in shown
    assert not Campaign.objects.exists()


def test_it_tells_what_is_wrong_while_one_writes(page: Client, of: Account) -> None:
    save(of, Draft("ann@example.com"), NOW)
    sent = {
        "draft": "a" * 32,
        "subject": "x",
        "html": "<p>@EMIAL@ <a href='www.x.org'>x</a></p>",
        "text": "x",
    }
    shown = page.post("/campaigns/draft", sent).content.decode()
    assert "did you mean @EMAIL@?" in shown
    assert "html: has no unsubscribe link" in shown.lower()
    assert "leads nowhere" in shown


def test_it_names_every_fault_of_what_it_does_not_save(page: Client, of: Account) -> None:
    shown = page.post("/campaigns/new", WRITTEN | {"html": "<p>@EMIAL@</p>", "text": "x"}).content.decode()
    alert = shown[shown.index('role="alert"') : shown.index('<form method="post" id="compose"')]
    assert "did you mean @EMAIL@?" in alert
    assert alert.count("has no unsubscribe link") == 2


def test_it_remarks_on_what_was_not_written_yet(page: Client, of: Account) -> None:
    shown = said(page, "/campaigns/new")
    assert "Subject: there is none yet." in shown
    assert "Html: still says “What you want to say”." in shown
    assert "From: there is no name; people see the bare address." in shown
    assert "is an address for examples" in shown
    assert "nothing amiss" not in shown


def test_what_was_saved_elsewhere_meanwhile_is_not_overwritten_unseen(
    page: Client, campaign: Campaign
) -> None:
    at = f"/campaigns/{campaign.pk}/edit"
    first = page.get(at).context["seen"]
    Campaign.objects.update(subject="Theirs", updated_at=NOW + timedelta(minutes=1))
    refused = page.post(at, WRITTEN | {"subject": "Mine", "seen": first})
    assert "It was saved elsewhere meanwhile" in refused.content.decode()
    campaign.refresh_from_db()
    assert campaign.subject == "Theirs"
    page.post(at, WRITTEN | {"subject": "Mine", "seen": refused.context["seen"]})
    campaign.refresh_from_db()
    assert campaign.subject == "Mine"


def test_it_shows_the_mail_while_one_writes_where_nothing_can_run(page: Client, of: Account) -> None:
    save(of, Draft("Ann@example.com"), NOW)
    sent = WRITTEN | {"draft": "b" * 32, "for": "ann@example.com", "html": HTML + "<script>alert(1)</script>"}
    shown = page.post("/campaigns/draft", sent)
    assert "Hello Ann@example.com" in shown.content.decode()
    frame = page.get(shown.context["frame"])
    assert "Hello Ann@example.com" in frame.content.decode()
    assert frame["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert not Campaign.objects.exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "a" * 31, "c" * 32])
def test_a_draft_has_no_name_but_its_own(page: Client, of: Account, name: str) -> None:
    assert page.get(f"/campaigns/draft/{name}").status_code == 404


def test_it_looks_without_script_and_saves_nothing(page: Client, of: Account) -> None:
    shown = page.post("/campaigns/new", WRITTEN | {"do": "look", "name": ""})
    assert "/campaigns/draft/" in shown.content.decode()
    assert not Campaign.objects.exists()


def test_it_sends_a_test(page: Client, campaign: Campaign) -> None:
    at = f"/campaigns/{campaign.pk}/test"
    shown = page.post(at, {"to": "me@shop.example, you@shop.example"}, follow=True)
    assert "on its way to me@shop.example, you@shop.example" in shown.content.decode()
    assert set(Letter.objects.values_list("kind", flat=True)) == {"test"}
    shown = page.post(at, {"to": "nonsense"}, follow=True)
    assert "no test was sent" in shown.content.decode()


def test_it_counts_who_gets_it_and_says_why_others_do_not(
    page: Client, campaign: Campaign, news: ContactList
) -> None:
    at = f"/campaigns/{campaign.pk}/send"
    assert "News" in said(page, at)
    shown = said(page, f"{at}/count", lists=news.pk, when="now")
    assert '<span class="big">2</span>' in shown
    assert "2 others do not" in shown
    assert 'Unsubscribed</td><td class="num">1</td>' in shown
    assert 'Left the list</td><td class="num">1</td>' in shown
    assert "Mail 2 people" not in shown


def test_it_sends_after_a_yes(page: Client, campaign: Campaign, news: ContactList) -> None:
    at = f"/campaigns/{campaign.pk}/send"
    chosen = {"lists": str(news.pk), "contacts": "", "when": "now"}
    sure = said(page, f"{at}/sure", **chosen)
    assert "counted=yes" in sure
    assert "Mail 2 people" in said(page, f"{at}/sure", **chosen, counted="yes")
    assert not Send.objects.exists()
    shown = page.post(f"{at}/go", chosen, follow=True).content.decode()
    assert "It is being sent." in shown
    assert "It is about to start" in shown
    sends.run_due(NOW)
    assert set(Message.objects.values_list("contact__email", flat=True)) == {
        "ann@example.com",
        "bob@example.com",
    }
    assert "0 of 2 mails are done with" in said(page, f"/campaigns/{campaign.pk}")
    assert "Stop</button>" in said(page, f"/campaigns/{campaign.pk}")
    Message.objects.update(state="sent", sent_at=NOW)
    under_way = page.get(f"/campaigns/{campaign.pk}", headers={"HX-Request": "true"}).content.decode()
    assert "All 2 mails are done with" in under_way
    assert 'did=sent">2</a>' in under_way
    assert "Stop</button>" not in under_way
    sends.settle(NOW)
    part = page.get(f"/campaigns/{campaign.pk}", headers={"HX-Request": "true"})
    assert part["HX-Refresh"] == "true"
    shown = page.post(f"{at}/go", chosen, follow=True)
    assert "was sent already, at 1 Mar 1998, 07:04 to 2 people" in shown.content.decode()
    assert Send.objects.count() == 1


def test_segments_are_worked_out_anew_before_the_yes(page: Client, of: Account, campaign: Campaign) -> None:
    save(of, Draft("ann@example.com"), NOW)
    segment = create_segment(of, "Known", "email is set", NOW)
    at, chosen = f"/campaigns/{campaign.pk}/send", {"lists": segment.pk, "when": "now"}
    assert '<span class="big">0</span>' in said(page, f"{at}/count", **chosen)
    assert '<span class="big">1</span>' in said(page, f"{at}/sure", **chosen, counted="yes")


@pytest.mark.parametrize(
    ("chosen", "why"),
    [
        ({"when": "now"}, "Choose a list or segment"),
        ({"when": "now", "contacts": "stranger@example.com"}, "There is no contact stranger@example.com"),
        ({"when": "at", "contacts": "ann@example.com"}, "Say when."),
        ({"when": "now", "lists": "99999"}, "99999"),
    ],
)
def test_a_choice_that_does_not_do_is_said(
    page: Client, campaign: Campaign, news: ContactList, chosen: dict[str, str], why: str
) -> None:
    at = f"/campaigns/{campaign.pk}/send"
    assert why in said(page, f"{at}/sure", **chosen)
    page.post(f"{at}/go", chosen)
    assert not Send.objects.exists()


def test_it_is_sent_at_a_time_and_stopped_before(page: Client, campaign: Campaign, news: ContactList) -> None:
    chosen = {"lists": news.pk, "when": "at", "at": "1998-03-02T09:30"}
    sure = said(page, f"/campaigns/{campaign.pk}/send/sure", **chosen, counted="yes")
    assert "Schedule for" in sure
    assert "Mail 2 people" not in sure
    page.post(f"/campaigns/{campaign.pk}/send/go", chosen)
    send = Send.objects.get()
    assert (send.status, send.due_at) == ("Scheduled", NOW.replace(day=2, hour=9, minute=30))
    assert "scheduled" in said(page, "/campaigns")
    assert "It goes out at" in said(page, f"/campaigns/{campaign.pk}")
    assert "as it is saved by then" in said(page, f"/campaigns/{campaign.pk}/edit")
    assert "is to be sent already" in page.get(f"/campaigns/{campaign.pk}/send", follow=True).content.decode()
    assert "Hello @EMAIL@" in said(page, "/campaigns", status="Scheduled")
    assert "No such campaign." in said(page, "/campaigns", status="Unsent")
    shown = page.post(f"/campaigns/sends/{send.pk}/cancel", follow=True).content.decode()
    assert "It will not be sent. Nothing of it had gone out." in shown
    campaign.refresh_from_db()
    assert campaign.status == "Unsent"
    assert "ended already" in page.post(f"/campaigns/sends/{send.pk}/cancel", follow=True).content.decode()


def test_each_gets_it_at_their_best_hour(page: Client, campaign: Campaign, news: ContactList) -> None:
    page.post(f"/campaigns/{campaign.pk}/send/go", {"lists": news.pk, "when": "best"})
    assert Send.objects.get().optimised


def test_a_split_test_says_how_it_is_tried(page: Client, campaign: Campaign, news: ContactList) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(is_split_test=True)
    for letter in "AB":
        CampaignVersion.objects.create(campaign=campaign, letter=letter, subject=letter, html=HTML, text=TEXT)
    at = f"/campaigns/{campaign.pk}/send"
    assert "at the hour at which they open most" not in said(page, at)
    tried = {"lists": news.pk, "when": "now", "metric": "Clicks", "percentage": 50, "hours": 2}
    page.post(f"{at}/go", tried)
    assert Send.objects.get().split == {"testMetric": "Clicks", "testPercentage": 50, "testPeriodHours": 2}
    assert "Versions" in said(page, f"/campaigns/{campaign.pk}")


def test_every_number_opens_its_people(page: Client, campaign: Campaign, news: ContactList) -> None:
    for person, state in zip(Contact.objects.order_by("pk"), ["sent", "bounced", "skipped"], strict=False):
        Message.objects.create(
            account=campaign.account,
            campaign=campaign,
            contact=person,
            state=state,
            queued_at=NOW,
            due_at=NOW,
            sent_at=NOW if state == "sent" else None,
            reason="the send was cancelled" if state == "skipped" else "",
        )
    at = f"/campaigns/{campaign.pk}/people"
    assert [mail.to for mail in page.get(at, {"did": "bounced"}).context["rows"].rows] == ["bob@example.com"]
    assert "The send was cancelled." in said(page, at, did="left_out")
    rows = b"".join(page.get(f"{at}.csv", {"did": "delivered"}).streaming_content).decode().splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == ["ann@example.com"]
    assert '<div class="chart" data-source="course"' in said(page, f"/campaigns/{campaign.pk}/course")


def test_large_figures_are_as_they_were_counted_until_counted_again(
    page: Client, campaign: Campaign, news: ContactList, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(received, "LARGE", 0)
    person = Contact.objects.earliest("pk")
    common = {"account": campaign.account, "campaign": campaign, "queued_at": NOW, "due_at": NOW}
    Message.objects.create(**common, contact=person, state="sent", sent_at=NOW)
    received.count([campaign.pk], NOW - timedelta(minutes=5))
    Message.objects.update(state="bounced")
    shown = said(page, f"/campaigns/{campaign.pk}")
    assert "count again" in shown
    assert page.get(f"/campaigns/{campaign.pk}").context["received"].delivered == 1
    part = page.get(f"/campaigns/{campaign.pk}", {"count": "now"}, headers={"HX-Request": "true"})
    assert (part.context["received"].delivered, part.context["received"].bounced) == (0, 1)


def test_it_copies_and_deletes(page: Client, campaign: Campaign) -> None:
    shown = page.post(f"/campaigns/{campaign.pk}/copy", follow=True).content.decode()
    made = Campaign.objects.latest("pk")
    assert (made.name, made.html) == ("Copy of News", HTML)
    assert "This is the copy." in shown
    at = f"/campaigns/{made.pk}/delete"
    assert "is not “Copy of News”" in page.post(at, {"typed": "News"}).content.decode()
    page.post(at, {"typed": "Copy of News"})
    assert list(Campaign.objects.all()) == [campaign]


def test_what_is_to_be_sent_is_not_deleted(page: Client, campaign: Campaign, news: ContactList) -> None:
    page.post(f"/campaigns/{campaign.pk}/send/go", {"lists": news.pk, "when": "at", "at": "1998-03-02T09:30"})
    assert "a send that has not ended" in said(page, f"/campaigns/{campaign.pk}/delete")
    page.post(f"/campaigns/{campaign.pk}/delete", {"typed": "News"})
    assert Campaign.objects.exists()


def test_what_was_sent_is_not_edited(page: Client, campaign: Campaign) -> None:
    Campaign.objects.update(status="Sent")
    for at in ("edit", "send", "send/sure"):
        answer = page.get(f"/campaigns/{campaign.pk}/{at}", follow=True)
        assert answer.redirect_chain == [(f"/campaigns/{campaign.pk}", 302)]
        assert "“News” was sent already" in answer.content.decode()
    part = page.get(f"/campaigns/{campaign.pk}/send/count", headers={"HX-Request": "true"})
    assert part["HX-Redirect"] == f"/campaigns/{campaign.pk}"
    assert f"/campaigns/{campaign.pk}/edit" not in said(page, f"/campaigns/{campaign.pk}")


def test_campaigns_of_another_account_are_not_there(page: Client, campaign: Campaign) -> None:
    Campaign.objects.update(account=Account.objects.create(name="Other", created_at=NOW))
    assert page.get(f"/campaigns/{campaign.pk}").status_code == 404
    assert "No campaigns yet." in said(page, "/campaigns")


def test_it_finds_campaigns_by_name_subject_and_state(page: Client, campaign: Campaign) -> None:
    assert "Hello @EMAIL@" in said(page, "/campaigns", q="hello")
    assert "No such campaign." in said(page, "/campaigns", q="hello", status="Sent")


def test_letters_say_what_went_to_whom_and_why_not(page: Client, of: Account) -> None:
    suppress(of, ["angry@example.com"], Status.ISP_COMPLAINED, "loop", NOW)
    letter = Letter(
        account=of,
        to=["Ann@example.com", "angry@example.com"],
        subject="Your order",
        html="<p>It is sent</p>",
        text="It is sent",
        created_at=NOW,
    )
    letters.send([(letter, ())], NOW)
    shown = said(page, "/campaigns/letters")
    assert "May not be mailed: IspComplained." in shown
    only = page.get(
        "/campaigns/letters", {"q": "ANN@example.com", "state": "queued", "kind": "transactional"}
    )
    (row,) = only.context["rows"].rows
    assert "Your order" in said(page, f"/campaigns/letters/{row.pk}")
    mail = page.get(f"/campaigns/letters/{row.pk}/mail")
    assert (mail.content, mail["Content-Security-Policy"][:8]) == (b"<p>It is sent</p>", "sandbox;")
    assert "No such letter." in said(page, "/campaigns/letters", q="nobody@example.com")


def test_texts_are_found_by_their_number_however_it_is_written(page: Client, of: Account) -> None:
    (row,) = outbox.queue(of, [outbox.Draft("447123123123", "Your code is 12")], NOW)
    assert "Your code is 12" in said(page, "/campaigns/texts", q="+44 7123 123-123")
    assert "No such text." in said(page, "/campaigns/texts", q="nonsense")
    assert "No such text." in said(page, "/campaigns/texts", state="failed")
    assert "Your code is 12" in said(page, f"/campaigns/texts/{row.pk}")
