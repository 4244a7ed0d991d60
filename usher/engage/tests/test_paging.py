from __future__ import annotations

from datetime import timedelta

import pytest

from usher.engage.contacts.write import Draft, save
from usher.engage.lists import members
from usher.engage.models import Account, Contact, ContactList, PageMark
from usher.engage.tests.conftest import NOW, Caller

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]


@pytest.fixture
def people(account: Account) -> list[int]:
    return [save(account, Draft(f"p{n}@example.com"), NOW)[0].pk for n in range(10)]


def ids(api: Caller, path: str) -> list[int]:
    return [one["id"] for one in api.json(f"GET {path}")]


def test_pages_follow_on_each_other_to_an_empty_one(api: Caller, people: list[int]) -> None:
    pages = [ids(api, f"/v2/contacts?select=4&skip={skip}") for skip in (0, 4, 8, 12)]
    assert pages == [people[:4], people[4:8], people[8:], []]


def test_whoever_reads_on_misses_nobody_when_rows_of_earlier_pages_go_away(
    api: Caller, people: list[int]
) -> None:
    assert ids(api, "/v2/contacts?select=4") == people[:4]
    Contact.objects.filter(pk__in=people[:3]).update(status="Deleted")
    assert ids(api, "/v2/contacts?select=4&skip=4") == people[4:8]
    assert ids(api, "/v2/contacts?select=4") == people[3:7], "who begins again sees what is there now"
    assert ids(api, "/v2/contacts?select=4&skip=4") == people[7:]


def test_a_page_whose_mark_is_lost_or_old_is_counted_off(api: Caller, people: list[int]) -> None:
    assert ids(api, "/v2/contacts?select=4&skip=6") == people[6:]
    ids(api, "/v2/contacts?select=4")
    PageMark.objects.update(after=people[0], at=NOW - timedelta(days=1))
    assert ids(api, "/v2/contacts?select=4&skip=4") == people[4:8]


def test_a_page_between_two_marks_is_counted_off_from_the_nearer(api: Caller, people: list[int]) -> None:
    for skip in (0, 4):
        ids(api, f"/v2/contacts?select=4&skip={skip}")
    assert ids(api, "/v2/contacts?select=3&skip=5") == people[5:8]
    assert ids(api, "/v2/contacts?select=3&skip=7") == people[7:]


def test_one_question_does_not_read_anothers_marks(api: Caller, account: Account, people: list[int]) -> None:
    news = ContactList.objects.create(account=account, name="News", created_at=NOW)
    for person in people[5:]:
        members.join(news, Contact.objects.get(pk=person), NOW)
    ids(api, "/v2/contacts?select=2")
    path = f"/v2/address-books/{news.pk}/contacts"
    assert ids(api, f"{path}?select=2&skip=2") == people[7:9]
    assert ids(api, f"{path}?select=2") == people[5:7]
    assert ids(api, f"{path}?select=2&skip=2") == people[7:9]
    assert ids(api, "/v2/contacts?select=2&skip=2") == people[2:4]


def test_where_a_page_ended_is_kept(api: Caller, people: list[int]) -> None:
    ids(api, "/v2/contacts?select=4")
    mark = PageMark.objects.get()
    assert (mark.skip, mark.after) == (4, people[3])


def test_marks_that_nobody_believes_any_more_are_taken_away(api: Caller, people: list[int]) -> None:
    ids(api, "/v2/contacts?select=2")
    PageMark.objects.update(at=NOW - timedelta(days=999), query="gone")
    ids(api, "/v2/contacts?select=2")
    assert not PageMark.objects.filter(query="gone").exists()


def test_a_skip_beyond_all_is_empty(api: Caller, people: list[int]) -> None:
    assert ids(api, f"/v2/contacts?skip={2**63 - 1}") == []
