from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from usher.audiences.models import Audience
from usher.definitions.apply import apply, apply_one
from usher.definitions.errors import DefinitionsError
from usher.definitions.export import export
from usher.definitions.sections import room_of
from usher.engage.models import ContactList
from usher.lib.changes import DefinitionError

pytestmark = pytest.mark.django_db
NOW = datetime(1998, 1, 1, 6, tzinfo=UTC)

SHOP = """
sources:
  shop:
    files: true
    tables:
      customers: {file: customers.csv, key: id, email: email, subject: true}
destinations:
  platform: {kind: dotdigital, url: "http://127.0.0.1:9", username: u, password: p}
"""
AUDIENCES = """
tag_groups:
  Synced: {}
tags:
  GALA: {group: Synced}
segments:
  Reachable: {rule: 'email is set and not tag("OLD")'}
auto_tags:
  OLD: {rule: 'id < 100 and audience("regulars")'}
customer_lists:
  regulars: {rule: id > 5}
  mailable:
    areas: [[{segment: Reachable}, {not: 'tag("GALA")'}]]
    pre: [email is set]
static_lists:
  gala: {members: ["1"]}
external_audiences:
  app users: {owner: the app's people, expires_on: 1999-01-01}
"""
SYNCS = """
syncs:
  nightly: {audience: mailable, destination: platform, list: All, tag_groups: [Synced]}
"""


@pytest.fixture
def folder(tmp_path: Path, settings: object) -> Path:
    settings.USHER_DATA_DIR = tmp_path / "var"  # type: ignore[attr-defined]
    here = tmp_path / "definitions"
    here.mkdir()
    (here / "customers.csv").write_text("id,email\n1,alice@example.com\n2,bob@example.com\n")
    for name, text in (("shop", SHOP), ("audiences", AUDIENCES), ("syncs", SYNCS)):
        (here / f"{name}.yaml").write_text(text)
    return here


def test_a_rule_may_speak_of_what_stands_after_it(folder: Path) -> None:
    changes = apply(folder, by="alice", now=NOW)
    assert {change.action for change in changes} == {"created"}
    assert {change.action for change in apply(folder, by="alice", now=NOW)} == {"unchanged"}


def test_what_is_exported_applies_as_unchanged(folder: Path, tmp_path: Path) -> None:
    apply(folder, by="alice", now=NOW)
    (tmp_path / "exported").mkdir()
    export(tmp_path / "exported")
    (tmp_path / "exported" / "destinations.yaml").unlink()  # without its password
    assert {change.action for change in apply(tmp_path / "exported", by="bob", now=NOW)} == {"unchanged"}


def test_a_tag_that_cannot_be_synced_is_refused_when_it_is_put_into_a_synced_group(
    folder: Path, tmp_path: Path
) -> None:
    apply(folder, by="alice", now=NOW)
    more = tmp_path / "more"
    more.mkdir()
    (more / "tags.yaml").write_text("tags:\n  Gala 2026:\n    group: Synced\n")
    with pytest.raises(DefinitionsError) as caught:
        apply(more, by="alice", now=NOW)
    (fault,) = caught.value.faults
    assert str(fault).startswith(f"{more}/tags.yaml:2: sync “nightly”, tag_groups: “Gala 2026” of the group")
    assert not Audience.objects.filter(name="Gala 2026").exists()
    body = room_of()["tags"].SECTIONS["tags"].model_validate({"group": "Synced"})
    with pytest.raises(DefinitionError, match="tag “Gala 2026”, group: sync “nightly”: “Gala 2026” of"):
        apply_one("tags", "Gala 2026", body, by="alice", now=NOW)
    assert not Audience.objects.filter(name="Gala 2026").exists()


def test_rules_that_need_each_other_are_faults_and_nothing_is_applied(folder: Path) -> None:
    (folder / "more.yaml").write_text(
        'customer_lists:\n  a: {rule: audience("b")}\n  b: {rule: audience("a")}\n'
    )
    with pytest.raises(DefinitionsError) as caught:
        apply(folder, by="alice", now=NOW)
    (fault,) = caught.value.faults
    assert (fault.line, fault.message) == (
        2,
        "customer list “a”, rule: these rules need each other, so none can be first:"
        " customer list “a”, customer list “b”",
    )
    assert not Audience.objects.exists()


def test_a_circle_is_named_across_kinds_and_what_stands_outside_of_it_is_not_blamed(folder: Path) -> None:
    (folder / "more.yaml").write_text(
        """
auto_tags:
  X: {rule: 'segment("y")'}
  SPEAKS: {rule: 'tag("X") and not tag("GALA")'}
segments:
  y: {rule: 'not audience("z")'}
customer_lists:
  z: {rule: 'tag("X") or id > 3'}
"""
    )
    with pytest.raises(DefinitionsError) as caught:
        apply(folder, by="alice", now=NOW)
    (fault,) = caught.value.faults
    assert fault.message.endswith("none can be first: segment “y”, customer list “z”, auto tag “X”")
    assert caught.value.left == "1 definition could not be checked because of this: auto tag “SPEAKS”"


def test_a_slip_in_one_rule_does_not_blame_those_that_speak_of_it(folder: Path) -> None:
    text = (folder / "audiences.yaml").read_text()
    (folder / "audiences.yaml").write_text(text.replace("rule: id > 5", 'rule: idd > 5 and tag("OLD")'))
    with pytest.raises(DefinitionsError) as caught:
        apply(folder, by="alice", now=NOW)
    (fault,) = caught.value.faults
    assert "customer list “regulars”, rule: There is no column in customers called idd" in fault.message
    assert "OLD" not in fault.message.splitlines()[0]
    assert caught.value.waiting == (
        "segment “Reachable”",
        "auto tag “OLD”",
        "customer list “mailable”",
        "sync “nightly”",
    )


def test_a_broken_source_is_told_once_and_not_by_every_audience(folder: Path) -> None:
    text = (folder / "shop.yaml").read_text()
    (folder / "shop.yaml").write_text(text.replace("email: email", "email: mail"))
    (folder / "more.yaml").write_text(
        "computed_fields:\n  N: {value: id}\nauto_tags:\n  SLIP: {rule: id >}\n"
    )
    with pytest.raises(DefinitionsError) as caught:
        apply(folder, by="alice", now=NOW)
    first, second = caught.value.faults
    assert first.message.startswith("source “shop”, tables.customers: ")
    assert second.message.startswith("auto tag “SLIP”, rule: ")
    assert caught.value.left == (
        "6 definitions could not be checked because of this:"
        " segment “Reachable”, auto tag “OLD”, customer list “regulars” and 3 more"
    )
    (folder / "shop.yaml").unlink()
    with pytest.raises(DefinitionsError) as caught:
        apply(folder, by="alice", now=NOW)
    assert sum("no table of customers" in fault.message for fault in caught.value.faults) == 1


def test_a_last_day_that_is_past_is_refused_with_its_file_and_field(folder: Path) -> None:
    (folder / "late.yaml").write_text("static_lists:\n  fair: {}\n  ball: {expires_on: 1997-12-31}\n")
    with pytest.raises(DefinitionsError) as caught:
        apply(folder, by="alice", now=NOW)
    assert [str(fault) for fault in caught.value.faults] == [
        f"{folder}/late.yaml:3: static list “ball”, expires_on: 1997-12-31 is past;"
        " write a day to come, or none"
    ]
    assert not Audience.objects.exists()


def test_a_last_day_that_passed_meanwhile_changes_nothing(folder: Path) -> None:
    apply(folder, by="alice", now=NOW)
    later = datetime(1999, 6, 1, tzinfo=UTC)
    assert {change.action for change in apply(folder, by="alice", now=later)} == {"unchanged"}


ENGINE = """
account: {name: Shop, from_address: hello@shop.example}
data_fields: {ORDERS: numeric}
campaigns:
  Hello: {subject: Hi, html: '<a href="http://$UNSUB$">x</a>', text: 'http://$UNSUB$'}
programs:
  Welcome:
    start: {every_day_at: "07:00", rule: 'audience("News") and segment("Buyers")', limit: once}
    steps: [{send: Hello}, {end: done}]
contact_lists:
  News: {visibility: public, join_program: Welcome}
contact_segments:
  Buyers: 'ORDERS > 1 and audience("News")'
"""


def test_a_program_asks_for_the_list_that_starts_it(tmp_path: Path) -> None:
    (tmp_path / "engine.yaml").write_text(ENGINE)
    changes = apply(tmp_path, by="test", now=NOW)
    assert {change.action for change in changes if change.kind != "account"} == {"created"}
    assert [change.name for change in changes if change.kind == "contact list"] == ["News"]
    found = ContactList.objects.get(name="News")
    assert (found.join_program and found.join_program.name, found.visibility) == ("Welcome", "Public")
    assert {change.action for change in apply(tmp_path, by="test", now=NOW)} == {"unchanged"}


def test_what_is_wrong_in_a_circle_is_told_and_nothing_is_kept(tmp_path: Path) -> None:
    (tmp_path / "engine.yaml").write_text(
        ENGINE.replace('audience("News") and seg', 'audience("Nows") and seg')
    )
    with pytest.raises(DefinitionsError) as caught:
        apply(tmp_path, by="test", now=NOW)
    assert "Did you mean" in str(caught.value) or "did you mean" in str(caught.value)
    assert not ContactList.objects.exists()
