from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from usher.cli.app import app
from usher.demo.stage import example

Usher = Callable[..., Result]


@pytest.fixture
def usher(transactional_db: None, settings: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Usher:
    """Run a command in this process, on the test database and a data directory of its own."""
    settings.USHER_DATA_DIR = tmp_path / "var"  # type: ignore[attr-defined]
    settings.USHER_DATA_DIR.mkdir()  # type: ignore[attr-defined]
    monkeypatch.setenv("USHER_API_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("USHER_API_USER", "somebody@apiconnector.com")
    monkeypatch.setenv("USHER_API_PASSWORD", "pa55word")

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, list(words), catch_exceptions=False)

    return run


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A copy of the music shop that a test may spoil; its definitions folder."""
    shutil.copytree(example(), tmp_path / "musicshop")
    return tmp_path / "musicshop" / "definitions"
