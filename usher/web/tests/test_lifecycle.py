"""What becomes of audiences: found in folders, stale, come and gone, frozen, deleted."""

from __future__ import annotations

import pytest
from django.test import Client

from usher.audiences import evaluate, tagging
from usher.audiences.models import Audience, ComputedField, Snapshot
from usher.web.tests import scene

pytestmark = pytest.mark.django_db


def read(answer: object) -> str:
    return answer.content.decode()  # type: ignore[attr-defined]


def test_audiences_are_found_by_text_kind_and_folder(house: None, page: Client) -> None:
    Audience.objects.filter(name="mailable").update(folder="Marketing/Opera", owner="Olga")
    assert "mailable" in read(page.get("/audiences", {"q": "olga"}))
    shown = read(page.get("/audiences", {"kind": "tag"}, headers={"HX-Request": "true"}))
    assert "STAFF" in shown
    assert "mailable" not in shown
    shown = read(page.get("/audiences", {"folder": "Marketing"}, headers={"HX-Request": "true"}))
    assert '<th scope="rowgroup" colspan="7">Marketing/Opera</th>' in shown
    assert "STAFF" not in shown
    assert "No audience fits." in read(page.get("/audiences", {"q": "nothing like it"}))


def test_one_that_could_not_be_evaluated_says_why_and_since_when(shop: None, page: Client) -> None:
    lapsed = Audience.objects.get(name="LAPSED_BUYER")
    last = Snapshot.objects.filter(audience=lapsed).latest("evaluation__number")
    Snapshot.objects.filter(pk=last.pk).update(error="there is no column colour")
    for path in ("/audiences", f"/audiences/{lapsed.pk}", "/audiences/tags"):
        shown = read(page.get(path))
        assert '<span class="pill warn">stale</span>' in shown
    assert "There is no column colour." in read(page.get(f"/audiences/{lapsed.pk}"))


def test_it_says_who_went_and_which_part_of_the_rule_made_it(house: None, page: Client) -> None:
    lapsed = Audience.objects.get(name="LAPSED_BUYER")
    evaluate.evaluate(scene.NOW - 150 * scene.DAY)
    evaluate.evaluate(scene.NOW)
    shown = read(page.get(f"/audiences/{lapsed.pk}/turns", {"from": "1998-02-01", "change": "gained"}))
    assert "80 rows" in shown
    assert "no longer true:" in shown
    assert "have ordered in the last 180 days" in shown
    assert "Nobody." in read(page.get(f"/audiences/{lapsed.pk}/turns", {"from": "2001-01-01"}))
    assert "Nobody." in read(page.get(f"/audiences/{lapsed.pk}/turns", {"change": "lost"}))


@pytest.mark.parametrize("asked", [{"from": "nonsense"}, {"to": "1998-13-45"}, {"page": "x"}, {"page": "99"}])
def test_it_answers_dates_that_are_none(shop: None, page: Client, asked: dict[str, str]) -> None:
    lapsed = Audience.objects.get(name="LAPSED_BUYER")
    assert page.get(f"/audiences/{lapsed.pk}/turns", asked).status_code == 200


def test_members_are_frozen_into_a_list_of_their_own(shop: None, page: Client) -> None:
    lapsed = Audience.objects.get(name="LAPSED_BUYER")
    assert "80 members" in read(page.get(f"/audiences/{lapsed.pk}/freeze"))
    page.post(f"/audiences/{lapsed.pk}/freeze", {"name": "Lapsed in March"})
    made = Audience.objects.get(name="Lapsed in March")
    assert (made.kind, len(tagging.current(made))) == ("frozen_list", 80)
    again = read(page.post(f"/audiences/{lapsed.pk}/freeze", {"name": "Lapsed in March"}))
    assert "the name is taken" in again
    assert "A snapshot: its members stay as they are." in read(page.get(f"/audiences/{made.pk}"))


def test_what_is_in_use_is_not_deleted_and_says_by_what(shop: None, page: Client) -> None:
    mailable = Audience.objects.get(name="mailable")
    assert "Sync “Usher sync”" in read(page.get(f"/audiences/{mailable.pk}/delete"))
    page.post(f"/audiences/{mailable.pk}/delete", {"typed": "mailable"})
    assert Audience.objects.filter(pk=mailable.pk).exists()


def test_what_nothing_needs_is_deleted_once_its_name_was_typed(house: None, page: Client) -> None:
    made = Audience.objects.create(name="passing", kind="customer_list", rule="email is set")
    page.post(f"/audiences/{made.pk}/delete", {"typed": "passed"})
    assert Audience.objects.filter(pk=made.pk).exists()
    page.post(f"/audiences/{made.pk}/delete", {"typed": "passing"})
    assert not Audience.objects.filter(pk=made.pk).exists()


def test_a_field_that_a_sync_takes_stays(house: None, page: Client) -> None:
    taken = ComputedField.objects.get(name="ORDERS")
    assert "Usher sync" in read(page.get(f"/audiences/fields/{taken.pk}/delete"))
    page.post(f"/audiences/fields/{taken.pk}/delete", {"typed": "ORDERS"})
    assert ComputedField.objects.filter(pk=taken.pk).exists()


def test_it_shows_the_definition_to_put_into_a_file(shop: None, page: Client) -> None:
    lapsed = Audience.objects.get(name="LAPSED_BUYER")
    shown = read(page.get(f"/audiences/{lapsed.pk}"))
    assert "auto_tags:\n  LAPSED_BUYER:\n    group: Win back" in shown
    assert "Changes on this page do not change files." in shown
