"""Imports of version 3 are read and written in blocks; where one ends is nowhere to be seen."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from usher.engage.imports.described import run, stream
from usher.engage.models import Contact, Import
from usher.engage.tests.conftest import Caller
from usher.engage.tests.test_v3_imports import codes, imported, person

pytestmark = [pytest.mark.urls("usher.engage.urls")]

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def read(content: bytes) -> tuple[list[Any], dict[str, Any]]:
    body = stream.Body(content)
    return list(body.contacts()), body.rest


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    contacts=st.lists(VALUES, max_size=5),
    first=VALUES,
    last=VALUES,
    blank=st.sampled_from(["", " ", "\r\n\t"]),
    mark=st.sampled_from(["", "\ufeff"]),
    plain=st.booleans(),
)
def test_contacts_are_read_wherever_a_chunk_ends(
    monkeypatch: pytest.MonkeyPatch,
    contacts: list[Any],
    first: Any,
    last: Any,
    blank: str,
    mark: str,
    plain: bool,
) -> None:
    monkeypatch.setattr(stream, "CHUNK", 3)
    sent = {"A": first, "Contacts": contacts, "mergeOption": last}
    text = json.dumps(sent, ensure_ascii=plain, separators=(f"{blank},{blank}", f"{blank}:{blank}"))
    content = f"{mark}{blank}{text}{blank}".encode("utf-8", "surrogatepass")
    assert read(content) == (contacts, {"a": first, "mergeoption": last})


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[]", '"contacts"', "{}x", '{"a": 1,}', '{"a" 1}', "{1: 2}", '{"contacts": [1,]}'),
        *('{"contacts": [1}', '{"contacts": [1 2]}', '{"contacts": [1], "CONTACTS": [2]}', '{"contacts": [1'),
    ],
)
def test_what_is_no_such_json_is_an_error(content: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(content.encode())


@pytest.mark.django_db
def test_contacts_of_several_blocks_are_as_those_of_one(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "TOGETHER", 2)
    imported(api, person("alice@example.com", identifiers={"mobileNumber": "447123123123"}))
    known = Contact.objects.get().pk
    result = imported(
        api,
        person("alice@example.com"),
        person("bob@example.com"),
        person("BOB@example.com"),
        person("no address"),
        person("", "mobileNumber", identifiers={"mobileNumber": "447123123123"}),
        person("", "contactId", identifiers={"contactId": known}),
        person("carol@example.com"),
    )
    assert result["summary"] == {
        "newContacts": 2,
        "updatedContacts": 1,
        "globallySuppressed": 0,
        "invalidEntries": 1,
        "duplicateIdentifiers": 3,
    }
    assert [one["identifiers"]["email"] for one in result["created"]] == [
        "bob@example.com",
        "carol@example.com",
    ]
    assert [one["contactId"] for one in result["updated"]] == [known]
    assert codes(result) == [["Duplicate"], ["InvalidEmail"], ["Duplicate"], ["Duplicate"]]
    assert Contact.objects.count() == 3
    latest = Import.objects.get(report__newContacts=2)
    assert list(latest.faults.order_by("row").values_list("row", flat=True)) == [3, 4, 5, 6]
