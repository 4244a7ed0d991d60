from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from usher.engage import definitions
from usher.engage.models import Account, Choice, Preference
from usher.engage.tests.conftest import NOW, Caller
from usher.lib.changes import Change, DefinitionError

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]


def make(api: Caller, name: str, **more: Any) -> int:
    body = {"publicName": name, "privateName": name, "isPreference": True} | more
    return int(api.json("POST /v2/preferences", body)["id"])


@pytest.fixture
def camping(api: Caller) -> int:
    return make(api, "Camping", isPreference=False)


def names(tree: list[dict[str, Any]]) -> list[Any]:
    return [(one["publicName"], names(one["preferences"])) for one in tree]


def test_it_makes_a_category_and_shows_it_whole(api: Caller) -> None:
    made = api.json("POST /v2/preferences", {"PublicName": "Contact", "PrivateName": "How"})
    assert made == {
        "id": made["id"],
        "publicName": "Contact",
        "privateName": "How",
        "isPreference": False,
        "order": "0",
        "isPublic": True,
        "categoryId": 0,
        "preferenceCount": 0,
        "created": made["created"],
        "lastModified": made["created"],
        "isOptedIn": None,
        "preferences": [],
    }


def test_preferences_stand_in_their_category_in_the_order_that_was_asked_for(
    api: Caller, camping: int
) -> None:
    make(api, "News", order="top")
    make(api, "Tents", categoryID=camping)
    make(api, "Stoves", categoryID=str(camping), order="0")
    make(api, "Boots", categoryID=camping, order="bottom")
    tree = api.json("GET /v2/preferences")
    assert names(tree) == [("News", []), ("Camping", [("Stoves", []), ("Tents", []), ("Boots", [])])]
    assert tree[1]["preferenceCount"] == 3
    assert [one["order"] for one in tree[1]["preferences"]] == ["0", "1", "2"]


def test_it_renames_and_moves(api: Caller, camping: int) -> None:
    tents = make(api, "Tents", categoryId=camping)
    make(api, "Stoves", categoryId=camping)
    body = {"id": tents, "publicName": "Big tents", "privateName": "tents", "order": "bottom"}
    changed = api.json(f"PUT /v2/preferences/{tents}", body)
    assert (changed["publicName"], changed["order"], changed["categoryId"]) == ("Big tents", "1", camping)
    api.json(f"PUT /v2/preferences/{tents}", {"publicName": "Big tents", "categoryId": 0})
    assert names(api.json("GET /v2/preferences")) == [("Camping", [("Stoves", [])]), ("Big tents", [])]


@pytest.mark.parametrize(
    "body",
    [
        {"publicName": "x"},
        {"privateName": " ", "publicName": "x"},
        {"privateName": "x" * 256},
        {"privateName": "x", "order": "middle"},
        {"privateName": "x", "isPreference": "perhaps"},
        {"privateName": "x", "isPreference": True, "categoryId": 4711},
    ],
)
def test_it_refuses_what_is_no_preference(api: Caller, body: dict[str, Any]) -> None:
    status, message = api.error("POST /v2/preferences", body)
    assert status == 400
    assert "ERROR_PREFERENCE_INVALID" in message


def test_a_category_is_in_no_category_and_stays_one(api: Caller, camping: int) -> None:
    inner = {"publicName": "x", "privateName": "x", "isPreference": False, "categoryId": camping}
    assert "ERROR_PREFERENCE_INVALID" in api.error("POST /v2/preferences", inner)[1]
    other = {"privateName": "x", "isPreference": True}
    assert "ERROR_PREFERENCE_INVALID" in api.error(f"PUT /v2/preferences/{camping}", other)[1]


def test_a_category_goes_with_its_preferences(api: Caller, camping: int) -> None:
    make(api, "Tents", categoryId=camping)
    said = api(f"DELETE /v2/preferences/{camping}")
    assert (said.status_code, said["Content-Type"].split(";")[0]) == (200, "text/plain")
    assert api.json("GET /v2/preferences") == []
    assert api.error(f"PUT /v2/preferences/{camping}", {}) == (404, "Error: ERROR_PREFERENCE_NOT_FOUND")


def test_what_was_changed_is_shown_in_its_category(api: Caller, camping: int) -> None:
    make(api, "Tents", categoryId=camping)
    assert api.json("GET /v2/preferences/modified-since/2999-01-01") == []
    assert names(api.json("GET /v2/preferences/modified-since/2020-01-01")) == [("Camping", [("Tents", [])])]


def test_a_contact_opts_in_and_out_by_either_name_of_the_path(api: Caller, camping: int) -> None:
    tents, news = make(api, "Tents", categoryId=camping), make(api, "News")
    alice = api.json("POST /v2/contacts", {"email": "alice@example.com"}, 201)["id"]
    inside = [{"id": tents, "isPreference": True, "isOptedIn": True}]
    body = [
        {"id": camping, "isPreference": False, "preferences": inside},
        {"id": news, "isPreference": True, "isOptedIn": True},
    ]
    assert api(f"PUT /v2/contacts/{alice}/preferences", body).status_code == 200
    out = [{"id": news, "isPreference": True, "isOptedIn": False}]
    assert api("PUT /v2/contact/alice@example.com/preferences", out).status_code == 200
    tree = api.json("GET /v2/contacts/alice@example.com/preferences")
    assert (tree[0]["isOptedIn"], tree[0]["preferences"][0]["isOptedIn"], tree[1]["isOptedIn"]) == (
        None,
        True,
        False,
    )
    said = api.json("GET /v2/contacts/alice@example.com/subscriptions")
    assert [
        (one["marketingPreferenceId"], one["isOptedIn"]) for one in said["marketingPreferenceOptIns"]
    ] == [
        (tents, True),
        (news, False),
    ]
    assert said["contact"]["status"] == "Subscribed"


def test_saying_the_same_again_keeps_the_moment(api: Caller, account: Account) -> None:
    news = make(api, "News")
    api.json("POST /v2/contacts", {"email": "alice@example.com"}, 201)
    body = [{"id": news, "isOptedIn": True}]
    api("PUT /v2/contacts/alice@example.com/preferences", body)
    Choice.objects.update(at=NOW)
    api("PUT /v2/contacts/alice@example.com/preferences", body)
    assert Choice.objects.get().at == NOW


def test_unknown_preferences_and_categories_are_refused(api: Caller, other: Caller, camping: int) -> None:
    theirs = make(other, "Theirs")
    api.json("POST /v2/contacts", {"email": "alice@example.com"}, 201)
    for number in (camping, theirs, 4711):
        body = [{"id": number, "isPreference": True, "isOptedIn": True}]
        status, message = api.error("PUT /v2/contacts/alice@example.com/preferences", body)
        assert status == 400
        assert "ERROR_PREFERENCE_NOT_FOUND" in message


def test_it_tells_who_opted_in_from_an_id_on(api: Caller) -> None:
    news, book = make(api, "News"), api.json("POST /v2/address-books", {"name": "Book"}, 201)["id"]
    people = []
    for name in ("alice", "bob", "carol"):
        row = api.json(f"POST /v2/address-books/{book}/contacts", {"email": f"{name}@example.com"})
        people.append(row["id"])
        api(f"PUT /v2/contacts/{row['id']}/preferences", [{"id": news, "isOptedIn": name != "bob"}])
    api.json("POST /v2/contacts", {"email": "dan@example.com"}, 201)
    api("PUT /v2/contacts/dan@example.com/preferences", [{"id": news, "isOptedIn": True}])
    path = f"contacts/with-preference/{news}"
    every = api.json(f"GET /v2/{path}")
    assert [one["email"][0] for one in every] == ["a", "c", "d"]
    assert api.json(f"GET /v2/{path}?minContactID={people[1]}") == every[1:]
    assert api.json(f"GET /v2/address-books/{book}/{path}") == every[:2]
    since = api.json(f"GET /v2/{path}/opt-ins-since/2020-01-01")
    assert [one["marketingPreferenceOptIns"][0]["isOptedIn"] for one in since] == [True, False, True, True]
    inside = api.json(f"GET /v2/address-books/{book}/{path}/opt-ins-since/2020-01-01")
    assert {one["marketingPreferenceOptIns"][0]["addressBookId"] for one in inside} == {book}
    assert api.json(f"GET /v2/{path}/opt-ins-since/2999-01-01") == []


def test_opting_out_of_a_topic_does_not_unsubscribe(api: Caller) -> None:
    news = make(api, "News")
    api.json("POST /v2/contacts", {"email": "alice@example.com"}, 201)
    api("PUT /v2/contacts/alice@example.com/preferences", [{"id": news, "isOptedIn": False}])
    assert api.json("GET /v2/contacts/alice@example.com")["status"] == "Subscribed"


def _apply(name: str, body: Any) -> Change:
    model = definitions.SECTIONS["preferences"].model_validate(body)
    return definitions.apply("preferences", name, model, base_dir=Path("/"), by="test", now=NOW)


def test_files_define_them_and_keep_what_people_chose(api: Caller, account: Account) -> None:
    assert _apply("Music", {"kind": "category"}).action == "created"
    assert _apply("Opera", {"category": "music", "public": True}).action == "created"
    assert _apply("Jazz", {"category": "Music"}).action == "created"
    contact = api.json("POST /v2/contacts", {"email": "ann@example.com"}, 201)
    opera = Preference.objects.get(private_name="Opera")
    api(f"PUT /v2/contacts/{contact['id']}/preferences", [{"id": opera.pk, "isOptedIn": True}])
    assert _apply("OPERA", {"category": "Music", "public": True}).fields == ("public_name",)
    changed = _apply("Opera", {"public_name": "Opera and ballet"})
    assert changed.fields == ("public_name", "public", "category")
    assert Choice.objects.get().preference_id == opera.pk
    exported = definitions.export("preferences")
    assert exported == {
        "Music": {"kind": "category"},
        "Jazz": {"category": "Music"},
        "Opera": {"public_name": "Opera and ballet"},
    }
    for name, body in exported.items():
        assert _apply(name, body).action == "unchanged"
    for name, body, said in (
        ("Folk", {"category": "Musik"}, "category: there is no category “Musik”"),
        ("Music", {}, "does not become a category"),
    ):
        with pytest.raises(DefinitionError, match=said):
            _apply(name, body)
    with pytest.raises(ValidationError, match="a category is in no other"):
        _apply("Folk", {"kind": "category", "category": "Music"})
