"""A small shop with one of everything, so that every page has something to show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from django.utils.timezone import localtime

from usher.audiences import evaluate
from usher.audiences.models import Audience, ComputedField, TagGroup
from usher.destinations.models import Destination
from usher.engage.models import (
    Account,
    Campaign,
    Click,
    Contact,
    ContactList,
    Enrolment,
    Link,
    Membership,
    Message,
    Move,
    Open,
    Program,
    ProgramCheck,
    ProgramVersion,
    Suppression,
)
from usher.seeds.models import Arrival, Expectation, Incident, IncidentChange, Placement, SeedPath, SeedPlan
from usher.sources.models import Source, Table
from usher.syncs.models import Pushed, Run, Step, Sync

NOW = datetime(1998, 3, 1, 7, 4, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)

GRAPH = {
    "start": {
        "schedule": "0 7 * * *",
        "rule": "TAG_LAPSED_BUYER = true",
        "limit": {"once_in_days": 365},
        "first": "miss",
    },
    "exits": [{"name": "no longer lapsed", "rule": "not (TAG_LAPSED_BUYER = true)"}],
    "nodes": {
        "miss": {"kind": "send", "campaign": "We miss you", "next": "wait-7"},
        "wait-7": {"kind": "wait", "days": 7, "next": "clicked"},
        "clicked": {
            "kind": "decision",
            "rule": 'exists(clicks where campaign = "We miss you")',
            "yes": "came-back",
            "no": "favourites",
        },
        "came-back": {"kind": "end", "name": "came back"},
        "favourites": {"kind": "send", "campaign": "Your favourites are waiting", "next": "wait-14"},
        "wait-14": {"kind": "wait", "days": 14, "next": "no-answer"},
        "no-answer": {"kind": "end", "name": "no answer"},
    },
}


def whole(folder: Path) -> None:
    """Everything, with 120 customers and 60 contacts."""
    unevaluated(folder)
    evaluated()


def unevaluated(folder: Path) -> None:
    """Everything but snapshots of the audiences: quicker to build, for pages that do not show them."""
    shop(folder)
    defined()
    synced()
    mailed()
    seeded()


def shop(folder: Path) -> None:
    """120 customers, of whom every third ordered lately; one address is bad, one looks like a formula."""
    customers = ["customer_id,email", *(f"{n},customer{n}@example.com" for n in range(1, 119))]
    customers += ["119,no address", "120,=cmd|calc@example.com"]
    orders = ["customer_id,ordered_on,total"]
    for n in range(1, 121):
        orders.append(f"{n},{'1998-02-10' if n % 3 == 0 else '1997-05-02'},{n}.50")
    (folder / "customers.csv").write_text("\n".join(customers) + "\n", "utf-8")
    (folder / "orders.csv").write_text("\n".join(orders) + "\n", "utf-8")
    source = Source.objects.create(name="shop")
    Table.objects.create(
        source=source,
        name="customers",
        location=str(folder / "customers.csv"),
        key="customer_id",
        email="email",
        subject=True,
    )
    Table.objects.create(
        source=source,
        name="orders",
        location=str(folder / "orders.csv"),
        key="customer_id",
        at="ordered_on",
        noun="order",
    )


def defined() -> None:
    """A tag, an auto tag, a list and a computed field."""
    group = TagGroup.objects.create(name="Win back")
    Audience.objects.create(name="STAFF", kind=Audience.Kind.TAG, description="People who work here.")
    Audience.objects.create(
        name="LAPSED_BUYER",
        kind=Audience.Kind.AUTO_TAG,
        group=group,
        rule="count(orders) > 0 and not exists(orders where ordered_on within 180 days)",
    )
    Audience.objects.create(
        name="mailable", kind=Audience.Kind.CUSTOMER_LIST, rule="email is set and count(orders) > 0"
    )
    ComputedField.objects.create(name="ORDERS", expression="count(orders)", type="number")


def evaluated() -> None:
    """All rules on two nights, a month apart."""
    for night in (NOW - 30 * DAY, NOW):
        evaluate.evaluate(night - HOUR)


def synced() -> None:
    place = Destination.objects.create(
        name="engage", kind="dotdigital", settings={"url": "https://usher.example.com"}
    )
    sync = Sync.objects.create(
        name="Usher sync",
        audience=Audience.objects.get(name="mailable"),
        destination=place,
        list_name="Usher sync",
        fields={"ORDERS": "ORDERS"},
        tags=["LAPSED_BUYER"],
        schedule="5 6 * * *",
        defined_at=NOW - 60 * DAY,
    )
    done = Run.objects.create(
        sync=sync,
        now=NOW - DAY,
        started_at=NOW - DAY,
        finished_at=NOW - DAY + 2 * MINUTE,
        state=Run.State.DONE,
        read=118,
        added=100,
        updated=10,
        unchanged=7,
        refused=1,
        removed=2,
        calls_foreseen={"import": 1, "progress": 1},
        calls_made={"import": 1, "progress": 3},
    )
    Step.objects.create(run=done, ordinal=1, kind="create_list", name="Usher sync", state="done")
    Step.objects.create(
        run=done,
        ordinal=2,
        kind="import",
        rows=110,
        state="done",
        payload="import-1.parquet",
        answer={"counters": {"new": 100, "updated": 10}},
    )
    Pushed.objects.create(
        sync=sync,
        key="1",
        email="customer1@example.com",
        state="pushed",
        on_list=True,
        run=done,
        at=NOW - DAY,
    )
    Pushed.objects.create(
        sync=sync,
        key="119",
        email="no address",
        state="refused",
        reason="not an e-mail address",
        run=done,
        at=NOW - DAY,
    )
    held = Run.objects.create(
        sync=sync,
        now=NOW - HOUR,
        started_at=NOW - HOUR,
        finished_at=NOW - HOUR,
        state=Run.State.HELD,
        read=70,
        removed=48,
        unchanged=70,
        calls_foreseen={"remove": 1, "progress": 1},
        error="it would remove 48 of the 118 people on the list (41%), more than 10%; look at the plan",
    )
    held.folder.mkdir(parents=True, exist_ok=True)
    leavers = {
        "key": [str(n) for n in range(1, 49)],
        "email": [f"customer{n}@example.com" for n in range(1, 49)],
    }
    pq.write_table(pa.table(leavers), held.folder / "remove-1.parquet")
    Step.objects.create(run=held, ordinal=1, kind="remove", rows=48, payload="remove-1.parquet")


def mailed() -> None:
    """A program with people at every step, mails in every state, a person with a long story."""
    account = Account.objects.create(name="Music shop", created_at=NOW - 90 * DAY)
    on_list = ContactList.objects.create(account=account, name="Usher sync", created_at=NOW - 90 * DAY)
    first = _campaign(account, "We miss you", "We miss you, @EMAIL@", HOSTILE)
    favourites = "Your favourites are waiting"
    second = _campaign(account, favourites, favourites, "<h1>Hello</h1>")
    program = Program.objects.create(
        account=account, name="Win back", status="Active", created_at=NOW - 60 * DAY
    )
    version = ProgramVersion.objects.create(program=program, number=1, graph=GRAPH, created_at=NOW - 60 * DAY)
    ProgramCheck.objects.create(program=program, slot=NOW, checked_at=NOW, enrolled=26)
    people = Contact.objects.bulk_create(
        [
            Contact(
                account=account,
                email=f"Customer{n}@example.com",
                email_key=f"customer{n}@example.com",
                status_at=NOW - 60 * DAY,
                data={"ORDERS": n, "TAG_LAPSED_BUYER": n % 3 != 0, "LAST_ORDER": "1997-05-02"},
                created_at=NOW - 60 * DAY,
                updated_at=NOW - DAY,
            )
            for n in range(1, 61)
        ]
    )
    Membership.objects.bulk_create(
        [Membership(list=on_list, contact=person, joined_at=NOW - 60 * DAY) for person in people]
    )
    for number, person in enumerate(people):
        _walk(program, version, person, number, first, second)
    _unsubscribed(account, people[4])


#: Would change the page around it and fetch a picture from elsewhere, if a preview let it.
HOSTILE = """<h1 style="color: #86203f">Hello @EMAIL@</h1>
<script>parent.document.title = "broken out"</script><img src="https://elsewhere.example.com/x.png" alt="">"""


def _campaign(account: Account, name: str, subject: str, html: str) -> Campaign:
    return Campaign.objects.create(
        account=account,
        name=name,
        subject=subject,
        html=html,
        text="Hello",
        status="Triggered",
        created_at=NOW - 60 * DAY,
        updated_at=NOW - 60 * DAY,
    )


def _walk(
    program: Program, version: ProgramVersion, person: Contact, number: int, first: Campaign, second: Campaign
) -> None:
    entered = NOW - 10 * DAY if number % 2 else NOW - DAY
    node, outcome = [
        ("wait-7", ""),
        ("wait-14", ""),
        ("wait-7", ""),
        ("came-back", "came back"),
        ("wait-7", ""),
    ][number % 5]
    enrolment = Enrolment.objects.create(
        program=program,
        version=version,
        contact=person,
        node=node,
        due_at=NOW + 4 * HOUR,
        entered_at=entered,
        left_at=NOW - 2 * DAY if outcome else None,
        outcome=outcome,
        cause="daily check",
    )
    path = [("", "miss", "entered"), ("miss", "wait-7", "sent"), ("wait-7", "clicked", "waited")]
    path.append(("clicked", "came-back", "yes") if outcome else ("clicked", "favourites", "no"))
    Move.objects.bulk_create(
        [
            Move(enrolment=enrolment, at=entered + HOUR * place, from_node=a, to_node=b, why=why)
            for place, (a, b, why) in enumerate(path)
        ]
    )
    _mails(enrolment, person, number, first, second)


def _mails(enrolment: Enrolment, person: Contact, number: int, first: Campaign, second: Campaign) -> None:
    common = {
        "account": person.account,
        "contact": person,
        "enrolment": enrolment,
        "queued_at": enrolment.entered_at,
    }
    mail = Message.objects.create(
        **common,
        campaign=first,
        node="miss",
        state="sent",
        due_at=enrolment.entered_at,
        sent_at=NOW - HOUR,
        attempts=1,
        relay="127.0.0.1:2525",
        code=250,
        reply="2.0.0 Ok",
    )
    state = ["queued", "sent", "ambiguous", "bounced", "skipped"][number % 5]
    Message.objects.create(
        **common,
        campaign=second,
        node="favourites",
        state=state,
        due_at=NOW + 16 * MINUTE,
        attempts=1,
        code=421 if state == "queued" else None,
        reply="4.7.0 try again later" if state == "queued" else "",
    )
    if number % 3 == 0:
        Open.objects.create(message=mail, at=NOW - 30 * MINUTE)
    if number % 6 == 0:
        link, _ = Link.objects.get_or_create(campaign=first, url="https://musicshop.example.com/sale")
        Click.objects.create(message=mail, link=link, at=NOW - 20 * MINUTE)


def _unsubscribed(account: Account, person: Contact) -> None:
    person.status, person.status_at = "Unsubscribed", NOW - HOUR
    person.save()
    Suppression.objects.create(
        account=account, email_key=person.email_key, reason="Unsubscribed", at=NOW - HOUR, source="one-click"
    )


def seeded() -> None:
    """A plan with two paths, one pair all well and one pair with a mail that is missing."""
    plan = SeedPlan.objects.create(
        name="Win back seeds",
        program="Win back",
        destination=Destination.objects.get(name="engage"),
        list_name="Usher seeds",
        address="seed@seeds.example.com",
        every_days=10,
        at=localtime(NOW).time(),
        starts=NOW.date(),
        changed_at=NOW,
        changed_by="tests",
    )
    for position, name in enumerate(["clicks", "does not click"]):
        path = SeedPath.objects.create(
            plan=plan, name=name, position=position, clicks=not position, expect=[]
        )
        for age in (20, 10):
            _placed(path, NOW - age * DAY, missing=age == 10 and position == 1)


def _placed(path: SeedPath, slot: datetime, *, missing: bool) -> None:
    address = f"seed+{path.position}-{slot:%Y%m%d}@seeds.example.com"
    placement = Placement.objects.create(
        path=path, slot=slot, address=address, state="placed", tried_at=slot, placed_at=slot
    )
    account = Account.objects.first()
    if account:
        Contact.objects.create(
            account=account,
            email=address,
            email_key=address,
            status_at=slot,
            is_seed=True,
            created_at=slot,
            updated_at=slot,
        )
    for position, mail in enumerate(["We miss you", "Your favourites are waiting"]):
        due = slot + 7 * DAY * position
        lost = missing and position == 1
        expectation = Expectation.objects.create(
            placement=placement,
            position=position,
            mail=mail,
            subject=mail,
            due_at=due,
            window_closes_at=due + 30 * MINUTE,
            verdict="missing" if lost else "on_time",
        )
        if lost:
            _incident(expectation)
        else:
            Arrival.objects.create(
                placement=placement,
                expectation=expectation,
                address=address,
                received_at=due + 3 * MINUTE,
                subject=mail,
                message_id=f"<{placement.pk}-{position}@x>",
                mailbox="sink",
                entry=f"{placement.pk}-{position}",
            )


def _incident(expectation: Expectation) -> None:
    detail = (
        "the relay at 127.0.0.1:2525 deferred the mail: 421 4.7.0 try again later; next try 1998-03-01 07:20"
    )
    incident = Incident.objects.create(
        expectation=expectation, verdict="missing", hop="relay", detail=detail, opened_at=NOW - HOUR
    )
    IncidentChange.objects.create(incident=incident, at=NOW - HOUR, state="open", hop="relay", detail=detail)


def crowd(people: int) -> None:
    """More contacts, each inside the program and mailed once."""
    account, program, version = Account.objects.get(), Program.objects.get(), ProgramVersion.objects.get()
    campaign = Campaign.objects.get(name="We miss you")
    common = {"account": account, "status_at": NOW, "created_at": NOW, "updated_at": NOW}
    contacts = Contact.objects.bulk_create(
        Contact(**common, email=f"crowd{n}@example.com", email_key=f"crowd{n}@example.com")
        for n in range(people)
    )
    inside = {"program": program, "version": version, "node": "wait-7", "cause": "daily check"}
    enrolments = Enrolment.objects.bulk_create(
        Enrolment(**inside, contact=person, due_at=NOW + DAY, entered_at=NOW) for person in contacts
    )
    sent = {"account": account, "campaign": campaign, "node": "miss", "state": "sent", "sent_at": NOW}
    Message.objects.bulk_create(
        Message(**sent, contact=one.contact, enrolment=one, queued_at=NOW, due_at=NOW) for one in enrolments
    )
