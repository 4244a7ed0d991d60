"""Imports that run at the same time, each with a connection of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from usher.engage.accounts import create_account
from usher.engage.contacts.suppress import suppress
from usher.engage.contacts.write import Draft, save
from usher.engage.imports import blocks
from usher.engage.imports.accept import accept
from usher.engage.imports.described.accept import accept as accept_described
from usher.engage.imports.described.run import run as run_described
from usher.engage.imports.run import run
from usher.engage.models import Account, Contact, Import
from usher.engage.models.contacts import Status
from usher.engage.models.imports import MergeOption
from usher.engage.tests.conftest import NOW

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 600
#: The 500 last ones are new, number 7 opted out.
FILE = "Email,FIRSTNAME\n" + "".join(f"c{n}@example.com,N{n}\n" for n in range(ROWS)) + "bad,x\n"


@pytest.fixture
def account(transactional_db: None) -> Account:
    made = create_account("Usher", NOW)
    accept_and_run(made, "Email,FIRSTNAME\n" + "".join(f"c{n}@example.com,Old\n" for n in range(100)))
    suppress(made, ["c7@example.com"], Status.UNSUBSCRIBED, "test", NOW)
    return made


def accept_and_run(account: Account, text: str) -> None:
    run(accept(account, "a.csv", text.encode(), NOW).pk, NOW)


def at_once(*works: Any) -> None:
    together = Barrier(len(works))

    def one(work: Any) -> None:
        try:
            connection.ensure_connection()
            together.wait(10)
            work()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as clients:
        list(clients.map(one, works))


def stored() -> list[tuple[str | None, str, Any]]:
    return list(Contact.objects.order_by("email_key").values_list("email_key", "status", "data"))


EXPECTED = sorted(
    (f"c{n}@example.com", "Unsubscribed", {"FIRSTNAME": "Old"})
    if n == 7
    else (f"c{n}@example.com", "Subscribed", {"FIRSTNAME": f"N{n}"})
    for n in range(ROWS)
)


def summed(reports: Sequence[dict[str, int]], name: str) -> int:
    return sum(report[name] for report in reports)


@pytest.mark.parametrize("together", [blocks.BYTES_TOGETHER, 4096])
def test_the_same_file_twice_at_once_gives_the_result_of_one(
    account: Account, monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    monkeypatch.setattr(blocks, "BYTES_TOGETHER", together)
    later = [NOW + timedelta(seconds=place) for place in (1, 2)]
    jobs = [accept(account, "a.csv", FILE.encode(), NOW) for _ in later]
    at_once(*(lambda job=job, now=now: run(job.pk, now) for job, now in zip(jobs, later, strict=True)))
    assert stored() == EXPECTED
    reports = list(Import.objects.filter(pk__in=[job.pk for job in jobs]).values_list("report", flat=True))
    assert [sum(report.values()) for report in reports] == [ROWS + 1, ROWS + 1]
    assert summed(reports, "newContacts") == 500
    assert summed(reports, "updatedContacts") == 99 + 599
    assert (summed(reports, "unsubscribed"), summed(reports, "invalidEntries")) == (2, 2)


def test_a_contact_that_is_added_meanwhile_is_met(account: Account) -> None:
    job = accept(account, "a.csv", FILE.encode(), NOW)

    def add() -> None:
        for n in range(590, 599):
            save(account, Draft(f"C{n}@example.com"), NOW + timedelta(seconds=1))

    at_once(lambda: run(job.pk, NOW + timedelta(seconds=2)), add)
    assert Contact.objects.count() == ROWS
    found = Import.objects.get(pk=job.pk)
    assert found.state == "Finished"
    assert sum(found.report.values()) == ROWS + 1


def test_the_same_contacts_twice_at_once_by_version_3(account: Account) -> None:
    people = [
        {
            "matchIdentifier": "email",
            "identifiers": {"email": f"c{n}@example.com"},
            "dataFields": {"FIRSTNAME": f"N{n}"},
        }
        for n in range(ROWS)
    ]
    body = json.dumps({"contacts": people})
    jobs = [accept_described(account, body.encode(), MergeOption.OVERWRITE, NOW) for _ in range(2)]
    at_once(*(lambda job=job: run_described(job.pk, NOW + timedelta(seconds=1)) for job in jobs))
    assert stored() == EXPECTED
    reports = list(Import.objects.filter(pk__in=[job.pk for job in jobs]).values_list("report", flat=True))
    assert [sum(report.values()) for report in reports] == [ROWS, ROWS]
    assert summed(reports, "newContacts") == 500
