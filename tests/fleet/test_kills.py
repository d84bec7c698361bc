"""However often a run is killed, the dataset says in the end what an undisturbed run says.

``python -m tests.benchmarks.fleet_kills`` does it a hundred times, at random moments.
"""

from __future__ import annotations

import random
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

import forensics
from tests.fleet.contents import contents
from tests.fleet.kills import killed_again_and_again
from tests.oracles import other_reader

other_reader("duckdb", "duckdb")
other_reader("pyarrow", "pyarrow")
other_reader("distributed", "distributed")

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.skipif(sys.platform != "linux", reason="it finds the workers of a run in /proc")
def test_kill_9_of_workers_client_and_scheduler(tmp_path: Path, small_disks: list[Path], worked: list[str]) -> None:
    disks = tmp_path / "disks"
    disks.mkdir()
    for disk in small_disks:
        shutil.copyfile(disk, disks / disk.name)
    killed_again_and_again(disks, tmp_path / "killed", random.Random(1))
    forensics.fleet_run(disks, dataset=tmp_path / "killed", as_of=AS_OF)
    worked.clear()
    forensics.fleet_run(disks, dataset=tmp_path / "whole", as_of=AS_OF)
    assert len(worked) == len(small_disks)
    expected = contents(tmp_path / "whole")
    assert len(expected["disk"]) == len(small_disks)
    assert contents(tmp_path / "killed") == expected
