"""The suppression list and its domains; one contact let out or back in with a reason."""

from __future__ import annotations

import pytest
from django.test import Client

from usher.engage.accounts import create_account
from usher.engage.contacts.suppress import suppress
from usher.engage.contacts.write import Draft, save
from usher.engage.models import Account, Audit, Contact, SuppressedDomain, Suppression
from usher.engage.models.contacts import Status
from usher.web.tests.scene import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def of(db: None) -> Account:
    return create_account("Music shop", NOW)


def contact(of: Account, address: str) -> Contact:
    return save(of, Draft(address), NOW)[0]


def test_it_finds_by_the_beginning_and_the_reason(of: Account, page: Client) -> None:
    suppress(of, ["ann@example.com", "bob@example.com"], Status.UNSUBSCRIBED, "one-click", NOW)
    suppress(of, ["angry@example.com"], Status.ISP_COMPLAINED, "loop", NOW)
    shown = page.get("/contacts/suppressed", {"q": "AN"})
    assert [row.email_key for row in shown.context["rows"].rows] == ["angry@example.com", "ann@example.com"]
    assert "for good" in shown.content.decode()
    assert '<option value="IspComplained">complained</option>' in shown.content.decode()
    shown = page.get("/contacts/suppressed", {"reason": "Unsubscribed"})
    assert [row.email_key for row in shown.context["rows"].rows] == ["bob@example.com", "ann@example.com"]


def test_it_suppresses_addresses_with_a_reason(of: Account, page: Client) -> None:
    person = contact(of, "Ann@example.com")
    said = {"addresses": "ann@example.com, new@example.com", "because": "asked by phone"}
    page.post("/contacts/suppressed/addresses", said)
    person.refresh_from_db()
    assert person.status == "Suppressed"
    assert set(Suppression.objects.values_list("email_key", "source")) == {
        ("ann@example.com", "page alice: asked by phone"),
        ("new@example.com", "page alice: asked by phone"),
    }
    assert set(Audit.objects.values_list("by", flat=True)) == {"page alice"}


@pytest.mark.parametrize(
    ("addresses", "because", "why"),
    [
        ("a@example.com, no address", "x", "nothing was suppressed"),
        ("a@example.com", " ", "Say why"),
        ("", "x", "Write an address"),
    ],
)
def test_it_refuses_what_it_cannot_do(
    of: Account, page: Client, addresses: str, because: str, why: str
) -> None:
    said = {"addresses": addresses, "because": because}
    assert why in page.post("/contacts/suppressed/addresses", said, follow=True).content.decode()
    assert not Suppression.objects.exists()


def test_it_suppresses_a_domain_and_takes_it_off_again(of: Account, page: Client) -> None:
    person = contact(of, "ann@example.com")
    said = {"domain": "Example.com", "because": "a competitor"}
    asked = page.post("/contacts/suppressed/domains", said).content.decode()
    assert "contact of this domain could still be mailed" in asked
    assert not SuppressedDomain.objects.exists()
    wrong = page.post("/contacts/suppressed/domains", said | {"typed": "example.org"}).content.decode()
    assert "What was typed is not “example.com”." in wrong
    assert not SuppressedDomain.objects.exists()
    page.post("/contacts/suppressed/domains", said | {"typed": "Example.com"})
    person.refresh_from_db()
    assert person.status == "DomainSuppression"
    assert "example.com" in page.get("/contacts/suppressed").content.decode()
    page.post("/contacts/suppressed/domains/allow", {"domain": "example.com"})
    assert not SuppressedDomain.objects.exists()
    person.refresh_from_db()
    assert person.status == "DomainSuppression"
    notes = Audit.objects.filter(kind="suppressed domain", by="page alice")
    assert list(notes.order_by("pk").values_list("act", flat=True)) == ["create", "delete"]


def test_it_unsubscribes_and_lets_back_in(of: Account, page: Client) -> None:
    person = contact(of, "ann@example.com")
    path = f"/contacts/{person.pk}"
    page.post(f"{path}/standing", {"act": "unsubscribe", "because": "rang us up"})
    person.refresh_from_db()
    assert person.status == "Unsubscribed"
    assert "rang us up" in page.get(path).content.decode()
    page.post(f"{path}/standing", {"act": "resubscribe", "because": "wrote to us"})
    person.refresh_from_db()
    assert person.status == "Subscribed"
    note = Audit.objects.get(kind="contact", act="resubscribe")
    assert note.after == {"because": "page alice: wrote to us"}


def test_nobody_is_let_back_in_out_of_a_complaint(of: Account, page: Client) -> None:
    person = contact(of, "ann@example.com")
    suppress(of, ["ann@example.com"], Status.ISP_COMPLAINED, "loop", NOW)
    path = f"/contacts/{person.pk}"
    assert "Let back in" not in page.get(path).content.decode()
    page.post(f"{path}/standing", {"act": "resubscribe", "because": "please"})
    person.refresh_from_db()
    assert person.status == "IspComplained"
    assert not Audit.objects.exists()


def test_it_suppresses_everywhere_after_a_yes(of: Account, page: Client) -> None:
    other = create_account("Other", NOW)
    people = [contact(of, "ann@example.com"), contact(other, "ann@example.com")]
    said = {"addresses": "Ann@example.com", "because": "asked us to"}
    asked = page.post("/contacts/suppressed/everywhere", said).content.decode()
    assert '<span class="big">2</span>' in asked
    assert not Suppression.objects.exists()
    several = said | {"addresses": "ann@example.com, bob@example.com", "typed": "ann@example.com"}
    assert "Type everywhere to" in page.post("/contacts/suppressed/everywhere", several).content.decode()
    assert not Suppression.objects.exists()
    typed = said | {"typed": "ann@example.com"}
    shown = page.post("/contacts/suppressed/everywhere", typed, follow=True).content.decode()
    assert "Suppressed everywhere and for good: 1." in shown
    for person in people:
        person.refresh_from_db()
        assert person.status == "SharedSuppression"
    assert set(Suppression.objects.values_list("source", flat=True)) == {"page alice: asked us to"}
    refused = page.post("/contacts/suppressed/everywhere", {"addresses": "x", "because": "y"}, follow=True)
    assert "nothing was suppressed" in refused.content.decode()


def test_an_address_without_contact_is_let_back_in(of: Account, page: Client) -> None:
    suppress(of, ["gone@example.com"], Status.UNSUBSCRIBED, "one-click", NOW)
    at = "/contacts/suppressed/lift"
    assert f"{at}?address=gone%40example.com" in page.get("/contacts/suppressed").content.decode()
    assert "May it be mailed again?" in page.get(at, {"address": "gone@example.com"}).content.decode()
    assert "Say why" in page.post(at, {"address": "gone@example.com"}, follow=True).content.decode()
    page.post(at, {"address": "gone@example.com", "because": "wrote to us"})
    assert not Suppression.objects.filter(lifted_at=None).exists()
    assert not Contact.objects.exists()
    note = Audit.objects.get(kind="suppression", act="lift")
    assert (note.by, note.key, note.after) == (
        "page alice",
        "gone@example.com",
        {"because": "page alice: wrote to us"},
    )
    again = page.post(at, {"address": "gone@example.com", "because": "x"}, follow=True).content.decode()
    assert "not on the list any more" in again


def test_what_is_final_is_not_lifted(of: Account, page: Client) -> None:
    suppress(of, ["angry@example.com"], Status.DIRECT_COMPLAINT, "loop", NOW)
    suppress(of, ["ann@shut.example"], Status.UNSUBSCRIBED, "page", NOW)
    SuppressedDomain.objects.create(account=of, domain="shut.example", at=NOW)
    at = "/contacts/suppressed/lift"
    assert "It stays on the list." in page.get(at, {"address": "angry@example.com"}).content.decode()
    for address in ("angry@example.com", "ann@shut.example"):
        shown = page.post(at, {"address": address, "because": "x"}, follow=True).content.decode()
        assert "is never lifted" in shown
    assert Suppression.objects.filter(lifted_at=None).count() == 2
    assert page.get(at, {"address": "nobody@example.com"}).status_code == 404
