"""The engine's jobs, where Procrastinate looks for them."""

from __future__ import annotations

from usher.engage.deliver.tasks import deliver_due
from usher.engage.imports.tasks import run_import
from usher.engage.programs.tasks import enrol

__all__ = ["deliver_due", "enrol", "run_import"]
