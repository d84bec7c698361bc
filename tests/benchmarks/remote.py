"""Measures what ``examine`` asks of a server on which the disk of the benchmark lies.

    python -m tests.benchmarks.build_disk CACHE --used 40 --without-log
    python -m tests.benchmarks.remote CACHE/disk-40-without-log.vhdx

serves the disk on this machine, has it examined there and where it lies, holds that both say the same, and prints
requests, bytes and seconds; with ``--latency`` each request waits as long as it would on the way to a cloud.
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import forensics
from tests.disk.remote.web_server import web_server

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)


class LargeFile:
    """A file of which parts are read.

    Args:
        path: It.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._size = path.stat().st_size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> bytes:
        self._file.seek(part.start)
        return self._file.read(part.stop - part.start)


def main() -> None:
    """Measure one disk."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("disk", type=Path)
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS", help="of each request")
    arguments = parser.parse_args()
    with web_server({"disk.vhdx": LargeFile(arguments.disk)}) as server:
        server.before = lambda number: time.sleep(arguments.latency)
        url = f"{server.url}/disk.vhdx"
        said = []
        for place in (url, str(arguments.disk)):
            started = time.perf_counter()
            case = forensics.examine(place, as_of=AS_OF)
            seconds = time.perf_counter() - started
            document = json.loads(forensics.render(case, "json").replace(place, "DISK"))
            said.append((document["tables"], document["findings"]))
            print(f"{place}: {seconds:.1f} s")
    assert said[0] == said[1], "the two examinations do not say the same"
    print(
        f"{len(server.requests)} requests, {server.sent / 1e6:.1f} MB of {len(LargeFile(arguments.disk)) / 1e6:.0f} MB"
    )


if __name__ == "__main__":
    main()
