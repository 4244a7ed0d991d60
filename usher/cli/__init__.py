"""The command line, one file per noun."""

from __future__ import annotations

from usher.cli.app import app


def main() -> None:
    """The `usher` command."""
    app()
