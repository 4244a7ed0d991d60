from __future__ import annotations

import datetime as dt
from decimal import Decimal

import httpx
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usher.destinations.dotdigital import translate


def test_values_are_written_as_the_platform_reads_them() -> None:
    at = dt.datetime(2026, 3, 29, 2, 30, 0, 123456, tzinfo=dt.UTC)
    rows = pa.table(
        {
            "email": ["ann@x.io", "bob@x.io"],
            "N": [1e-9, 12345678.9],
            "D": pa.array([Decimal("12.50"), None], pa.decimal128(9, 2)),
            "I": [10, 0],
            "B": [True, None],
            "DAY": [dt.date(1998, 1, 2), None],
            "AT": pa.array([at, None], pa.timestamp("us", "Europe/London")),
            "T": ['a "b", c', ""],
        }
    )
    assert translate.write_csv(rows).decode() == (
        '"Email","N","D","I","B","DAY","AT","T"\n'
        '"ann@x.io","0.000000001","12.5","10","true","1998-01-02","2026-03-29T02:30:00.123Z","a ""b"", c"\n'
        '"bob@x.io","12345678.9",,"0",,,,""\n'
    )


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.text(alphabet=st.characters(blacklist_categories=["Cs"], blacklist_characters="\0")), max_size=8
    )
)
def test_the_size_of_a_file_is_counted_exactly(texts: list[str]) -> None:
    rows = pa.table({"email": ["a@x.io"] * len(texts), "NOTE": pa.array(texts, pa.string())})
    for limit in (40, 100):
        for part in translate.split(rows, limit):
            assert part.num_rows == 1 or len(translate.write_csv(part)) <= limit
    parts = translate.split(rows, 10_000_000)
    assert sum(part.num_rows for part in parts) == len(texts)


def test_files_are_filled_up_to_the_limit() -> None:
    rows = pa.table({"email": [f"customer{n:07}@example.com" for n in range(400_000)]})
    parts = translate.split(rows)
    sizes = [len(translate.write_csv(part)) for part in parts]
    assert len(parts) == 2
    assert 9_999_900 < sizes[0] <= 10_000_000
    assert pa.concat_tables(parts).equals(rows)


def test_faults_are_read_with_a_byte_order_mark_and_quotes() -> None:
    text = '﻿Reason,Email,NOTE\r\nHard bounced,"o""neil@X.io","a,b"\r\n'
    assert translate.faults(text) == {'o"neil@x.io': "Hard bounced"}


def test_a_report_without_faults_has_none() -> None:
    assert translate.faults("") == {}


@pytest.mark.parametrize(
    ("status", "said", "token", "retry"),
    [
        (400, "Error: ERROR_IMPORT_TOOMANYACTIVEIMPORTS", "ERROR_IMPORT_TOOMANYACTIVEIMPORTS", True),
        (400, "Field already exists. ERROR_NON_UNIQUE_DATAFIELD", "ERROR_NON_UNIQUE_DATAFIELD", False),
        (400, "hourly ERROR_APIUSAGE_EXCEEDED ", "ERROR_APIUSAGE_EXCEEDED", True),
        (503, None, "", True),
        (302, None, "", False),
    ],
)
def test_errors_say_whether_waiting_helps(status: int, said: str | None, token: str, retry: bool) -> None:
    request = httpx.Request("GET", "https://r1-api.dotdigital.com/v2/contacts/ann@x.io")
    response = httpx.Response(status, json={"message": said} if said else None, request=request)
    found = translate.error(response)
    assert (found.token, found.retry, found.status) == (token, retry, status)
    assert "ann@x.io" not in found.message


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("Finished", "done"),
        ("NotFinished", "running"),
        ("RejectedByWatchdog", "failed"),
        ("Unknown", "unknown"),
    ],
)
def test_states_of_imports_become_ours(word: str, state: str) -> None:
    assert translate.import_progress(word).state == state
