"""How fast a command begins: what Django's start imports, and where workers find their jobs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

#: Slow to import; whoever needs one of them imports it when it is needed.
HEAVY = ("duckdb", "httpx", "ibis", "lark", "liquid", "numpy", "pandas", "pyarrow", "sqlglot")

COMMANDS = f"""
import json, sys
import usher.cli
print(json.dumps([name for name in {(*HEAVY, "django", "usher.settings")!r} if name in sys.modules]))
"""
STARTED = f"""
import json, sys, django
django.setup()
print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))
"""
JOBS = """
import importlib, json, pathlib, django
django.setup()
from procrastinate.contrib.django import app
app.perform_import_paths()
found = sorted(app.tasks)
import usher
root = pathlib.Path(usher.__file__).parent
for path in root.rglob("tasks.py"):
    importlib.import_module(".".join(["usher", *path.relative_to(root).with_suffix("").parts]))
periodic = sorted(one.task.name for one in app.periodic_registry.periodic_tasks.values())
print(json.dumps({"found": found, "all": sorted(app.tasks), "periodic": periodic}))
"""


def ran(script: str) -> Any:
    """What a Python of its own prints."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "usher.settings"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_hangs_up_the_commands_without_django() -> None:
    assert ran(COMMANDS) == []


def test_it_wakes_django_without_what_is_slow_to_import() -> None:
    assert ran(STARTED) == []


def test_a_worker_finds_every_job() -> None:
    jobs = ran(JOBS)
    assert jobs["found"] == jobs["all"]
    ours = [name for name in jobs["found"] if "builtin" not in name]
    assert ours == [
        "audiences.evaluate_now",
        "contacts.words",
        "delete contacts",
        "deliver",
        "engage.forget",
        "enrol",
        "import",
        "import described",
        "line",
        "programs",
        "refresh_segment",
        "refresh_segments",
        "resume_run",
        "run_sync",
        "seeds",
        "sends",
        "texts",
        "tick",
        "webhooks",
    ]
    assert jobs["periodic"] == ["contacts.words", "engage.forget", "refresh_segments", "tick"]
