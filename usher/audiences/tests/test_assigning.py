from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from usher.audiences import assigning, tagging
from usher.audiences.assigning import Outcome, Who
from usher.audiences.errors import AudienceError, NotEvaluatedError
from usher.audiences.evaluate import evaluate
from usher.audiences.matching import By, Place, Word
from usher.audiences.models import Audience
from usher.audiences.tests.conftest import CUSTOMERS, NOW, Define
from usher.sources.errors import SourceError

pytestmark = pytest.mark.django_db
BOB = Who("bob", NOW, "user")


@pytest.fixture
def vip(define: Define) -> Audience:
    define("tags", "VIP", members=["1"])
    return Audience.objects.get()


def words(*texts: str, by: By = "key") -> Iterable[Word]:
    return [Word(row, text, by) for row, text in enumerate(texts, start=1)]


def counts(found: Outcome) -> dict[str, int]:
    names = ["read", "matched", "added", "removed", "same", "unknown", "ambiguous", "bad", "doubled"]
    return {name: getattr(found, name) for name in names if getattr(found, name)}


def test_tagging_says_who_did_it_when_and_of_what_it_was_a_part(vip: Audience) -> None:
    done = assigning.assign(vip, words("1", "2", "2"), Who("bob", NOW, "api", "the gala"))
    assert counts(done) == {"read": 3, "matched": 2, "added": 1, "same": 1, "doubled": 1}
    (put,) = vip.assignments.filter(key="2")
    assert (put.by, put.at, put.cause, put.origin) == ("bob", NOW, "api", "the gala")
    assigning.assign(vip, words("2"), BOB, action="remove")
    assigning.assign(vip, words("2"), BOB)
    assert vip.assignments.filter(key="2").count() == 2
    assert vip.assignments.filter(key="2", removed_by="bob", removed_cause="user").count() == 1


def test_a_key_or_an_address_says_who_is_meant(vip: Audience) -> None:
    assigning.assign(vip, words("2", " CAROL@example.com ", by="either"), BOB)
    assert tagging.current(vip) == ["1", "2", "3"]


def test_whom_nobody_knows_is_told_and_not_tagged(vip: Audience, shop: Path) -> None:
    (shop / "customers.csv").write_text(CUSTOMERS + "5,Bob@Example.com,GB\n")
    listed = words("bob@example.com", "zoe@example.com", "bob at home", "", "alice@example.com", by="email")
    done = assigning.assign(vip, listed, BOB)
    assert counts(done) == {"read": 5, "matched": 1, "same": 1, "unknown": 1, "ambiguous": 1, "bad": 2}
    assert done.places == (
        Place(1, "bob@example.com", "ambiguous", "2 customers have this address"),
        Place(2, "zoe@example.com", "unknown", "no customer has this address"),
        Place(3, "bob at home", "bad", "it is not an e-mail address"),
        Place(4, "", "bad", "it is empty"),
    )
    assert tagging.current(vip) == ["1"]


@pytest.mark.parametrize("key", ["a\x00b", "line\nbreak", "x" * 256, "\ufffd"])
def test_a_key_that_cannot_be_kept_is_bad(vip: Audience, key: str) -> None:
    assert counts(assigning.assign(vip, words(key), BOB)) == {"read": 1, "bad": 1}


def test_a_dry_run_tells_what_is_then_done(vip: Audience) -> None:
    listed = ["1", "2", "3", "9"]
    for action in ("add", "remove", "replace"):
        foreseen = assigning.assign(vip, words(*listed), BOB, action=action, dry_run=True)
        had = tagging.current(vip)
        assert tagging.current(vip) == had
        done = assigning.assign(vip, words(*listed), BOB, action=action)
        assert counts(foreseen) == counts(done)
        listed = listed[1:]
    assert tagging.current(vip) == ["3"]


def test_a_file_is_matched_on_the_column_that_is_recognised(vip: Audience, tmp_path: Path) -> None:
    sheet = tmp_path / "gala.csv"
    sheet.write_text(
        "\ufeffName;E-mail\nAlice;alice@example.com\n\nBob;bob@example.com\nNobody;x@y.zz\nShort\n"
    )
    done = assigning.assign_sheet(vip, sheet, Who("bob", NOW, "import"), dry_run=True)
    assert (done.column, done.match) == ("E-mail", "email")
    assert counts(done) == {"read": 4, "matched": 2, "added": 1, "same": 1, "unknown": 1, "bad": 1}
    assert [(place.row, place.state) for place in done.places] == [(5, "unknown"), (6, "bad")]
    assert tagging.current(vip) == ["1"]
    assigning.assign_sheet(vip, sheet, Who("bob", NOW, "import"))
    assert vip.assignments.get(key="2").origin == "gala.csv"
    assigning.assign_sheet(vip, sheet, BOB, action="remove")
    assert tagging.current(vip) == []


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", "", "people.csv: the file is empty"),
        (
            "name,age\nAlice,3\n",
            "",
            "people.csv: no column is known to hold keys or addresses among name, age",
        ),
        ("name,age\nAlice,3\n", "nme", "people.csv has no column “nme”; it has name, age"),
        ("name,age\nAlice,3\n", "age", "people.csv: say whether the column “age” holds keys or addresses"),
        ("id\n" + "x" * 200_000 + "\n", "", "people.csv, row 2: field larger than field limit"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_name(
    vip: Audience, tmp_path: Path, text: str, column: str, message: str
) -> None:
    (tmp_path / "people.csv").write_text(text)
    with pytest.raises(AudienceError) as caught:
        assigning.assign_sheet(vip, tmp_path / "people.csv", BOB, column=column)
    assert str(caught.value).startswith(message)


def test_a_file_that_is_not_there_or_not_text_is_told(vip: Audience, tmp_path: Path) -> None:
    with pytest.raises(AudienceError, match="cannot be read: No such file"):
        assigning.assign_sheet(vip, tmp_path / "people.csv", BOB)
    (tmp_path / "people.csv").write_bytes(b"id\n1\n\xff\n")
    done = assigning.assign_sheet(vip, tmp_path / "people.csv", BOB)
    assert [(place.row, place.reason) for place in done.places] == [(3, "it is not UTF-8 text")]


def test_every_member_of_another_audience_is_tagged(vip: Audience, buyers: Audience) -> None:
    with pytest.raises(NotEvaluatedError):
        assigning.assign_members(vip, buyers, BOB)
    evaluate(NOW)
    assert counts(assigning.assign_members(vip, buyers, BOB)) == {
        "read": 2,
        "matched": 2,
        "added": 1,
        "same": 1,
    }
    assert vip.assignments.get(key="2").origin == "customer list “buyers”"


def test_only_what_is_kept_by_hand_can_be_filled_by_hand(buyers: Audience) -> None:
    with pytest.raises(AudienceError, match="customer list “buyers” is kept by its rule"):
        assigning.assign(buyers, words("1"), BOB)


def test_an_external_audience_keeps_keys_that_nobody_has_yet(shop: Path) -> None:
    pushed = Audience.objects.create(name="app", kind="external")
    done = assigning.assign(pushed, words("1", "77", ""), BOB, action="replace")
    assert counts(done) == {"read": 3, "matched": 1, "added": 2, "unknown": 1, "bad": 1}
    assert tagging.current(pushed) == ["1", "77"]


def test_an_external_audience_takes_keys_while_the_customers_cannot_be_read(
    vip: Audience, shop: Path
) -> None:
    (shop / "customers.csv").unlink()
    pushed = Audience.objects.create(name="app", kind="external")
    done = assigning.assign(pushed, words("1", "77", ""), BOB)
    assert counts(done) == {"read": 3, "added": 2, "bad": 1}
    assert "there is no file" in done.problem
    with pytest.raises(SourceError):
        assigning.assign(vip, words("1"), BOB)


def test_many_keys_are_put_in_at_once(vip: Audience) -> None:
    done = tagging.replace(vip, map(str, range(50_000)), by="bob", at=NOW, cause="api")
    assert (done.added, done.removed, done.same) == (49_999, 0, 1)
    done = tagging.replace(vip, map(str, range(100, 50_100)), by="bob", at=NOW, cause="api")
    assert (done.added, done.removed, done.same) == (100, 100, 49_900)
    assert tagging.empty(vip, by="bob", at=NOW, cause="api") == 50_000


def test_a_spreadsheets_utf_16_is_read(vip: Audience, tmp_path: Path) -> None:
    (tmp_path / "wide.csv").write_text("id\tname\n2\tBöb\n3\tCarol\n", encoding="utf-16")
    assert counts(assigning.assign_sheet(vip, tmp_path / "wide.csv", BOB)) == {
        "read": 2,
        "matched": 2,
        "added": 2,
    }


@pytest.mark.parametrize("row", ['2,"Bob\n3,Carol\n', '2,"Bob\n'])
def test_a_quote_that_never_ends_is_refused_with_its_row(vip: Audience, tmp_path: Path, row: str) -> None:
    (tmp_path / "people.csv").write_text("id,name\n1,Alice\n" + row)
    with pytest.raises(AudienceError, match=r"people\.csv, row 3: a quoted value does not end"):
        assigning.assign_sheet(vip, tmp_path / "people.csv", BOB)
    assert tagging.current(vip) == ["1"]


def test_the_last_row_needs_no_line_break(vip: Audience, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text('id,name\n2,"Bob\nB."\n3,"Carol"')
    assert counts(assigning.assign_sheet(vip, tmp_path / "people.csv", BOB))["added"] == 2


def test_a_row_without_a_key_is_matched_on_its_address(vip: Audience, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("id,email\n2,\n,carol@example.com\n,\n")
    done = assigning.assign_sheet(vip, tmp_path / "people.csv", BOB)
    assert counts(done) == {"read": 3, "matched": 2, "added": 2, "bad": 1}
    assert done.places[0].row == 4
