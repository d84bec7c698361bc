"""The workers of a run: processes of this computer, or a cluster of dask that is there already.

The scheduler of an own cluster listens on 127.0.0.1 alone and speaks TLS with a certificate that nobody else has, so
that no other user of this computer can have it run anything.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forensics.language import sentence

if TYPE_CHECKING:
    from distributed import Client

MEMORY = 2 << 30
"""Evidence: bytes that a worker of an own cluster may take, less where the computer has less for each."""
_LIVES = 2
"""Work: workers that may die of one task before it is given up; the first may have been killed for another reason."""
_SETTINGS: dict[str, Any] = {
    "distributed.scheduler.allowed-failures": _LIVES - 1,
    # A worker has one task: the death of a worker tells nothing of tasks that wait.
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 0.95,
    # A library in C may hold the interpreter for long; the deadline of a task ends that.
    "distributed.scheduler.worker-ttl": None,
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.admin.tick.limit": "1h",
    "distributed.comm.timeouts.connect": "30s",
}


class SchedulerLostError(Exception):
    """The cluster is gone, or cannot be reached; the message is for the user."""


@contextmanager
def client_of(scheduler: str | None, jobs: int | None, folder: Path) -> Iterator[Client]:
    """Give a client of the cluster at an address, or of an own one.

    Args:
        scheduler: Address of a dask scheduler, or the path of its scheduler file.
        jobs: Workers of an own cluster; the processors that there are, if not given.
        folder: For what an own cluster writes meanwhile.

    Raises:
        SchedulerLostError: It cannot be reached.
    """
    import dask
    from distributed import Client, LocalCluster
    from distributed.security import Security

    logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)
    if scheduler is not None:
        where: dict[str, Any] = {"scheduler_file": scheduler} if os.path.isfile(scheduler) else {"address": scheduler}
        try:
            client = Client(**where, timeout="30s", set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise SchedulerLostError(
                sentence(
                    "no scheduler of dask answers at {scheduler}: {error}", scheduler=scheduler, error=_sentence(error)
                )
            ) from error
        with client:
            yield client
        return
    workers = jobs or processors()
    with (
        dask.config.set(_SETTINGS),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            # Always there, but without a page: it would tell other users of this computer what is examined.
            scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
            memory_limit=min(MEMORY, _memory() // workers),
            local_directory=str(folder),
            security=Security.temporary(),
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> int:
    from distributed.system import MEMORY_LIMIT

    return int(MEMORY_LIMIT)


def _sentence(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
