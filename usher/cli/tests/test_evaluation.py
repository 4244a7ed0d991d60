"""`usher audiences evaluate` and `show` tell what was looked at, what failed, and when."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from usher.audiences.models import Audience
from usher.cli.tests.conftest import Usher

PEOPLE = "id,email,country\n1,alice@example.com,GB\n2,bob@example.com,GB\n3,carol@example.com,FR\n"
DEFINED = """
sources:
  shop:
    files: true
    tables:
      customers: {file: people.csv, key: id, email: email, subject: true}
auto_tags:
  BRITISH: {rule: 'country = "GB"'}
segments:
  French: {rule: 'country = "FR"'}
"""


@pytest.fixture
def applied(usher: Usher, tmp_path: Path, settings: object) -> Path:
    settings.TIME_ZONE = "Europe/London"  # type: ignore[attr-defined]
    made = tmp_path / "definitions"
    made.mkdir()
    (made / "people.csv").write_text(PEOPLE)
    (made / "all.yaml").write_text(DEFINED)
    assert usher("apply", str(made)).exit_code == 0
    return made


def told(usher: Usher, *words: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(usher("audiences", "evaluate", *words, "--json").stdout)
    return found


@pytest.mark.usefixtures("applied")
def test_it_says_whether_everybody_was_looked_at_and_why(usher: Usher) -> None:
    first = told(usher, "--as-of", "2024-01-01")
    assert (first["full"], first["looked_at"]) == (True, None)
    assert first["full_because"]
    second = told(usher, "--as-of", "2024-01-02")
    assert (second["full"], second["looked_at"], second["full_because"]) == (False, 0, "")
    third = usher("audiences", "evaluate", "--as-of", "2024-01-03", "--full")
    assert "Everybody was looked at: it was asked for." in third.output
    fourth = usher("audiences", "evaluate", "--as-of", "2024-01-04")
    assert "0 customers were looked at, for whom something can have changed." in fourth.output


@pytest.mark.usefixtures("applied")
def test_what_failed_is_named_with_its_reason_and_shown_as_stale(usher: Usher) -> None:
    usher("audiences", "evaluate", "--as-of", "2024-01-01")
    Audience.objects.filter(name="French").update(rule="land = 1")
    found = usher("audiences", "evaluate", "--as-of", "2024-01-02")
    assert found.exit_code == 0
    assert "✗ segment “French”: There is no column in customers called land" in found.stderr
    assert "it is still as of 2024-01-01 06:00" in found.stderr
    (failed,) = told(usher, "--as-of", "2024-01-03")["failed"]  # type: ignore[misc]
    assert (failed["kind"], failed["name"], failed["as_of"]) == ("segment", "French", "2024-01-01T06:00:00Z")
    assert "stale: There is no column" in usher("audiences", "show", "French").output
    assert "stale" not in usher("audiences", "show", "BRITISH").output


@pytest.mark.usefixtures("applied")
def test_an_older_moment_says_that_it_took_the_place_of_a_later_one(usher: Usher) -> None:
    assert told(usher, "--as-of", "2024-01-02")["replaces_later"] is None
    found = usher("audiences", "evaluate", "--as-of", "2024-01-01")
    assert "This is older than what was published before (as of 2024-01-02 06:00)" in found.stderr
    assert told(usher, "--as-of", "2023-12-31")["replaces_later"] == "2024-01-01T06:00:00Z"


@pytest.mark.usefixtures("applied")
def test_times_are_those_of_the_organisation_and_the_zone_is_named(usher: Usher) -> None:
    evaluated = usher("audiences", "evaluate", "--as-of", "2026-07-01T06:00")
    assert "As of 2026-07-01 06:00 (Europe/London)" in evaluated.output
    shown = usher("audiences", "show", "BRITISH")
    assert "as of 2026-07-01 06:00" in shown.stdout
    assert shown.stderr.count("Europe/London") == 1


@pytest.mark.usefixtures("applied")
def test_history_has_times_only_where_a_day_has_several(usher: Usher) -> None:
    usher("audiences", "evaluate", "--as-of", "2024-01-01")
    assert "\n    2024-01-01          2" in usher("audiences", "show", "BRITISH").output
    usher("audiences", "evaluate", "--as-of", "2024-01-01T18:30")
    shown = usher("audiences", "show", "BRITISH").output
    assert "\n    2024-01-01 06:00          2" in shown
    assert "\n    2024-01-01 18:30          2" in shown
