"""A worker makes a row of whatever happens, also where it is ended for it."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from forensics.fleet.dataset import Dataset
from forensics.fleet.disk_record import DiskRecord
from forensics.fleet.identity import identity_of
from forensics.fleet.options import FleetOptions
from forensics.fleet.stored import connect
from forensics.fleet.task import Job, work
from tests.oracles import other_reader
from tests.paths import PROJECT

other_reader("duckdb", "duckdb")
other_reader("pyarrow", "pyarrow")

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
SLOW = """
import sys, time
import forensics.examination
from tests.fleet.test_task import job

forensics.examination.examine = lambda *sources, **options: time.sleep(60)
from forensics.fleet.task import work

work(job(sys.argv[1], sys.argv[2], seconds=1))
"""


def job(dataset: str | Path, disk: str | Path, **options: Any) -> Job:
    given = FleetOptions(**options)
    record = DiskRecord(
        identity=identity_of(str(disk)), kind="unknown", state="failed", as_of=AS_OF, written=AS_OF, options=given.key
    )
    return Job(str(dataset), record, (str(disk),), given)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset.create(tmp_path / "fleet", AS_OF)


def row(dataset: Dataset) -> tuple[object, ...]:
    with connect(dataset, tables=()) as connection:
        [found] = connection.execute("SELECT state, failure, error, machines FROM main.disk").fetchall()
    return tuple(found)


def test_a_disk_is_examined(dataset: Dataset, small_disks: list[Path]) -> None:
    done = work(job(dataset.path, small_disks[0]))
    assert (done.state, done.error) == ("examined", None)
    assert row(dataset) == ("examined", None, None, 1)


@pytest.mark.parametrize(
    ("error", "failure", "told"),
    [
        (MemoryError(), "memory", "it takes more memory than its worker has"),
        (
            RuntimeError("hush"),
            "internal",
            "keymortem failed on it (RuntimeError): examine it by itself with --debug, and report that",
        ),
    ],
)
def test_what_goes_wrong_is_a_row(
    error: Exception, failure: str, told: str, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def examine(*sources: str, **options: object) -> None:
        raise error

    monkeypatch.setattr("forensics.examination.examine", examine)
    assert work(job(dataset.path, tmp_path)).state == "failed"
    assert row(dataset) == ("failed", failure, told, 0)


def test_a_dataset_that_cannot_be_written_is_told(tmp_path: Path, small_disks: list[Path]) -> None:
    (tmp_path / "fleet").write_text("a file")
    done = work(job(tmp_path / "fleet", small_disks[0]))
    assert (done.state, done.error) == (None, f"{tmp_path / 'fleet'} cannot be written: Not a directory")


@pytest.mark.skipif(sys.platform == "win32", reason="it is ended another way there")
def test_a_worker_is_ended_when_the_time_of_its_disk_is_up(dataset: Dataset, small_disks: list[Path]) -> None:
    ended = subprocess.run([sys.executable, "-c", SLOW, dataset.path, small_disks[0]], cwd=PROJECT, timeout=60)
    assert ended.returncode == 1
    assert row(dataset) == ("failed", "deadline", "it was not examined within 1 seconds", 0)
    # Whoever gets the task then does not spend that time once more.
    assert work(job(dataset.path, small_disks[0], seconds=1)).error == "it was not examined within 1 seconds"


def test_a_data_disk_is_examined(dataset: Dataset, tmp_path: Path) -> None:
    from testdata.builder import acl
    from testdata.builder.files import FileSpec
    from testdata.builder.ntfs import build_ntfs

    volume = tmp_path / "data.raw"
    build_ntfs([FileSpec("notes.txt", b"no Windows")], volume, 2 << 20, label="Data", default_sd=acl.DEFAULT_SD)
    assert work(job(dataset.path, volume)).state == "examined"
    assert row(dataset) == ("examined", None, None, 0)
