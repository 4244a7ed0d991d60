from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from usher.cli.tests.conftest import Usher
from usher.engage.campaigns import send as sends
from usher.engage.models import Account, Campaign, Contact, ContactList, Membership, Message, Send
from usher.lib import clock

CAMPAIGN = """
account: {name: Shop, from_address: hello@shop.example}
contact_lists: {News: {visibility: public}}
campaigns:
  Spring:
    type: standard
    subject: Spring is here
    from_address: news@shop.example
    tags: [season]
    html: <a href="http://$UNSUB$">leave</a>
    text: "leave: http://$UNSUB$"
"""


def defined(usher: Usher, folder: Path) -> ContactList:
    folder.mkdir(exist_ok=True)
    (folder / "mail.yaml").write_text(CAMPAIGN, "utf-8")
    result = usher("apply", str(folder))
    assert result.exit_code == 0, result.output
    return ContactList.objects.get(name="News")


def add(news: ContactList, name: str) -> None:
    now = clock.now()
    email = f"{name}@example.com"
    contact = Contact.objects.create(
        account=news.account, email=email, email_key=email, status_at=now, created_at=now, updated_at=now
    )
    Membership.objects.create(list=news, contact=contact, joined_at=now)


def test_a_campaign_is_sent_after_a_question_that_says_to_how_many(usher: Usher, tmp_path: Path) -> None:
    news = defined(usher, tmp_path / "mail")
    add(news, "alice")
    add(news, "bob")
    asked = usher("campaigns", "send", "spring", "--to", "news", "--yes")
    assert "Spring goes to 2 customers now" in asked.output, asked.output
    sends.run_due(clock.now())
    assert Message.objects.filter(state="queued").count() == 2
    again = usher("campaigns", "send", "spring", "--to", "news", "--yes")
    assert again.exit_code == 1
    assert "it was or is to be sent already" in again.output


def test_a_send_for_later_is_cancelled(usher: Usher, tmp_path: Path) -> None:
    add(defined(usher, tmp_path / "mail"), "alice")
    at = f"{clock.now() + timedelta(days=30):%Y-%m-%dT09:00}"
    asked = usher("campaigns", "send", "Spring", "--to", "News", "--at", at, "--yes")
    number = re.findall(r"cancel ([0-9a-f-]{36})", asked.output)[0]
    assert usher("campaigns", "cancel", number).output == "The send of Spring is cancelled.\n"
    assert Send.objects.get().status == "Cancelled"
    assert usher("campaigns", "cancel", number).exit_code == 1
    assert usher("campaigns", "cancel", "x").exit_code == 1


def test_unknown_names_are_told(usher: Usher, tmp_path: Path) -> None:
    defined(usher, tmp_path / "mail")
    assert "there is no campaign “Autumn”" in usher("campaigns", "send", "Autumn", "--to", "News").output
    assert "there is no list or segment “Old”" in usher("campaigns", "send", "Spring", "--to", "Old").output


def test_applying_again_does_not_unsend_a_campaign(usher: Usher, tmp_path: Path) -> None:
    defined(usher, tmp_path / "mail")
    Campaign.objects.update(status="Sent")
    assert usher("apply", str(tmp_path / "mail")).output.startswith("Changed 0, ")
    assert Campaign.objects.get().status == "Sent"
    (tmp_path / "mail" / "mail.yaml").write_text(CAMPAIGN.replace("is here", "is over"), "utf-8")
    changed = usher("apply", str(tmp_path / "mail"))
    assert "it is Sent and stays as it was" in changed.output
    assert "Spring  Sent" in usher("campaigns", "list").output
    assert list(Account.objects.get().from_addresses.values_list("email", flat=True)) == ["news@shop.example"]
