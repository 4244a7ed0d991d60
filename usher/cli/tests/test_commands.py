from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from usher.cli.app import app
from usher.cli.tests.conftest import Usher
from usher.syncs.models import Run


def test_applying_twice_changes_nothing_the_second_time(usher: Usher, shop: Path) -> None:
    first = usher("apply", str(shop))
    assert first.exit_code == 0, first.output
    assert "+ created auto tag “LAPSED_BUYER”" in first.output
    second = usher("apply", str(shop))
    assert second.output.startswith("Changed 0, unchanged ")


def test_a_dry_run_shows_and_keeps_nothing(usher: Usher, shop: Path) -> None:
    assert "Would change" in usher("apply", str(shop), "--dry-run").output
    assert json.loads(usher("audiences", "show", "--json").output) == []


def test_tags_that_cannot_be_synced_are_told_when_they_are_made(usher: Usher, shop: Path) -> None:
    (shop / "more.yaml").write_text("tags:\n  Hears Verdi: {}\n  OPERA: {}\n", "utf-8")
    hint = (
        "small letters, spaces: cannot be synced to Dotdigital,"
        " where tags have at most 16 out of A-Z, 0-9 and _"
    )
    planned = json.loads(usher("apply", str(shop), "--dry-run", "--json").output)
    assert {one["name"]: one["hints"] for one in planned if one["hints"]} == {"Hears Verdi": [hint]}
    assert f"tag “Hears Verdi”: {hint}" in usher("apply", str(shop)).output
    assert "cannot be synced" not in usher("apply", str(shop)).output


def test_what_is_exported_can_be_applied_and_changes_nothing(
    usher: Usher, shop: Path, tmp_path: Path
) -> None:
    usher("apply", str(shop))
    assert usher("export", str(tmp_path / "out")).exit_code == 0
    assert "pa55word" not in "".join(file.read_text("utf-8") for file in (tmp_path / "out").iterdir())
    again = usher("apply", str(tmp_path / "out"))
    assert again.exit_code == 0, again.output
    assert again.output.startswith("Changed 0, ")


def test_a_misspelt_rule_names_file_line_position_and_what_was_meant(usher: Usher, shop: Path) -> None:
    file = shop / "audiences.yaml"
    file.write_text(file.read_text("utf-8").replace("ordered_on within", "orderd_on within"), "utf-8")
    result = usher("apply", str(shop))
    assert result.exit_code == 1
    assert "audiences.yaml:" in result.output
    assert "orderd_on" in result.output
    assert "ordered_on" in result.output
    assert "nothing was applied" in result.output
    assert json.loads(usher("audiences", "show", "--json").output) == []


def test_an_evaluation_tells_size_gained_and_lost_of_each_audience(usher: Usher, shop: Path) -> None:
    usher("apply", str(shop))
    first = json.loads(usher("audiences", "evaluate", "--as-of", "1998-01-01", "--json").output)
    sizes = {row["name"]: (row["size"], row["gained"], row["lost"]) for row in first["audiences"]}
    assert sizes["mailable"] == (23565, 23565, 0)
    assert sizes["LAPSED_BUYER"] == (17231, 17231, 0)
    assert sizes["STAFF"] == (5, 5, 0)
    second = json.loads(usher("audiences", "evaluate", "--as-of", "1998-01-02", "--json").output)
    lapsed = next(row for row in second["audiences"] if row["name"] == "LAPSED_BUYER")
    assert (lapsed["size"], lapsed["gained"], lapsed["lost"]) == (17233, 20, 18)
    shown = usher("audiences", "show", "LAPSED_BUYER").output
    assert "17,233 (+20 −18)" in shown
    assert "180 days" in shown


def test_a_member_can_be_explained_by_key_or_address(usher: Usher, shop: Path) -> None:
    usher("apply", str(shop))
    usher("audiences", "evaluate", "--as-of", "1998-01-01")
    by_key = json.loads(usher("audiences", "explain", "LAPSED_BUYER", "1", "--json").output)
    by_address = json.loads(
        usher("audiences", "explain", "LAPSED_BUYER", "Customer1@example.com", "--json").output
    )
    assert by_key == by_address
    assert by_key["holds"] is True
    unknown = usher("audiences", "explain", "LAPSED_BUYER", "nobody@example.com")
    assert unknown.exit_code == 1
    assert "there is no customer nobody@example.com" in unknown.output


def test_a_misspelt_audience_is_answered_with_the_nearest_one(usher: Usher, shop: Path) -> None:
    usher("apply", str(shop))
    result = usher("audiences", "members", "mailabel")
    assert result.exit_code == 1
    assert "did you mean “mailable”?" in result.output


def test_broken_rows_are_listed_with_their_numbers_and_the_rest_goes_on(usher: Usher, shop: Path) -> None:
    with (shop.parent / "orders.csv").open("a", encoding="utf-8") as file:
        file.write("7,not a day,1,2.00\n")
    usher("apply", str(shop))
    checked = usher("sources", "check")
    assert checked.exit_code == 0, checked.output
    assert "row 69661" in checked.output
    run = json.loads(usher("audiences", "evaluate", "--as-of", "1998-01-01", "--json").output)
    assert run["state"] == "done"


def test_an_empty_source_is_refused_and_the_last_good_result_stays(usher: Usher, shop: Path) -> None:
    usher("apply", str(shop))
    usher("audiences", "evaluate", "--as-of", "1998-01-01")
    (shop.parent / "customers.csv").write_text("customer_id,email\n", "utf-8")
    refused = usher("audiences", "evaluate", "--as-of", "1998-01-02")
    assert refused.exit_code == 1
    assert "customers" in refused.output
    assert "the last good result stays" in refused.output
    shown = json.loads(usher("audiences", "show", "mailable", "--json").output)
    assert shown[0]["history"][-1]["size"] == 23565


def test_a_sync_after_a_refused_evaluation_sends_nothing(usher: Usher, shop: Path) -> None:
    usher("apply", str(shop))
    usher("audiences", "evaluate", "--as-of", "1998-01-01")
    (shop.parent / "customers.csv").write_text("customer_id,email\n", "utf-8")
    usher("audiences", "evaluate", "--as-of", "1998-01-02")
    result = usher("sync", "apply", "Usher sync")
    assert result.exit_code == 1
    assert Run.objects.get().calls_made == {}


def test_an_engine_that_cannot_be_reached_is_told_with_what_to_do(usher: Usher, shop: Path) -> None:
    usher("apply", str(shop))
    usher("audiences", "evaluate", "--as-of", "1998-01-01")
    result = usher("sync", "plan", "Usher sync")
    assert result.exit_code == 1
    assert "127.0.0.1:9" in result.output


def test_api_users_are_made_listed_and_disabled(usher: Usher) -> None:
    made = json.loads(usher("api-user", "create", "--json").output)
    assert made["user"].startswith("apiuser-")
    assert made["user"].endswith("@apiconnector.com")
    given = usher("api-user", "create", "--user", "me@apiconnector.com", "--password", "s3cret-word")
    assert "password  s3cret-word" in given.output
    assert "exists already" in usher("api-user", "create", "--user", "me@apiconnector.com").output
    usher("api-user", "disable", "me@apiconnector.com")
    rows = json.loads(usher("api-user", "list", "--json").output)
    assert {row["username"]: row["enabled"] for row in rows}["me@apiconnector.com"] is False


def test_what_an_api_user_may_do_is_said_and_changed(usher: Usher) -> None:
    usher("api-user", "create", "--user", "reader", "--permissions", "read", "--scheme", "flat")
    assert "reader  enabled  read  flat" in usher("api-user", "list").output
    assert (
        usher("api-user", "set", "reader", "--permissions", "send, READ", "--scheme", "none").exit_code == 0
    )
    assert "reader  enabled  read,send  none" in usher("api-user", "list").output
    assert "there is no permission fly; there are read, write, send" in (
        usher("api-user", "set", "reader", "--permissions", "fly").output
    )
    assert "there is no scheme slow" in usher("api-user", "set", "reader", "--scheme", "slow").output
    assert "ERROR_WEAK_PASSWORD" in usher("api-user", "set", "reader", "--password", "weak").output
    assert usher("api-user", "set", "nobody", "--scheme", "none").exit_code == 1
    usher("api-user", "disable", "reader")
    usher("api-user", "enable", "reader")
    assert "reader  enabled" in usher("api-user", "list").output


def test_faults_are_set_shown_and_taken_away(usher: Usher) -> None:
    assert "No faults are set" in usher("sandbox", "show").output
    told = usher("sandbox", "set", "--errors", "0.1", "--delay", "200-800ms", "--maintenance").output
    assert "10% of the calls are answered with 500" in told
    assert "answers are 200 to 800 ms late" in told
    assert json.loads(usher("sandbox", "show", "--json").output) == {
        "errors": 0.1,
        "lost_replies": 0.0,
        "delay": [200, 800],
        "wrong_region": False,
        "maintenance": True,
        "rate_limited": False,
        "seed": None,
    }
    assert "No faults are set" in usher("sandbox", "off").output
    assert json.loads(usher("sandbox", "show", "--json").output) == {}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--errors", "2"], "--errors: Input should be less than or equal to 1"),
        (["--delay", "800-200ms"], "--delay: a delay is up to 120000 ms, the shorter number first"),
        (["--delay", "soon"], "'soon' is no delay"),
    ],
)
def test_faults_that_cannot_be_are_refused(usher: Usher, wrong: list[str], said: str) -> None:
    result = usher("sandbox", "set", *wrong)
    assert result.exit_code == 1
    assert said in result.output


def test_production_knows_no_faults(usher: Usher, settings: Any) -> None:
    settings.USHER_MODE = "production"
    result = usher("sandbox", "set", "--maintenance")
    assert result.exit_code == 1
    assert "this is production" in result.output


def test_programs_are_paused_and_resumed_by_name(usher: Usher, shop: Path) -> None:
    usher("apply", str(shop))
    usher("programs", "pause", "win back")
    assert json.loads(usher("programs", "list", "--json").output)[0]["status"] == "Deactivated"
    usher("programs", "resume", "Win back")
    assert json.loads(usher("programs", "list", "--json").output)[0]["status"] == "Active"
    assert "We miss you" in usher("programs", "show", "Win back").output
    assert "there is no program “Won back”" in usher("programs", "pause", "Won back").output


def test_the_doctor_says_that_nobody_works_and_what_to_start(usher: Usher) -> None:
    result = usher("doctor")
    assert result.exit_code == 1
    assert "✓ migrations: all applied" in result.output
    assert "✗ workers: none is running" in result.output
    assert "usher worker" in result.output


def test_every_command_stands_on_the_page_of_commands() -> None:
    page = (Path(__file__).parents[3] / "docs" / "cli.md").read_text("utf-8")
    commands = list(_commands(typer.main.get_command(app), "usher"))
    assert len(commands) > 40
    assert [command for command in commands if f"`{command}`" not in page] == []


def _commands(command: Any, path: str) -> Iterator[str]:
    below = getattr(command, "commands", None)
    if below is None:
        yield path
    for name, one in (below or {}).items():
        yield from _commands(one, f"{path} {name}")


def test_every_command_has_help_and_the_front_page_reads_well(usher: Usher) -> None:
    shown = usher("--help").output
    running = ["demo", "up", "web", "worker", "doctor"]
    nouns = ["apply", "export", "sources", "audiences", "sync", "programs", "contacts", "seeds", "api-user"]
    for noun in running + nouns:
        assert noun in shown
        assert usher(noun, "--help").exit_code == 0
