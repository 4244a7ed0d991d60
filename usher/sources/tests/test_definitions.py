from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from usher.lib.changes import DefinitionError
from usher.sources import definitions
from usher.sources.models import Source, Table
from usher.sources.tests.conftest import NOW, TABLES, Define

pytestmark = pytest.mark.django_db


def test_a_source_is_created_once_and_then_left_alone(define: Define) -> None:
    assert str(define()) == "created source “shop” (tables.customers, tables.orders)"
    assert str(define()) == "unchanged source “shop”"


def test_a_changed_table_is_updated_and_a_dropped_one_removed(define: Define) -> None:
    define()
    change = define({"customers": TABLES["customers"]})
    assert str(change) == "updated source “shop” (tables.orders)"
    assert [table.name for table in Table.objects.all()] == ["customers"]


def test_what_was_exported_applies_as_unchanged(define: Define, tmp_path: Path) -> None:
    define()
    body = definitions.SourceBody.model_validate(definitions.export("sources")["shop"])
    change = definitions.apply("sources", "shop", body, base_dir=tmp_path / "elsewhere", by="bob", now=NOW)
    assert change.action == "unchanged"


def test_every_field_of_a_table_comes_back_as_it_was_applied(define: Define, shop: Path) -> None:
    (shop / "customers.csv").write_text(
        "id,email,phone,joined,changed\n1,a@example.com,07700900001,1997-01-01,1997-01-02\n"
    )
    tables = {
        "customers": {
            **TABLES["customers"],
            "mobile": "phone",
            "at": "joined",
            "updated": "changed",
            "append_only": True,
            "same_key": "first",
            "same_email": "newest",
        }
    }
    define(tables)
    exported = definitions.export("sources")["shop"]["tables"]
    assert exported == {"customers": {**tables["customers"], "file": str(shop / "customers.csv")}}
    assert define(exported).action == "unchanged"


def test_a_file_that_is_not_there_names_the_field_and_nothing_is_kept(define: Define) -> None:
    with pytest.raises(DefinitionError, match=r"source “shop”, tables\.orders: .*there is no file"):
        define({**TABLES, "orders": {**TABLES["orders"], "file": "nowhere.csv"}})
    assert not Source.objects.exists()


def test_a_second_table_of_customers_is_refused(define: Define) -> None:
    define()
    with pytest.raises(DefinitionError, match=r"already in shop\.customers; only one table can be"):
        define({"people": TABLES["customers"]}, name="other")


def only(**fields: object) -> dict[str, object]:
    """A source of one table with these fields."""
    return {"files": True, "tables": {"a": {"file": "a.csv", "key": "id", **fields}}}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"tables": {"a": {"file": "a.csv", "key": "id"}}}, "say either `files: true` or `url`"),
        ({"files": True, "tables": {"a": {"key": "id"}}}, "say either `file` or `table`"),
        ({"files": True, "tables": {"a": {"table": "a", "key": "id"}}}, "a table in files is a `file`"),
        ({"url": "mysql://x/y", "tables": {"a": {"table": "a", "key": "id"}}}, "a url starts with duckdb"),
        ({"files": True, "tables": {"a": {"file": "a", "key": "id", "subject": True}}}, "needs `email`"),
        ({"files": True, "tables": {"a": {"file": "a", "kee": "id"}}}, "kee"),
        (only(mobile="phone"), "`mobile` belongs to the table of customers"),
        (only(same_email="first"), "`same_email` belongs to the table of customers"),
        (only(same_key="first"), "`same_key` needs `id`"),
        (only(id="line", same_key="newest"), "`newest` needs `updated` or `at`"),
        (only(same_key="latest"), "Input should be 'first' or 'newest'"),
        (only(append_only=True), "`append_only` needs `at`"),
        (only(lookup=True, id="line"), "`key` is the own key of this table; leave `id` out"),
        (only(lookup=True, subject=True, email="e"), "the customers are no `lookup` table"),
    ],
)
def test_a_body_that_makes_no_sense_says_why(body: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        definitions.SourceBody.model_validate(body)


def test_a_password_is_sealed_masked_and_kept_when_the_masked_url_comes_back() -> None:
    source = Source(name="crm")
    assert source.set_url("postgresql://me:secret@db/crm")
    assert source.url == "postgresql://me:***@db/crm"
    assert "secret" not in source.sealed_url
    assert source.address == "postgresql://me:secret@db/crm"
    assert not source.set_url("postgresql://me:***@db/crm")
    assert not source.set_url("postgresql://me:secret@db/crm")
    assert source.set_url("postgresql://me:other@db/crm")
    assert source.address == "postgresql://me:other@db/crm"
