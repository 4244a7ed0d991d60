"""Many clients who ask for the same thing at the same moment, over HTTP, of a server of two processes."""

from __future__ import annotations

import base64
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import connection

from usher.engage.access import create_api_user
from usher.engage.accounts import create_account
from usher.engage.content import tokens
from usher.engage.deliver.tasks import deliver_due
from usher.engage.models import (
    Confirmation,
    Contact,
    ContactList,
    DataField,
    Enrolment,
    EnrolmentFault,
    Import,
    Letter,
    Membership,
    Message,
    Suppression,
)
from usher.engage.models.accounts import Scheme
from usher.engage.tests.served import served
from usher.engage.tests.stage import Stage, furnished, work
from usher.lib import clock
from usher.lib.sink import SinkThread
from usher.lib.spool import Spool

pytestmark = pytest.mark.long

PASSWORD = "correct horse 1"
CLIENTS = 20

#: A call: method, path, and its JSON, or a form's fields.
Said = tuple[str, str, Any]


@pytest.fixture(scope="module")
def server(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any
) -> Iterator[tuple[str, Path]]:
    with served(tmp_path_factory.mktemp("at-once")) as found:
        yield found


@pytest.fixture
def stage(transactional_db: None, server: tuple[str, Path], settings: Any) -> Stage:
    settings.USHER_PUBLIC_URL, settings.USHER_DATA_DIR = server
    account = create_account("Opera", clock.now())
    account.limits = {"enrolment_calls_an_hour": 100}
    account.save()
    create_api_user(account, clock.now(), "me", PASSWORD, scheme=Scheme.NONE)
    return furnished(account)


class Clients:
    """Twenty of them, each with a connection of its own."""

    def __init__(self, address: str) -> None:
        options: dict[str, Any] = {"base_url": address, "auth": ("me", PASSWORD), "timeout": 60}
        self.all = [httpx.Client(verify=False, **options) for _ in range(CLIENTS)]

    def __call__(self, said: Sequence[Said], clients: int = CLIENTS) -> list[httpx.Response]:
        """Each client says one of these, in turn, all at the same moment."""
        ready = threading.Barrier(clients)

        def say(number: int, client: httpx.Client, one: Said) -> httpx.Response:
            method, path, body = one
            ready.wait(30)
            if path.startswith(("/f/", "/t/")):  # a visitor of their own, without a login
                headers = {"X-Forwarded-For": f"192.0.2.{number}"}
                return client.request(method, path, data=body, headers=headers, auth=None)
            return client.request(method, path, json=body)

        with ThreadPoolExecutor(clients) as threads:
            return list(threads.map(say, range(clients), self.all, cycle(said)))

    def one(self, method: str, path: str, body: Any = None) -> Any:
        reply = self.all[0].request(method, path, json=body)
        assert reply.is_success, reply.text
        return reply.json() if reply.content else None


@pytest.fixture(scope="module")
def clients(server: tuple[str, Path]) -> Iterator[Clients]:
    found = Clients(server[0])
    yield found
    for one in found.all:
        one.close()


ALICE = {"email": "alice@example.com"}


def ways(stage: Stage, name: str) -> dict[str, list[Said]]:
    """The ways in which somebody is added; all but the first and the last put them into the club."""
    who = {"email": f"{name}@example.com"}
    described = {"identifiers": who, "lists": [stage.club.pk]}
    ways: dict[str, list[Said]] = {
        "v2": [("POST", "/v2/contacts", who)],
        "list": [("POST", f"/v2/address-books/{stage.club.pk}/contacts", {"email": who["email"].title()})],
        "v3": [("POST", "/contacts/v3", described)],
        "v3-patch": [("PATCH", f"/contacts/v3/email/{who['email']}", described)],
        "form": [("POST", f"/f/{stage.form.slug}", who | {"consent": "on"})],
    }
    return ways | {"all": [one for way in ways.values() for one in way]}


def test_the_same_address_from_twenty_clients_is_one_contact(stage: Stage, clients: Clients) -> None:
    for way in ways(stage, ""):
        replies = clients(ways(stage, way)[way])
        codes = Counter(one.status_code for one in replies)
        assert set(codes) <= {200, 201, 409}, [one.text for one in replies if one.status_code >= 400]
        assert way != "v3" or codes == {201: 1, 409: CLIENTS - 1}
        contact = Contact.objects.get(email_key=f"{way}@example.com")
        assert contact.status == "Subscribed"
        # the join actions: once, however many put the contact on the list
        joined = 0 if way in ("v2", "form") else 1
        assert contact.memberships.filter(list=stage.club).count() == joined
        assert Enrolment.objects.filter(contact=contact).count() == joined
        assert Message.objects.filter(contact=contact).count() == joined
    assert Contact.objects.count() == 6


def test_a_list_and_a_field_of_a_name_are_made_once(stage: Stage, clients: Clients) -> None:
    replies = clients(
        [
            ("POST", "/v2/address-books", {"name": "Friends"}),
            ("POST", "/v2/data-fields", {"name": "SEAT", "type": "String"}),
        ]
    )
    assert Counter(one.status_code for one in replies) == {201: 2, 400: CLIENTS - 2}
    assert ContactList.objects.filter(name="Friends").count() == 1
    assert DataField.objects.filter(name="SEAT").count() == 1


def test_a_new_address_is_given_to_one_of_those_who_want_it(stage: Stage, clients: Clients) -> None:
    people = [
        clients.one("POST", "/v2/contacts", {"email": f"{number}@example.com"})["id"]
        for number in range(CLIENTS)
    ]
    replies = clients([("PUT", f"/v2/contacts/{one}", ALICE) for one in people])
    assert Counter(one.status_code for one in replies) == {200: 1, 400: CLIENTS - 1}
    assert Contact.objects.count() == CLIENTS
    assert Contact.objects.filter(email_key="alice@example.com").count() == 1


def test_whoever_leaves_stays_out_although_others_add_them(stage: Stage, clients: Clients) -> None:
    for name in ("alice", "bob", "carol", "dave", "erin"):
        adds = ways(stage, name)["all"]
        leaves = ("POST", "/v2/contacts/unsubscribe", {"email": f"{name}@example.com"})
        replies = clients([leaves, *adds, *adds, *adds])
        assert max(one.status_code for one in replies) < 500, [one.text[:200] for one in replies]
        assert Contact.objects.get(email_key=f"{name}@example.com").status == "Unsubscribed"
        held = Suppression.objects.get(email_key=f"{name}@example.com", lifted_at=None)
        assert held.reason == "Unsubscribed"


def test_a_question_is_mailed_once_and_a_yes_counts_once(stage: Stage, clients: Clients) -> None:
    clients.one("POST", "/v2/contacts/unsubscribe", ALICE)
    who = {"unsubscribedContact": ALICE}
    path = f"/v2/address-books/{stage.club.pk}/contacts/resubscribe"
    replies = clients([("POST", path, who)])
    assert {one.json()["status"] for one in replies} == {"ContactChallenged"}
    asked = Confirmation.objects.get()
    assert Letter.objects.count() == 1
    clients([("POST", f"/t/k/{tokens.signed('confirm', asked.pk)}", {})])
    assert Contact.objects.get().status == "Subscribed"
    assert (Enrolment.objects.count(), Message.objects.filter(campaign=stage.triggered).count()) == (1, 1)


def v2_import(rows: int) -> Any:
    file = "Email,FIRSTNAME\n" + "".join(f"p{number}@example.com,P\n" for number in range(rows))
    return {"fileName": "people.csv", "data": base64.b64encode(file.encode()).decode()}


def v3_import(rows: int) -> Any:
    people = [{"email": f"p{number}@example.com"} for number in range(rows)]
    return {"contacts": [{"matchIdentifier": "email", "identifiers": one} for one in people]}


def deliver_and_hang_up() -> None:
    try:
        deliver_due()
    finally:
        connection.close()


def test_two_imports_of_the_same_file_at_once_come_to_one(stage: Stage, clients: Clients) -> None:
    path = f"/v2/address-books/{stage.news.pk}/contacts/import"
    replies = clients([("POST", path, v2_import(500))], 4)
    assert {one.status_code for one in replies} == {202}
    assert work() == []
    reports = [clients.one("GET", f"/v2/contacts/import/{one.json()['id']}/report") for one in replies]
    counted = sorted((one["newContacts"], one["updatedContacts"]) for one in reports)
    assert counted == [(0, 500), (0, 500), (0, 500), (500, 0)]
    assert Contact.objects.count() == Membership.objects.count() == 500
    assert not Import.objects.exclude(state="Finished").exists()


def test_imports_of_both_versions_at_once_count_everybody_once(stage: Stage, clients: Clients) -> None:
    replies = clients(
        [("POST", "/v2/contacts/import", v2_import(500)), ("PUT", "/contacts/v3/import", v3_import(500))]
    )
    assert {one.status_code for one in replies} == {202}
    assert work() == []
    new = 0
    for number, one in enumerate(replies):
        if number % 2:
            told = clients.one("GET", f"/contacts/v3/import/{one.json()['importId']}")["summary"]
        else:
            told = clients.one("GET", f"/v2/contacts/import/{one.json()['id']}/report")
        assert told["newContacts"] + told["updatedContacts"] == 500
        new += told["newContacts"]
    assert new == Contact.objects.count() == 500


def test_enrolling_the_same_people_twice_at_once_lets_them_in_once(stage: Stage, clients: Clients) -> None:
    people = [
        clients.one("POST", f"/v2/address-books/{stage.news.pk}/contacts", {"email": f"{n}@example.com"})[
            "id"
        ]
        for n in range(25)
    ]
    enrol = {"programId": stage.program.pk}
    replies = clients(
        [
            ("POST", "/v2/programs/enrolments", enrol | {"contacts": people}),
            ("POST", "/v2/programs/enrolments", enrol | {"addressBooks": [stage.news.pk]}),
        ],
        6,
    )
    assert {one.status_code for one in replies} == {201}
    assert work() == []
    assert Counter(Enrolment.objects.values_list("contact_id", flat=True)) == Counter(people)
    faults = Counter(EnrolmentFault.objects.values_list("reason", flat=True))
    assert faults == {"AlreadyInProgram": 5 * 25}


def test_letters_that_are_asked_for_at_once_arrive_once_each(
    stage: Stage, clients: Clients, server: tuple[str, Path], settings: Any
) -> None:
    mail = {"toAddresses": ["bob@example.com"], "subject": "Your ticket", "htmlContent": "<p>Seat 7</p>"}
    spool = Spool(server[1] / "mail")
    with SinkThread(spool, now=clock.now) as sink:
        settings.USHER_SMTP_URL = f"smtp://127.0.0.1:{sink.port}"
        assert {one.status_code for one in clients([("POST", "/v2/email", mail)])} == {200}
        # the same rows, for four senders at once
        with ThreadPoolExecutor(4) as senders:
            list(senders.map(lambda _: deliver_and_hang_up(), range(4)))
        arrived = [entry.message_id for entry in spool.entries()]
    assert len(arrived) == len(set(arrived)) == CLIENTS
    assert set(Message.objects.values_list("state", flat=True)) == {"sent"}
