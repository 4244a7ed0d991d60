"""Tags by hand: for one customer, for many typed ones, by a file that is tried first, by another audience."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from usher.audiences import tagging
from usher.audiences.models import Audience, TagGroup

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(house: None) -> Audience:
    return Audience.objects.get(name="STAFF")


def people(audience: Audience) -> str:
    return f"/audiences/{audience.pk}/people"


def token_in(shown: str) -> str:
    found = re.search(r'name="token" value="([0-9a-f]+)"', shown)
    assert found
    return found[1]


def test_typed_keys_and_addresses_are_put_in(staff: Audience, page: Client) -> None:
    given = {"way": "typed", "action": "add", "who": "1\ncustomer2@example.com, nobody@example.com"}
    shown = page.post(people(staff), given, follow=True).content.decode()
    assert tagging.current(staff) == ["1", "2"]
    assert "2 put in" in shown
    assert "1 mean no certain customer" in shown
    assert "nobody@example.com: no customer has this key or address" in shown
    put = staff.assignments.first()
    assert put
    assert (put.cause, put.by) == ("user", "alice")


def test_typed_ones_are_taken_out(staff: Audience, page: Client) -> None:
    page.post(people(staff), {"way": "typed", "action": "add", "who": "1,2,3"})
    page.post(people(staff), {"way": "typed", "action": "remove", "who": "2"})
    assert tagging.current(staff) == ["1", "3"]


def test_a_file_is_tried_before_anything_is_done(staff: Audience, page: Client) -> None:
    page.post(people(staff), {"way": "typed", "action": "add", "who": "1"})
    rows = "email,why\ncustomer1@example.com,x\ncustomer7@example.com,y\nnobody@example.com,\nbad,\n"
    file = SimpleUploadedFile("fair.csv", rows.encode())
    shown = page.post(people(staff), {"way": "file", "action": "add", "file": file}).content.decode()
    assert "What fair.csv would do" in shown
    assert "the column “email”" in shown
    assert re.search(r"put in</td><td class=\"num up\">1<", shown)
    assert '<td class="n">4</td><td>nobody@example.com</td>' in shown
    assert tagging.current(staff) == ["1"]
    given = {"way": "confirmed", "action": "add", "token": token_in(shown), "name": "fair.csv"}
    page.post(people(staff), given)
    assert tagging.current(staff) == ["1", "7"]
    put = staff.assignments.get(key="7")
    assert (put.cause, put.origin) == ("import", "fair.csv")
    again = page.post(people(staff), given).content.decode()
    assert "The file is not there any more; choose it again." in again


@pytest.mark.parametrize("token", ["", "../../secret.key", "0" * 32])
def test_only_a_kept_file_is_read(staff: Audience, page: Client, token: str) -> None:
    shown = page.post(people(staff), {"way": "confirmed", "action": "add", "token": token}).content.decode()
    assert "The file is not there any more" in shown


def test_of_a_file_without_a_known_column_one_is_chosen(staff: Audience, page: Client) -> None:
    file = SimpleUploadedFile("fair.csv", "Größe,Wer\n42,customer3@example.com\n43,nobody\n".encode())
    shown = page.post(people(staff), {"way": "file", "file": file}).content.decode()
    assert "no column is known to hold keys or addresses among Größe, Wer" in shown
    assert "<option>Größe</option><option>Wer</option>" in shown
    given = {"way": "column", "token": token_in(shown), "name": "fair.csv", "column": "Wer", "match": "email"}
    shown = page.post(people(staff), given).content.decode()
    assert "the column “Wer” as e-mail addresses" in shown
    assert '<td class="n">3</td><td>nobody</td><td>it is not an e-mail address</td>' in shown
    assert tagging.current(staff) == []
    page.post(people(staff), {**given, "way": "confirmed"})
    assert tagging.current(staff) == ["3"]


def test_a_recognised_column_can_be_left_for_another(staff: Audience, page: Client) -> None:
    file = SimpleUploadedFile("fair.csv", b"id,friend\n1,2\n")
    shown = page.post(people(staff), {"way": "file", "file": file}).content.decode()
    assert "<option selected>id</option><option>friend</option>" in shown
    given = {"token": token_in(shown), "name": "fair.csv", "column": "friend", "match": "key"}
    assert (
        "the column “friend” as keys" in page.post(people(staff), given | {"way": "column"}).content.decode()
    )
    page.post(people(staff), given | {"way": "confirmed"})
    assert tagging.current(staff) == ["2"]


def test_a_file_that_begins_with_a_customer_needs_a_header(staff: Audience, page: Client) -> None:
    file = SimpleUploadedFile("fair.csv", b"customer1@example.com\ncustomer2@example.com\n")
    shown = page.post(people(staff), {"way": "file", "file": file}).content.decode()
    assert "its first row holds the address customer1@example.com where the columns are named" in shown


def test_rows_that_name_a_customer_again_are_counted(staff: Audience, page: Client) -> None:
    file = SimpleUploadedFile("fair.csv", b"id\n1\n1\n2\n1\n")
    shown = page.post(people(staff), {"way": "file", "file": file}).content.decode()
    assert 'name the same customer again</td><td class="num">2<' in shown


def test_typed_ones_may_be_all_the_members(staff: Audience, page: Client) -> None:
    page.post(people(staff), {"way": "typed", "action": "add", "who": "1,2,3"})
    page.post(people(staff), {"way": "typed", "action": "replace", "who": "2,4"})
    assert tagging.current(staff) == ["2", "4"]


def test_leaving_nobody_or_few_is_asked_first(staff: Audience, page: Client) -> None:
    page.post(people(staff), {"way": "typed", "action": "add", "who": "1,2,3"})
    nobody = {"way": "typed", "action": "replace", "who": 'who"s, this'}
    shown = page.post(people(staff), nobody).content.decode()
    assert "nobody would be left in it" in shown
    assert 'take out</td><td class="num down">3<' in shown
    assert 'no such customer</td><td class="num">2<' in shown
    assert "readonly>who&quot;s, this</textarea>" in shown
    assert tagging.current(staff) == ["1", "2", "3"]
    page.post(people(staff), nobody | {"sure": "yes"})
    assert tagging.current(staff) == []


def test_taking_most_of_many_out_is_asked_first(staff: Audience, page: Client) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    tagging.tag(staff, [f"old{number}" for number in range(101)], by="ann", at=now, cause="api")
    few = {"way": "typed", "action": "replace", "who": "1,2"}
    shown = page.post(people(staff), few).content.decode()
    assert "more than half of its members would go" in shown
    assert "Take 101 out" in shown
    page.post(people(staff), few | {"sure": "yes"})
    assert tagging.current(staff) == ["1", "2"]


def test_all_of_another_audience_are_put_in_after_their_number_was_shown(
    shop: None, staff: Audience, page: Client
) -> None:
    lapsed = Audience.objects.get(name="LAPSED_BUYER")
    shown = page.post(people(staff), {"way": "audience", "other": lapsed.pk}).content.decode()
    assert "Put 80 customers in" in shown
    assert tagging.current(staff) == []
    page.post(people(staff), {"way": "audience", "other": lapsed.pk, "sure": "yes"})
    assert len(tagging.current(staff)) == 80


def test_nobody_is_put_into_what_has_a_rule(house: None, page: Client) -> None:
    lapsed = Audience.objects.get(name="LAPSED_BUYER")
    assert page.get(people(lapsed)).status_code == 404
    page.post("/audiences/customers/1/mark", {"audience": lapsed.pk, "do": "on"})
    assert lapsed.assignments.count() == 0


def test_a_tag_is_put_on_one_customer_and_taken_off(staff: Audience, page: Client) -> None:
    shown = page.post("/audiences/customers/5/mark", {"audience": staff.pk, "do": "on"}, follow=True)
    assert "STAFF is put on." in shown.content.decode()
    assert tagging.current(staff) == ["5"]
    page.post("/audiences/customers/5/mark", {"audience": staff.pk, "do": "off"})
    assert tagging.current(staff) == []


def test_a_customer_is_found_by_address_and_shown_whole(shop: None, page: Client) -> None:
    answer = page.get("/audiences/customers", {"key": "Customer7@example.com"}, follow=True)
    shown = answer.content.decode()
    assert answer.redirect_chain == [("/audiences/customers/7", 302)]
    assert "customer7@example.com" in shown
    assert "LAPSED_BUYER" in shown
    assert "mailable" in shown


def test_nobody_is_nobody(house: None, page: Client) -> None:
    assert "there is no customer" in page.get("/audiences/customers/nobody").content.decode().lower()
    assert page.post("/audiences/customers/nobody/mark", {"audience": 0}).status_code == 404


def test_tags_stand_in_their_groups(shop: None, page: Client) -> None:
    shown = page.get("/audiences/tags").content.decode()
    assert shown.index("Win back") < shown.index("LAPSED_BUYER") < shown.index("Without a group")
    assert shown.index("Without a group") < shown.index("STAFF")


def test_groups_are_made_changed_and_deleted_while_empty(house: None, page: Client) -> None:
    page.post("/audiences/tags/groups", {"name": "House", "description": "Ours"})
    page.post("/audiences/tags/groups", {"name": "House", "description": "Our own"})
    made = TagGroup.objects.get(name="House")
    assert made.description == "Our own"
    page.post(f"/audiences/tags/groups/{made.pk}/delete")
    assert not TagGroup.objects.filter(name="House").exists()
    used = TagGroup.objects.get(name="Win back")
    shown = page.post(f"/audiences/tags/groups/{used.pk}/delete", follow=True).content.decode()
    assert "LAPSED_BUYER" in shown
    assert TagGroup.objects.filter(pk=used.pk).exists()


def test_a_tag_too_long_to_be_synced_says_so(house: None, page: Client) -> None:
    hint = "more than 16 characters: cannot be synced to Dotdigital"
    assert hint not in page.get("/audiences/tags").content.decode()
    Audience.objects.create(kind=Audience.Kind.TAG, name="TAG_TOO_LONG_FOR_DD")
    assert page.get("/audiences/tags").content.decode().count(hint) == 1
