"""`usher audiences changes` and `members --as-of`: who came and went, and who was in it then."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from usher.cli.tests.conftest import Usher

PEOPLE = "id,email\n1,alice@example.com\n2,bob@example.com\n3,carol@example.com\n"
ORDERS = "customer,ordered_on\n1,2024-01-01\n2,2024-01-02\n"
DEFINED = """
sources:
  shop:
    files: true
    tables:
      customers: {file: people.csv, key: id, email: email, subject: true}
      orders: {file: orders.csv, key: customer, at: ordered_on, noun: order}
customer_lists:
  fresh: {rule: exists(orders where ordered_on within 2 days)}
"""


@pytest.fixture(autouse=True)
def evaluated(usher: Usher, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(PEOPLE)
    (tmp_path / "orders.csv").write_text(ORDERS)
    (tmp_path / "all.yaml").write_text(DEFINED)
    assert usher("apply", str(tmp_path)).exit_code == 0
    for day in ("2024-01-01", "2024-01-02", "2024-01-04"):
        assert usher("audiences", "evaluate", "--as-of", day).exit_code == 0


def keys(usher: Usher, *words: str) -> list[tuple[str, str]]:
    found = json.loads(usher("audiences", "changes", "fresh", *words, "--json").stdout)
    return [(one["key"], one["change"]) for one in found["changes"]]


def test_without_days_it_tells_what_the_last_evaluation_changed(usher: Usher) -> None:
    found = usher("audiences", "changes", "fresh").stdout
    assert "− 1            2024-01-04 06:00  rule\n    no longer: " in found
    assert "2024-01-02" not in found


def test_both_days_are_included(usher: Usher) -> None:
    assert keys(usher, "--from", "2024-01-02", "--to", "2024-01-02") == [("2", "gained")]
    assert ("1", "gained") in keys(usher, "--from", "2024-01-01")
    assert keys(usher, "--from", "2024-01-01", "--to", "2024-01-01T06:00") == [("1", "gained")]


def test_who_came_or_who_went_is_asked_alone(usher: Usher) -> None:
    whole = ("--from", "2024-01-01")
    assert {change for _, change in keys(usher, *whole, "--gained")} == {"gained"}
    assert {change for _, change in keys(usher, *whole, "--lost")} == {"lost"}
    assert len(keys(usher, *whole, "--gained", "--lost")) == len(keys(usher, *whole))


def test_csv_has_a_row_for_each_change(usher: Usher) -> None:
    shown = usher(
        "audiences", "changes", "fresh", "--from", "2024-01-02", "--to", "2024-01-02", "--csv"
    ).stdout
    (row,) = csv.DictReader(io.StringIO(shown))
    assert (row["key"], row["change"], row["cause"]) == ("2", "gained", "rule")
    assert (row["as_of"], bool(row["now_true"]), row["now_false"]) == ("2024-01-02T06:00:00+00:00", True, "")


def test_a_quiet_night_and_days_the_wrong_way_round_are_said(usher: Usher) -> None:
    quiet = usher("audiences", "changes", "fresh", "--from", "2024-01-03", "--to", "2024-01-03")
    assert quiet.stdout == "Nobody came or went.\n"
    wrong = usher("audiences", "changes", "fresh", "--from", "2024-01-03", "--to", "2024-01-02")
    assert wrong.exit_code == 1
    assert "--to 2024-01-02 is before 2024-01-03" in wrong.output


def test_members_are_told_of_a_past_evaluation(usher: Usher) -> None:
    then = usher("audiences", "members", "fresh", "--as-of", "2024-01-01")
    assert then.stdout.split() == ["1", "alice@example.com"]
    assert "As of 2024-01-01 06:00 (UTC)" in then.stderr
    now = json.loads(usher("audiences", "members", "fresh", "--as-of", "2024-01-03", "--json").stdout)
    assert (now["as_of"], now["total"]) == ("2024-01-02T06:00:00Z", 2)
    before = usher("audiences", "members", "fresh", "--as-of", "2023-12-31")
    assert before.exit_code == 1
    assert "nothing that is still known was evaluated as of 2023-12-31" in before.output
