"""Two public clients that are not ours, against the server as `usher serve` runs it: `make test-clients`.

They are fetched by scripts/clients, and therefore no part of `make test`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from usher.engage.access import create_api_user
from usher.engage.accounts import create_account
from usher.engage.imports.run import run
from usher.engage.models import (
    Account,
    Contact,
    Enrolment,
    EnrolmentRequest,
    Import,
    Letter,
    Membership,
    Send,
    TextMessage,
)
from usher.engage.models.accounts import Scheme
from usher.engage.programs.enrol import process
from usher.engage.tests.served import served
from usher.engage.tests.stage import furnished
from usher.lib import clock

pytestmark = pytest.mark.django_db(transaction=True)

HERE = Path(__file__).parent
FETCHED = Path(__file__).parents[5] / "var" / "clients"
PASSWORD = "correct horse 1"


class Stage:
    """A server, an account, and somebody who calls it."""

    def __init__(self, address: str, account: Account, username: str) -> None:
        self.address, self.account, self.username = address, account, username


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    account = create_account("Opera", clock.now())
    username, _ = create_api_user(account, clock.now(), password=PASSWORD, scheme=Scheme.NONE)
    done = threading.Event()

    def work() -> None:
        while not done.wait(0.05):
            for waiting in Import.objects.filter(state="NotFinished"):
                run(waiting.pk, clock.now())
        connection.close()

    with served(tmp_path) as (address, _):
        worker = threading.Thread(target=work)
        worker.start()
        try:
            yield Stage(address, account, username)
        finally:
            done.set()
            worker.join()


def test_dotmailer_of_the_python_package_index(stage: Stage) -> None:
    command = [sys.executable, str(HERE / "dotmailer_says.py"), stage.address, stage.username, PASSWORD]
    told = _told(command, PYTHONPATH=str(FETCHED / "python"))
    assert (told["account"], told["found"], told["import"], told["left"]) == (
        True,
        True,
        "Finished",
        "Unsubscribed",
    )
    assert told["lists"] == ["Of dotmailer"]
    assert told["on_list"] == ["anna@example.com"]
    assert (told["report"]["new_contacts"], told["report"]["invalid_entries"]) == (1, 1)
    assert told["faults"].splitlines()[1] == "Invalid Email,nobody,N"
    assert told["after"] == []
    people = Contact.objects.order_by("email").values_list("email", "status", "data")
    assert list(people) == [
        ("anna@example.com", "Subscribed", {"FIRSTNAME": "Änna"}),
        ("bob@example.com", "Unsubscribed", {"FIRSTNAME": "Bob"}),
    ]


def test_segments_destination_of_the_node_package_manager(stage: Stage) -> None:
    made = furnished(stage.account)
    book, campaign = made.news, made.standard
    anna = {"channelIdentifier": "email", "emailIdentifier": "anna@example.com"}
    payloads: list[tuple[str, dict[str, Any]]] = [
        ("addContactToList", anna | {"listId": book.pk, "dataFields": {"FIRSTNAME": "Anna"}}),
        ("sendEmailCampaign", {"email": "anna@example.com", "campaignId": campaign.pk}),
        ("enrolContact", anna | {"programId": "4711"}),
        ("enrolContact", anna | {"programId": str(made.program.pk)}),
        ("sendSms", {"to": "+447123123123", "message": "Hello"}),
        ("sendTransactionalSms", {"to": "447123123123", "from": "Opera", "message": "Hello"}),
        (
            "sendTransactionalEmail",
            {
                "toAddresses": "bob@example.com",
                "subject": "Your ticket",
                "fromAddress": "Opera <opera@example.com>",
                "htmlContent": "<p>Seat 7</p>",
                "plainTextContent": "Seat 7",
            },
        ),
    ]
    told = _segment(stage, payloads)
    assert told["authentication"] == 200
    contact = Contact.objects.get(email_key="anna@example.com")
    assert (contact.data, contact.status) == ({"FIRSTNAME": "Anna"}, "Subscribed")
    assert Membership.objects.filter(list=book, contact=contact).exists(), told
    assert Send.objects.get().campaign_id == campaign.pk, told
    assert "ERROR_PROGRAM_NOT_FOUND" in told["enrolContact"][0]
    asked = EnrolmentRequest.objects.get()
    assert (asked.program_id, asked.contacts) == (made.program.pk, [contact.pk]), told
    assert process(asked, clock.now()) == 1
    assert Enrolment.objects.get().contact_id == contact.pk
    assert TextMessage.objects.count() == 2, told
    assert Letter.objects.count() == 1, told
    told = _segment(stage, [("removeContactFromList", anna | {"listId": book.pk})])
    assert not Membership.objects.filter(list=book, contact=contact).exists(), told


def _segment(stage: Stage, payloads: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    settings = {"api_host": stage.address, "username": stage.username, "password": PASSWORD}
    said = json.dumps({"settings": settings, "payloads": payloads})
    return _told(["node", str(HERE / "segment_says.js"), str(FETCHED / "node"), said])


def _told(command: list[str], **environment: str) -> dict[str, Any]:
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told
