from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from usher.engage.models import Account, Contact
from usher.engage.programs import definitions as programs
from usher.engage.segments.edit import create_segment
from usher.engage.tests.conftest import NOW, Caller

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]


@pytest.mark.parametrize(
    ("sent", "made"),
    [
        ({"name": "age", "type": "Numeric"}, ("AGE", "Numeric", "Private", None)),
        ({"Name": "Shoe_Size-1", "Type": "numeric"}, ("SHOE_SIZE-1", "Numeric", "Private", None)),
        ({"name": "A", "type": "Text", "visibility": "public"}, ("A", "String", "Public", None)),
        ({"name": "A", "type": "Yes/No", "defaultValue": True}, ("A", "Boolean", "Private", "true")),
        ({"name": "A", "type": "Date", "defaultValue": "2020-01-01"}, ("A", "Date", "Private", "2020-01-01")),
        ({"name": "A", "type": "Numeric", "defaultValue": 7}, ("A", "Numeric", "Private", "7")),
        ({"name": "A"}, ("A", "String", "Private", None)),
    ],
)
def test_it_makes_a_field(api: Caller, sent: dict[str, Any], made: tuple[str, ...]) -> None:
    field = api.json("POST /v2/data-fields", sent, 201)
    assert tuple(field.values()) == made
    assert list(field) == ["name", "type", "visibility", "defaultValue"]
    assert field in api.json("GET /v2/data-fields/")


@pytest.mark.parametrize(
    ("sent", "token"),
    [
        ({"name": ""}, "ERROR_DATAFIELD_INVALID"),
        ({"name": "two words"}, "ERROR_DATAFIELD_INVALID"),
        ({"name": "x" * 21}, "ERROR_DATAFIELD_INVALID"),
        ({"name": "größe"}, "ERROR_DATAFIELD_INVALID"),
        ({"name": "email"}, "ERROR_DATAFIELD_INVALID"),
        ({"name": "ContactId"}, "ERROR_DATAFIELD_INVALID"),
        ({"name": "A", "type": "Float"}, "ERROR_DATAFIELD_INVALID"),
        ({"name": "A", "visibility": "Secret"}, "ERROR_DATAFIELD_INVALID"),
        ({"name": "A", "type": "Numeric", "defaultValue": "many"}, "ERROR_DATAFIELD_INVALID"),
        ({"name": "FirstName"}, "ERROR_NON_UNIQUE_DATAFIELD"),
    ],
)
def test_it_refuses_bad_fields(api: Caller, sent: dict[str, Any], token: str) -> None:
    status, message = api.error("POST /v2/data-fields", sent)
    assert (status, message.rsplit(" ", 1)[1]) == (400, token)


def test_a_field_twice_is_refused_in_the_words_that_clients_match(api: Caller) -> None:
    api.json("POST /v2/data-fields", {"name": "AGE", "type": "Numeric"}, 201)
    assert api.error("POST /v2/data-fields", {"name": "age", "type": "String"}) == (
        400,
        "Field already exists. ERROR_NON_UNIQUE_DATAFIELD",
    )


def test_a_default_is_never_a_contacts_value(api: Caller) -> None:
    api.json("POST /v2/data-fields", {"name": "TIER", "defaultValue": "none"}, 201)
    contact = api.json("POST /v2/contacts", {"email": "alice@example.com"}, 201)
    assert contact["dataFields"][-1] == {"key": "TIER", "value": None}


def test_removing_a_field_removes_its_values(api: Caller) -> None:
    api.json("POST /v2/data-fields", {"name": "AGE", "type": "Numeric"}, 201)
    data = [{"key": "AGE", "value": 1}, {"key": "FIRSTNAME", "value": "Al"}]
    api.json("POST /v2/contacts", {"email": "alice@example.com", "dataFields": data}, 201)
    assert api.json("DELETE /v2/data-fields/age") == {"result": True, "dependencies": None}
    assert Contact.objects.get().data == {"FIRSTNAME": "Al"}
    assert api.error("DELETE /v2/data-fields/age") == (404, "Error: ERROR_DATAFIELD_NOTFOUND")


def test_fields_in_use_and_built_in_ones_stay(api: Caller) -> None:
    api.json("POST /v2/data-fields", {"name": "AGE"}, 201)
    body = {
        "name": "Birthday",
        "subject": "You are @age@",
        "fromName": "Shop",
        "htmlContent": '<a href="http://$UNSUB$">leave</a>',
        "plainTextContent": "http://$UNSUB$",
    }
    campaign = api.json("POST /v2/campaigns", body, 201)["id"]
    assert api.json("DELETE /v2/data-fields/AGE") == {
        "result": False,
        "dependencies": [{"type": "Campaign", "objectId": campaign}],
    }
    assert api.json("DELETE /v2/data-fields/FIRSTNAME") == {"result": False, "dependencies": None}


def test_a_field_that_a_segment_or_program_asks_for_stays(api: Caller, account: Account) -> None:
    for name in ("SHOES", "HATS", "GLOVES"):
        api.json("POST /v2/data-fields", {"name": name, "type": "Numeric"}, 201)
    segment = create_segment(account, "Shod", "SHOES > 1", NOW)
    body = {"start": {"every_day_at": "07:00", "rule": "HATS > 1"}, "steps": [{"end": "done"}]}
    programs.apply(
        "programs",
        "Hatters",
        programs.SECTIONS["programs"].model_validate(body),
        base_dir=Path(),
        by="test",
        now=NOW,
    )
    shoes = {"result": False, "dependencies": [{"type": "AddressBook", "objectId": segment.pk}]}
    assert api.json("DELETE /v2/data-fields/shoes") == shoes
    assert api.json("DELETE /v2/data-fields/HATS") == {"result": False, "dependencies": []}
    assert api.json("DELETE /v2/data-fields/GLOVES") == {"result": True, "dependencies": None}


def test_the_number_of_fields_and_lists_may_be_limited(api: Caller, account: Account) -> None:
    Account.objects.filter(pk=account.pk).update(limits={"data_fields": 6, "lists": 1})
    api.json("POST /v2/data-fields", {"name": "SHOES", "type": "Numeric"}, 201)
    answer = api.error("POST /v2/data-fields", {"name": "HATS", "type": "Numeric"})
    assert answer == (400, "The account has 6 data fields already. ERROR_DATAFIELD_LIMITEXCEEDED")
    api.json("POST /v2/address-books", {"name": "News"}, 201)
    answer = api.error("POST /v2/address-books", {"name": "More"})
    assert answer == (400, "The account has 1 lists already. ERROR_ADDRESSBOOK_LIMITEXCEEDED")
