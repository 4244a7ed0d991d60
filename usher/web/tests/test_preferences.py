"""Preferences: topics in categories, made, moved, counted, and deleted when nothing needs them."""

from __future__ import annotations

import pytest
from django.test import Client

from usher.engage.accounts import create_account
from usher.engage.contacts.write import Draft, remove, save
from usher.engage.forms import edit
from usher.engage.lists.edit import create_list
from usher.engage.models import Account, Audit, Choice, Preference
from usher.engage.preferences.choices import choose
from usher.web.tests.scene import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def of(db: None) -> Account:
    return create_account("Music shop", NOW)


def made(page: Client, name: str, **more: str) -> Preference:
    said = {"private_name": name, "kind": "topic", **more}
    page.post("/contacts/preferences", said)
    return Preference.objects.get(private_name=name)


def test_it_makes_categories_and_topics_and_shows_them_as_a_tree(of: Account, page: Client) -> None:
    assert "No topic yet." in page.get("/contacts/preferences").content.decode()
    music = made(page, "Music", kind="category")
    jazz = made(page, "Jazz", category=str(music.pk), is_public="on", public_name="Jazz & blues")
    assert (jazz.category_id, jazz.is_public, music.is_preference) == (music.pk, True, False)
    (top,) = page.get("/contacts/preferences").context["topics"]
    assert ([one.row.private_name for one in top.below], top.row.private_name) == (["Jazz"], "Music")
    assert set(Audit.objects.filter(kind="preference").values_list("by", flat=True)) == {"page alice"}


def test_twins_are_refused_side_by_side(of: Account, page: Client) -> None:
    music = made(page, "Music", kind="category")
    jazz = made(page, "Jazz", category=str(music.pk))
    twin = {"private_name": " JAZZ", "kind": "topic", "category": str(music.pk)}
    assert "there is “JAZZ” already" in page.post("/contacts/preferences", twin).content.decode()
    page.post("/contacts/preferences", twin | {"category": ""})
    assert Preference.objects.filter(private_name="JAZZ", category=None).exists()
    kept = {"private_name": "jazz", "category": str(music.pk)}
    assert page.post(f"/contacts/preferences/{jazz.pk}", kept).status_code == 302


def test_it_counts_who_chose_what(of: Account, page: Client) -> None:
    jazz = made(page, "Jazz")
    people = [save(of, Draft(f"{name}@example.com"), NOW)[0] for name in "abcd"]
    for person, said in zip(people, (True, True, False, True), strict=True):
        choose(person, {jazz.pk: said}, NOW)
    remove(people[3], NOW)
    (top,) = page.get("/contacts/preferences").context["topics"]
    assert (top.chose, top.left) == (2, 1)


def test_it_moves_them_up_and_down(of: Account, page: Client) -> None:
    for name in ("A", "B", "C"):
        made(page, name)

    def order() -> list[str]:
        return [one.row.private_name for one in page.get("/contacts/preferences").context["topics"]]

    page.post(f"/contacts/preferences/{Preference.objects.get(private_name='C').pk}/move", {"to": "up"})
    assert order() == ["A", "C", "B"]
    page.post(f"/contacts/preferences/{Preference.objects.get(private_name='A').pk}/move", {"to": "down"})
    assert order() == ["C", "A", "B"]
    page.post(f"/contacts/preferences/{Preference.objects.get(private_name='C').pk}/move", {"to": "up"})
    assert order() == ["C", "A", "B"]


def test_it_renames_one_and_puts_it_into_a_category(of: Account, page: Client) -> None:
    music, jazz = made(page, "Music", kind="category"), made(page, "Jazz")
    page.post(f"/contacts/preferences/{jazz.pk}", {"private_name": "Swing", "category": str(music.pk)})
    jazz.refresh_from_db()
    assert (jazz.private_name, jazz.category_id, jazz.is_preference) == ("Swing", music.pk, True)
    shown = page.post(f"/contacts/preferences/{jazz.pk}", {"private_name": " "}).content.decode()
    assert "It was not saved." in shown


def test_it_is_deleted_with_what_was_chosen_unless_a_form_offers_it(of: Account, page: Client) -> None:
    music = made(page, "Music", kind="category")
    jazz = made(page, "Jazz", category=str(music.pk))
    person, _ = save(of, Draft("a@example.com"), NOW)
    choose(person, {jazz.pk: True}, NOW)
    news = create_list(of, "News", NOW)
    form = edit.save(of, edit.Draft("Join", news, "Join", "Yes", preferences=[jazz.pk]), NOW)
    for one in (jazz, music):
        shown = page.post(f"/contacts/preferences/{one.pk}/delete", {"typed": one.private_name})
        assert "the form “Join”" in shown.content.decode()
    form.delete()
    shown = page.get(f"/contacts/preferences/{music.pk}/delete").content.decode()
    assert "What 1 contact has chosen is gone then, for good." in shown
    assert "is not “Music”" in page.post(f"/contacts/preferences/{music.pk}/delete", {}).content.decode()
    page.post(f"/contacts/preferences/{music.pk}/delete", {"typed": "Music"})
    assert (Preference.objects.count(), Choice.objects.count()) == (0, 0)
