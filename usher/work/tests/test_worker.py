"""A worker as it is run: what it says when a job fails."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from django.db import connection

from usher.engage.programs.tasks import enrol


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_a_job_that_fails_is_told_of_with_its_traceback_each_time(tmp_path: Path) -> None:
    enrol.defer(request=str(uuid.uuid4()))  # of nobody: each of its attempts fails
    database = connection.settings_dict
    environment = os.environ | {
        "DATABASE_URL": f"postgresql://{database['USER']}@/{database['NAME']}?host={database['HOST']}",
        "USHER_DATA_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "usher.settings",
    }
    command = [sys.executable, "-W", "ignore", "-m", "usher.cli", "worker"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        _wait_until_failed()
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert said.count("Traceback (most recent call last)") == 4
    assert said.count("EnrolmentRequest matching query does not exist") == 4
    assert said.count("(enrol) failed and is tried again") == 3


def _wait_until_failed() -> None:
    for _ in range(600):
        with connection.cursor() as cursor:
            cursor.execute("select 1 from procrastinate_jobs where status = 'failed'")
            if cursor.fetchone():
                return
        time.sleep(0.05)
    raise AssertionError("the job has not failed")
