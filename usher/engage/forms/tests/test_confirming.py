"""Double opt-in: nothing before the yes, everything with it, and nothing by looking."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from usher.engage.contacts import confirm
from usher.engage.contacts.suppress import suppress
from usher.engage.contacts.write import Draft, save
from usher.engage.content.addresses import confirm_url
from usher.engage.forms.tests.conftest import ALICE, NOW
from usher.engage.lists import members
from usher.engage.lists.edit import create_list
from usher.engage.models import Account, Confirmation, Contact, Form, Message
from usher.engage.models.contacts import Status
from usher.lib import clock

URL = "/f/newsletter"


@pytest.fixture
def double(form: Form) -> Form:
    form.list.double_opt_in = True
    form.list.save()
    return form


def link() -> str:
    url = confirm_url(Confirmation.objects.get().pk)
    return url[url.index("/t/k/") :]


def test_the_list_is_joined_by_saying_yes(client: Client, double: Form) -> None:
    client.post(URL, ALICE)
    alice = Contact.objects.get()
    assert (alice.status, alice.opt_in_type) == ("PendingOptIn", "VerifiedDouble")
    assert link() in Message.objects.get().letter.text  # type: ignore[union-attr]
    assert not members.members(double.list).exists()
    for look in (client.get, client.head):
        assert look(link()).status_code == 200
    alice.refresh_from_db()
    assert alice.status == "PendingOptIn"
    page = client.post(link(), headers={"user-agent": "Firefox"})
    assert "you are subscribed" in page.text
    alice.refresh_from_db()
    assert alice.status == "Subscribed"
    assert list(members.members(double.list)) == [alice]
    assert Confirmation.objects.get().user_agent == "Firefox"
    assert client.post(link()).status_code == 200
    assert "you are subscribed" in client.get(link()).text


def test_somebody_known_joins_a_double_list_by_saying_yes(
    client: Client, double: Form, shop: Account
) -> None:
    save(shop, Draft("alice@example.com"), NOW)
    client.post(URL, ALICE)
    assert Contact.objects.get().status == "Subscribed"
    assert not members.members(double.list).exists()
    client.post(link())
    assert members.members(double.list).count() == 1
    client.post(URL, ALICE)
    assert Message.objects.count() == 1


def test_a_yes_brings_back_whoever_left(client: Client, form: Form, shop: Account) -> None:
    save(shop, Draft("alice@example.com"), NOW)
    suppress(shop, ["alice@example.com"], Status.UNSUBSCRIBED, "test", NOW)
    client.post(URL, ALICE)
    client.post(link())
    assert Contact.objects.get().status == "Subscribed"
    assert members.members(form.list).count() == 1


def test_a_yes_leads_only_to_where_the_form_said(client: Client, double: Form) -> None:
    double.return_url = "https://shop.example.com/in"
    double.save()
    client.post(URL, ALICE)
    answer = client.post(link() + "?return_url=https://evil.example", {"return_url": "https://evil.example"})
    assert (answer.status_code, answer["Location"]) == (303, "https://shop.example.com/in")


def test_after_thirty_days_the_link_is_too_old(client: Client, double: Form, at_noon: Path) -> None:
    client.post(URL, ALICE)
    path = link()
    clock.move(at_noon, NOW + timedelta(days=31))
    assert client.get(path).status_code == 410
    assert client.post(path).status_code == 410
    assert Contact.objects.get().status == "PendingOptIn"


def test_a_complaint_after_the_question_stays(client: Client, double: Form, shop: Account) -> None:
    client.post(URL, ALICE)
    suppress(shop, ["alice@example.com"], Status.ISP_COMPLAINED, "test", NOW)
    assert client.post(link()).status_code == 410
    assert Contact.objects.get().status == "IspComplained"


def test_a_forged_link_is_not_found(client: Client, db: None) -> None:
    assert client.get("/t/k/forged").status_code == 404
    assert client.post("/t/k/forged").status_code == 404


def test_nobody_is_pestered_with_questions_about_ever_other_lists(shop: Account) -> None:
    alice, _ = save(shop, Draft("alice@example.com"), NOW)
    lists = [create_list(shop, name, NOW) for name in "ABCD"]
    asked = [confirm.ask(alice, Confirmation.Kind.OPT_IN, NOW, joins=one) for one in lists]
    assert asked[3] == asked[2]
    assert Message.objects.count() == 3
    confirm.ask(alice, Confirmation.Kind.OPT_IN, NOW + timedelta(days=1, minutes=1), joins=lists[3])
    assert Message.objects.count() == 4


def test_the_question_is_mailed_at_once(
    client: Client,
    double: Form,
    django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[Any]],
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        client.post(URL, ALICE)
    assert list(ProcrastinateJob.objects.values_list("task_name", flat=True)) == ["deliver"]
