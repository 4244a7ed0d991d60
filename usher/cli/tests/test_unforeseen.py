"""An error that no command foresaw is one sentence; the traceback is in a file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_it_is_one_sentence_with_the_place_to_look(tmp_path: Path) -> None:
    (tmp_path / "house.json").write_text("not JSON", "utf-8")
    asked = [sys.executable, "-m", "usher.cli", "audiences", "evaluate"]
    environment = os.environ | {"USHER_DATA_DIR": str(tmp_path)}
    ended = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr == (
        "usher: something went wrong that was not foreseen (JSONDecodeError); "
        f"{tmp_path}/errors.log has the whole of it\n"
    )
    assert "Traceback" in (tmp_path / "errors.log").read_text("utf-8")
