"""`python -m usher.cli` is `usher`."""

from __future__ import annotations

from usher.cli import main

main()
