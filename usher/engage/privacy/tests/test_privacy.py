"""One person is told everything that is known, and forgotten everywhere; others stay as they are."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from usher.engage import privacy
from usher.engage.accounts import create_account
from usher.engage.contacts import confirm, consent, erased
from usher.engage.contacts.suppress import suppress
from usher.engage.contacts.write import Draft, change, save
from usher.engage.errors import EngageError
from usher.engage.imports.accept import accept
from usher.engage.imports.run import run
from usher.engage.lists import members
from usher.engage.lists.edit import create_list
from usher.engage.messages import letters
from usher.engage.models import (
    Account,
    ApiCall,
    Audit,
    Campaign,
    Choice,
    Click,
    Confirmation,
    Contact,
    Enrolment,
    Erased,
    Happening,
    Import,
    ImportFault,
    Letter,
    Link,
    Message,
    Move,
    Open,
    PageView,
    Preference,
    Program,
    ProgramVersion,
    Suppression,
    TextMessage,
)
from usher.engage.models.contacts import Status

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ALICE, JALICE = "Alice@example.com", "jalice@example.com"
NUMBER = "447700900123"


@pytest.fixture
def account(db: None) -> Account:
    return create_account("Music shop", NOW)


@pytest.fixture
def alice(account: Account) -> Contact:
    """Somebody with a row of every kind, beside Jalice with a similar address."""
    jalice, _ = save(account, Draft(JALICE, {"FIRSTNAME": "Jalice"}), NOW)
    contact, _ = save(account, Draft(ALICE, {"FIRSTNAME": "Alicia"}, mobile_number=NUMBER), NOW)
    members.join(create_list(account, "News", NOW), contact, NOW)
    consent.record(contact, [consent.Evidence("I agree.", NOW, ip="192.0.2.9")], "form News", NOW)
    times = {"created_at": NOW, "updated_at": NOW}
    jazz = Preference.objects.create(account=account, private_name="Jazz", **times)
    Choice.objects.create(preference=jazz, contact=contact, opted_in=True, at=NOW)
    confirm.ask(contact, Confirmation.Kind.OPT_IN, NOW)
    campaign = Campaign.objects.create(account=account, name="Spring", subject="S", html="", text="", **times)
    link = Link.objects.create(campaign=campaign, url="https://shop.example/jazz")
    mail = {"account": account, "campaign": campaign, "queued_at": NOW, "due_at": NOW}
    sent = Message.objects.create(contact=contact, state="sent", sent_at=NOW, reply=f"250 <{ALICE}>", **mail)
    Message.objects.create(contact=contact, state="queued", **mail)
    seen = {"message": sent, "at": NOW, "ip": "192.0.2.9", "user_agent": "Firefox"}
    Open.objects.create(**seen)
    Click.objects.create(link=link, **seen)
    PageView.objects.create(message=sent, at=NOW, url="https://shop.example/order?mail=alice@example.com")
    program = Program.objects.create(account=account, name="Welcome", created_at=NOW)
    version = ProgramVersion.objects.create(program=program, number=1, graph={"nodes": {}}, created_at=NOW)
    inside = Enrolment.objects.create(
        program=program, version=version, contact=contact, node="n", due_at=NOW, entered_at=NOW, cause="api"
    )
    Move.objects.create(enrolment=inside, at=NOW, to_node="n", why="entered")
    words = {"subject": "Alicia's order", "html": "<p>Alicia</p>", "text": "Alicia", "created_at": NOW}
    letters.send([(Letter(account=account, to=[ALICE], cc=[JALICE], **words), ())], NOW)
    Message.objects.filter(letter__isnull=False).update(state="sent", sent_at=NOW)
    note = Letter(account=account, to=["shop@example.com"], subject="S", text=f"From {ALICE}", created_at=NOW)
    letters.send([(note, ())], NOW)
    TextMessage.objects.create(
        account=account, route="marketing", number=NUMBER, body="Hi Alicia", state="queued",
        queued_at=NOW, due_at=NOW, updated_at=NOW,
    )  # fmt: skip
    job = Import.objects.create(
        account=account,
        file_name="people.csv",
        content=b"",
        created_at=NOW,
        results={"created": [{"email": ALICE}, {"email": JALICE}]},
    )
    ImportFault.objects.create(imported=job, row=1, reason="Suppressed", values=[ALICE, "Alicia"])
    ImportFault.objects.create(imported=job, row=2, reason="Suppressed", values=[JALICE, "Jalice"])
    Happening.objects.create(
        account=account, type="contact.created", at=NOW, recorded_at=NOW, data={"email": ALICE}
    )
    noted = {"account": account, "at": NOW, "by": "api x", "act": "change"}
    Audit.objects.create(kind="contact", key=contact.pk, before={"data": {"FIRSTNAME": "Ali"}}, **noted)
    Audit.objects.create(kind="suppression", key=ALICE.lower(), after={"email_key": ALICE.lower()}, **noted)
    Audit.objects.create(kind="contact", key="", after={"count": 2, "first": [ALICE, JALICE]}, **noted)
    call = {"account": account, "at": NOW, "method": "GET", "status": 200, "milliseconds": 1}
    ApiCall.objects.create(path="/v2/contacts/alice%40example.com", answered="Alicia", **call)
    ApiCall.objects.create(path=f"/v2/contacts/{JALICE}", answered=JALICE, **call)
    change(jalice, Draft(JALICE, {"FIRSTNAME": "Jalice"}), NOW)
    return contact


def everything() -> str:
    """Every row of the engine as text."""
    with connection.cursor() as cursor:
        cursor.execute("select tablename from pg_tables where tablename like 'engage_%'")
        tables = [name for (name,) in cursor.fetchall()]
        found = []
        for table in tables:
            cursor.execute(f"select to_jsonb(r)::text from {table} r")
            found += [f"{table} {row}" for (row,) in cursor.fetchall()]
    return "\n".join(found)


def figures() -> tuple[int, ...]:
    counted: tuple[Any, ...] = (
        Message,
        Open,
        Click,
        PageView,
        Enrolment,
        Move,
        ImportFault,
        ApiCall,
        Happening,
    )
    return tuple(model.objects.count() for model in counted)


def test_everything_is_told_that_is_known_of_a_person(alice: Contact) -> None:
    told = privacy.export(alice)
    assert json.loads(json.dumps(told)) == told
    assert (told["contact"]["email"], told["contact"]["data"]) == (ALICE, {"FIRSTNAME": "Alicia"})
    assert told["lists"] == [{"joined_at": "2026-03-01T12:00:00Z", "unsubscribed_at": None, "name": "News"}]
    assert (told["consents"][0]["text"], told["consents"][0]["ip"]) == ("I agree.", "192.0.2.9")
    assert told["preferences"][0]["name"] == "Jazz"
    assert told["confirmations"][0]["kind"] == "opt in"
    sent = told["mails"][1]
    assert (sent["campaign_name"], sent["state"], sent["opens"][0]["ip"]) == ("Spring", "sent", "192.0.2.9")
    assert sent["clicks"][0]["url"] == "https://shop.example/jazz"
    assert sent["page_views"][0]["url"].startswith("https://shop.example/order")
    assert "Alicia's order" in [one["subject"] for one in told["letters"]]
    assert told["texts"][0]["body"] == "Hi Alicia"
    assert told["programs"][0]["program_name"] == "Welcome"
    assert told["steps"][0]["why"] == "entered"
    assert [one["kind"] for one in told["changes"]] == ["contact", "suppression"]
    assert [one["row"] for one in told["refused_import_rows"]] == [1]
    assert told["events"][0]["type"] == "contact.created"
    assert JALICE not in json.dumps(told)


def test_nothing_of_an_erased_person_is_left_and_all_of_others(alice: Contact) -> None:
    before = figures()
    privacy.erase(alice, "page anna", NOW)
    left = everything()
    for trace in ("Alicia", NUMBER, "192.0.2.9", "Firefox", "mail=alice"):
        assert trace not in left, [row for row in left.split("\n") if trace in row]
    assert "alice@example.com" not in left.lower().replace(JALICE, "")
    assert left.count(JALICE) >= 6
    assert "FIRSTNAME" in left
    assert figures() == before
    note = Audit.objects.get(act="erase")
    assert (note.by, note.key) == ("page anna", str(alice.pk))
    assert not Message.objects.filter(contact=alice, state="queued").exists()
    assert TextMessage.objects.get().state == "skipped"
    privacy.erase(Contact.objects.get(pk=alice.pk), "page anna", NOW)
    assert figures() == before


def test_whoever_was_erased_is_not_let_in_again(account: Account, alice: Contact) -> None:
    privacy.erase(alice, "page anna", NOW)
    with pytest.raises(EngageError, match="suppressed"):
        save(account, Draft("ALICE@example.com"), NOW + DAY)
    assert not Suppression.objects.exists()
    job = accept(account, "people.csv", b"email\nalice@example.com\nbob@example.com\n", NOW + DAY)
    run(job.pk, NOW + DAY)
    assert not Contact.objects.filter(email_key="alice@example.com").exists()
    assert Contact.objects.filter(email_key="bob@example.com").exists()
    assert list(Import.objects.get(pk=job.pk).faults.values_list("row", flat=True)) == [1]
    assert list(Suppression.objects.values_list("email_key", "reason", "source")) == [
        ("alice@example.com", "Suppressed", "erased")
    ]


def test_a_complaint_outlives_erasing(account: Account, alice: Contact) -> None:
    suppress(account, ["alice@example.com"], Status.ISP_COMPLAINED, "loop", NOW)
    privacy.erase(Contact.objects.get(pk=alice.pk), "page anna", NOW + DAY)
    letter = Letter(account=account, to=[ALICE], subject="S", text="T", created_at=NOW)
    letters.send([(letter, ())], NOW)
    mail = Message.objects.get(letter=letter)
    assert (mail.state, mail.reason) == ("skipped", "may not be mailed: IspComplained")


def test_an_address_that_is_no_contact_is_erased_too(account: Account) -> None:
    assert privacy.export_address(account, ALICE) is None
    assert not privacy.erase_address(account, ALICE, "operator", NOW)
    suppress(account, [ALICE.lower()], Status.UNSUBSCRIBED, "api", NOW)
    told = privacy.export_address(account, ALICE)
    assert told is not None
    assert told["suppressions"][0]["reason"] == "Unsubscribed"
    assert privacy.erase_address(account, ALICE, "operator", NOW)
    assert "alice" not in everything().lower()
    assert Erased.objects.get().reason == "Unsubscribed"


def test_a_new_key_still_knows_whom_the_old_one_erased(account: Account, settings: Any) -> None:
    erased.remember(account, "alice@example.com", Status.SUPPRESSED, NOW)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new key", [settings.SECRET_KEY]
    with pytest.raises(EngageError, match="suppressed"):
        save(account, Draft(ALICE), NOW)


def test_many_are_looked_over_at_once(account: Account, settings: Any) -> None:
    for name in ("alice", "bob"):
        erased.remember(account, f"{name}@example.com", Status.SUPPRESSED, NOW)
    watch = erased.Watch(account)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new key", [settings.SECRET_KEY]
    erased.remember(account, "carol@example.com", Status.SUPPRESSED, NOW)
    many = [f"{name}@example.com" for name in ("alice", "carol", "dave")]
    watch.recall(many, watch.digests(many))
    watch.recall([])
    found = (
        Suppression.objects.filter(account=account).order_by("email_key").values_list("email_key", flat=True)
    )
    assert list(found) == ["alice@example.com", "carol@example.com"]
    assert Erased.objects.count() == 1


def test_accounts_forget_apart(account: Account, alice: Contact) -> None:
    other = create_account("Another", NOW)
    save(other, Draft(ALICE), NOW)
    privacy.erase(alice, "page anna", NOW)
    assert Contact.objects.get(account=other).email == ALICE
