"""The engine's jobs, where Procrastinate looks for them."""

from __future__ import annotations

from usher.engage.imports.tasks import run_import

__all__ = ["run_import"]
