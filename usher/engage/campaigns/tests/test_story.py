"""A campaign from the call that sends it to the report of its click, over a real mail server."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client

from usher.engage.campaigns import send
from usher.engage.campaigns.tests.conftest import Made, put
from usher.engage.channels.relay import Relay
from usher.engage.deliver.run import deliver
from usher.engage.models import Campaign, ContactList, Message
from usher.engage.tests.conftest import NOW, Caller
from usher.lib.sink import SinkThread
from usher.lib.spool import Spool


@pytest.mark.django_db
def test_a_mail_is_asked_for_sent_clicked_and_reported(
    api: Caller, campaign: int, people: Made, news: ContactList, tmp_path: Path, client: Client
) -> None:
    html = '<a href="https://shop.example/new">New</a> <a href="http://$UNSUB$">leave</a>'
    api.json(f"PUT /v2/campaigns/{campaign}", {"htmlContent": html})
    put(news, *people("alice", "bob"))
    asked = api.json("POST /v2/campaigns/send", {"campaignId": campaign, "addressBookIds": [news.pk]}, 202)
    send.run_due(NOW)
    spool = Spool(tmp_path)
    with SinkThread(spool, now=lambda: NOW) as sink:
        relay = Relay("127.0.0.1", sink.port, connections=1)
        deliver(lambda: NOW, relay, chance=lambda: 0.0, was_accepted=spool.accepted)
    mails = {entry.rcpt_to[0]: spool.read(entry) for entry in spool.entries()}
    assert sorted(mails) == ["alice@example.com", "bob@example.com"]
    assert api.json(f"GET /v2/campaigns/send/{asked['id']}")["status"] == "Sent"
    found = re.search(rb"/t/c/[\w-]+", mails["alice@example.com"].replace(b"=\r\n", b""))
    assert found
    assert client.get(found[0].decode()).status_code == 302
    summary = api.json(f"GET /v2/campaigns/{campaign}/summary")
    totals = ("Sent", "Delivered", "Clicks", "Opens")
    assert [summary[f"numTotal{name}"] for name in totals] == [2, 2, 1, 1]
    (click,) = api.json(f"GET /v2/campaigns/{campaign}/clicks")
    assert (click["email"], click["url"]) == ("alice@example.com", "https://shop.example/new")


@pytest.mark.django_db(transaction=True)
def test_many_who_ask_and_many_who_work_at_once_send_one_mail_each(
    api: Caller, campaign: int, people: Made, news: ContactList
) -> None:
    put(news, *people(*(f"p{number:03}" for number in range(100))))
    answers: list[int] = []

    def at_once(*works: object) -> None:
        threads = [threading.Thread(target=_closing, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def ask() -> None:
        body = {"campaignId": campaign, "addressBookIds": [news.pk]}
        answers.append(api("POST /v2/campaigns/send", body).status_code)

    at_once(ask, ask, ask, ask)
    assert sorted(answers) == [202, 400, 400, 400]
    (found,) = send.Send.objects.all()
    at_once(*(lambda: send.run(found.pk, NOW, part=7) for _ in range(4)))
    assert Message.objects.count() == 100
    assert Message.objects.values("contact").distinct().count() == 100
    found.refresh_from_db()
    assert found.queued_at == NOW
    Message.objects.update(state="sent", sent_at=NOW)
    send.settle(NOW + timedelta(hours=1))
    assert Campaign.objects.get().status == "Sent"


def _closing(work: object) -> None:
    try:
        work()  # type: ignore[operator]
    finally:
        connection.close()
