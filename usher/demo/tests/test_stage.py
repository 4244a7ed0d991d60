from __future__ import annotations

from pathlib import Path

import pytest

from usher.demo.stage import DemoError, refuse_to_clear


def test_a_folder_with_anything_in_it_never_becomes_a_demos(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("important")
    with pytest.raises(DemoError, match="is not empty and does not hold a demo"):
        refuse_to_clear(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "important"


def test_an_empty_folder_does(tmp_path: Path) -> None:
    (tmp_path / "machine.lock").touch()
    refuse_to_clear(tmp_path)
