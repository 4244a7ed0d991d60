from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest

from usher.engage import definitions
from usher.engage.campaigns import named
from usher.engage.campaigns.use import uses
from usher.engage.models import (
    Account,
    Campaign,
    Contact,
    Enrolment,
    EnrolmentRequest,
    Message,
    Program,
    ProgramVersion,
)
from usher.engage.programs.enrol import process
from usher.engage.programs.graph import dump, parse
from usher.engage.tests.conftest import NOW, Caller
from usher.lib import clock

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]

END = {"kind": "end", "name": "done"}
MAIL = {
    "name": "Miss you",
    "subject": "We miss you",
    "fromName": "Shop",
    "fromAddress": {"email": "mail@example.com"},
    "htmlContent": '<a href="http://$UNSUB$">leave</a>',
    "plainTextContent": "leave: http://$UNSUB$",
}


def test_it_makes_and_reads_a_campaign(api: Caller) -> None:
    made = api.json("POST /v2/campaigns", MAIL, 201)
    assert made == {
        "id": made["id"],
        "name": "Miss you",
        "subject": "We miss you",
        "fromName": "Shop",
        "fromAddress": {"id": 0, "email": "mail@example.com"},
        "htmlContent": '<a href="http://$UNSUB$">leave</a>',
        "plainTextContent": "leave: http://$UNSUB$",
        "replyAction": "Unset",
        "replyToAddress": None,
        "isSplitTest": False,
        "status": "Unsent",
        "customReplyToAddress": None,
        "type": "Standard",
    }
    del made["type"]  # only creating a campaign answers its type
    assert api.json(f"GET /v2/campaigns/{made['id']}") == made
    assert api.json("GET /v2/campaigns") == [made | {"htmlContent": None, "plainTextContent": None}]


def test_a_triggered_campaign_says_so(api: Caller) -> None:
    made = api.json("POST /v2/campaigns", MAIL | {"Type": "triggered"}, 201)
    assert (made["status"], made["type"]) == ("Triggered", "Triggered")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"subject": None},
        {"fromName": ""},
        {"htmlContent": ""},
        {"plainTextContent": None},
        {"htmlContent": "<p>no way out</p>"},
        {"plainTextContent": "no way out"},
        {"subject": "two\r\nBcc: lines"},
        {"name": "x" * 256},
        {"fromAddress": {"email": "nobody"}},
    ],
)
def test_it_refuses_a_campaign_that_cannot_be_mailed(api: Caller, wrong: dict[str, Any]) -> None:
    status, message = api.error("POST /v2/campaigns", MAIL | wrong)
    assert status == 400
    assert message.endswith(" ERROR_CAMPAIGN_INVALID")


def _triggered(api: Caller, name: str) -> Campaign:
    made = api.json("POST /v2/campaigns", MAIL | {"name": name, "type": "Triggered"}, 201)
    return Campaign.objects.select_related("account").get(pk=made["id"])


def test_campaigns_may_share_a_name_and_the_oldest_that_programs_can_send_is_meant(
    api: Caller, account: Account
) -> None:
    standard = api.json("POST /v2/campaigns", MAIL, 201)["id"]
    first, second = _triggered(api, "MISS YOU"), _triggered(api, "Miss you")
    assert len({standard, first.pk, second.pk}) == 3
    assert named.sent_by_programs(account) == {MAIL["name"].lower(): first.pk}
    graph = {
        "start": {"first": "say"},
        "nodes": {"say": {"kind": "send", "campaign": "Miss you", "next": "done"}, "done": END},
    }
    program = Program.objects.create(account=account, name="Win back", status="Active", created_at=NOW)
    ProgramVersion.objects.create(program=program, number=1, graph=graph, created_at=NOW)
    assert (uses(first), uses(second)) == (["the program “Win back”"], [])
    assert api.error(f"DELETE /v2/campaigns/{first.pk}")[0] == 400
    assert api(f"DELETE /v2/campaigns/{second.pk}").status_code == 204
    assert set(definitions.export("campaigns")) == {MAIL["name"]}


def test_no_renaming_makes_a_program_send_something_else(api: Caller, account: Account) -> None:
    older, sent = _triggered(api, "Old"), _triggered(api, "Miss you")
    graph = {
        "start": {"first": "say"},
        "nodes": {"say": {"kind": "send", "campaign": "Miss you", "next": "done"}, "done": END},
    }
    program = Program.objects.create(account=account, name="Win back", status="Active", created_at=NOW)
    ProgramVersion.objects.create(program=program, number=1, graph=graph, created_at=NOW)
    status, message = api.error(f"PUT /v2/campaigns/{older.pk}", MAIL | {"name": "miss you"})
    assert (status, "another campaign is sent by the program “Win back”" in message) == (400, True)
    newer = _triggered(api, "New")
    api.json(f"PUT /v2/campaigns/{newer.pk}", MAIL | {"name": "Miss you"})
    assert named.sent_by_programs(account)["miss you"] == sent.pk


@pytest.mark.parametrize("number", ["4711", "9" * 30])
def test_unknown_campaigns_and_programs_are_not_found(api: Caller, number: str) -> None:
    assert api.error(f"GET /v2/campaigns/{number}") == (404, "Error: ERROR_CAMPAIGN_NOT_FOUND")
    assert api.error(f"GET /v2/programs/{number}") == (404, "Error: ERROR_PROGRAM_NOT_FOUND")


@pytest.fixture
def program(account: Account) -> Program:
    graph = {"start": {"first": "done"}, "nodes": {"done": {"kind": "end", "name": "welcomed"}}}
    program = Program.objects.create(account=account, name="Welcome", status="Active", created_at=NOW)
    ProgramVersion.objects.create(program=program, number=1, graph=dump(parse(graph)), created_at=NOW)
    return program


@pytest.fixture
def alice(api: Caller) -> int:
    return int(api.json("POST /v2/contacts", {"email": "alice@example.com"}, 201)["id"])


def test_it_lists_programs(api: Caller, program: Program) -> None:
    shown = {
        "id": program.pk,
        "name": "Welcome",
        "status": "Active",
        "dateCreated": "2026-03-01T12:00:00.000Z",
    }
    assert api.json("GET /v2/programs/?select=10") == [shown]
    assert api.json(f"GET /v2/programs/{program.pk}") == shown


def test_an_enrolment_is_asked_for_and_reported_on(api: Caller, program: Program, alice: int) -> None:
    bob = api.json("POST /v2/contacts", {"email": "bob@example.com"}, 201)["id"]
    api.json("POST /v2/contacts/unsubscribe", {"email": "bob@example.com"})
    body = {"ProgramId": str(program.pk), "contacts": [alice, str(bob)], "addressBooks": []}
    asked = api.json("POST /v2/programs/enrolments", body, 201)
    assert (asked["programId"], asked["status"]) == (program.pk, "Processing")
    path = f"GET /v2/programs/enrolments//{asked['id']}"
    assert api.json(path) == asked
    assert api.error(f"{path}/report-faults") == (400, "Error: ERROR_ENROLMENT_IS_PROCESSING")
    assert api.json("GET /v2/programs/enrolments/processing") == [asked]
    process(EnrolmentRequest.objects.get(), NOW)
    assert api.json(path)["status"] == "Finished"
    assert api.json("GET /v2/programs/enrolments/Processing") == []
    assert [row["id"] for row in api.json("GET /v2/programs/enrolments/Finished")] == [asked["id"]]
    assert api(f"{path}/report-faults").content.decode() == (
        f"Id,Email,TelephoneNumber,Reason\r\n{bob},bob@example.com,,Unsubcribed\r\n"
    )
    assert Enrolment.objects.get().contact_id == alice


def test_it_refuses_enrolments_that_cannot_be(api: Caller, program: Program, alice: int) -> None:
    book = api.json("POST /v2/address-books", {"name": "News"}, 201)["id"]
    ask = lambda **body: api.error("POST /v2/programs/enrolments", body)  # noqa: E731
    assert ask(programId=4711, contacts=[alice]) == (404, "Error: ERROR_PROGRAM_NOT_FOUND")
    assert ask(programId=program.pk) == (400, "Error: ERROR_ENROLMENT_INVALID")
    assert ask(programId=program.pk, contacts=[], addressBooks=None) == (
        400,
        "Error: ERROR_ENROLMENT_INVALID",
    )
    assert ask(programId=program.pk, contacts=[alice, 4711]) == (400, "Error: ERROR_CONTACT_NOT_FOUND")
    assert ask(programId=program.pk, addressBooks=[book, 4711]) == (400, "Error: ERROR_ADDRESSBOOK_NOT_FOUND")
    assert ask(programId=program.pk, contacts=list(range(1, 27)))[1].endswith("ERROR_ENROLMENT_INVALID")
    assert ask(programId=program.pk, addressBooks=list(range(1, 12)))[1].endswith("ERROR_ADDRESSBOOK_TOOMANY")
    assert ask(contacts=[alice])[1].endswith("ERROR_PARAMETER_INVALID")
    Program.objects.update(status="Draft")
    assert ask(programId=program.pk, contacts=[alice]) == (422, "Error: ERROR_PROGRAM_NOT_ACTIVE")
    assert not EnrolmentRequest.objects.exists()


def test_twenty_enrolments_an_hour_are_allowed(api: Caller, program: Program, alice: int) -> None:
    now = clock.now()
    EnrolmentRequest.objects.bulk_create(
        EnrolmentRequest(program=program, created_at=now - timedelta(minutes=minutes))
        for minutes in [61, *range(1, 20)]
    )
    body = {"programId": program.pk, "contacts": [alice]}
    api.json("POST /v2/programs/enrolments", body, 201)
    assert api.error("POST /v2/programs/enrolments", body) == (
        400,
        "Error: ERROR_ENROLMENT_ALLOWANCE_EXCEEDED",
    )


def test_an_unknown_enrolment_is_not_found(api: Caller) -> None:
    path = f"GET /v2/programs/enrolments/{uuid.uuid4()}"
    assert api.error(path) == (404, "Error: ERROR_ENROLMENT_NOT_FOUND")
    assert api.error(f"{path}/report-faults") == (404, "Error: ERROR_ENROLMENT_NOT_FOUND")
    assert api.error("GET /v2/programs/enrolments/unknown")[0] == 400


def test_a_trace_tells_what_happened_to_an_address(api: Caller, program: Program, alice: int) -> None:
    campaign = api.json("POST /v2/campaigns", MAIL | {"type": "Triggered"}, 201)["id"]
    version = ProgramVersion.objects.get()
    enrolment = Enrolment.objects.create(
        program=program,
        version=version,
        contact_id=alice,
        node="done",
        due_at=NOW,
        entered_at=NOW,
        cause="api",
    )
    rows = [
        Message(
            account_id=program.account_id,
            campaign_id=campaign,
            contact_id=alice,
            enrolment=enrolment,
            node=f"send {number}",
            state=state,
            queued_at=NOW,
            due_at=NOW + timedelta(minutes=5),
            attempts=number,
            sent_at=NOW if state == "sent" else None,
            relay="mx:25" if state == "sent" else "",
            code=250 if state == "sent" else None,
            reply="2.0.0 ok" if state == "sent" else "",
        )
        for number, state in enumerate(["sent", "queued"])
    ]
    Message.objects.bulk_create(rows)
    found = api.json("GET /engage/v1/trace?email=Alice@example.com")
    first, second = found["messages"]
    assert found["contact"] == {
        "id": alice,
        "email": "alice@example.com",
        "status": "Subscribed",
        "created_at": found["contact"]["created_at"],
    }
    assert found["enrolments"] == [
        {
            "program": "Welcome",
            "node": "done",
            "entered_at": "2026-03-01T12:00:00.000Z",
            "left_at": None,
            "outcome": "",
        }
    ]
    assert first.pop("message_id").endswith("@localhost>")
    assert first == {
        "id": rows[0].pk,
        "campaign": "Miss you",
        "subject": "We miss you",
        "status": "sent",
        "queued_at": "2026-03-01T12:00:00.000Z",
        "attempts": 0,
        "next_attempt_at": None,
        "sent_at": "2026-03-01T12:00:00.000Z",
        "relay": "mx:25",
        "code": 250,
        "reply": "2.0.0 ok",
    }
    assert (second["status"], second["next_attempt_at"]) == ("queued", "2026-03-01T12:05:00.000Z")


def test_a_trace_of_nobody_is_empty(api: Caller) -> None:
    assert api.json("GET /engage/v1/trace?email=nobody@example.com") == {
        "contact": None,
        "enrolments": [],
        "messages": [],
    }
    assert api.error("GET /engage/v1/trace") == (400, "email is required. ERROR_PARAMETER_INVALID")
    assert not Contact.objects.exists()
