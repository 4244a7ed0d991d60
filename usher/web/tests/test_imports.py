"""Imports: uploaded, columns said, done by a worker, reported on."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from usher.engage.accounts import create_account
from usher.engage.contacts.fields import create_field
from usher.engage.imports.run import run
from usher.engage.models import Account, Audit, Contact, ContactList, Import
from usher.engage.models.imports import MergeOption
from usher.engage.preferences import choices, tree
from usher.web.figures import imports as figures
from usher.web.figures import sheets
from usher.web.tests.scene import NOW

pytestmark = pytest.mark.django_db

FILE = """E-Mail;First name;Town
ann@example.com;Ann;Graz
no address;Bob;Linz

ann@example.com;Again;Wels
short
"""


@pytest.fixture
def of(db: None, tmp_path: Path, settings: Any) -> Account:
    settings.USHER_DATA_DIR = tmp_path
    return create_account("Music shop", NOW)


def uploaded(page: Client, content: bytes, **more: str) -> Any:
    file = SimpleUploadedFile("guests.csv", content)
    return page.post("/contacts/imports/new", {"file": file, **more})


def said(page: Client, shown: Any, **more: str) -> Any:
    values = {"token": shown.context["file"]["token"], "name": "guests.csv"}
    return page.post("/contacts/imports/new", values | more, follow=True)


def test_it_imports_a_file_whose_columns_were_said(of: Account, page: Client) -> None:
    guests = ContactList.objects.create(account=of, name="Guests", created_at=NOW)
    shown = uploaded(page, FILE.encode(), list=str(guests.pk))
    assert [target for _, target in shown.context["columns"]] == ["EMAIL", "FIRSTNAME", ""]
    columns = {"column-0": "EMAIL", "column-1": "FIRSTNAME", "column-2": "", "list": str(guests.pk)}
    begun = said(page, shown, **columns)
    row = Import.objects.get()
    assert begun.redirect_chain[-1][0] == f"/contacts/imports/{row.pk}"
    assert "It is being read." in begun.content.decode()
    assert set(Audit.objects.filter(kind="import").values_list("by", flat=True)) == {"page alice"}
    run(row.pk, NOW)
    person = Contact.objects.get()
    assert (person.email, person.data, person.memberships.get().list_id) == (
        "ann@example.com",
        {"FIRSTNAME": "Ann"},
        guests.pk,
    )
    done = page.get(f"/contacts/imports/{row.pk}")
    assert done.context["told"][0] == ("new contacts", 1)
    assert [fault.line for fault in done.context["rows"].rows] == [3, 5, 6]
    assert done.context["total"] == 4
    assert "Invalid Email" in done.content.decode()
    faults = page.get(f"/contacts/imports/{row.pk}/faults.csv")
    text = b"".join(faults.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert text[1] == "3,Invalid Email,no address,Bob"
    assert len(text) == 4
    listed = page.get("/contacts/imports").content.decode()
    assert '<td class="n" data-label="Left out">3</td>' in listed


def test_it_asks_for_the_column_of_addresses(of: Account, page: Client) -> None:
    shown = uploaded(page, b"who,EMAIL\na,b@example.com\n")
    answer = said(page, shown, **{"column-0": "", "column-1": ""})
    assert "Say which column holds the e-mail addresses." in answer.content.decode()
    answer = said(page, shown, **{"column-0": "EMAIL", "column-1": "EMAIL"})
    assert "Two columns are for E-mail address" in answer.content.decode()
    assert Import.objects.count() == 0


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"Email,First name\n\n,\n", "Nobody is in the file"),
        (b"Email\n\xfc@example.com\n", "is not UTF-8 text"),
        (b"a" * (10 * 1024 * 1024 + 1), "is larger than 10 MB"),
        (b'Email\n"open', "cannot be read"),
    ],
)
def test_it_says_what_is_wrong_with_a_file(of: Account, page: Client, content: bytes, why: str) -> None:
    assert why in uploaded(page, content).content.decode()


def test_it_reads_what_excel_saves_as_unicode_text(of: Account, page: Client) -> None:
    shown = uploaded(page, "Email\tFIRSTNAME\nann@example.com\tÄnn\n".encode("utf-16"))
    assert [target for _, target in shown.context["columns"]] == ["EMAIL", "FIRSTNAME"]
    token = shown.context["file"]["token"]
    assert sheets.mapped(token, {0: "EMAIL", 1: "FIRSTNAME"}).decode() == (
        "EMAIL,FIRSTNAME\r\nann@example.com,Änn\r\n"
    )


def workbook(rows: list[list[str]]) -> bytes:
    """The least that Excel takes for a workbook."""
    cells = "".join(
        "<row>" + "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in row) + "</row>"
        for row in rows
    )
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    packed = "http://schemas.openxmlformats.org/package/2006/relationships"
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{packed}"><Relationship Id="r1" Type="{office}/officeDocument"'
        ' Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="People" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{packed}"><Relationship Id="r1"'
        f' Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>',
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return file.getvalue()


def test_it_shows_the_value_that_does_not_fit(of: Account, page: Client) -> None:
    create_field(of, "TOTAL_SPENT", "Numeric")
    begun = figures.begin(
        of, "a.csv", b"Email,TOTAL_SPENT\na@example.com,much\n", NOW, [], MergeOption.OVERWRITE
    )
    run(begun.pk, NOW)
    shown = page.get(f"/contacts/imports/{begun.pk}").content.decode()
    assert "Invalid Entry: TOTAL_SPENT <small>“much”</small>" in shown


def test_it_knows_columns_by_what_people_call_them(of: Account, page: Client) -> None:
    create_field(of, "TOTAL_SPENT", "Numeric")
    shown = uploaded(page, b"E-mail,Consent date,Total spent,Phone,Colour\na@example.com,1,2,3,4\n")
    guessed = ["EMAIL", "CONSENTDATETIME", "TOTAL_SPENT", "MOBILENUMBER", ""]
    assert [target for _, target in shown.context["columns"]] == guessed


def test_it_imports_numbers_consent_and_topics_out_of_a_workbook(of: Account, page: Client) -> None:
    music = tree.create(of, tree.Draft("Music", is_preference=False), NOW)
    jazz = tree.create(of, tree.Draft("Jazz", category=music.pk), NOW)
    headings = ["Mail", "Mobile phone", "Consent text", "When", "IP", "jazz"]
    cells = ["ann@example.com", "+43 660 1234567", "News, please", "2026-01-02T10:00:00Z", "192.0.2.7", "yes"]
    shown = uploaded(page, workbook([headings, cells]))
    guessed = ["EMAIL", "MOBILENUMBER", "CONSENTTEXT", "", "", "PREFERENCE:MUSIC>JAZZ"]
    assert [target for _, target in shown.context["columns"]] == guessed
    assert '<optgroup label="Topics: yes or no">' in shown.content.decode()
    targets = [
        "EMAIL",
        "MOBILENUMBER",
        "CONSENTTEXT",
        "CONSENTDATETIME",
        "CONSENTIP",
        "PREFERENCE:MUSIC>JAZZ",
    ]
    said(page, shown, **{f"column-{place}": target for place, target in enumerate(targets)})
    run(Import.objects.get().pk, NOW)
    person = Contact.objects.get()
    consent = person.consents.get()
    assert person.mobile_number == "436601234567"
    assert (consent.text, consent.ip, str(consent.given_at)) == (
        "News, please",
        "192.0.2.7",
        "2026-01-02 10:00:00+00:00",
    )
    assert choices.opted_in(person) == {jazz.pk}
    Contact.objects.update(updated_at=NOW + timedelta(days=1))  # a change takes nothing out of the story
    story = page.get(f"/contacts/{person.pk}").content.decode()
    for told in ("by the import “guests.csv”", "Agreed to be mailed", "Chose the topic “Jazz”"):
        assert told in story, told


def test_an_archive_that_is_no_workbook_is_refused(of: Account, page: Client) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("people.csv", "Email")
    assert "The archive is no Excel workbook." in uploaded(page, file.getvalue()).content.decode()


def test_a_file_that_is_gone_is_asked_for_again(of: Account, page: Client) -> None:
    values = {"token": "0" * 32, "column-0": "EMAIL"}
    shown = page.post("/contacts/imports/new", values).content.decode()
    assert "The file is not there any more; choose it again." in shown
