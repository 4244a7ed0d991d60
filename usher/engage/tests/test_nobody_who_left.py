"""Stories by chance of several clients and visitors: adding, leaving, coming back, importing, sending.

Beside the engine stands a small book of who may be mailed. After every step: whoever must not be mailed has
no status that is mailed, and got no mail and entered no program; nobody is lost; imports' sums add up.
`make test-fuzz` plays many more and longer stories.
"""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck, Phase
from hypothesis import settings as chance
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from usher.engage.access import create_api_user
from usher.engage.accounts import create_account
from usher.engage.campaigns.tasks import hand_on as send_campaigns
from usher.engage.contacts.suppress import suppress, suppress_domain, suppress_everywhere
from usher.engage.content import tokens
from usher.engage.deliver.tasks import hand_on as deliver
from usher.engage.models import (
    Confirmation,
    Contact,
    ContactList,
    Enrolment,
    Membership,
    Message,
    Suppression,
)
from usher.engage.models.accounts import Scheme
from usher.engage.models.contacts import Status
from usher.engage.models.messages import MessageState
from usher.engage.privacy.erasing import erase_address
from usher.engage.programs import runner
from usher.engage.tests.conftest import NOW, Caller
from usher.engage.tests.stage import Stage, furnished, work
from usher.lib import clock
from usher.lib.sink import SinkThread
from usher.lib.spool import Spool

pytestmark = [pytest.mark.long, pytest.mark.django_db(transaction=True)]

STORIES = int(os.environ.get("USHER_FUZZ_STORIES", "5"))
SEED = int(os.environ.get("USHER_FUZZ_SEED", "0"))
STEPS = int(os.environ.get("USHER_FUZZ_STEPS", "40"))
PASSWORD = "correct horse 1"

#: Nobody yet; a contact; in the recycle bin.
NOBODY, HERE, BINNED = "nobody", "here", "binned"
#: Opted out or suppressed; for good.
LEFT, FOR_GOOD = "left", "for good"

NAMES = ("alice", "bob", "carol", "dave", "bouncer", "eve")
names = st.sampled_from(NAMES)
yes_or_no = st.booleans()
#: Of the two lists, the one whose joins start something?
some_list = st.sampled_from([None, False, True])
#: What version 3 says of a status: none, or one with the wish to be asked, not to be asked, or nothing of it.
wishes = st.sampled_from(["", "unsubscribed", "suppressed", "subscribed", "at once", "ask first"])


@dataclass
class Person:
    """What the book says of an address."""

    email: str
    where: str = NOBODY
    #: LEFT, FOR_GOOD or "": of the address, so that it outlives the contact.
    out: str = ""
    #: Has yet to confirm.
    pending: bool = False
    on: set[int] = field(default_factory=set)
    #: Lists that were left for good.
    off: set[int] = field(default_factory=set)

    @property
    def is_mailed(self) -> bool:
        return self.where == HERE and not self.out and not self.pending

    def leave(self) -> None:
        self.out = self.out or LEFT

    def arrive(self, asked: bool) -> None:
        """Become a contact, if there is none; a closed address makes a closed contact."""
        if self.where != HERE:
            self.where, self.pending = HERE, asked

    def come_back(self) -> None:
        self.out, self.pending = "", False


class Stories(RuleBasedStateMachine):
    """One account, two API users, visitors and a worker."""

    spool: Spool
    refuse: Callable[[str], None]
    numbers = count()

    @initialize(double=st.sampled_from([False, False, True]))
    def open(self, double: bool) -> None:
        number = next(self.numbers)
        self.account = create_account(f"Opera {number}", clock.now())
        self.account.double_opt_in = double
        self.account.limits = {"enrolment_calls_an_hour": 1000}
        self.account.save()
        self.callers = [
            Caller(*create_api_user(self.account, clock.now(), password=PASSWORD, scheme=Scheme.NONE))
            for _ in range(2)
        ]
        self.stage: Stage = furnished(self.account)
        ContactList.objects.filter(pk=self.stage.news.pk).update(visibility="Public")
        domain = {"eve": f"shut{number}.example"}
        self.book = {name: Person(f"{name}.{number}@{domain.get(name, 'example.com')}") for name in NAMES}
        self.refuse(self.book["bouncer"].email)
        self.visitor = Client()
        self.visits = count(1)
        self.turn = 0
        self.enrolled: set[int] = set()
        self.read = 0

    # who calls, and whom about

    def api(self, line: str, body: Any = None) -> Any:
        self.turn += 1
        answer = self.callers[self.turn % 2](line, body)
        assert answer.status_code < 500, answer.content
        return answer

    def post(self, path: str, **posted: str) -> int:
        """As somebody in a browser, each of a network of their own."""
        address = f"10.{next(self.visits) // 250 % 250}.{next(self.visits) % 250}.1"
        return self.visitor.post(path, posted, headers={"X-Forwarded-For": address}).status_code

    def contact(self, person: Person) -> Contact | None:
        return Contact.objects.filter(account=self.account, email_key=person.email).first()

    def lists(self, which: bool) -> ContactList:
        return self.stage.club if which else self.stage.news

    # ways in

    @rule(name=names, double=yes_or_no)
    def add(self, name: str, double: bool) -> None:
        person = self.book[name]
        body = {"email": person.email.title()} | ({"optInType": "VerifiedDouble"} if double else {})
        answer = self.api("POST /v2/contacts", body)
        assert answer.status_code == (400 if person.out else 201), answer.content
        if not person.out:
            person.arrive(double or self.account.double_opt_in)

    @rule(name=names, club=yes_or_no)
    def add_to_list(self, name: str, club: bool) -> None:
        person, book = self.book[name], self.lists(club)
        answer = self.api(f"POST /v2/address-books/{book.pk}/contacts", {"email": person.email})
        refused = person.out or book.pk in person.off
        assert answer.status_code == (400 if refused else 200), answer.content
        if not refused:
            person.arrive(self.account.double_opt_in)
            person.on.add(book.pk)

    @rule(name=names, club=yes_or_no, consent=yes_or_no)
    def sign_up_by_form(self, name: str, club: bool, consent: bool) -> None:
        person, news = self.book[name], self.stage.news.pk
        ticked = {"consent": "on"} if consent else {}
        status = self.post(f"/f/{self.stage.form.slug}", email=person.email, **ticked)
        assert status == (200 if consent else 422)
        if consent and person.out != FOR_GOOD:
            person.arrive(self.account.double_opt_in)
            if person.is_mailed and news not in person.off and not self.account.double_opt_in:
                person.on.add(news)

    @rule(name=names, wish=wishes, listed=yes_or_no, double=yes_or_no)
    def create(self, name: str, wish: str, listed: bool, double: bool) -> None:
        person, club = self.book[name], self.stage.club.pk
        answer = self.api("POST /contacts/v3", self.described(person, wish, listed, double))
        if person.where == HERE:
            assert answer.status_code == 409
        elif listed and club in person.off:
            assert answer.status_code == 400
        else:
            assert answer.status_code == 201, answer.content
            person.arrive(double or self.account.double_opt_in)
            self.wished(person, wish, revives=False)
            person.on |= {club} if listed else set()

    @rule(name=names, wish=wishes, listed=yes_or_no, replaces=yes_or_no)
    def patch(self, name: str, wish: str, listed: bool, replaces: bool) -> None:
        person, club = self.book[name], self.stage.club.pk
        method = "PUT" if replaces else "PATCH"
        answer = self.api(
            f"{method} /contacts/v3/email/{person.email}", self.described(person, wish, listed, False)
        )
        if replaces and person.where != HERE:
            assert answer.status_code == 404
        elif listed and club in person.off:
            assert answer.status_code == 400
        else:
            assert answer.status_code in (200, 201), answer.content
            person.arrive(self.account.double_opt_in)
            self.wished(person, wish, revives=True)
            person.on |= {club} if listed else set()

    def described(self, person: Person, wish: str, listed: bool, double: bool) -> dict[str, Any]:
        email: dict[str, Any] = {"optInType": "verifiedDouble"} if double else {}
        if wish in ("at once", "ask first"):
            email |= {"status": "subscribed"}
            email |= {"resubscribeOptions": {"resubscribeWithNoChallenge": wish == "at once"}}
        elif wish:
            email |= {"status": wish}
        lists = {"lists": [self.stage.club.pk]} if listed else {}
        return {"identifiers": {"email": person.email}, "channelProperties": {"email": email}} | lists

    def wished(self, person: Person, wish: str, *, revives: bool) -> None:
        """What version 3 makes of a status; who has to confirm is spared it by clear words only."""
        if wish in ("unsubscribed", "suppressed"):
            person.leave()
            return
        plain = wish == "at once" or (wish == "subscribed" and not person.pending)
        if plain and revives and person.out != FOR_GOOD and not self.account.double_opt_in:
            person.come_back()

    # imports

    @rule(
        rows=st.lists(st.sampled_from([*NAMES, "nobody"]), max_size=8),
        club=st.sampled_from([None, False, True]),
    )
    def import_file(self, rows: list[str], club: bool | None) -> None:
        book = None if club is None else self.lists(club)
        cells = [self.book[name].email if name in self.book else "no address" for name in rows]
        file = "Email,FIRSTNAME\n" + "".join(f"{cell},F\n" for cell in cells)
        body = {"fileName": "people.csv", "data": base64.b64encode(file.encode()).decode()}
        path = f"address-books/{book.pk}/contacts" if book else "contacts"
        self.work()  # what bounces now has bounced before
        answer = self.api(f"POST /v2/{path}/import", body)
        assert answer.status_code == 202, answer.content
        assert work() == []
        report = self.api(f"GET /v2/contacts/import/{answer.json()['id']}/report").json()
        assert sum(value for key, value in report.items() if key != "id") == len(rows), report
        new = updated = 0
        for name in dict.fromkeys(name for name in rows if name in self.book):
            person = self.book[name]
            waits = person.where == HERE and person.pending
            if person.out or waits or (book and book.pk in person.off and person.where != NOBODY):
                continue
            new, updated = (new, updated + 1) if person.where == HERE else (new + 1, updated)
            person.arrive(self.account.double_opt_in)
            person.on |= {book.pk} if book else set()
        assert (report["newContacts"], report["updatedContacts"]) == (new, updated), report
        self.look_at_the_mail()

    @rule(rows=st.lists(st.tuples(names, wishes, yes_or_no), min_size=1, max_size=6))
    def import_described(self, rows: list[tuple[str, str, bool]]) -> None:
        contacts = [
            {"matchIdentifier": "email", **self.described(self.book[name], wish, listed, False)}
            for name, wish, listed in rows
        ]
        self.work()
        answer = self.api("PUT /contacts/v3/import", {"contacts": contacts})
        assert answer.status_code == 202, answer.content
        assert work() == []
        told = self.api(f"GET /contacts/v3/import/{answer.json()['importId']}").json()
        assert told["status"] == "Finished"
        assert sum(told["summary"].values()) == len(rows), told
        new = updated = 0
        seen: set[str] = set()
        for name, wish, listed in rows:
            person = self.book[name]
            wants = wish in ("subscribed", "at once", "ask first")
            if name in seen or (person.out and (person.out == FOR_GOOD or not wants)):
                seen.add(name)
                continue
            seen.add(name)
            is_new = person.where != HERE
            new, updated = (new + 1, updated) if is_new else (new, updated + 1)
            person.arrive(self.account.double_opt_in)
            self.wished(person, wish, revives=True)
            if listed and self.stage.club.pk not in person.off:
                person.on.add(self.stage.club.pk)
        assert (told["summary"]["newContacts"], told["summary"]["updatedContacts"]) == (new, updated), told
        self.look_at_the_mail()

    # ways out

    @rule(name=names)
    def unsubscribe(self, name: str) -> None:
        person = self.book[name]
        assert self.api("POST /v2/contacts/unsubscribe", {"email": person.email}).status_code == 200
        person.leave()
        person.where = HERE if person.where == NOBODY else person.where

    @rule(name=names, club=yes_or_no)
    def leave_list(self, name: str, club: bool) -> None:
        person, book = self.book[name], self.lists(club)
        answer = self.api(f"POST /v2/address-books/{book.pk}/contacts/unsubscribe", {"email": person.email})
        assert answer.status_code == 200, answer.content
        if person.where == NOBODY:
            person.where = HERE
            person.leave()
        person.off.add(book.pk)
        person.on.discard(book.pk)

    @rule(name=names)
    def suppress(self, name: str) -> None:
        person = self.book[name]
        assert self.api("PUT /v2/contacts/suppress-contacts", [{"email": person.email}]).status_code == 200
        if person.where == HERE:
            person.leave()

    @rule(name=names)
    def complain(self, name: str) -> None:
        person = self.book[name]
        suppress(self.account, [person.email], Status.ISP_COMPLAINED, "feedback loop", clock.now())
        person.out = FOR_GOOD

    @rule()
    def shut_a_domain(self) -> None:
        suppress_domain(self.account, self.book["eve"].email.partition("@")[2], clock.now())
        self.book["eve"].out = FOR_GOOD

    @rule(name=names)
    def suppress_everywhere(self, name: str) -> None:
        suppress_everywhere([self.book[name].email], clock.now())
        self.book[name].out = FOR_GOOD

    @rule(pick=st.integers(0, 1000), way=st.sampled_from(["u", "u", "leave", "return", "news"]))
    def answer_a_mail(self, pick: int, way: str) -> None:
        """The links below a mail that somebody got: the unsubscribe link, and the preference centre."""
        got = Message.objects.filter(account=self.account, state="sent", contact__isnull=False)
        message = got.order_by("pk")[pick % n] if (n := got.count()) else None
        found = message and self.contact_of(message)
        if message is None or found is None:
            return
        person = found
        if way == "u":
            assert self.post(f"/t/u/{tokens.signed('unsubscribe', message.pk)}") == 200
            person.leave()
            return
        path = f"/t/p/{tokens.signed('preferences', message.pk)}"
        if person.where == BINNED:
            assert self.post(path, act=way) == 404
        elif way == "news":  # no tick: the list is left
            news = self.stage.news.pk
            assert self.post(path) == 200
            if not person.out and not person.pending and news in person.on:
                person.on.discard(news)
                person.off.add(news)
        else:
            assert self.post(path, act=way) == 200
            if way == "leave":
                person.leave()

    def contact_of(self, message: Message) -> Person | None:
        contact = Contact.objects.get(pk=message.contact_id)
        return next((one for one in self.book.values() if one.email == contact.email_key), None)

    # coming back

    @rule(name=names, challenge=yes_or_no, club=some_list)
    def ask_back(self, name: str, challenge: bool, club: bool | None) -> None:
        person, book = self.book[name], None if club is None else self.lists(club)
        path = f"address-books/{book.pk}/contacts" if book else "contacts"
        way = "resubscribe" if challenge else "resubscribe-with-no-challenge"
        answer = self.api(f"POST /v2/{path}/{way}", {"unsubscribedContact": {"email": person.email}})
        assert answer.status_code == 200, answer.content
        person.arrive(self.account.double_opt_in)
        if person.out == FOR_GOOD:
            assert answer.json()["status"] == "ContactCannotBeUnsuppressed"
        elif (challenge or self.account.double_opt_in) and (
            not person.is_mailed or (book is not None and book.pk in person.off)
        ):
            assert answer.json()["status"] == "ContactChallenged"
        else:
            assert answer.json()["status"] == "ContactAdded"
            person.come_back()
            if book is not None:
                person.off.discard(book.pk)
                person.on.add(book.pk)

    @rule(pick=st.integers(0, 1000))
    def say_yes(self, pick: int) -> None:
        """To a question that was mailed and arrived."""
        rows = Confirmation.objects.filter(contact__account=self.account).order_by("pk")
        if not (n := rows.count()):
            return
        asked = rows[pick % n]
        person = next((one for one in self.book.values() if one.email == asked.contact.email_key), None)
        if person is None:
            return
        status = self.post(f"/t/k/{tokens.signed('confirm', asked.pk)}")
        if asked.confirmed_at is not None:  # a yes counts once
            assert status == (200 if person.is_mailed else 410)
            return
        late = clock.now() - asked.asked_at > timedelta(days=30)
        only_joins = asked.kind == Confirmation.Kind.OPT_IN and person.out
        if late or only_joins or person.out == FOR_GOOD or person.where != HERE:
            assert status == 410
            return
        assert status == 200
        person.come_back()
        if asked.list_id:
            person.off.discard(asked.list_id)
            person.on.add(asked.list_id)

    # going away, which is no opt-out

    @rule(name=names, way=st.sampled_from(["v2", "v3", "bulk"]))
    def delete(self, name: str, way: str) -> None:
        person = self.book[name]
        contact = self.contact(person)
        if person.where != HERE or contact is None:
            return
        if way == "v2":
            assert self.api(f"DELETE /v2/contacts/{contact.pk}").status_code == 204
        elif way == "v3":
            assert self.api(f"DELETE /contacts/v3/email/{person.email}").status_code == 200
        else:
            assert self.api("POST /contacts/v3/delete", [{"email": person.email}]).status_code == 202
            self.work()
        person.where, person.pending = BINNED, False
        person.on.clear()

    @rule()
    def empty_the_bin(self) -> None:
        assert self.api("POST /v2/accounts/empty-recycle-bin").status_code in (200, 202)
        self.work()
        for person in self.book.values():
            if person.where == BINNED:
                person.where = NOBODY
                person.off.clear()

    @rule(name=names)
    def erase(self, name: str) -> None:
        person = self.book[name]
        if erase_address(self.account, person.email, "page me", clock.now()):
            person.leave()
            person.where, person.pending = NOBODY, False
            person.on.clear()
            person.off.clear()

    @rule(name=names, club=yes_or_no)
    def take_off_list(self, name: str, club: bool) -> None:
        person, book = self.book[name], self.lists(club)
        contact = self.contact(person)
        if contact is not None and person.where == HERE:
            answer = self.api(f"DELETE /v2/address-books/{book.pk}/contacts/{contact.pk}")
            assert answer.status_code == 204, answer.content
            person.on.discard(book.pk)

    @rule(name=names, other=names, by_v3=yes_or_no)
    def rename(self, name: str, other: str, by_v3: bool) -> None:
        """An address changes; the contact, and all that it may and must not, stays."""
        old, new = self.book[name], self.book[other]
        contact = self.contact(old)
        if contact is None or old.where != HERE or name == other:
            return
        if by_v3:
            said = {"identifiers": {"email": new.email}}
            answer = self.api(f"PATCH /contacts/v3/contactId/{contact.pk}", said)
        else:
            answer = self.api(f"PUT /v2/contacts/{contact.pk}", {"email": new.email})
        if new.out or new.where == HERE or (old.out and not by_v3):
            assert answer.status_code in (400, 409), answer.content
            return
        assert answer.status_code == 200, answer.content
        new.where, new.out, new.pending, new.on, new.off = HERE, old.out, old.pending, old.on, old.off
        old.where, old.pending, old.on, old.off = NOBODY, False, set(), set()

    # at the same moment

    @rule(name=names)
    def leave_while_others_add(self, name: str) -> None:
        person = self.book[name]
        who = {"email": person.email}
        calls = [
            ("POST /v2/contacts", who),
            ("POST /v2/contacts/unsubscribe", who),
            (f"POST /v2/address-books/{self.stage.club.pk}/contacts", who),
            ("POST /contacts/v3", {"identifiers": who}),
        ]
        ready = threading.Barrier(len(calls))

        def call(number: int, said: tuple[str, Any]) -> int:
            ready.wait(30)
            try:
                return self.callers[number % 2](*said).status_code
            finally:
                connection.close()

        with ThreadPoolExecutor(len(calls)) as threads:
            codes = list(threads.map(call, range(len(calls)), calls))
        assert max(codes) < 500
        person.leave()
        contact = self.contact(person)
        assert contact is not None
        if person.where == NOBODY or contact.status != Status.DELETED:
            person.where, person.pending = HERE, False
        on = Membership.objects.filter(contact=contact, unsubscribed_at=None)
        person.on |= set(on.filter(list=self.stage.club).values_list("list_id", flat=True))
        # whoever was added first was let into the program, and leaves it again
        self.enrolled |= set(Enrolment.objects.filter(contact=contact).values_list("pk", flat=True))

    # sending

    @rule(people=st.lists(names, max_size=4, unique=True), club=some_list)
    def send(self, people: list[str], club: bool | None) -> None:
        rows = [self.contact(self.book[name]) for name in people if self.book[name].where == HERE]
        body = {
            "campaignId": self.stage.triggered.pk,
            "contactIds": [row.pk for row in rows if row],
            "addressBookIds": [] if club is None else [self.lists(club).pk, self.stage.segment.pk],
        }
        answer = self.api("POST /v2/campaigns/send", body)
        assert answer.status_code == (202 if rows or club is not None else 400), answer.content

    @rule(people=st.lists(names, max_size=4, unique=True), club=some_list)
    def enrol(self, people: list[str], club: bool | None) -> None:
        rows = [self.contact(self.book[name]) for name in people if self.book[name].where == HERE]
        body = {
            "programId": self.stage.program.pk,
            "contacts": [row.pk for row in rows if row],
            "addressBooks": [] if club is None else [self.lists(club).pk],
        }
        answer = self.api("POST /v2/programs/enrolments", body)
        assert answer.status_code == (201 if rows or club is not None else 400), answer.content

    @rule(name=names)
    def send_a_ticket(self, name: str) -> None:
        mail = {
            "toAddresses": [self.book[name].email],
            "subject": "Your ticket",
            "plainTextContent": "Seat 7",
        }
        assert self.api("POST /v2/email", mail).status_code == 200

    @rule(days=st.sampled_from([1, 1, 20]))
    def time_passes(self, days: int) -> None:
        assert clock.virtual is not None
        clock.move(clock.virtual, clock.now() + timedelta(days=days, minutes=1))

    @rule()
    def work(self) -> None:
        """All that waits is done, and all mail goes out: to whom it may now."""
        runner.tick(clock.now())
        send_campaigns()
        deliver()
        assert work() == []
        self.look_at_the_mail()

    def look_at_the_mail(self) -> None:
        by_email = {one.email: one for one in self.book.values()}
        for entry in self.spool.entries(self.read):
            self.read = entry.next
            person = by_email.get(entry.rcpt_to[0].lower())
            if person is None:  # of an earlier story
                continue
            if entry.subject == "Spring":
                assert person.is_mailed, f"{entry.subject} was mailed to {person}"
            else:
                assert person.out != FOR_GOOD, f"{entry.subject} was mailed to {person}"
        refused = Message.objects.filter(account=self.account, state=MessageState.BOUNCED)
        if refused.exists():
            self.book["bouncer"].leave()

    @invariant()
    def everybody_is_what_the_book_says(self) -> None:
        if not hasattr(self, "book"):
            return
        rows = {row.email_key: row for row in Contact.objects.filter(account=self.account)}
        held = set(
            Suppression.objects.filter(account=self.account, lifted_at=None).values_list(
                "email_key", flat=True
            )
        )
        for person in self.book.values():
            row = rows.get(person.email)
            found = NOBODY if row is None else BINNED if row.status == Status.DELETED else HERE
            assert found == person.where, (person, row and row.status)
            if row is not None and person.where == HERE:
                mailed = row.status == Status.SUBSCRIBED and person.email not in held
                assert mailed == person.is_mailed, (person, row.status, person.email in held)
                if not person.out:
                    assert (row.status == Status.PENDING_OPT_IN) == person.pending, (person, row.status)
                on = Membership.objects.filter(contact=row, unsubscribed_at=None)
                assert set(on.values_list("list_id", flat=True)) - {self.stage.segment.pk} == person.on, (
                    person
                )
        for one in Enrolment.objects.filter(program=self.stage.program).exclude(pk__in=self.enrolled):
            self.enrolled.add(one.pk)
            who = next(p for p in self.book.values() if p.email == one.contact.email_key)
            assert who.is_mailed, f"{who} was enrolled"


def test_nobody_who_left_is_mailed_enrolled_or_brought_back(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.USHER_DATA_DIR = tmp_path
    monkeypatch.setattr(clock, "virtual", tmp_path / "clock")
    clock.move(tmp_path / "clock", NOW)
    behaviour = tmp_path / "mail" / "behaviour.json"
    behaviour.parent.mkdir()
    refused: dict[str, str] = {}

    def refuse(email: str) -> None:
        refused[email] = "550 5.1.1 No such user"
        behaviour.write_text(json.dumps({"refuse": refused}))

    spool = Spool(tmp_path / "mail")
    with SinkThread(spool, now=clock.now, behaviour_path=behaviour) as sink:
        settings.USHER_SMTP_URL = f"smtp://127.0.0.1:{sink.port}"
        Stories.spool, Stories.refuse = spool, staticmethod(refuse)
        Stories._hypothesis_internal_use_seed = SEED or None
        run_state_machine_as_test(Stories, settings=_chance())


def _chance() -> chance:
    return chance(
        max_examples=STORIES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        derandomize=not SEED,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
