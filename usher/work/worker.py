"""A worker: takes jobs from the database, does them, and takes over those of workers that died."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.job_context import JobContext
from procrastinate.manager import JobManager
from procrastinate.middleware import AsyncCallNext
from procrastinate.worker import Worker

log = logging.getLogger(__name__)

#: A worker says that it lives this often (seconds) …
HEARTBEAT = 2.0
#: … and is taken for dead when it has not for this long.
SILENCE = 8.0


def run(concurrency: int = 4) -> None:
    """Work until asked to stop (SIGTERM or SIGINT), then finish what is in hand."""
    asyncio.run(_work(concurrency))


async def _work(concurrency: int) -> None:
    assert isinstance(app.connector, DjangoConnector)
    worker_app = app.with_connector(app.connector.get_worker_connector())
    async with worker_app.open_async():
        rescue = asyncio.create_task(_rescue(worker_app.job_manager))
        try:
            await worker_app.run_worker_async(
                concurrency=concurrency,
                delete_jobs="successful",
                update_heartbeat_interval=HEARTBEAT,
                stalled_worker_timeout=SILENCE,
                fetch_job_polling_interval=1.0,
                shutdown_graceful_timeout=30,
                worker_middleware=[_tell],
            )
        finally:
            rescue.cancel()


async def _tell(attempt: AsyncCallNext, context: JobContext, _: Worker) -> Any:
    """Say why an attempt failed that has another one after it; Procrastinate says so of the last only."""
    try:
        return await attempt()
    except Exception as problem:
        if context.task and context.task.get_retry_exception(problem, context.job):
            log.warning(
                "job %s (%s) failed and is tried again", context.job.id, context.job.task_name, exc_info=True
            )
        raise


async def _rescue(jobs: JobManager) -> None:
    """Hand the jobs of dead workers on. Every job is written so that doing it again is harmless."""
    while True:
        for job in await jobs.get_stalled_jobs(seconds_since_heartbeat=SILENCE):
            log.warning("job %s (%s) belonged to a worker that died; it is done again", job.id, job.task_name)
            await jobs.retry_job(job)
        await asyncio.sleep(HEARTBEAT)
