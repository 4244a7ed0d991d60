"""How files of text come: their delimiters and encodings, ragged and blank rows, quotes or none."""

from __future__ import annotations

import base64
import csv
import io
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from usher.engage.imports import blocks, run
from usher.engage.imports.cells import emails
from usher.engage.imports.records import records
from usher.engage.models import Contact, Import, ImportFault
from usher.engage.tests.conftest import NOW, Caller, faults
from usher.lib import addresses

pytestmark = [pytest.mark.urls("usher.engage.urls")]

IMPORT = "/v2/contacts/import"


@pytest.mark.django_db
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_the_delimiter_and_the_encoding_are_found(
    api: Caller, delimiter: str, encoding: str, quote: str
) -> None:
    rows = [("FIRSTNAME", "Email", "GENDER"), ("Ålice 💌", "alice@example.com", "f, or m; or |")]
    if not quote:
        rows[1] = (*rows[1][:2], "f")
    text = "\r\n".join(delimiter.join(f"{quote}{cell}{quote}" for cell in row) for row in rows)
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    assert api.upload(IMPORT, mark + text.encode(encoding), "people.txt")["newContacts"] == 1
    assert Contact.objects.get().data == {"FIRSTNAME": "Ålice 💌", "GENDER": rows[1][2]}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "error"),
    [
        (
            "Email\r\na@example.com\r\njosé@example.com".encode("latin-1"),
            "line 3 is not UTF-8 text: save",
        ),
        ("Email\r\na@example.com".encode("utf-16-le"), "line 1 has a NUL character: save the file as CSV in"),
        (b"\xff\xfeE\x00m\x00a\x00i\x00l\x00\n", "line 1 is not UTF-16 text: save the file as CSV in UTF-8"),
    ],
)
def test_what_cannot_be_read_for_sure_is_refused_with_what_to_do(
    api: Caller, content: bytes, error: str
) -> None:
    body = {"fileName": "a.csv", "data": base64.b64encode(content).decode()}
    run.run(api.json(f"POST {IMPORT}", body, 202)["id"], NOW)
    job = Import.objects.get()
    assert (job.state, job.error[: len(error)]) == ("InvalidFileFormat", error)
    assert not Contact.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("quote", ["", '"'])
def test_ragged_rows_are_told_with_their_cells(api: Caller, quote: str) -> None:
    lines = [
        "Email,FIRSTNAME",
        "a@example.com,A",
        "",
        "b@example.com",
        f"c@example.com,{quote}C{quote},x",
        ",,,",
    ]
    report = api.upload(IMPORT, "\n".join([*lines, "d@example.com,D", "e@example.com,E,"]))
    assert (report["newContacts"], report["failures"]) == (2, 3)
    assert [number for number, _ in faults(report)] == [3, 4, 7]
    assert list(ImportFault.objects.order_by("row").values_list("values", flat=True)) == [
        ["b@example.com"],
        ["c@example.com", "C", "x"],
        ["e@example.com", "E", ""],
    ]


CELLS = st.text(st.sampled_from(["a", "é", "💌", " ", "@", "\\", "'", "\t", "\x1f", "\u2028"]), max_size=3)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=12),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    last=st.booleans(),
    size=st.sampled_from([32, 64, 1 << 20]),
)
def test_a_file_without_quotes_is_read_as_one_with_them(
    monkeypatch: pytest.MonkeyPatch, rows: list[list[str]], end: str, last: bool, size: int
) -> None:
    monkeypatch.setattr(blocks, "BYTES_TOGETHER", size)
    monkeypatch.setattr(blocks, "TOGETHER", 3)
    text = end.join(",".join(row) for row in [["Email", "A"], *rows]) + (end if last else "")
    content = text.encode()
    assert _read(blocks._of_plain(text, 2)) == _read(blocks._of_records(records(content), 2))


def _read(found: Any) -> list[tuple[int, list[str]]]:
    """Every row that is not blank, in its order."""
    rows: list[tuple[int, list[str]]] = []
    for block in found:
        rows += block.ragged
        rows += [(number, block.cells(place)) for place, number in enumerate(block.numbers)]
    return sorted(row for row in rows if any(row[1]))


def test_a_row_longer_than_a_block_is_read() -> None:
    long = "x" * (blocks.BYTES_TOGETHER + 10)
    assert _read(blocks.blocks(f"Email,A\na,{long}\nb,1\n".encode(), 2)) == [
        (1, ["a", long]),
        (2, ["b", "1"]),
    ]


ADDRESSES = st.text(st.sampled_from("aZ09.-_+@@ é'\\\n"), max_size=12) | st.builds(
    lambda local, labels: f"{local}@{'.'.join(labels)}",
    st.text(st.sampled_from("aZ0.-_+'!"), min_size=1, max_size=66),
    st.lists(st.text(st.sampled_from("aZ0-"), min_size=1, max_size=65), min_size=1, max_size=6),
)


@settings(max_examples=300, deadline=None)
@given(several=st.lists(ADDRESSES, min_size=1, max_size=8))
def test_addresses_are_judged_as_everywhere(several: list[str]) -> None:
    import pyarrow as pa

    trimmed = [one.strip() for one in several]
    assert list(emails(pa.array(trimmed)).misfits) == [
        place for place, one in enumerate(trimmed) if addresses.problem(one)
    ]


def test_the_rows_of_a_file_stay_in_their_order_over_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BYTES_TOGETHER", 100)
    text = io.StringIO()
    csv.writer(text).writerows([("Email", "A"), *((f"c{n}@example.com", n) for n in range(50))])
    numbers = [number for block in blocks.blocks(text.getvalue().encode(), 2) for number in block.numbers]
    assert numbers == list(range(1, 51))
