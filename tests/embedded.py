"""Pytest plugin: an embedded PostgreSQL and a data directory of this run's own, before Django wakes up."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings

from usher.lib import postgres

# The same examples at every run: what is found by chance is looked for with more of them, on purpose.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")

_root = Path(tempfile.mkdtemp(prefix="usher-test-"))
atexit.register(shutil.rmtree, _root, ignore_errors=True)

os.environ["USHER_MODE"] = "test"
os.environ["USHER_DATA_DIR"] = str(_root)
os.environ["USHER_SECRET_KEY"] = "only-for-tests"
for _name in (
    "USHER_CLOCK_FILE",
    "USHER_PUBLIC_URL",
    "USHER_SMTP_URL",
    "USHER_TIME_ZONE",
    "USHER_ALLOWED_HOSTS",
):
    os.environ.pop(_name, None)
os.environ["DATABASE_URL"] = postgres.start(_root, tuning={"fsync": "off", "full_page_writes": "off"})
