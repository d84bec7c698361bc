"""Small disks that the tests of fleets share, and a cluster that is no process at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from forensics.fleet.task import Done, Job, work
from tests.fleet.small_disks import make_disk


@pytest.fixture(scope="session")
def small_disks(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Ten disks, of which the last is a clone of the one before."""
    folder = tmp_path_factory.mktemp("small")
    return [make_disk(folder, number) for number in range(10)]


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what spans machines, which takes longer than a few disks do."""
    monkeypatch.setattr("forensics.fleet.run.update_across", lambda dataset, options: None)


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have the tasks of a run done one after the other in this process; returns the paths of those that were."""
    paths: list[str] = []

    @contextmanager
    def client_of(scheduler: str | None, jobs: int | None, folder: Path) -> Iterator[None]:
        yield None

    def give_out(
        client: None, jobs: Iterable[Job], done: Callable[[Done], None], killed: Callable[[Job, str], None]
    ) -> None:
        for job in jobs:
            paths.append(Path(job.record.identity.path).name)
            done(work(job))

    monkeypatch.setattr("forensics.fleet.run.client_of", client_of)
    monkeypatch.setattr("forensics.fleet.run.give_out", give_out)
    return paths
