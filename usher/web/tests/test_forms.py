"""Sign-up forms: made and changed, looked at, put elsewhere, and their sign-ups counted by day."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from usher.engage.accounts import create_account
from usher.engage.lists.edit import create_list
from usher.engage.models import Account, Audit, Consent, ContactList, Form
from usher.engage.preferences import tree
from usher.lib import clock
from usher.web.tests.scene import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def of(db: None) -> Account:
    account = create_account("Music shop", NOW)
    create_list(account, "News", NOW)
    return account


def wanted(**more: str | list[str]) -> dict[str, str | list[str]]:
    said = {"name": "Join us", "list": str(ContactList.objects.get(name="News").pk), "title": "Join us"}
    return {**said, "consent_text": "Send me <news>", "enabled": "on", **more}


def test_it_says_what_to_do_without_forms_and_without_lists(page: Client) -> None:
    assert "No form yet." in page.get("/contacts/forms").content.decode()
    assert "Make one first" in page.get("/contacts/forms/new").content.decode()


def test_it_makes_a_form_with_fields_in_their_order_and_topics(of: Account, page: Client) -> None:
    jazz = tree.create(of, tree.Draft("Jazz"), NOW)
    asks = {
        "place-FIRSTNAME": "2",
        "place-LASTNAME": "1",
        "label-LASTNAME": "Surname",
        "required-LASTNAME": "on",
    }
    made = page.post("/contacts/forms/new", wanted(topic=[str(jazz.pk)], **asks), follow=True)
    form = Form.objects.get()
    assert made.redirect_chain[-1][0] == f"/contacts/forms/{form.pk}"
    assert form.fields == [
        {"name": "LASTNAME", "label": "Surname", "required": True},
        {"name": "FIRSTNAME", "label": "First name", "required": False},
    ]
    assert (form.preferences, form.slug, form.enabled) == ([jazz.pk], "join-us", True)
    assert set(Audit.objects.filter(kind="form").values_list("by", flat=True)) == {"page alice"}
    code = made.context["code"]
    assert '<input name="field_LASTNAME" autocomplete="family-name" required>' in code
    assert "Send me &lt;news&gt;" in code
    look = page.get(f"/contacts/forms/{form.pk}/look")
    assert "Surname" in look.content.decode()
    assert look["Content-Security-Policy"].startswith("sandbox;")


def test_it_changes_a_form_and_keeps_what_was_written_when_it_is_refused(of: Account, page: Client) -> None:
    page.post("/contacts/forms/new", wanted(**{"place-FIRSTNAME": "1"}))
    form = Form.objects.get()
    shown = page.get(f"/contacts/forms/{form.pk}/edit")
    assert shown.context["fields"][0].name == "FIRSTNAME"
    refused = wanted(slug="no address!", **{"place-LASTNAME": "1", "label-LASTNAME": "Family"})
    shown = page.post(f"/contacts/forms/{form.pk}/edit", refused)
    assert "is no address" in shown.content.decode()
    assert (shown.context["fields"][0].name, shown.context["fields"][0].label) == ("LASTNAME", "Family")
    page.post(f"/contacts/forms/{form.pk}/edit", wanted(enabled=""))
    form.refresh_from_db()
    assert (form.enabled, form.fields) == (False, [])


def test_its_code_signs_people_up_and_they_are_counted_by_day(of: Account, page: Client) -> None:
    page.post("/contacts/forms/new", wanted())
    form = Form.objects.get()
    for name in ("ann", "bob"):
        answer = Client().post(
            "/f/join-us", {"email": f"{name}@example.com", "consent": "on", "homepage": ""}
        )
        assert answer.status_code == 200
    assert Consent.objects.filter(source="form Join us").count() == 2
    Consent.objects.filter(contact__email_key="bob@example.com").update(recorded_at=NOW - timedelta(days=2))
    signed = page.get(f"/contacts/forms/{form.pk}").context["signed"]
    assert (signed["all"], signed["lately"], [many for _, many in signed["days"]]) == (2, 2, [1, 1])
    assert len(signed["chart"]["x"]) == 90
    clock.move(clock.virtual, NOW + timedelta(days=200))  # type: ignore[arg-type]
    signed = page.get(f"/contacts/forms/{form.pk}").context["signed"]
    assert (signed["all"], signed["lately"], signed["chart"]) == (2, 0, {})
    assert page.get("/contacts/forms").context["rows"][0][1] == 2


def test_a_form_of_another_account_is_not_there(of: Account, page: Client) -> None:
    other = create_account("Other", NOW)
    row = Form.objects.create(
        account=other, list=create_list(other, "L", NOW), name="F", slug="f", title="F", consent_text="Y",
        created_at=NOW, updated_at=NOW,
    )  # fmt: skip
    for path in ("", "/edit", "/look"):
        assert page.get(f"/contacts/forms/{row.pk}{path}").status_code == 404
