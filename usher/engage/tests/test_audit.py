from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction

from usher.engage import audit
from usher.engage.models import Account, Audit, ContactList
from usher.engage.tests.conftest import NOW, Caller

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]

#: Tables whose rows nobody changes by hand: what happened, what was sent, what the engine keeps for itself.
UNWATCHED = {
    "apicall",
    "attachment",
    "audit",
    "bulkremoval",
    "campaigncount",
    "claim",
    "click",
    "confirmation",
    "contactwords",
    "contactevent",
    "enrolment",
    "erased",  # a note would name who was to be forgotten
    "enrolmentfault",
    "happening",
    "importfault",
    "inboundtext",
    "letter",
    "link",
    "message",
    "move",
    "open",
    "pagemark",
    "pageview",
    "programcheck",
    "textmessage",
    "usednonce",
    "webhookstate",
}


def notes() -> list[tuple[Any, ...]]:
    return list(Audit.objects.order_by("pk").values_list("kind", "key", "act", "before", "after"))


def test_every_table_is_watched_or_meant_not_to_be(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "select distinct event_object_table from information_schema.triggers"
            " where trigger_name like 'written_down_%%'"
        )
        watched = {name.removeprefix("engage_") for (name,) in cursor.fetchall()}
    tables = {model._meta.model_name for model in apps.get_app_config("engage").get_models()}
    assert watched & UNWATCHED == set()
    assert watched | UNWATCHED == tables


def test_one_changed_row_is_noted_with_what_differs(account: Account) -> None:
    with audit.signed(account, "page anna", NOW):
        made = ContactList.objects.create(account=account, name="News", created_at=NOW)
        ContactList.objects.filter(pk=made.pk).update(name="Letters")
        ContactList.objects.filter(pk=made.pk).update(name="Letters")
        ContactList.objects.filter(pk=made.pk).delete()
    created, changed, deleted = notes()
    key = str(made.pk)
    assert created[:4] == ("list", key, "create", None)
    assert (created[4]["name"], created[4]["kind"]) == ("News", "list")
    assert changed == ("list", key, "change", {"name": "News"}, {"name": "Letters"})
    assert deleted[:3] == ("list", key, "delete")
    assert (deleted[3]["name"], deleted[4]) == ("Letters", None)
    assert set(Audit.objects.values_list("account", "by", "at")) == {(account.pk, "page anna", NOW)}


def test_a_statement_that_changes_many_is_one_note_with_their_count(account: Account) -> None:
    rows = [ContactList(account=account, name=f"List {n}", created_at=NOW) for n in range(150)]
    with audit.signed(account, "page anna", NOW):
        ContactList.objects.bulk_create(rows)
        ContactList.objects.filter(account=account).update(folder="Old")
        ContactList.objects.filter(account=account, name="nobody").update(folder="")
    first, second = notes()
    assert first[:4] == ("list", "", "create", None)
    assert first[4]["count"] == 150
    assert first[4]["first"] == [str(row.pk) for row in rows[:100]]
    assert (second[2], second[4]["count"]) == ("change", 150)


def test_nothing_is_noted_unless_somebody_signs(account: Account) -> None:
    with audit.signed(account, "page anna", NOW):
        pass
    ContactList.objects.create(account=account, name="News", created_at=NOW)
    assert notes() == []


def test_an_error_takes_the_notes_back_with_the_changes(account: Account) -> None:
    def broken() -> None:
        with audit.signed(account, "page anna", NOW):
            ContactList.objects.create(account=account, name="News", created_at=NOW)
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        broken()
    ContactList.objects.create(account=account, name="News", created_at=NOW)
    assert notes() == []


def test_what_no_row_tells_is_noted_by_hand(account: Account) -> None:
    with transaction.atomic():
        audit.note(account, "page anna", "contact", 7, "export", NOW, after={"rows": 3})
    assert notes() == [("contact", "7", "export", None, {"rows": 3})]


def test_secrets_are_not_noted(account: Account) -> None:
    with audit.signed(account, "page anna", NOW):
        account.api_users.create(username="me", password="hash", created_at=NOW)
        account.api_users.update(password="another")
    [(kind, key, act, _, after)] = notes()
    assert (kind, key, act) == ("API user", "me", "create")
    assert "password" not in after


def test_calls_are_written_down_with_what_was_there_before_and_after(api: Caller) -> None:
    contact = api.json("POST /v2/contacts", {"email": "alice@example.com"}, 201)
    api.json(
        "POST /v2/contacts",
        {"email": "Alice@example.com", "dataFields": [{"key": "FIRSTNAME", "value": "Alice"}]},
        201,
    )
    api.json("GET /v2/contacts")
    created, changed = notes()
    key = str(contact["id"])
    assert created[:4] == ("contact", key, "create", None)
    assert changed == ("contact", key, "change", {"data": {}}, {"data": {"FIRSTNAME": "Alice"}})
    [by] = Audit.objects.values_list("by", flat=True).distinct()
    assert by.startswith("api apiuser-")


def test_a_bulk_change_by_a_call_is_one_note(api: Caller) -> None:
    for name in "abc":
        api.json("POST /v2/contacts", {"email": f"{name}@example.com"}, 201)
    Audit.objects.all().delete()
    api.json("PUT /v2/contacts/suppress-contacts", [{"email": f"{name}@example.com"} for name in "abc"])
    found = {(kind, act, after["count"]) for kind, _, act, _, after in notes()}
    assert found == {("suppression", "create", 3), ("contact", "change", 3)}


def test_an_import_is_one_note(api: Caller) -> None:
    job = api.upload("/v2/contacts/import", "email\na@example.com\nb@example.com\n")
    [(kind, key, act, _, after)] = notes()
    assert (kind, key, act, after["file_name"]) == ("import", job["id"], "create", "people.csv")
    assert "content" not in after


def test_a_refused_call_leaves_no_note(api: Caller) -> None:
    assert api("POST /v2/contacts", {"email": "nonsense"}).status_code == 400
    assert notes() == []
