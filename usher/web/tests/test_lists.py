"""Lists of contacts: shown with their sizes, made, changed, taken home, deleted when nothing needs them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from usher.engage.lists import members
from usher.engage.models import Account, Audit, Campaign, Contact, ContactList, Membership
from usher.web.figures import lists
from usher.web.tests.scene import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def of(db: None) -> Account:
    return Account.objects.create(name="Music shop", created_at=NOW)


def listed(of: Account, name: str, people: int, **more: str) -> ContactList:
    made = ContactList.objects.create(account=of, name=name, created_at=NOW, **more)
    for number in range(people):
        key = f"{name.lower()}{number:03}@example.com"
        contact = Contact(account=of, email=key.title(), email_key=key, status_at=NOW)
        contact.data = {"FIRSTNAME": "=cmd" if number == 0 else "Ann"}
        contact.created_at = contact.updated_at = NOW
        contact.save()
        Membership.objects.create(list=made, contact=contact, joined_at=NOW)
    return made


def test_it_shows_lists_in_folders_with_their_sizes(of: Account, page: Client) -> None:
    listed(of, "Guests", 3, folder="Spring")
    listed(of, "Crm", 1, kind="external", external_id="x1")
    shown = page.get("/contacts/lists").content.decode()
    assert "Spring" in shown
    assert '<td class="n" data-label="Contacts">3</td>' in shown
    assert "kept by another system" in shown
    assert "No list is called so" in page.get("/contacts/lists?q=nothing").content.decode()


def test_it_says_that_there_is_no_list(of: Account, page: Client) -> None:
    assert "No list yet." in page.get("/contacts/lists").content.decode()


def test_it_pages_through_members_both_ways_and_finds_one(of: Account, page: Client) -> None:
    row = listed(of, "Guests", 120)
    path = f"/contacts/lists/{row.pk}"
    first = page.get(path)
    second = page.get(path, {"after": first.context["rows"].after})
    third = page.get(path, {"after": second.context["rows"].after})
    assert [len(one.context["rows"].rows) for one in (first, second, third)] == [50, 50, 20]
    assert third.context["rows"].after == ""
    back = page.get(path, {"before": third.context["rows"].before})
    assert [one.pk for one in back.context["rows"].rows] == [one.pk for one in second.context["rows"].rows]
    again = page.get(path, {"before": back.context["rows"].before})
    assert [one.pk for one in again.context["rows"].rows] == [one.pk for one in first.context["rows"].rows]
    assert again.context["rows"].before == ""
    assert len(page.get(path, {"q": "GUESTS119"}).context["rows"].rows) == 1
    assert len(page.get(path, {"after": "no number"}).context["rows"].rows) == 50


def test_it_exports_every_member_with_its_fields_and_no_formula(of: Account, page: Client) -> None:
    of.data_fields.create(name="FIRSTNAME", type="String")
    row = listed(of, "Guests", 2)
    answer = page.get(f"/contacts/lists/{row.pk}/contacts.csv")
    lines = b"".join(answer.streaming_content).decode().removeprefix("\ufeff").splitlines()  # type: ignore[attr-defined]
    assert lines[0] == "EMAIL,MOBILENUMBER,STATUS,JOINED,FIRSTNAME"
    assert lines[1] == "Guests000@Example.Com,,Subscribed,1998-03-01T07:04:00+00:00,'=cmd"
    assert len(lines) == 3


def test_it_makes_and_renames_a_list_and_notes_who_did(of: Account, page: Client) -> None:
    said = {"name": "Guests", "folder": "Spring", "visibility": "Public", "double_opt_in": "on"}
    made = page.post("/contacts/lists/new", said, follow=True)
    row = ContactList.objects.get()
    assert made.redirect_chain[-1][0] == f"/contacts/lists/{row.pk}"
    assert (row.name, row.folder, row.visibility, row.double_opt_in) == ("Guests", "Spring", "Public", True)
    page.post(f"/contacts/lists/{row.pk}/edit", said | {"name": "Members", "double_opt_in": ""})
    row.refresh_from_db()
    assert (row.name, row.double_opt_in) == ("Members", False)
    assert set(Audit.objects.filter(kind="list").values_list("by", flat=True)) == {"page alice"}


def test_it_refuses_a_name_that_is_taken(of: Account, page: Client) -> None:
    listed(of, "Guests", 0)
    answer = page.post("/contacts/lists/new", {"name": "GUESTS", "visibility": "Private"})
    assert "There is a list &#x27;GUESTS&#x27; already." in answer.content.decode()
    assert ContactList.objects.count() == 1


def test_it_deletes_a_list_once_its_name_was_typed_and_keeps_its_contacts(of: Account, page: Client) -> None:
    row = listed(of, "Guests", 2)
    assert "is not “Guests”" in page.post(f"/contacts/lists/{row.pk}/delete", {"typed": "x"}).content.decode()
    page.post(f"/contacts/lists/{row.pk}/delete", {"typed": "Guests"})
    assert (ContactList.objects.count(), Contact.objects.count()) == (0, 2)


def test_a_list_that_a_segment_asks_for_stays(of: Account, page: Client) -> None:
    row = listed(of, "Guests", 1)
    ContactList.objects.create(
        account=of, name="Near", kind="segment", rule='audience("Guests")', created_at=NOW
    )
    shown = page.post(f"/contacts/lists/{row.pk}/delete", {"typed": "Guests"}).content.decode()
    assert "the segment “Near”" in shown
    assert ContactList.objects.filter(pk=row.pk).exists()


def test_a_list_of_another_account_is_not_there(of: Account, page: Client) -> None:
    other = listed(Account.objects.create(name="Other", created_at=NOW), "Guests", 1)
    for path in ("", "/edit", "/delete", "/contacts.csv"):
        assert page.get(f"/contacts/lists/{other.pk}{path}").status_code == 404


def test_sizes_that_take_long_are_shown_a_moment_later(
    of: Account, page: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = listed(of, "Guests", 3)
    monkeypatch.setattr(lists, "NUMBERS", 0.005)
    slow = f"with slow as materialized (select pg_sleep(0.02)) select c.* from ({members._COUNTS}) c, slow"
    monkeypatch.setattr(members, "_COUNTS", slow)
    for path in ("/contacts/lists", f"/contacts/lists/{row.pk}"):
        shown = page.get(path).content.decode()
        assert "being counted" in shown
        assert 'hx-get="?counted=1"' in shown
        assert "being counted" not in page.get(path, {"counted": "1"}).content.decode()


def test_joining_can_send_only_what_is_sent_again_and_again(of: Account, page: Client) -> None:
    common: dict[str, Any] = {"account": of, "name": "Welcome", "created_at": NOW, "updated_at": NOW}
    once = Campaign.objects.create(**common)
    twins = [Campaign.objects.create(**common, status="Triggered") for _ in range(2)]
    shown = page.get("/contacts/lists/new").content.decode()
    assert all(f"Welcome · {one.pk}</option>" in shown for one in twins)
    assert f"Welcome · {once.pk}<" not in shown
    said = {"name": "News", "visibility": "Private", "join_campaign": str(once.pk)}
    assert "not one of the available choices" in page.post("/contacts/lists/new", said).content.decode()
