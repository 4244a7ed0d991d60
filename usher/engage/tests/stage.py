"""An account with one of everything, and workers that do what waits: for tests of the whole engine."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connection, connections
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.middleware import SyncCallNext

from usher.engage.contacts.fields import create_field
from usher.engage.forms import edit
from usher.engage.models import Account, Campaign, ContactList, Form, Preference, Program, ProgramVersion
from usher.engage.models.programs import ProgramStatus
from usher.engage.programs.graph import dump, parse
from usher.lib import clock

MAIL = {
    "subject": "Spring",
    "from_name": "Opera",
    "html": '<p>Dear @FIRSTNAME@</p><a href="https://shop.example/">Shop</a> <a href="http://$UNSUB$">Leave</a>',
    "text": "Leave: http://$UNSUB$",
}


@dataclass
class Stage:
    """What an account has to begin with."""

    account: Account
    news: ContactList
    #: Joining it starts the program and the triggered campaign.
    club: ContactList
    segment: ContactList
    standard: Campaign
    triggered: Campaign
    program: Program
    topic: Preference
    #: Of `news`.
    form: Form


def furnished(account: Account) -> Stage:
    now = clock.now()
    create_field(account, "ORDERS", "Numeric")

    def campaign(name: str, status: str) -> Campaign:
        moments = {"created_at": now, "updated_at": now}
        return Campaign.objects.create(account=account, name=name, status=status, **MAIL, **moments)

    def called(name: str, **more: Any) -> ContactList:
        return ContactList.objects.create(account=account, name=name, created_at=now, **more)

    welcome = campaign("Welcome", "Triggered")
    program = Program.objects.create(
        account=account, name="Newcomers", status=ProgramStatus.ACTIVE, created_at=now
    )
    graph = {
        "start": {"first": "hello"},
        "nodes": {
            "hello": {"kind": "send", "campaign": "Welcome", "next": "bye"},
            "bye": {"kind": "end", "name": "greeted"},
        },
    }
    ProgramVersion.objects.create(program=program, number=1, graph=dump(parse(graph)), created_at=now)
    topic = Preference.objects.create(
        account=account,
        private_name="Jazz",
        public_name="Jazz",
        is_preference=True,
        created_at=now,
        updated_at=now,
    )
    news = called("News")
    return Stage(
        account,
        news,
        called("Club", join_program=program, join_campaign=welcome),
        called("Buyers", kind="segment", rule="ORDERS >= 1"),
        campaign("Spring", "Unsent"),
        welcome,
        program,
        topic,
        edit.save(account, edit.Draft("Newsletter", news, "News", "I agree.", f"news-{account.pk}"), now),
    )


def _alone(job: SyncCallNext, *_: object) -> Any:
    """Each job runs in a thread of its own, which leaves no connection behind."""
    try:
        return job()
    finally:
        connection.close()


def work() -> list[str]:
    """Do all the jobs that wait, as two workers do; the names of those that failed."""
    assert isinstance(app.connector, DjangoConnector)
    worker = app.with_connector(app.connector.get_worker_connector())

    async def once() -> None:
        async with worker.open_async():
            await worker.run_worker_async(
                wait=False,
                concurrency=2,
                listen_notify=False,
                install_signal_handlers=False,
                task_middleware=[_alone],
            )
        await sync_to_async(connections.close_all)()  # that of the thread which looks after periodic jobs

    while _jobs("todo"):  # one that waited for another's end is left over
        asyncio.run(once())
    return _jobs("failed")


def _jobs(status: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("select task_name from procrastinate_jobs where status::text = %s", [status])
        return [name for (name,) in cursor.fetchall()]
