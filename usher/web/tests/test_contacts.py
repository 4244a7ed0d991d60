"""Contacts: found by part of the address, and told with every why."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client

from usher.engage.accounts import create_account
from usher.engage.contacts.fields import create_field
from usher.engage.contacts.suppress import suppress
from usher.engage.contacts.write import Draft, save
from usher.engage.models import Audit, Campaign, Contact, ContactEvent, ContactList, Message, Send
from usher.engage.models.contacts import Status
from usher.web.figures import byrule
from usher.web.tests import scene

pytestmark = pytest.mark.django_db


def test_it_finds_by_part_of_the_address(house: None, page: Client) -> None:
    shown = page.get("/contacts", {"q": "CUSTOMER5@"}).content.decode()
    assert "Customer5@example.com" in shown
    assert "Customer6@example.com" not in shown


def test_it_leaves_seeds_out_unless_asked_for(house: None, page: Client) -> None:
    assert "seed+" not in page.get("/contacts", {"q": "seed"}).content.decode()
    assert "seed+" in page.get("/contacts", {"q": "seed", "who": "seeds"}).content.decode()


def test_it_filters_by_status(house: None, page: Client) -> None:
    shown = page.get("/contacts", {"status": "Unsubscribed"})
    (person,) = shown.context["rows"].rows
    assert str(person) == "Customer5@example.com"
    assert '<option value="NoMxRecord">domain takes no mail</option>' in shown.content.decode()
    Contact.objects.filter(pk=person.pk).update(opt_in_type="VerifiedDouble")
    assert "said yes and confirmed it by mail" in page.get(f"/contacts/{person.pk}").content.decode()


def found(page: Client, text: str) -> list[str]:
    return [str(person) for person in page.get("/contacts", {"q": text}).context["rows"].rows]


def test_it_finds_by_name_id_and_number(page: Client) -> None:
    of = create_account("Music shop", scene.NOW)
    said = {"FIRSTNAME": "Ann", "LASTNAME": "Müller"}
    ann, _ = save(of, Draft("x1@example.com", said, mobile_number="436601234567"), scene.NOW)
    save(of, Draft("bob@example.com", {"FIRSTNAME": "Ann", "LASTNAME": "Maier"}), scene.NOW)
    assert found(page, "ann mül") == ["x1@example.com"]
    assert found(page, str(ann.pk)) == ["x1@example.com"]
    assert found(page, "436601234567") == ["x1@example.com"]
    assert found(page, "ANN") == ["bob@example.com", "x1@example.com"]
    assert found(page, "ann@") == []


def test_it_edits_address_and_fields_of_the_same_person(page: Client) -> None:
    of = create_account("Music shop", scene.NOW)
    create_field(of, "VIP", "Boolean")
    ann, _ = save(of, Draft("ann@example.com", {"FIRSTNAME": "Ann", "LASTNAME": "M"}), scene.NOW)
    said = {"email": "anna@example.com", "field-FIRSTNAME": "Anna", "field-LASTNAME": "", "field-VIP": "true"}
    page.post(f"/contacts/{ann.pk}/edit", said)
    ann.refresh_from_db()
    assert (ann.email_key, ann.data) == ("anna@example.com", {"FIRSTNAME": "Anna", "VIP": True})
    assert set(Audit.objects.values_list("kind", "by")) == {("contact", "page alice")}
    save(of, Draft("bob@example.com"), scene.NOW)
    shown = page.post(f"/contacts/{ann.pk}/edit", said | {"email": "bob@example.com"}).content.decode()
    assert "belongs to another contact" in shown


def test_a_value_that_does_not_fit_is_named_at_its_field(page: Client) -> None:
    of = create_account("Music shop", scene.NOW)
    create_field(of, "BIRTHDAY", "Date")
    ann, _ = save(of, Draft("ann@example.com"), scene.NOW)
    said = {"email": "ann@example.com", "field-BIRTHDAY": "next week", "field-FIRSTNAME": "Ann"}
    shown = page.post(f"/contacts/{ann.pk}/edit", said).content.decode()
    assert "See below what does not fit. Nothing was saved." in shown
    assert '<ul class="errorlist"><li>This is not a date' in shown
    assert 'value="next week"' in shown
    ann.refresh_from_db()
    assert ann.data == {}


def test_it_counts_contacts_and_says_how_they_come_when_there_are_none(page: Client) -> None:
    of = create_account("Music shop", scene.NOW)
    shown = page.get("/contacts").content.decode()
    for way in ("/contacts/imports/new", "/contacts/forms", "/syncs"):
        assert f'<a href="{way}">' in shown, way
    save(of, Draft("ann@example.com"), scene.NOW)
    save(of, Draft("bob@example.com"), scene.NOW)
    assert "2 contacts</p>" in page.get("/contacts").content.decode()
    assert "contacts</p>" not in page.get("/contacts", {"q": "ann"}).content.decode()


def test_somebody_who_opted_out_is_not_edited(page: Client) -> None:
    of = create_account("Music shop", scene.NOW)
    ann, _ = save(of, Draft("ann@example.com"), scene.NOW)
    suppress(of, ["ann@example.com"], Status.UNSUBSCRIBED, "page", scene.NOW)
    page.post(f"/contacts/{ann.pk}/edit", {"email": "new@example.com"})
    ann.refresh_from_db()
    assert ann.email == "ann@example.com"


def test_it_tells_what_happened_and_why(shop: None, page: Client) -> None:
    person = Contact.objects.get(email_key="customer1@example.com")
    shown = page.get(f"/contacts/{person.pk}").content.decode()
    for said in (
        "Joined the list “Usher sync”",
        "Gained the auto tag LAPSED_BUYER",
        "Entered “Win back”",
        "Mailed “We miss you”",
        "asked for by the program “Win back”",
        "Opened “We miss you”",
        "Clicked in “We miss you”",
        "Clicked “We miss you”? No",
        "goes on to: Send “Your favourites are waiting”",
        "deferred by the relay: 421 4.7.0 try again later",
    ):
        assert said in shown, said


def test_it_tells_what_other_systems_tell(page: Client) -> None:
    of = create_account("Music shop", scene.NOW)
    ann, _ = save(of, Draft("ann@example.com"), scene.NOW)
    for summary in ("Searched for <Bali>", ""):
        ContactEvent.objects.create(
            account=of, contact=ann, type="Visit", at=scene.NOW, summary=summary, recorded_at=scene.NOW
        )
    shown = page.get(f"/contacts/{ann.pk}").content.decode()
    assert "Searched for &lt;Bali&gt;" in shown
    assert shown.count("Visit") == 1


def test_it_says_that_somebody_must_not_be_mailed(house: None, page: Client) -> None:
    person = Contact.objects.get(status="Unsubscribed")
    shown = page.get(f"/contacts/{person.pk}").content.decode()
    assert "This address must not be mailed: unsubscribed since" in shown
    assert "with the button of the mail program" in shown


def test_it_marks_a_seed(house: None, page: Client) -> None:
    seed = Contact.objects.filter(is_seed=True).first()
    assert seed
    assert "never counted as a customer" in page.get(f"/contacts/{seed.pk}").content.decode()


def test_it_filters_by_a_rule_the_newest_first(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(byrule, "FIRST", 20)
    of = create_account("Music shop", scene.NOW)
    for number in range(130):
        save(of, Draft(f"p{number:03}@example.com", {"FIRSTNAME": "Ann" if number % 2 else "Bob"}), scene.NOW)
    path, said = "/contacts", {"rule": 'FIRSTNAME = "Ann"'}
    first = page.get(path, said).context["rows"]
    assert [str(one) for one in first.rows[:2]] == ["p129@example.com", "p127@example.com"]
    second = page.get(path, {**said, "after": first.after}).context["rows"]
    assert ([len(first.rows), len(second.rows)], second.after) == ([50, 15], "")
    assert [str(one) for one in page.get(path, {**said, "q": "P003"}).context["rows"].rows] == [
        "p003@example.com"
    ]
    assert "The rule finds no contact" in page.get(path, {"rule": 'FIRSTNAME = "Eve"'}).content.decode()
    assert "The rule cannot be asked:" in page.get(path, {"rule": "FIRSTNAM"}).content.decode()


def test_a_rule_that_finds_few_goes_on_where_it_stopped(
    page: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(byrule, "FIRST", 5)
    monkeypatch.setattr(byrule, "ENOUGH", 0)
    of = create_account("Music shop", scene.NOW)
    for number in range(12):
        save(of, Draft(f"p{number}@example.com"), scene.NOW)
    monkeypatch.setattr("usher.web.figures.byrule.time.monotonic", iter(range(0, -100, -1)).__next__)
    found = byrule.found(of, 'EMAIL = "p0@example.com"', Contact.objects.all(), "", scene.NOW)
    assert ([str(one) for one in found.rows.rows], found.asked) == (["p0@example.com"], 0)
    monkeypatch.setattr("usher.web.figures.byrule.time.monotonic", iter([0, -1, 1]).__next__)
    found = byrule.found(of, 'EMAIL = "p0@example.com"', Contact.objects.all(), "", scene.NOW)
    assert (found.rows.rows, found.asked) == ([], 5)
    assert found.rows.after == str(Contact.objects.get(email="p7@example.com").pk)


def test_it_gives_somebody_all_that_is_known_of_them(house: None, page: Client) -> None:
    person = Contact.objects.get(email_key="customer1@example.com")
    answer = page.get(f"/contacts/{person.pk}/data.json")
    assert answer["Content-Disposition"] == f'attachment; filename="contact-{person.pk}.json"'
    assert answer.json()["contact"]["email"] == person.email


def test_it_erases_somebody_once_the_address_was_typed(house: None, page: Client) -> None:
    person = Contact.objects.get(email_key="customer1@example.com")
    path = f"/contacts/{person.pk}/erase"
    shown = page.get(path).content.decode()
    assert "This goes, for good" in shown
    assert "This stays, without the person" in shown
    assert "Nothing was erased." in page.post(path, {"typed": "somebody@example.com"}).content.decode()
    done = page.post(path, {"typed": "Customer1@example.com "}, follow=True).content.decode()
    assert "Erased. Of the address only a digest is kept." in done
    person.refresh_from_db()
    assert (person.email, person.data, person.status) == ("", {}, "Deleted")
    assert Audit.objects.filter(act="erase", by="page alice").count() == 1
    assert "of whom nothing is kept" in page.get(f"/contacts/{person.pk}").content.decode()
    assert "was erased or emptied already" in page.get(path).content.decode()


def test_it_tells_who_changed_what_and_why(page: Client) -> None:
    of = create_account("Music shop", scene.NOW)
    ann, _ = save(of, Draft("ann@example.com", {"FIRSTNAME": "Ann"}), scene.NOW)
    page.post(f"/contacts/{ann.pk}/edit", {"email": "ann@example.com", "field-FIRSTNAME": "Anna"})
    page.post(f"/contacts/{ann.pk}/standing", {"act": "suppress", "because": "asked by telephone"})
    shown = page.get(f"/contacts/{ann.pk}").content.decode()
    for said in ("Changed by alice", "FIRSTNAME: Ann → Anna", "Suppressed by alice", "asked by telephone"):
        assert said in shown, said
    assert "Must not be mailed" not in shown
    assert "the customer of this address" not in shown
    page.post(f"/contacts/{ann.pk}/standing", {"act": "resubscribe", "because": "asked again"})
    shown = page.get(f"/contacts/{ann.pk}").content.decode()
    assert "asked again" in shown
    assert "May be mailed again" not in shown


def test_it_tells_in_which_send_a_mail_came(page: Client) -> None:
    of = create_account("Music shop", scene.NOW)
    ann, _ = save(of, Draft("ann@example.com"), scene.NOW)
    spenders = ContactList.objects.create(account=of, name="Big spenders", created_at=scene.NOW)
    spring = Campaign.objects.create(account=of, name="Spring", created_at=scene.NOW, updated_at=scene.NOW)
    times = {"due_at": scene.NOW, "created_at": scene.NOW}
    send = Send.objects.create(account=of, campaign=spring, lists=[spenders.pk], **times)
    mail = Message(account=of, campaign=spring, contact=ann, send=send, state="sent")
    mail.queued_at = mail.due_at = mail.sent_at = scene.NOW
    mail.save()
    assert "in the send to “Big spenders”" in page.get(f"/contacts/{ann.pk}").content.decode()
    spenders.delete()
    assert "in the send to lists that are gone" in page.get(f"/contacts/{ann.pk}").content.decode()


def test_it_keeps_a_mobile_number_as_digits(page: Client) -> None:
    of = create_account("Music shop", scene.NOW)
    ann, _ = save(of, Draft("ann@example.com"), scene.NOW)
    said = {"email": "ann@example.com", "mobile": "+43 660 1234567"}
    page.post(f"/contacts/{ann.pk}/edit", said)
    ann.refresh_from_db()
    assert ann.mobile_number == "436601234567"
    shown = page.post(f"/contacts/{ann.pk}/edit", said | {"mobile": "12"}).content.decode()
    assert "is not a telephone number" in shown
    assert 'value="12"' in shown
    page.post(f"/contacts/{ann.pk}/edit", said | {"mobile": ""})
    ann.refresh_from_db()
    assert ann.mobile_number == ""


def test_what_a_rule_found_before_its_time_was_over_stays(
    page: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(byrule, "FIRST", 3)
    of = create_account("Music shop", scene.NOW)
    for number in range(9):
        save(of, Draft(f"p{number}@example.com"), scene.NOW)
    asked = byrule._members

    def slow(answers: str, ids: list[int]) -> list[int]:
        if len(ids) > 3:
            with connection.cursor() as cursor:
                cursor.execute("set local statement_timeout = 1; select pg_sleep(1)")
        return asked(answers, ids)

    monkeypatch.setattr(byrule, "_members", slow)
    shown = page.get("/contacts", {"rule": "EMAIL is set"})
    assert [str(one) for one in shown.context["rows"].rows] == [f"p{n}@example.com" for n in (8, 7, 6)]
    assert "3 contacts were asked, older ones not yet." in shown.content.decode()
    monkeypatch.setattr(byrule, "FIRST", 5)
    assert "This takes too long." in page.get("/contacts", {"rule": "EMAIL is set"}).content.decode()
