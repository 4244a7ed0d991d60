"""`usher rules` on what is applied, and on a folder that is not."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from usher.audiences.models import Audience
from usher.cli.app import app
from usher.cli.tests.conftest import Usher
from usher.sources.models import Source

PEOPLE = "id,email,country\n1,alice@example.com,GB\n2,bob@example.com,GB\n10,carol@example.com,FR\n"
ORDERS = (
    "customer,ordered_on,value\n1,1997-12-30,11.50\n2,1997-06-01,20\n2,1997-06-02,5\n10,1998-02-01,7.25\n"
)
DEFINED = """
sources:
  shop:
    files: true
    tables:
      customers: {file: people.csv, key: id, email: email, subject: true}
      orders: {file: orders.csv, key: customer, at: ordered_on, noun: order}
auto_tags:
  BRITISH: {rule: 'country = "GB"'}
  QUIET: {rule: 'tag("BRITISH") and not exists(orders where ordered_on within 90 days)'}
tags:
  STAFF: {members: [1]}
destinations:
  platform: {url: "${NOT_SET_ANYWHERE}"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> str:
    made = tmp_path / "definitions"
    made.mkdir()
    (made / "people.csv").write_text(PEOPLE)
    (made / "orders.csv").write_text(ORDERS)
    (made / "all.yaml").write_text(DEFINED)
    return str(made)


def keys(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return result.stdout.split()


def test_a_rule_is_run_against_a_folder_and_nothing_of_it_stays(usher: Usher, folder: str) -> None:
    found = usher("rules", "run", "count(orders) > 0", "--definitions", folder, "--as-of", "1998-01-01")
    assert keys(found) == ["1", "2"]
    assert (Source.objects.count(), Audience.objects.count()) == (0, 0)


def test_a_later_moment_sees_later_rows(usher: Usher, folder: str) -> None:
    found = usher("rules", "run", "count(orders) > 0", "--definitions", folder, "--as-of", "1998-03-01")
    assert keys(found) == ["1", "2", "10"]


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ('tag("QUIET")', ["2"]),
        ('not tag("QUIET")', ["1", "10"]),
        ('tag("STAFF")', ["1"]),
        ('tag("QUIET") or tag("STAFF")', ["1", "2"]),
    ],
)
def test_what_it_speaks_of_is_worked_out_too(usher: Usher, folder: str, rule: str, found: list[str]) -> None:
    assert keys(usher("rules", "run", rule, "--definitions", folder, "--as-of", "1998-01-01")) == found


def test_csv_has_the_columns_that_the_rule_speaks_of(usher: Usher, folder: str) -> None:
    rule = 'country = "GB" and last(orders.ordered_on) before 90 days ago'
    found = usher("rules", "run", rule, "--definitions", folder, "--as-of", "1998-01-01", "--csv")
    rows = list(csv.reader(io.StringIO(found.stdout)))
    assert rows == [["id", "country", "last(orders.ordered_on)"], ["2", "GB", "1997-06-02"]]


def test_json_is_for_programs(usher: Usher, folder: str) -> None:
    found = usher("rules", "run", "count(orders) > 1", "--definitions", folder, "--json")
    said = json.loads(found.stdout)
    assert (said["size"], said["customers"]) == (1, [{"id": 2, "count(orders)": 2}])


def test_a_value_is_printed_beside_the_key(usher: Usher, folder: str) -> None:
    asked = ("rules", "run", "sum(orders.value)", "--value", "--definitions", folder, "--as-of", "1998-01-01")
    assert usher(*asked).stdout == "id,sum(orders.value)\n1,11.5\n2,25.0\n10,0.0\n"


def test_a_misspelt_rule_is_shown_with_a_caret_and_ends_with_1(usher: Usher, folder: str) -> None:
    found = usher("rules", "check", 'cuontry = "GB"', "--definitions", folder)
    assert found.exit_code == 1
    assert "line 1, column 1: There is no column in customers called cuontry." in found.output
    assert "Did you mean country?" in found.output
    assert '  cuontry = "GB"\n  ^^^^^^^\n' in found.output


def test_a_rule_that_cannot_be_read_is_shown_in_its_line(usher: Usher, folder: str) -> None:
    found = usher("rules", "check", 'country = "GB"\nand and', "--definitions", folder)
    assert found.exit_code == 1
    assert "line 2, column 5" in found.output
    assert "  and and\n      ^" in found.output


def test_problems_are_given_to_programs_as_json(usher: Usher, folder: str) -> None:
    found = usher("rules", "check", 'cuontry = "GB"', "--definitions", folder, "--json")
    (problem,) = json.loads(found.stdout)["problems"]
    assert (found.exit_code, problem["start"], problem["end"], problem["line"]) == (1, 0, 7, 1)


def test_a_right_rule_is_said_to_fit(usher: Usher, folder: str) -> None:
    found = usher("rules", "check", 'tag("STAFF") or country = "GB"', "--definitions", folder)
    assert (found.exit_code, found.output.strip()) == (0, "✓ The rule fits the data.")


def test_a_value_is_no_rule_unless_it_is_said(usher: Usher, folder: str) -> None:
    assert usher("rules", "check", "count(orders)", "--definitions", folder).exit_code == 1
    assert usher("rules", "check", "count(orders)", "--value", "--definitions", folder).exit_code == 0


def test_a_rule_is_said_in_english(usher: Usher, folder: str) -> None:
    found = usher("rules", "describe", "count(orders)>0", "--definitions", folder)
    assert found.output == "Customers who have ordered at least once.\n"


def test_a_rule_is_read_from_the_input_and_printed_in_one_way(usher: Usher) -> None:
    found = CliRunner().invoke(app, ["rules", "format"], input="country='GB'AND (count(orders)>3)\n")
    assert found.output == 'country = "GB" and count(orders) > 3\n'


def test_without_a_folder_it_asks_what_is_applied(usher: Usher, folder: str) -> None:
    assert "no source has been read" in usher("rules", "check", "email is set").output
    (Path(folder) / "all.yaml").write_text(DEFINED.split("destinations:")[0])
    assert usher("apply", folder).exit_code == 0
    assert keys(usher("rules", "run", 'tag("QUIET")', "--as-of", "1998-01-01")) == ["2"]


def test_a_folder_hides_what_is_applied(usher: Usher, folder: str, tmp_path: Path) -> None:
    (Path(folder) / "all.yaml").write_text(DEFINED.split("destinations:")[0])
    usher("apply", folder)
    (Path(folder) / "all.yaml").write_text(DEFINED.split("auto_tags:")[0])
    found = usher("rules", "check", 'tag("QUIET")', "--definitions", folder)
    assert found.exit_code == 1
    assert "There is no tag called QUIET." in found.output
    assert Audience.objects.filter(name="QUIET").exists()


def test_a_wrong_folder_is_told_with_file_and_line(usher: Usher, folder: str) -> None:
    (Path(folder) / "all.yaml").write_text(DEFINED.replace('country = "GB"', 'cuontry = "GB"'))
    found = usher("rules", "run", "email is set", "--definitions", folder)
    assert found.exit_code == 1
    assert "all.yaml:9" in found.output
    assert "cuontry" in found.output


def test_it_is_counted_without_printing_anybody(usher: Usher, folder: str) -> None:
    asked = ("rules", "run", 'country = "GB" or id = 10', "--definitions", folder)
    assert usher(*asked, "--count").stdout == "3\n"
    assert json.loads(usher(*asked, "--count", "--json").stdout)["size"] == 3
    assert (
        usher("rules", "run", "count(orders)", "--value", "--count", "--definitions", folder).stdout == "3\n"
    )


def test_a_sample_is_the_same_each_time_and_in_order(usher: Usher, folder: str) -> None:
    asked = ("rules", "run", "id > 0", "--definitions", folder, "--sample", "2")
    first = keys(usher(*asked))
    assert len(first) == 2
    assert first == sorted(first, key=int)
    assert keys(usher(*asked)) == first
    assert keys(usher(*asked[:-1], "100")) == ["1", "2", "10"]


def test_a_rule_is_explained_for_one_customer_as_of_a_moment(usher: Usher, folder: str) -> None:
    rule = 'tag("QUIET") and country = "GB"'
    asked = ("rules", "explain", rule, "bob@example.com", "--definitions", folder, "--as-of", "1998-01-01")
    found = usher(*asked)
    assert found.exit_code == 0, found.output
    assert found.output.startswith("✓ ")
    assert json.loads(usher(*asked, "--json").stdout)["holds"] is True
    out = usher("rules", "explain", rule, "10", "--definitions", folder, "--as-of", "1998-01-01")
    assert out.output.startswith("✗ ")
    unknown = usher("rules", "explain", rule, "11", "--definitions", folder)
    assert unknown.exit_code == 1
    assert "there is no customer 11 in customers" in unknown.output


def test_a_rule_is_checked_for_a_named_engine(usher: Usher, folder: str) -> None:
    asked = ("rules", "check", "count(orders) > 0", "--definitions", folder, "--engine")
    assert usher(*asked, "sqlite").exit_code == 0
    wrong = usher(*asked, "oracle")
    assert wrong.exit_code == 1
    assert "there is no engine oracle; there are duckdb, postgres, sqlite" in wrong.output
