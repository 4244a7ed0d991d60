from __future__ import annotations

import pytest

from usher.engage.campaigns import proof
from usher.engage.contacts.suppress import suppress
from usher.engage.deliver.claim import claim
from usher.engage.errors import EngageError
from usher.engage.models import Account, Campaign, Contact, Letter, Message
from usher.engage.models.contacts import Status
from usher.engage.tests.conftest import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(account: Account) -> Campaign:
    return Campaign.objects.create(
        account=account,
        name="News",
        subject="Hello @EMAIL@",
        html='<p>@EMAIL@ <a href="http://$UNSUB$">out</a> <a href="https://shop.example/x">shop</a></p>',
        text="@EMAIL@ out: http://$UNSUB$ or choose: http://$PREFERENCES$",
        created_at=NOW,
        updated_at=NOW,
    )


def test_a_test_goes_to_each_address_as_the_contact_would_see_it(account: Account, draft: Campaign) -> None:
    person = Contact.objects.create(
        account=account, email="Ann@example.com", email_key="ann@example.com",
        status_at=NOW, created_at=NOW, updated_at=NOW,
    )  # fmt: skip
    made = proof.send(draft, ["me@shop.example", " ME@shop.example", "you@shop.example"], person, NOW)
    assert [letter.to for letter in made] == [["ME@shop.example"], ["you@shop.example"]]
    letter = Letter.objects.get(to=["you@shop.example"])
    assert (letter.kind, letter.subject) == ("test", "[Test] Hello Ann@example.com")
    assert "$" not in letter.html + letter.text
    assert 'href="https://shop.example/x"' in letter.html
    assert set(Message.objects.values_list("address", "state")) == {
        ("ME@shop.example", "queued"),
        ("you@shop.example", "queued"),
    }
    assert Contact.objects.count() == 1


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ([], "Name 1 to 10 addresses"),
        ([f"a{n}@example.com" for n in range(11)], "Name 1 to 10 addresses"),
        (["fine@example.com", "none"], "“none”"),
        (["left@example.com"], "must not be mailed \\(Unsubscribed\\)"),
        (["waits@example.com"], "must not be mailed \\(PendingOptIn\\)"),
    ],
)
def test_a_test_to_whom_it_may_not_go_is_refused_whole(
    account: Account, draft: Campaign, to: list[str], why: str
) -> None:
    suppress(account, ["left@example.com"], Status.UNSUBSCRIBED, "page", NOW)
    Contact.objects.create(
        account=account, email="waits@example.com", email_key="waits@example.com", status="PendingOptIn",
        status_at=NOW, created_at=NOW, updated_at=NOW,
    )  # fmt: skip
    with pytest.raises(EngageError, match=why):
        proof.send(draft, to, None, NOW)
    assert not Letter.objects.exists()


def test_who_opts_out_meanwhile_gets_no_test(account: Account, draft: Campaign) -> None:
    proof.send(draft, ["me@shop.example"], None, NOW)
    suppress(account, ["me@shop.example"], Status.UNSUBSCRIBED, "page", NOW)
    claim(NOW, 10)
    assert Message.objects.get().state == "skipped"


def test_what_could_not_be_sent_is_not_tested(draft: Campaign) -> None:
    draft.html = "<p>no way out</p>"
    with pytest.raises(EngageError, match="unsubscribe"):
        proof.send(draft, ["me@shop.example"], None, NOW)
