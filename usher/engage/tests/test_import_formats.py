"""What import files may be and hold besides plain columns: workbooks, consent, preferences, numbers."""

from __future__ import annotations

import base64
import io
import zipfile

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from usher.engage.contacts.suppress import suppress
from usher.engage.imports import run
from usher.engage.models import Account, Choice, Consent, Contact, Import, Preference
from usher.engage.models.contacts import Status
from usher.engage.tests.conftest import NOW, Caller, faults

pytestmark = [pytest.mark.django_db, pytest.mark.urls("usher.engage.urls")]

IMPORT = "/v2/contacts/import"


@pytest.fixture
def fields(api: Caller) -> None:
    for name, kind in (("AGE", "Numeric"), ("BORN", "Date"), ("VIP", "Boolean")):
        api.json("POST /v2/data-fields", {"name": name, "type": kind}, 201)


def workbook(*rows: str) -> bytes:
    """An .xlsx file with these rows of cells, as small as one can be."""
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    told = "".join(f"<row>{cells}</row>" for cells in rows)
    parts = {
        "_rels/.rels": f'<Relationships xmlns="{package}"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook {main} xmlns:r="{office}"><sheets>'
        '<sheet name="A" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}"><Relationship Id="r1" '
        f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet {main}><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>'
        "</styleSheet>",
        "xl/worksheets/sheet1.xml": f"<worksheet {main}><sheetData>{told}</sheetData></worksheet>",
    }
    return archive_of(parts)


def archive_of(parts: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in parts.items():
            packed.writestr(name, text)
    return made.getvalue()


def words(*cells: str) -> str:
    return "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in cells)


def sent(content: bytes) -> dict[str, str]:
    return {"fileName": "a.xlsx", "data": base64.b64encode(content).decode()}


def test_the_first_sheet_of_a_workbook_is_read(api: Caller, fields: None) -> None:
    content = workbook(
        words("Email", "FIRSTNAME", "AGE", "BORN", "VIP"),
        words("alice@example.com", "Ålice")
        + '<c><v>42</v></c><c s="1"><v>29280</v></c><c t="b"><v>1</v></c>',
        words("bob@example.com", "007") + "<c><v>1.5</v></c>",
        words("carol", "C"),
    )
    report = api.upload(IMPORT, content, "people.xlsx")
    assert (report["newContacts"], report["invalidEntries"]) == (2, 1)
    assert dict(Contact.objects.values_list("email", "data")) == {
        "alice@example.com": {"FIRSTNAME": "Ålice", "AGE": 42, "BORN": "1980-02-29", "VIP": True},
        "bob@example.com": {"FIRSTNAME": "007", "AGE": 1.5},
    }
    text = api(f"GET {IMPORT}/{report['id']}/report-faults").content.decode()
    assert text == "Reason,Email,FIRSTNAME,AGE,BORN,VIP\r\nInvalid Email,carol,C,,,\r\n"


def test_a_workbook_may_begin_with_blank_rows_and_columns(api: Caller) -> None:
    content = workbook(
        "", words("", ""), '<c r="B3"/>' + words("Email", "X"), '<c r="B4"/>' + words("a@example.com")
    )
    assert api.upload(IMPORT, content, "people.xlsx")["newContacts"] == 1


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"PK\x03\x04rest", "the archive cannot be read: File is not a zip file."),
        (archive_of({"people.csv": "Email"}), "the archive is no Excel workbook."),
        (
            archive_of({"xl/workbook.xml": " " * (121 * 2**20)}),
            "the workbook unpacks to more than 120 MB.",
        ),
    ],
)
def test_other_archives_are_refused(api: Caller, content: bytes, error: str) -> None:
    assert api.error(f"POST {IMPORT}", sent(content)) == (
        400,
        f"Neither CSV nor Excel: {error} ERROR_IMPORT_UNSUPPORTED_FORMAT",
    )


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"%PDF-1.7\n%rest", "a PDF"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
        (b"\x1f\x8b\x08rest", "compressed by gzip"),
        (b"\xef\xbb\xbf\n<!DOCTYPE html><html>", "a web page"),
        (b'<?xml version="1.0"?>', "XML"),
    ],
)
def test_documents_of_another_kind_are_refused_at_once(api: Caller, content: bytes, kind: str) -> None:
    assert api.error(f"POST {IMPORT}", sent(content)) == (
        400,
        f"Neither CSV nor Excel: it is {kind}. ERROR_IMPORT_UNSUPPORTED_FORMAT",
    )


@pytest.mark.parametrize("content", [b"\xd0\xcf\x11\xe0rest", archive_of({"xl/workbook.xml": "<nonsense>"})])
def test_a_workbook_that_cannot_be_read_changes_nothing(api: Caller, content: bytes) -> None:
    job = api.json(f"POST {IMPORT}", sent(content), 202)
    assert run.run(job["id"], NOW) == "InvalidFileFormat"
    assert Import.objects.get().error.startswith("the workbook cannot be read")


def test_evidence_of_consent_comes_in_columns_and_is_kept_once(api: Caller) -> None:
    text = (
        "Email,ConsentText,ConsentUrl,ConsentDateTime,ConsentIp,ConsentUserAgent\n"
        'a@example.com,"Yes, ""please""",https://example.com/form,2026-02-01T10:00:00Z,192.0.2.1,Firefox\n'
        "b@example.com,,,,,\n"
        "c@example.com,Yes,,yesterday,,\n"
    )
    for _ in range(2):
        assert faults(api.upload(IMPORT, text)) == [(3, "Invalid Entry: CONSENTDATETIME")]
    kept = Consent.objects.get()
    assert (kept.contact.email, kept.text, kept.url) == (
        "a@example.com",
        'Yes, "please"',
        "https://example.com/form",
    )
    assert (kept.given_at.isoformat(), kept.ip, kept.user_agent, kept.source) == (  # type: ignore[union-attr]
        "2026-02-01T10:00:00+00:00",
        "192.0.2.1",
        "Firefox",
        "import",
    )


def test_preferences_are_columns(api: Caller, account: Account) -> None:
    def made(name: str, category: Preference | None = None, *, is_topic: bool = True) -> Preference:
        return Preference.objects.create(
            account=account,
            private_name=name,
            category=category,
            is_preference=is_topic,
            created_at=NOW,
            updated_at=NOW,
        )

    music = made("Music", is_topic=False)
    jazz, news = made("Jazz", music), made("News")
    text = (
        "Email,Preference:Music>Jazz,preference:news,Preference:Music\n"
        "a@example.com,True,False,True\nb@example.com,,yes,\nc@example.com,perhaps,,\n"
    )
    report = api.upload(IMPORT, text)
    assert (report["newContacts"], faults(report)) == (2, [(3, "Invalid Entry: PREFERENCE:MUSIC>JAZZ")])
    api.upload(IMPORT, "Email,Preference:Jazz\na@example.com,false\n")
    said = Choice.objects.order_by("contact", "preference")
    assert list(said.values_list("contact__email", "preference", "opted_in")) == [
        ("a@example.com", jazz.pk, False),
        ("a@example.com", news.pk, False),
        ("b@example.com", news.pk, True),
    ]


def test_a_mobile_number_belongs_to_one_contact(api: Caller) -> None:
    first = api.upload(
        IMPORT,
        "Email,MobileNumber\na@example.com,+44 7123 123123\nb@example.com,447123123123\nc@example.com,12\n",
    )
    assert faults(first) == [(2, "Duplicate"), (3, "Invalid Entry: MOBILENUMBER")]
    second = api.upload(
        IMPORT,
        "Email,MobileNumberId\na@example.com,\nb@example.com,447123123123\nc@example.com,31612345678\n",
    )
    assert (second["failures"], second["newContacts"], second["updatedContacts"]) == (1, 1, 1)
    assert faults(second) == [(2, "Failures")]
    assert dict(Contact.objects.values_list("email", "mobile_number")) == {
        "a@example.com": "447123123123",
        "c@example.com": "31612345678",
    }


def test_a_collection_tells_consent_and_numbers(api: Caller) -> None:
    told = [{"key": "TEXT", "value": "Yes"}, {"key": "DATETIMECONSENTED", "value": "2026-02-01"}]
    person = {"email": "a@example.com", "consentFields": told, "mobileNumberId": "447123123123"}
    job = api.json("POST /v2/contacts/import-collection", {"contacts": [person]}, 202)
    assert run.run(job["id"], NOW) == "Finished"
    assert Contact.objects.get().mobile_number == "447123123123"
    assert Consent.objects.get().text == "Yes"


def test_an_account_may_have_so_many_contacts(api: Caller, account: Account) -> None:
    account.limits = {"contacts": 2}
    account.save()
    assert api.upload(IMPORT, "Email\na@example.com\nb@example.com\n")["newContacts"] == 2
    job = api.json(f"POST {IMPORT}", sent(b"Email\na@example.com\nc@example.com\n"), 202)
    assert run.run(job["id"], NOW) == "ExceedsAllowedContactLimit"
    assert Contact.objects.count() == 2
    assert api.upload(IMPORT, "Email,FIRSTNAME\na@example.com,A\n")["updatedContacts"] == 1


def test_who_has_to_confirm_is_let_in_and_not_mailed_yet(api: Caller, account: Account) -> None:
    api.upload(IMPORT, "Email,OptInType\na@example.com,VerifiedDouble\nb@example.com,Double\n")
    account.double_opt_in = True
    account.save()
    api.upload(IMPORT, "Email\nb@example.com\nc@example.com\n")
    assert dict(Contact.objects.values_list("email", "status")) == {
        "a@example.com": "PendingOptIn",
        "b@example.com": "Subscribed",
        "c@example.com": "PendingOptIn",
    }


def test_the_same_file_twice_gives_the_result_of_one(api: Caller) -> None:
    text = "Email,FIRSTNAME\n" + "".join(f"c{n}@example.com,{n}\n" for n in range(100)) + "bad,x\n"
    jobs = [api.json(f"POST {IMPORT}", sent(text.encode()), 202)["id"] for _ in range(2)]
    for job in jobs:
        run.run(job, NOW)
    first, second = (api.json(f"GET {IMPORT}/{job}/report") for job in jobs)
    assert (first["newContacts"], first["updatedContacts"], first["invalidEntries"]) == (100, 0, 1)
    assert (second["newContacts"], second["updatedContacts"], second["invalidEntries"]) == (0, 100, 1)
    assert Contact.objects.count() == 100


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a@example.com", "A@example.com", "b@example.com", "c@example.com", "no", ""]),
        st.sampled_from(["", "1", "2.5", "x"]),
        st.sampled_from(["", "yes", "what"]),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, gone=st.sets(st.sampled_from(["a@example.com", "b@example.com", "c@example.com"])))
def test_accepted_updated_and_rejected_are_the_rows(
    api: Caller, account: Account, rows: list[tuple[str, str, str]], gone: set[str]
) -> None:
    with transaction.atomic():
        for name, kind in (("AGE", "Numeric"), ("VIP", "Boolean")):
            api.json("POST /v2/data-fields", {"name": name, "type": kind}, 201)
        suppress(account, gone, Status.UNSUBSCRIBED, "test", NOW)
        text = "Email,AGE,VIP\n" + "".join(f"{','.join(row)}\n" for row in rows)
        for _ in range(2):
            report = api.upload(IMPORT, text)
            counted = sum(value for name, value in report.items() if name != "id")
            assert counted == sum(any(row) for row in rows)
            assert counted - report["newContacts"] - report["updatedContacts"] == len(faults(report))
        assert not Contact.objects.filter(email_key__in=gone).exists()
        transaction.set_rollback(True)
