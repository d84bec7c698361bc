"""Measures the search of a change journal beside dissect.ntfs reading the same one.

    python -m tests.benchmarks.journal [--megabytes 200] [--names 500]

prints one markdown table. The journal has two million records: what a server does all day, among it files made and
deleted later whose names are asked for, and deletions in the folder of those. Both readers are to find the same records
and to count the same deletions; the figures are processor time of one run, and the ratio is what compares between
machines.
"""

from __future__ import annotations

import argparse
import random
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, NamedTuple

from dissect.ntfs.usnjrnl import UsnJrnl

from forensics.disk.ntfs.journal import ChangeJournal
from testdata.builder.change_journal import PAGE, Change, creation, deletion, journal

MEBIBYTE = 1 << 20
BEGINS = datetime(2026, 11, 1, tzinfo=UTC)
SUFFIX = "_64023be8-9c1a-4eee-b6ec-0f951b6c7610"
FOLDERS = {"keys": 4100, **{f"f{number}": 5000 + number for number in range(2000)}}
_ORDINARY = ("setup.log", "~DF{:06X}.TMP", "System.evtx", "{:08X}.tmp", "WEB01-{}.pf", "NTUSER.DAT.LOG1", "a{}.txt")
_PIECE = 2000
_DELETE = 0x200


class Answer(NamedTuple):
    """What a reader found: the bytes of the records of files that were asked for, and deletions in their folder."""

    records: list[int]
    deletions: int


def changes(count: int, names: Sequence[str], piece: int, pieces: int, chance: random.Random) -> Iterator[Change]:
    """Yield what happens in one piece of the journal: at a third of it the files come, near its end they go."""
    at = BEGINS + timedelta(minutes=piece)
    for number in range(count):
        path = f"f{chance.randrange(2000)}/{chance.choice(_ORDINARY).format(chance.randrange(1 << 20))}"
        reason = chance.choice((0x100, 0x102, 0x8000_0102, _DELETE, 0x8000_0200))
        yield Change(at + timedelta(milliseconds=20 * number), path, reason, chance.randrange(100_000, 300_000))
    coming, going = pieces // 3, pieces * 9 // 10
    for number, name in enumerate(names):
        if piece == coming + number % max(1, pieces // 4):
            yield from creation(at, f"keys/{name}{SUFFIX}", 70_000 + number)
        elif piece == going:
            yield from deletion(at, f"keys/{name}{SUFFIX}", 70_000 + number)


def build(path: Path, size: int, names: Sequence[str]) -> None:
    """Write a journal of about so many bytes."""
    chance = random.Random(1)
    pieces = max(4, size // (_PIECE * 92))
    with path.open("wb") as file:
        for piece in range(pieces):
            made = list(changes(_PIECE, names, piece, pieces, chance))
            file.write(journal(made, FOLDERS, file.tell()))


def ours(file: BinaryIO, size: int, names: Sequence[str], folder: int) -> Answer:
    """Search as the history of broken keys does."""
    searched = ChangeJournal(file, [(0, size)])
    assert searched.first() is not None
    return Answer([found.offset for found in searched.named(names)], sum(1 for _ in searched.deletions([folder])))


def dissects(file: BinaryIO, names: Sequence[str], folder: int) -> Answer:
    """Do the same with dissect.ntfs, which gives one record after the other."""
    wanted, records, deletions = tuple(names), [], 0
    for record in UsnJrnl(file).records():
        if record.filename.startswith(wanted):
            records.append(int(record.record.Usn))
        parent = record.record.ParentFileReferenceNumber
        is_deletion = record.record.Reason.value & _DELETE
        deletions += bool(is_deletion) and parent.SegmentNumberLowPart == folder & 0xFFFF_FFFF
    return Answer(records, deletions)


def main() -> None:
    """Build the journal, and measure both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--names", type=int, default=500)
    arguments = parser.parse_args()
    chance = random.Random(2)
    names = [f"{chance.getrandbits(128):032x}" for _ in range(arguments.names)]
    folder = FOLDERS["keys"] | 1 << 48
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary, "J")
        build(path, arguments.megabytes * MEBIBYTE, names)
        size = path.stat().st_size
        with path.open("rb") as file:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            began = time.process_time()
            found = ours(file, size, names, folder)
            taken = time.process_time() - began
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            file.seek(0)
            began = time.process_time()
            theirs = dissects(file, names, folder)
            others = time.process_time() - began
    if found != theirs:
        counts = ", ".join(f"{len(each.records)} records, {each.deletions} deletions" for each in (found, theirs))
        raise SystemExit(f"the readers differ: {counts}")
    print(f"{size / MEBIBYTE:.0f} MiB in pages of {PAGE}, {len(found.records)} records of {len(names)} files\n")
    print("| reader | CPU (s) | ratio |\n|---|---|---|")
    print(f"| keymortem, {grown // 1024} MiB more than before | {taken:.2f} | 1 |")
    print(f"| dissect.ntfs | {others:.2f} | {others / taken:.1f} |")


if __name__ == "__main__":
    main()
