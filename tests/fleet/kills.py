"""Kills a run over a fleet, its workers or its scheduler with ``kill -9`` at any moment, and runs it again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from tests.paths import PROJECT

Victim = Literal["client", "worker", "scheduler"]
VICTIMS: tuple[Victim, ...] = ("client", "worker", "scheduler")
_MOST_RUNS = 10
AS_OF = "2026-11-22"


def killed_and_run_again(disks: Path, dataset: Path, victim: Victim, moment: float, chance: random.Random) -> int:
    """Begin a run, kill one of its processes after so many seconds, and run until one ends well; returns the runs."""
    with _cluster(victim == "scheduler") as scheduler:
        run = _begun(disks, dataset, scheduler)
        time.sleep(moment)
        _kill(victim, run, scheduler, chance)
        code = run.wait(timeout=120)
    runs = 1
    while code not in (0, 1) or runs == 1:
        assert runs < _MOST_RUNS, f"the run ends with {code} again and again"
        code = _begun(disks, dataset, None).wait(timeout=120)
        runs += 1
    return runs


def killed_again_and_again(disks: Path, dataset: Path, chance: random.Random) -> None:
    """Kill workers, the client and a scheduler, each when something more was written; much is left to be done."""
    run = _begun(disks, dataset, None)
    for more in range(1, 4):
        _wait_for(dataset, more, run)
        _kill("worker", run, None, chance)
    _kill("client", run, None, chance)
    run.wait(timeout=120)
    with _cluster(True) as scheduler:
        run = _begun(disks, dataset, scheduler)
        _wait_for(dataset, 5, run)
        _kill("scheduler", run, scheduler, chance)
        run.wait(timeout=120)


def _wait_for(dataset: Path, rows: int, run: subprocess.Popen[bytes]) -> None:
    while run.poll() is None and len(list(dataset.glob("disk/*/*.parquet"))) < rows:
        time.sleep(0.01)


def one_run(disks: Path, dataset: Path) -> None:
    """Run to the end, undisturbed."""
    assert _begun(disks, dataset, None).wait(timeout=300) in (0, 1)


def _begun(disks: Path, dataset: Path, scheduler: _Scheduler | None) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "forensics", "fleet", "run", str(disks), "-o", str(dataset), "--as-of", AS_OF]
    told = ["--scheduler", str(scheduler.file)] if scheduler is not None else ["--jobs", "2"]
    return subprocess.Popen([*command, *told], cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _kill(victim: Victim, run: subprocess.Popen[bytes], scheduler: _Scheduler | None, chance: random.Random) -> None:
    if victim == "scheduler" and scheduler is not None:
        scheduler.process.kill()
    elif victim == "client":
        run.kill()
    else:
        workers = list(_workers(run.pid))
        if workers:
            with suppress(ProcessLookupError):
                os.kill(chance.choice(workers), signal.SIGKILL)


def _workers(parent: int) -> Iterator[int]:
    """Yield the processes that a run started to work for it."""
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            is_child = int((place / "stat").read_text().rpartition(")")[2].split()[1]) == parent
            if is_child and b"spawn_main" in (place / "cmdline").read_bytes():
                yield int(place.name)


class _Scheduler:
    """A cluster that others use too: a scheduler, and two workers that end with it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "scheduler.json"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        head = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
        told = ["--dashboard-address", "127.0.0.1:0", "--no-show", "--scheduler-file", str(self.file)]
        self.process = subprocess.Popen([*head, *told], cwd=PROJECT, **quiet)  # type: ignore[call-overload]
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(self.file)]
        own = ["--nthreads", "1", "--no-dashboard", "--death-timeout", "10", "--local-directory", str(folder)]
        while not self.file.exists():
            time.sleep(0.05)
        self.workers = [
            subprocess.Popen([*worker, *own, "--no-nanny"], cwd=PROJECT, **quiet)  # type: ignore[call-overload]
            for _ in range(2)
        ]

    def end(self) -> None:
        """End all of it."""
        for process in (*self.workers, self.process):
            process.kill()
            process.wait()


@contextmanager
def _cluster(wanted: bool) -> Iterator[_Scheduler | None]:
    if not wanted:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        cluster = _Scheduler(Path(folder))
        try:
            yield cluster
        finally:
            cluster.end()
