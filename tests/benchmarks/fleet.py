"""Measures a fleet of many small disks: time, memory of the client, size of the dataset, and that it is right.

    python -m tests.benchmarks.fleet CACHE [--disks 10000] [--sample 50] [--jobs N]

Makes the disks in ``CACHE/disks`` that are not there yet (150 KB each), one of ten a clone of another under another
name, one of a hundred a copy in another container. Runs ``keymortem fleet run`` over them, then once more over what it
knows already, and compares a sample of them with what each says examined by itself. Prints one markdown table.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from forensics.fleet.dataset import PER_DISK, Dataset
from forensics.fleet.disk_record import DiskRecord
from forensics.fleet.identity import identity_of
from forensics.fleet.options import FleetOptions
from forensics.fleet.stored import connect
from forensics.fleet.task import Job, work
from tests.fleet.contents import contents
from tests.fleet.small_disks import VOLUME, make_disk

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
_COPIES = 100


def make(folder: Path, count: int) -> float:
    """Make the disks that are not there yet; returns the seconds that took."""
    folder.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    with ProcessPoolExecutor() as pool:
        for number, path in enumerate(pool.map(partial(make_disk, folder), range(count), chunksize=20)):
            copy = folder / f"copy-of-{path.stem}.qcow2"
            if number % _COPIES == 0 and not copy.exists():
                shutil.copyfile(path, copy)
    return time.monotonic() - begun


class Measured:
    """One run: its time, and the most memory that the client had.

    Args:
        disks: Folder of the disks.
        dataset: The dataset.
        jobs: Workers.
    """

    def __init__(self, disks: Path, dataset: Path, jobs: int) -> None:
        command = ["fleet", "run", str(disks), "-o", str(dataset), "--as-of", "2026-11-22", "--jobs", str(jobs)]
        self.most = 0
        begun = time.monotonic()
        process = subprocess.Popen([sys.executable, "-m", "forensics", *command], stdout=subprocess.DEVNULL)
        watch = threading.Thread(target=self._watch, args=[process])
        watch.start()
        self.code = process.wait()
        self.seconds = time.monotonic() - begun
        watch.join()

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        while process.poll() is None:
            try:
                lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            except OSError:
                return
            told = next((line for line in lines if line.startswith("VmHWM")), None)
            self.most = max(self.most, int(told.split()[1]) << 10 if told else 0)
            time.sleep(0.2)


def differing(dataset: Path, disks: list[Path]) -> list[str]:
    """Return what of a sample the dataset does not say as it is said when each disk is examined by itself."""
    with tempfile.TemporaryDirectory() as folder:
        alone = Dataset.create(Path(folder) / "alone", AS_OF)
        for disk in disks:
            record = DiskRecord(
                identity=identity_of(str(disk)), kind="unknown", state="failed", as_of=AS_OF, written=AS_OF
            )
            work(Job(str(alone.path), record, (str(disk),), FleetOptions()))
        expected = contents(alone.path)
    with connect(Dataset.open(dataset)) as connection:
        counted = {
            str(path) for (path,) in connection.execute("SELECT path FROM main.disk WHERE same_as IS NULL").fetchall()
        }
    found = contents(dataset, [str(disk) for disk in disks])
    wrong = [table for table in PER_DISK if found[table] != expected[table]]
    return [*wrong, *(str(disk) for disk in disks if str(disk) not in counted)]


def main() -> int:
    """Make, run, compare, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cache", type=Path, help="folder for disks and dataset")
    parser.add_argument("--disks", type=int, default=10_000)
    parser.add_argument("--sample", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    asked = parser.parse_args()
    disks, dataset = asked.cache / f"disks-{asked.disks}", asked.cache / f"dataset-{asked.disks}"
    made = make(disks, asked.disks)
    shutil.rmtree(dataset, ignore_errors=True)
    first, again = Measured(disks, dataset, asked.jobs), Measured(disks, dataset, asked.jobs)
    chance = random.Random(1)
    # Of copies one counts, and is not the one that was made first.
    numbers = [number for number in range(asked.disks) if number % _COPIES]
    sample = [disks / f"disk{number:05d}.qcow2" for number in chance.sample(numbers, min(asked.sample, len(numbers)))]
    wrong = differing(dataset, sample)
    paths = list(disks.iterdir())
    size = sum(path.stat().st_size for path in dataset.rglob("*") if path.is_file())
    files = sum(1 for path in dataset.rglob("*") if path.is_file())
    rows = [
        (
            "disks",
            f"{len(paths)}, {sum(p.stat().st_blocks for p in paths) * 512 / 1e6:.0f} MB, {VOLUME >> 20} MiB each",
        ),
        ("made in", f"{made:.0f} s"),
        ("workers", str(asked.jobs)),
        ("run", f"{first.seconds:.0f} s, {len(paths) / first.seconds:.1f} disks a second, exit code {first.code}"),
        ("client, at most", f"{first.most / 1e6:.0f} MB"),
        ("dataset", f"{size / 1e6:.1f} MB in {files} files"),
        ("run again", f"{again.seconds:.0f} s, client at most {again.most / 1e6:.0f} MB"),
        (f"{len(sample)} examined one by one", f"differ: {', '.join(wrong)}" if wrong else "equal in every table"),
    ]
    print("| what | measured |\n| --- | --- |")
    for name, value in rows:
        print(f"| {name} | {value} |")
    return 1 if wrong or first.code not in (0, 1) else 0


if __name__ == "__main__":
    sys.exit(main())
