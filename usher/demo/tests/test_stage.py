from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from usher.demo.stage import DemoError, refuse_to_clear
from usher.lib import postgres


def test_a_folder_with_anything_in_it_never_becomes_a_demos(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("important")
    with pytest.raises(DemoError, match="is not empty and does not hold a demo"):
        refuse_to_clear(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "important"


def test_an_empty_folder_does_and_one_in_which_a_command_only_looked(tmp_path: Path) -> None:
    (tmp_path / "machine.lock").touch()
    (tmp_path / "secret.key").touch()
    refuse_to_clear(tmp_path)
    postgres.start(tmp_path)
    refuse_to_clear(tmp_path)


def test_a_real_database_never_does(tmp_path: Path) -> None:
    with psycopg.connect(postgres.start(tmp_path), autocommit=True) as connection:
        connection.execute("create table payroll (id int)")
    with pytest.raises(DemoError, match="is left alone"):
        refuse_to_clear(tmp_path)
