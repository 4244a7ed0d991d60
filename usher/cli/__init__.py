"""The command line, one file per noun."""

from __future__ import annotations

import io
import sys

from usher.cli.app import app
from usher.cli.unforeseen import told


def main() -> None:
    """The `usher` command."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # who reads along in a file or a pipe sees each line at once
        sys.stdout.reconfigure(line_buffering=True)
    try:
        app()
    except Exception as problem:
        sys.exit(told(problem))
