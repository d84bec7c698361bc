"""Gives out the tasks of a run to the workers of a cluster, a few more at a time than there are workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING
from uuid import uuid4

from forensics.fleet.cluster import SchedulerLostError
from forensics.fleet.task import Done, Job, work
from forensics.language import sentence

if TYPE_CHECKING:
    from distributed import Client

_WAITING = 2
"""Work: tasks for each worker that wait for it, so that it never waits for the next one."""
_LEAST = 8
"""Work: tasks that are given out however few workers there are: more may come."""
_COUNT_EVERY = 5.0
"""Seconds between two looks at how many workers there are."""


def give_out(
    client: Client, jobs: Iterable[Job], done: Callable[[Done], None], killed: Callable[[Job, str], None]
) -> None:
    """Have all jobs done.

    Args:
        client: Of the cluster.
        jobs: What is to be done; only as many are asked for as are given out.
        done: Called with each result.
        killed: Called with each job whose workers were killed, and why.

    Raises:
        SchedulerLostError: The cluster is gone; what was not told to be done may be done or not.
    """
    from distributed import as_completed

    run = uuid4().hex[:8]
    waiting = iter(jobs)
    given: dict[str, Job] = {}
    workers = _Workers(client)
    completed = as_completed([], loop=client.loop)

    def fill() -> None:
        room = max(_LEAST, workers.count() * (1 + _WAITING)) - len(given)
        for job in islice(waiting, max(0, room)):
            future = client.submit(work, job, key=f"keymortem-{run}-{job.record.disk}", pure=False)
            given[str(future.key)] = job
            completed.add(future)

    try:
        fill()
        while given:
            future = next(completed)
            job = given.pop(str(future.key))
            _take(future, job, done, killed)
            future.release()
            fill()
    except (OSError, StopIteration, TimeoutError) as error:
        raise SchedulerLostError(sentence("the scheduler is gone ({error})", error=type(error).__name__)) from error


def _take(future: object, job: Job, done: Callable[[Done], None], killed: Callable[[Job, str], None]) -> None:
    from distributed import Future
    from distributed.scheduler import KilledWorker

    assert isinstance(future, Future)
    if future.status in ("cancelled", "lost"):
        raise SchedulerLostError(sentence("the scheduler is gone"))
    try:
        done(future.result())
    except KilledWorker:
        killed(job, "its workers were killed while it was examined, likely because it takes more memory than they have")
    except (SchedulerLostError, OSError):
        raise
    except Exception as error:  # what dask or a worker of another version could not do
        killed(job, f"its worker could not take it ({type(error).__name__}): is keymortem[fleet] installed there?")


class _Workers:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._asked = float("-inf")
        self._count = 0

    def count(self) -> int:
        """Return how many threads the workers have."""
        if time.monotonic() - self._asked > _COUNT_EVERY:
            self._asked = time.monotonic()
            self._count = sum(self._client.nthreads().values())
        return self._count
