"""Measures ``examine`` of a chain of three differencing disks beside the flat disk that the chain shows.

    python -m tests.benchmarks.build_disk CACHE --used 40
    python -m tests.benchmarks.chain CACHE/disk-40.vhdx

Each page of 4 KiB that is no zeros is read from one of the four disks of the chain, drawn by lot. Printed is the ratio
of the processor times: the least of several runs of each, which take turns.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from forensics.disk.vhdx.reader import open_vhdx
from testdata.builder.vhdx import Change, write_differencing
from tests.benchmarks.run import run_once

PAGE, PIECE = 4096, 1 << 20
CHILDREN = 3


def pages(disk: Path) -> Iterator[tuple[int, bytes]]:
    """Yield offset and content of each page of a VHDX that is no zeros."""
    stream = open_vhdx(disk)
    zeros = bytes(PIECE)
    for at in range(0, stream.size, PIECE):
        stream.seek(at)
        piece = stream.read(PIECE)
        if piece != zeros[: len(piece)]:
            for start in range(0, len(piece), PAGE):
                if any(page := piece[start : start + PAGE]):
                    yield at + start, page
    stream.close()


def write_chain(disk: Path, folder: Path) -> Path:
    """Write three children of a disk into a folder that together show it anew; returns the newest."""
    mix = random.Random(1)
    parts: list[list[Change]] = [[] for _ in range(CHILDREN + 1)]
    for offset, page in pages(disk):
        parts[mix.randrange(CHILDREN + 1)].append((offset, page))
    newest = folder / disk.name
    os.link(disk, newest)  # a parent behind a symbolic link is none
    for number, changes in enumerate(parts[1:], 1):
        child = folder / f"{disk.stem}_{number}.avhdx"
        write_differencing(newest, changes, child, shuffle_seed=child.name, seed=child.name)
        newest = child
    return newest


def main() -> None:
    """Measure one disk."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("disk", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    flat = arguments.disk.resolve()
    with tempfile.TemporaryDirectory(dir=flat.parent) as folder:
        disks = (flat, write_chain(flat, Path(folder)))
        best = [float("inf")] * len(disks)
        for _ in range(arguments.runs):
            for number, disk in enumerate(disks):
                command = [sys.executable, "-m", "forensics", "examine", str(disk)]
                _, cpu, _ = run_once(command, dict(os.environ))
                best[number] = min(best[number], cpu)
    print(f"flat {best[0]:.2f} s, chain of {CHILDREN} {best[1]:.2f} s: {best[1] / best[0]:.2f} times")


if __name__ == "__main__":
    main()
