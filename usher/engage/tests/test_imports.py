from __future__ import annotations

import base64
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from usher.engage.contacts.suppress import suppress
from usher.engage.imports import accept, merge, run
from usher.engage.imports.report import PUBLISHED, REFUSALS, published_reason
from usher.engage.imports.tasks import run_import
from usher.engage.models import Account, Contact, Import, ImportFault, Membership, Suppression
from usher.engage.models.contacts import Status
from usher.engage.tests.conftest import NOW, Caller, faults

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]

ZERO = dict.fromkeys(
    [
        *("newContacts", "updatedContacts", "globallySuppressed", "invalidEntries", "duplicateEmails"),
        *("blocked", "unsubscribed", "hardBounced", "softBounced", "ispComplaints", "mailBlocked"),
        *("domainSuppressed", "pendingDoubleOptin", "failures", "suppressedContacts"),
    ],
    0,
)


@pytest.fixture
def fields(api: Caller) -> None:
    for name, kind in (("AGE", "Numeric"), ("BORN", "Date"), ("VIP", "Boolean")):
        api.json("POST /v2/data-fields", {"name": name, "type": kind}, 201)


@pytest.fixture
def news(api: Caller) -> int:
    return int(api.json("POST /v2/address-books", {"name": "News"}, 201)["id"])


def data() -> dict[str, dict[str, Any]]:
    return dict(Contact.objects.values_list("email_key", "data"))


def test_it_imports_a_file(api: Caller, fields: None, news: int) -> None:
    text = (
        "Email,firstname,Age,Born,VIP,Shoe size\r\n"
        'Alice@example.com,"Ålice ""A"", the\nfirst 💌",42,1980-02-29,yes,38\r\n'
        "bob@example.com,,,,,\r\n"
        "\r\n"
        "carol@example.com,Carol,1.50,1990-01-01T10:00:00+01:00,False,40"
    )
    report = api.upload(f"/v2/address-books/{news}/contacts/import", text)
    assert report == ZERO | {"id": report["id"], "newContacts": 3}
    assert data() == {
        "alice@example.com": {
            "FIRSTNAME": 'Ålice "A", the\nfirst 💌',
            "AGE": 42,
            "BORN": "1980-02-29",
            "VIP": True,
        },
        "bob@example.com": {},
        "carol@example.com": {
            "FIRSTNAME": "Carol",
            "AGE": 1.5,
            "BORN": "1990-01-01T09:00:00Z",
            "VIP": False,
        },
    }
    assert Contact.objects.get(email_key="alice@example.com").email == "Alice@example.com"
    assert Membership.objects.filter(list=news).count() == 3
    job = Import.objects.get()
    assert (job.state, bytes(job.content), job.finished_at) == ("Finished", b"", NOW)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("heading", ["Email", "email", " EMAIL ", '"eMail"'])
def test_the_heading_is_found_in_any_case_and_behind_a_mark(api: Caller, mark: bytes, heading: str) -> None:
    content = mark + f"{heading}\nalice@example.com\n".encode()
    assert api.upload("/v2/contacts/import", content)["newContacts"] == 1


def test_every_row_is_counted_once_with_its_reason(api: Caller, account: Account, fields: None) -> None:
    for status in Status:
        if status not in ("Subscribed", "PendingOptIn", "Deleted"):
            name = f"{status.lower()}@example.com"
            api.json("POST /v2/contacts", {"email": name}, 201)
            suppress(account, [name], status, "test", NOW)
    suppress(account, ["stranger@example.com"], Status.HARD_BOUNCED, "test", NOW)
    api.json("POST /v2/contacts", {"email": "pending@example.com", "optInType": "VerifiedDouble"}, 201)
    api.json("POST /v2/contacts", {"email": "known@example.com"}, 201)
    rows = [
        "new@example.com,1",
        "NEW@example.com,2",
        "known@example.com,3",
        "not an address,4",
        "bad@example.com,four",
        "bad@example.com,5",
        "short@example.com",
        "long@example.com,1,2",
        "josé@example.com,1",
        "stranger@example.com,1",
        "pending@example.com,1",
        *(f"{status.lower()}@example.com,1" for status in Status if status in ("Unsubscribed",)),
        "hardbounced@example.com,1",
        "softbounced@example.com,1",
        "ispcomplained@example.com,1",
        "mailblocked@example.com,1",
        "directcomplaint@example.com,1",
        "suppressed@example.com,1",
        "domainsuppression@example.com,1",
        "nomxrecord@example.com,1",
        "notallowed@example.com,1",
        "sharedsuppression@example.com,1",
    ]
    report = api.upload("/v2/contacts/import", "Email,AGE\n" + "\n".join(rows))
    assert report == {
        "id": report["id"],
        "newContacts": 2,
        "updatedContacts": 1,
        "globallySuppressed": 1,
        "invalidEntries": 2,
        "duplicateEmails": 1,
        "blocked": 1,
        "unsubscribed": 1,
        "hardBounced": 2,
        "softBounced": 1,
        "ispComplaints": 1,
        "mailBlocked": 1,
        "domainSuppressed": 1,
        "pendingDoubleOptin": 1,
        "failures": 3,
        "suppressedContacts": 3,
    }
    assert sum(value for name, value in report.items() if name != "id") == len(rows)
    assert faults(report) == [
        (2, "Duplicate"),
        (4, "Invalid Email"),
        (5, "Invalid Entry: AGE"),
        (7, "Invalid Entry: wrong number of cells"),
        (8, "Invalid Entry: wrong number of cells"),
        (9, "Invalid Email"),
        (10, "Hard bounced"),
        (11, "Pending optin"),
        (12, "Unsubscribed"),
        (13, "Hard bounced"),
        (14, "Soft bounced"),
        (15, "Complained to ISP"),
        (16, "Mail blocked"),
        (17, "Suppressed"),
        (18, "Suppressed"),
        (19, "Suppressed by Domain"),
        (20, "Suppressed"),
        (21, "Blocker"),
        (22, "Globally Suppressed"),
    ]
    assert data()["new@example.com"] == {"AGE": 1}
    assert data()["bad@example.com"] == {"AGE": 5}
    assert data()["unsubscribed@example.com"] == {}
    statuses = dict(Contact.objects.values_list("email_key", "status"))
    assert statuses["unsubscribed@example.com"] == "Unsubscribed"
    assert "stranger@example.com" not in statuses


def test_the_faults_come_with_the_cells_of_the_file(api: Caller, fields: None) -> None:
    text = 'Email,Näme,AGE\nx,"a ""b"", c",1\ny@example.com,=1+1,old\n'
    job = api.upload("/v2/contacts/import", text)
    answer = api(f"GET /v2/contacts/import/{job['id']}/report-faults")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.content.decode() == (
        'Reason,Email,Näme,AGE\r\nInvalid Email,x,"a ""b"", c",1\r\nFailures,y@example.com,=1+1,old\r\n'
    )
    # what people read says more
    assert faults(job)[1] == (2, "Invalid Entry: AGE")


def test_callers_are_told_published_reasons_only() -> None:
    assert published_reason("Hard bounced") == "Hard bounced"
    assert published_reason("Suppressed") == "Globally Suppressed"
    assert published_reason("Invalid Entry: wrong number of cells") == "Failures"
    assert {published_reason(reason) for reason, _ in REFUSALS.values()} <= PUBLISHED


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("", {"FIRSTNAME": "New", "GENDER": "f"}),
        ("Overwrite", {"FIRSTNAME": "New", "GENDER": "f"}),
        ("0", {"FIRSTNAME": "New", "GENDER": "f"}),
        ("OnlyOverwriteIfNotEmpty", {"FIRSTNAME": "New", "LASTNAME": "Old", "GENDER": "f"}),
        ("1", {"FIRSTNAME": "New", "LASTNAME": "Old", "GENDER": "f"}),
        ("overwrite-if-not-empty", {"FIRSTNAME": "New", "LASTNAME": "Old", "GENDER": "f"}),
        (
            "onlyoverwriteifcontactdatanotpopulated",
            {"FIRSTNAME": "Old", "LASTNAME": "Old", "GENDER": "f"},
        ),
        ("2", {"FIRSTNAME": "Old", "LASTNAME": "Old", "GENDER": "f"}),
    ],
)
def test_the_merge_option_says_who_wins(api: Caller, option: str, expected: dict[str, str]) -> None:
    old = [{"key": "FIRSTNAME", "value": "Old"}, {"key": "LASTNAME", "value": "Old"}]
    api.json("POST /v2/contacts", {"email": "alice@example.com", "dataFields": old}, 201)
    path = "/v2/contacts/import" + (f"/with-merge-option/{option}" if option else "")
    report = api.upload(path, "Email,FIRSTNAME,LASTNAME,GENDER\nalice@example.com,New,,f\n")
    assert report["updatedContacts"] == 1
    assert data() == {"alice@example.com": expected}


def test_an_unknown_merge_option_is_refused(api: Caller) -> None:
    body = {"fileName": "a.csv", "data": base64.b64encode(b"Email\n").decode()}
    status, message = api.error("POST /v2/contacts/import/with-merge-option/7", body)
    assert (status, message) == (400, "'7' is not a merge option. ERROR_PARAMETER_INVALID")


def test_opt_in_and_email_type_may_be_columns(api: Caller) -> None:
    text = "Email,OptInType,EmailType\na@example.com,double,PLAINTEXT\nb@example.com,what,\n"
    api.upload("/v2/contacts/import", text)
    api.upload("/v2/contacts/import", "Email\na@example.com\nb@example.com\n")
    found = Contact.objects.order_by("email").values_list("opt_in_type", "email_type")
    assert list(found) == [("Double", "PlainText"), ("Unknown", "Html")]


def test_seeds_are_marked_by_their_field(api: Caller) -> None:
    api.json("POST /v2/data-fields", {"name": "USHER_SEED", "type": "Boolean"}, 201)
    api.upload("/v2/contacts/import", "Email,USHER_SEED\nsam@example.com,true\nalice@example.com,\n")
    assert dict(Contact.objects.values_list("email", "is_seed")) == {
        "sam@example.com": True,
        "alice@example.com": False,
    }
    api.upload("/v2/contacts/import", "Email,USHER_SEED\nsam@example.com,\nalice@example.com,1\n")
    assert dict(Contact.objects.values_list("email", "is_seed")) == {
        "sam@example.com": False,
        "alice@example.com": True,
    }


def test_contacts_that_do_not_change_are_not_touched(api: Caller) -> None:
    api.upload("/v2/contacts/import", "Email,FIRSTNAME\na@example.com,A\nb@example.com,B\n")
    later = NOW.replace(year=2027)
    body = {
        "fileName": "x.csv",
        "data": base64.b64encode(b"Email,FIRSTNAME\na@example.com,A\nb@example.com,C\n").decode(),
    }
    run.run(api.json("POST /v2/contacts/import", body, 202)["id"], later)
    assert dict(Contact.objects.values_list("email", "updated_at")) == {
        "a@example.com": NOW,
        "b@example.com": later,
    }


def test_a_deleted_contact_comes_back_as_a_new_one(api: Caller, news: int) -> None:
    made = api.json("POST /v2/contacts", {"email": "a@example.com"}, 201)
    api(f"DELETE /v2/contacts/{made['id']}")
    report = api.upload(f"/v2/address-books/{news}/contacts/import", "Email\na@example.com\n")
    assert (report["newContacts"], report["updatedContacts"]) == (1, 0)
    assert Contact.objects.get().status == "Subscribed"


def test_who_opted_out_of_the_list_is_refused(api: Caller, news: int) -> None:
    api.json("POST /v2/contacts", {"email": "bob@example.com"}, 201)
    api.json(f"POST /v2/address-books/{news}/contacts/unsubscribe", {"email": "bob@example.com"})
    report = api.upload(f"/v2/address-books/{news}/contacts/import", "Email,FIRSTNAME\nbob@example.com,B\n")
    assert (report["unsubscribed"], report["updatedContacts"]) == (1, 0)
    assert data() == {"bob@example.com": {}}
    assert api.upload("/v2/contacts/import", "Email,FIRSTNAME\nbob@example.com,B\n")["updatedContacts"] == 1


def test_a_header_alone_is_a_finished_import_of_nobody(api: Caller) -> None:
    report = api.upload("/v2/contacts/import", "Email,FIRSTNAME\n")
    assert report == ZERO | {"id": report["id"]}


@pytest.mark.parametrize("content", ["", "\n", "Name,Mail\nA,a@example.com\n", "E-mail;Name\n"])
def test_a_file_without_an_email_column_is_refused(api: Caller, content: str) -> None:
    body = {"filename": "a.csv", "data": base64.b64encode(content.encode()).decode()}
    status, message = api.error("POST /v2/contacts/import", body)
    if content:
        assert (status, message) == (400, "No column is headed Email. ERROR_NO_EMAIL_COLUMN")
    else:
        assert (status, message) == (400, "The data field is required. ERROR_PARAMETER_INVALID")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"Email\na@example.com\nj\xe9@example.com\n", "line 3 is not UTF-8 text"),
        (b'Email,Name\na@example.com,"never closed\nb@example.com,B\n', "line 3 cannot be read: unexpected"),
        (b'Email,Name\na@example.com,A\nb@example.com,"B"x\n', "line 3 cannot be read: ',' expected"),
        (b"Email,A\na@example.com,a\x00b\n", "line 2 has a NUL character"),
        (b"Email,A,a\n", "the heading 'a' stands twice"),
    ],
)
def test_a_file_that_cannot_be_read_changes_nothing(api: Caller, content: bytes, error: str) -> None:
    body = {"fileName": "a.csv", "data": base64.b64encode(content).decode()}
    job = api.json("POST /v2/contacts/import", body, 202)
    assert run.run(job["id"], NOW) == "InvalidFileFormat"
    assert api.json(f"GET /v2/contacts/import/{job['id']}")["status"] == "InvalidFileFormat"
    assert Import.objects.get().error.startswith(error)
    assert api.json(f"GET /v2/contacts/import/{job['id']}/report") == ZERO
    assert not Contact.objects.exists()


def test_a_file_of_more_than_10_mb_is_too_large(api: Caller) -> None:
    content = b"Email\n" + b"a" * (10 * 1024 * 1024)
    body = {"fileName": "a.csv", "data": base64.b64encode(content).decode()}
    status, message = api.error("POST /v2/contacts/import", body)
    assert (status, message) == (413, "The file has more than 10 MB. ERROR_IMPORT_UNSUPPORTED_FORMAT")


def post_form(api: Caller, news: int, **files: SimpleUploadedFile) -> Any:
    path = f"/v2/address-books/{news}/contacts/import/with-merge-option/1/"
    return api.http.post(path, dict(files), headers=api.headers)


def test_a_form_with_one_file_is_taken(api: Caller, news: int) -> None:
    answer = post_form(api, news, file=SimpleUploadedFile("people.csv", b"Email\na@example.com\n"))
    assert answer.status_code == 202
    job = Import.objects.get(pk=answer.json()["id"])
    assert (job.file_name, job.merge_option, job.list_ids) == (
        "people.csv",
        "OnlyOverwriteIfNotEmpty",
        [news],
    )
    assert run.run(job.pk, NOW) == "Finished"


def test_a_form_with_no_file_or_two_is_refused(api: Caller, news: int) -> None:
    answer = post_form(api, news)
    assert (answer.status_code, answer.json()) == (400, {"message": "file must be valid"})
    one, two = SimpleUploadedFile("a.csv", b"Email\n"), SimpleUploadedFile("b.csv", b"Email\n")
    answer = post_form(api, news, file=one, other=two)
    assert answer.json()["message"] == "Send one file. ERROR_MULTI_FILE_UPLOAD_NOT_ALLOWED"


def test_a_collection_is_imported_to_several_lists(api: Caller, fields: None, news: int) -> None:
    more = api.json("POST /v2/address-books", {"name": "More"}, 201)["id"]
    body = {
        "addressBookIds": [news, str(more)],
        "MergeOption": "OnlyOverwriteIfNotEmpty",
        "contacts": [
            {
                "email": "a@example.com",
                "optInType": "Single",
                "dataFields": [{"key": "age", "value": 7}, {"key": "FIRSTNAME", "value": '"A", B'}],
            },
            {"email": "b@example.com", "dataFields": [{"key": "VIP", "value": True}]},
            {"email": "c@example.com", "dataFields": None},
        ],
    }
    job = api.json("POST /v2/contacts/import-collection", body, 202)
    assert run.run(job["id"], NOW) == "Finished"
    assert data() == {
        "a@example.com": {"AGE": 7, "FIRSTNAME": '"A", B'},
        "b@example.com": {"VIP": True},
        "c@example.com": {},
    }
    assert Membership.objects.count() == 6
    body["addressBookIds"] = [news, 4711]
    assert api.error("POST /v2/contacts/import-collection", body) == (
        400,
        "Error: ERROR_ADDRESSBOOK_NOT_FOUND",
    )


def test_at_most_25_imports_are_active(api: Caller) -> None:
    body = {"fileName": "a.csv", "data": base64.b64encode(b"Email\n").decode()}
    ids = [api.json("POST /v2/contacts/import", body, 202)["id"] for _ in range(25)]
    assert api.error("POST /v2/contacts/import", body) == (
        400,
        "25 imports are active. ERROR_IMPORT_TOOMANYACTIVEIMPORTS",
    )
    run.run(ids[0], NOW)
    api.json("POST /v2/contacts/import", body, 202)


def test_the_report_waits_for_the_end(api: Caller) -> None:
    body = {"fileName": "a.csv", "data": base64.b64encode(b"Email\n").decode()}
    job = api.json("POST /v2/contacts/import", body, 202)["id"]
    assert api.json(f"GET /v2/contacts/import/{job}") == {"id": job, "status": "NotFinished"}
    for path in ("report", "report-faults"):
        assert api.error(f"GET /v2/contacts/import/{job}/{path}") == (
            404,
            "Error: ERROR_IMPORT_REPORT_NOT_FOUND",
        )


@pytest.mark.parametrize("job", ["8758469c-40b1-4b0d-a1ab-d8fb5ee88a10", "nonsense", "5"])
@pytest.mark.parametrize("path", ["", "/report", "/report-faults"])
def test_an_unknown_import_is_not_found(api: Caller, job: str, path: str) -> None:
    assert api.error(f"GET /v2/contacts/import/{job}{path}") == (404, "Error: ERROR_IMPORT_NOT_FOUND")


def jobs() -> list[tuple[str, str]]:
    return [(job.task_name, job.args["import_id"]) for job in ProcrastinateJob.objects.order_by("id")]


def test_the_file_and_its_job_are_kept_together(api: Caller) -> None:
    body = {"fileName": "a.csv", "data": base64.b64encode(b"Email\na@example.com\n").decode()}
    job = api.json("POST /v2/contacts/import", body, 202)
    assert jobs() == [("import", job["id"])]


def test_a_file_that_is_not_kept_leaves_no_job(account: Account) -> None:
    with transaction.atomic():
        accept.accept(account, "a.csv", b"Email\n", NOW)
        transaction.set_rollback(True)
    assert (jobs(), Import.objects.count()) == ([], 0)


def test_killed_in_the_middle_and_done_again_is_as_if_done_once(
    api: Caller, news: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "Email,FIRSTNAME\n" + "".join(f"c{n}@example.com,{n}\n" for n in range(50)) + "bad,x\n"
    body = {"fileName": "a.csv", "data": base64.b64encode(text.encode()).decode()}
    job = api.json(f"POST /v2/address-books/{news}/contacts/import", body, 202)["id"]

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run, "_keep", killed)
        with pytest.raises(KeyboardInterrupt):
            run.run(job, NOW)
    assert (Contact.objects.count(), Membership.objects.count(), ImportFault.objects.count()) == (0, 0, 0)
    for _ in range(2):
        assert run.run(job, NOW) == "Finished"
        assert (Contact.objects.count(), Membership.objects.count(), ImportFault.objects.count()) == (
            50,
            50,
            1,
        )
    assert api.json(f"GET /v2/contacts/import/{job}/report") == ZERO | {
        "newContacts": 50,
        "invalidEntries": 1,
    }


def test_the_job_gives_up_after_its_last_attempt(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"fileName": "a.csv", "data": base64.b64encode(b"Email\na@example.com\n").decode()}
    job = api.json("POST /v2/contacts/import", body, 202)["id"]

    def broken(*_: Any) -> None:
        raise RuntimeError("disk full")

    monkeypatch.setattr(merge, "merge", broken)
    for attempt, state in enumerate(["NotFinished", "NotFinished", "Failed"]):
        context = type("Context", (), {"job": type("Job", (), {"attempts": attempt})})
        with pytest.raises(RuntimeError):
            run_import(context, job)
        assert Import.objects.get().state == state


def test_a_list_that_was_deleted_meanwhile_is_passed_over(api: Caller, news: int) -> None:
    body = {"fileName": "a.csv", "data": base64.b64encode(b"Email\na@example.com\n").decode()}
    job = api.json(f"POST /v2/address-books/{news}/contacts/import", body, 202)["id"]
    api(f"DELETE /v2/address-books/{news}")
    assert run.run(job, NOW) == "Finished"
    assert Contact.objects.count() == 1


def test_twenty_thousand_rows_are_one_set(api: Caller, fields: None, news: int) -> None:
    rows = "".join(
        f"customer{n}@example.com,Nº {n},{n},1998-01-0{n % 9 + 1},{n % 2}\n" for n in range(23_570)
    )
    text = "Email,FIRSTNAME,AGE,BORN,VIP\n" + rows
    with connection.execute_wrapper(counted := Counted()):
        report = api.upload(f"/v2/address-books/{news}/contacts/import", text)
    assert report["newContacts"] == 23_570
    assert counted.statements < 60
    assert api.upload(f"/v2/address-books/{news}/contacts/import", text)["updatedContacts"] == 23_570
    assert (Contact.objects.count(), Membership.objects.count()) == (23_570, 23_570)
    assert data()["customer23569@example.com"]["AGE"] == 23_569
    assert not Suppression.objects.exists()


class Counted:
    statements = 0

    def __call__(self, execute: Any, *arguments: Any) -> Any:
        self.statements += 1
        return execute(*arguments)


@pytest.mark.parametrize("data", ["!!!", "RW1haWw", "Email,AGE"])
def test_a_file_in_json_is_base64(api: Caller, data: str) -> None:
    said = api.json("POST /v2/contacts/import", {"fileName": "p.csv", "data": data}, 400)["message"]
    assert said == "data is not base64. ERROR_IMPORT_UNSUPPORTED_FORMAT"


def test_base64_may_stand_in_lines(api: Caller) -> None:
    data = base64.encodebytes(b"Email\r\n" + b"ann@example.com\r\n" * 20).decode()
    assert "\n" in data.strip()
    api.json("POST /v2/contacts/import", {"fileName": "p.csv", "data": data}, 202)
