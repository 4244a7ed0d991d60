from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from usher.cli.tests.conftest import Usher


def _json(text: str) -> Any:
    return json.loads(text)


def test_tags_and_lists_are_filled_frozen_and_deleted(usher: Usher, shop: Path, tmp_path: Path) -> None:
    (shop / "more.yaml").write_text("static_lists: {gala: {folder: Events}}\n")
    usher("apply", str(shop))
    people = tmp_path / "people.csv"
    people.write_text("Customer ID;Name\n6;Ada\n7;Bob\n999999;Nobody\n")
    dry = usher("tags", "add", "STAFF", "--csv", str(people), "--dry-run")
    assert "2 would be put into “STAFF”" in dry.output
    assert "row 4, Customer ID: “999999”: no customer has this key" in dry.output
    done = _json(usher("tags", "add", "STAFF", "--csv", str(people), "--json").stdout)
    assert (done["added"], done["same"], done["unknown"]) == (2, 0, 1)
    unknown = usher("tags", "add", "staff", "8", "nobody@nowhere.example")
    assert unknown.exit_code == 1
    assert "no customer has this key or address" in unknown.output
    assert "1 taken out of “STAFF”" in usher("tags", "remove", "STAFF", "8").output
    assert "say who" in usher("tags", "add", "STAFF").output
    assert "is kept by its rule" in usher("tags", "add", "LAPSED_BUYER", "8").output
    assert "there is no tag group “Hose”" in usher("tags", "groups", "--delete", "Hose").output
    assert {row["name"] for row in _json(usher("tags", "groups", "--json").stdout)} == {"Win back", "House"}
    usher("audiences", "evaluate")
    tags = {row["name"]: row["size"] for row in _json(usher("tags", "list", "--json").stdout)}
    assert tags["STAFF"] == 7
    assert "7 put into “gala”" in usher("audiences", "add", "gala", "--from-audience", "STAFF").output
    assert "5 taken out" in usher("audiences", "replace", "gala", "6", "7").output
    assert "Froze 7 of tag “STAFF” as of" in usher("audiences", "freeze", "STAFF", "then").output
    assert "customer list “mailable” (its rule)" in usher("audiences", "uses", "STAFF").output
    refused = usher("audiences", "delete", "STAFF")
    assert refused.exit_code == 1
    assert "tag “STAFF” is used by customer list “mailable”" in " ".join(refused.output.split())
    usher("audiences", "edit", "gala", "--rename", "ball", "--owner", "bob", "--expires-on", "2030-01-01")
    (ball,) = _json(usher("audiences", "show", "--search", "BALL", "--json").stdout)
    assert (ball["folder"], ball["owner"], ball["expires_on"]) == ("Events", "bob", "2030-01-01")
    assert (ball["size"], ball["synced"]) == (0, None)
    assert "Deleted static list “ball”." in usher("audiences", "delete", "ball").output


def test_what_people_fill_is_made_and_what_is_wrong_is_said(usher: Usher, shop: Path, tmp_path: Path) -> None:
    usher("apply", str(shop))
    assert usher("tags", "create-group", "Guests").exit_code == 0
    assert "Made the tag “VIP”" in usher("tags", "create", "VIP", "--group", "Guests").output
    assert "Made the static list “gala”" in usher("audiences", "create", "gala").output
    assert "the name is taken by" in usher("audiences", "create", "Gala", "--kind", "external").output
    assert "“gala” is no tag but of the kind static list" in usher("tags", "add", "gala", "7").output
    usher("audiences", "add", "gala", "6", "7")
    (tmp_path / "none.csv").write_text("id\n")
    refused = usher("audiences", "replace", "gala", "--csv", str(tmp_path / "none.csv"))
    assert (refused.exit_code, "add --yes" in refused.output) == (1, True)
    (tmp_path / "odd.csv").write_text("id\n999999\n")
    assert usher("audiences", "add", "gala", "--csv", str(tmp_path / "odd.csv")).exit_code == 1
    assert "not evaluated yet" in usher("audiences", "explain", "gala", "7").output
    assert "Definition files keep the name" in usher("audiences", "edit", "gala", "--rename", "ball").output
    assert usher("audiences", "edit", "ball", "--expires-on", "1990-01-01").exit_code == 1
    assert "there is no kind “bogus”" in usher("audiences", "show", "--kind", "bogus").output
