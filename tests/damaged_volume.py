"""Edits single fields and bits of a volume's NTFS structures, and lists what became worse without being told.

``python -m tests.damaged_volume --count 5000 --seed 1`` makes thousands of edits; the suite makes a few hundred
(``test_damaged_volumes.py``). An edit never touches the content of a file: that is real damage, which the arithmetic of
keys tells, and hives have an oracle of their own.
"""

from __future__ import annotations

import argparse
import os
import random
import struct
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from forensics.disk.ntfs.record import DATA, FILE_NAME, FileRecord, parse_file_record
from forensics.disk.ntfs.stream import RunStream
from forensics.disk.ntfs.tree import NtfsTree
from forensics.disk.unlock import Unlock
from forensics.dpapi.user_secrets import UserSecrets
from forensics.examining.across import Across
from forensics.examining.source_run import SourceRun
from forensics.sources.choices import Choices
from forensics.sources.open import open_source
from forensics.tables.certificate import KeyFileRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.record import ProblemRow
from testdata.builder.acl import DEFAULT_SD
from testdata.builder.files import FileSpec
from testdata.builder.scenarios import SCENARIOS
from tests.paths import IMAGES
from tests.stretched_once import keys_stretched_once

ROOT, SECURE = 5, 9
SECTOR = 512
KEYS = "ProgramData/Microsoft/Crypto/RSA/MachineKeys"
_BOOT_FIELDS = 0x54
_COLUMNS = ("key_file", "public_key", "access", "master_key", "private_key", "verdict")
_GOOD = {"present", "match", "ok", "proved", "usable"}


@dataclass(frozen=True, slots=True)
class Region:
    """Bytes of the volume that one edit may touch.

    Attributes:
        start: Where they begin on the volume.
        size: How many.
        path: Whose structure it is; empty for the volume's own.
        what: Kind of structure.
    """

    start: int
    size: int
    path: str
    what: str


@dataclass(frozen=True, slots=True)
class Edit:
    """One change: what was there and what is put in its place."""

    at: int
    before: bytes
    after: bytes
    region: Region

    def __str__(self) -> str:
        where = f"{self.region.what} of {self.region.path or 'the volume'}"
        return f"{where} at {self.at} (+{self.at - self.region.start}): {self.before.hex()} -> {self.after.hex()}"


@dataclass(slots=True)
class Seen:
    """What an examination says."""

    chains: dict[tuple[str | None, ...], KeyChainRow] = field(default_factory=dict)
    key_files: set[str] = field(default_factory=set)
    problems: list[ProblemRow] = field(default_factory=list)


def packed_volume(name: str, out: Path) -> Path:
    """Write the volume with Windows of a committed test image, without container and partitions."""
    with open_source(IMAGES / f"{name}.vhdx.xz") as source:
        tree = source.installations[0].own_tree
        assert isinstance(tree, NtfsTree)
        reader = tree.volume.reader
        assert reader.size is not None
        out.write_bytes(reader.read_at(0, reader.size))
    return out


def content_of(volume: Path, path: str) -> bytes:
    """Return the content of a file of a volume with Windows, as it lies there."""
    with open_source(volume) as source:
        return source.installations[0].read(path, limit=64 << 20).data


def crowded_volume(name: str, out: Path) -> Path:
    """Build a scenario's volume with short names, and so many files beside its keys that folders have many nodes."""
    from testdata.builder.ntfs import NtfsExtras, build_ntfs

    files = list(SCENARIOS[name]().stages[-1].volumes[0])
    for folder in (KEYS, "ProgramData/Microsoft/Crypto/Keys", "Windows/System32"):
        files += [FileSpec(f"{folder}/{number:04x} is no key, but a file with a long name.txt") for number in range(90)]
    build_ntfs(files, out, 48 << 20, default_sd=DEFAULT_SD, extras=NtfsExtras(short_names=True))
    return out


def regions(volume: Path) -> list[Region]:
    """Return the structures of a volume: boot sector, records in use, nodes of indexes, access lists."""
    with volume.open("rb") as file, open_source(volume) as source:
        tree = source.installations[0].own_tree
        assert isinstance(tree, NtfsTree)
        found = [Region(0, _BOOT_FIELDS, "", "boot sector")]
        mft = tree.volume._mft
        assert isinstance(mft, RunStream)
        records: dict[int, FileRecord] = {}
        size = tree.volume.record_size
        for number in range(mft._size // size):
            at = mft.place(number * size)
            assert at is not None
            file.seek(at)
            raw = file.read(size)
            if raw[:4] == b"FILE" and raw[22] & 1:
                records[number] = parse_file_record(raw)
                path = _path_of(number, records)
                found += [
                    Region(at + start, stop - start, path, f"record {number}")
                    for start, stop in _but_content(number, raw)
                ]
        for number, record in records.items():
            found += _streams(tree, number, record, _path_of(number, records))
        return found


def _but_content(number: int, raw: bytes) -> Iterator[tuple[int, int]]:
    """Yield the used parts of a record but for the content of a file that lies in it.

    What stands at the end of a sector lies in the update sequence array; where it is content, it is left out as well.
    """
    at, used = struct.unpack_from("<H", raw, 20)[0], struct.unpack_from("<I", raw, 24)[0]
    content = []
    while struct.unpack_from("<I", raw, at)[0] != 0xFFFFFFFF:
        kind, length, outside, name = struct.unpack_from("<IIBB", raw, at)
        if kind == DATA and not outside and number >= 24 and not name:
            content.append((at + struct.unpack_from("<H", raw, at + 20)[0], at + length))
        at += length
    array, count = struct.unpack_from("<HH", raw, 4)
    kept = [
        (array + 2 * n, array + 2 * n + 2)
        for n in range(1, count)
        if any(first < n * SECTOR and n * SECTOR - 2 < last for first, last in content)
    ]
    start = 0
    for first, last in [*kept, *content]:
        if start < first:
            yield start, first
        start = last
    yield start, used


def _path_of(number: int, records: dict[int, FileRecord]) -> str:
    parts: list[str] = []
    while number != ROOT and number in records and len(parts) < 32:
        names = [a.value or b"" for a in records[number].attributes if a.type == FILE_NAME]
        if not names:
            return ""
        long = max(names, key=len)
        parts.append(long[66:].decode("utf-16-le"))
        number = int.from_bytes(long[:6], "little")
    return "/".join(reversed(parts))


def _streams(tree: NtfsTree, number: int, record: FileRecord, path: str) -> Iterator[Region]:
    """Yield what lies outside a record: nodes that are in use, and the access lists."""
    wanted = {(0xA0, "$I30"), (0xA0, "$SII"), (0x20, "")} | ({(DATA, "$SDS")} if number == SECURE else set())
    for attribute in record.attributes:
        if attribute.value is not None or (attribute.type, attribute.name) not in wanted:
            continue
        for lcn, count in attribute.runs:
            start = (lcn or 0) * tree.volume.cluster
            if attribute.type != 0xA0:
                yield Region(
                    start,
                    min(attribute.size, count * tree.volume.cluster, 4096),
                    path,
                    attribute.name or "list of attributes",
                )
                continue
            for at in range(start, start + count * tree.volume.cluster, 4096):
                node = tree.volume.reader.read_at(at, 4096)
                if node[:4] == b"INDX":
                    yield Region(at, 24 + struct.unpack_from("<I", node, 28)[0], path, f"node of {attribute.name}")


def examine(volume: Path) -> Seen:
    """Examine a volume as ``forensics.examine`` does, without asking the rules."""
    run = SourceRun(Unlock(), Choices(), UserSecrets(), False, lambda line: None)
    whole = Across.of({0: run.source(str(volume))})
    whole.facts(datetime(2026, 11, 22, tzinfo=UTC))
    seen = Seen()
    for row in whole.rows:
        if isinstance(row, KeyChainRow):
            seen.chains[row.thumbprint, row.store, row.store_scope, row.owner_sid, row.key_file_path] = row
        elif isinstance(row, KeyFileRow):
            seen.key_files.add(row.path)
        elif isinstance(row, ProblemRow):
            seen.problems.append(row)
    return seen


def edits(volume: Path, where: list[Region], count: int, seed: int) -> Iterator[Edit]:
    """Yield random edits: most change one bit, others a byte, a field of two, four or eight bytes."""
    chance = random.Random(seed)
    by_kind: dict[str, list[Region]] = defaultdict(list)
    for region in where:
        near = any(part in region.path for part in ("Crypto", "Protect", "config")) or not region.path
        by_kind[region.what.split()[0] + (" near" if near else "")].append(region)
    kinds = sorted(by_kind)
    with volume.open("rb") as file:
        for _ in range(count):
            kind = chance.choices(kinds, [1 if kind == "boot" else 3 if "near" in kind else 2 for kind in kinds])[0]
            region = chance.choice(by_kind[kind])
            size = chance.choice((1, 1, 1, 1, 1, 1, 2, 4, 8))
            at = region.start + chance.randrange(max(1, region.size - size + 1))
            file.seek(at)
            before = file.read(size)
            after = bytearray(before)
            if size == 1 and chance.random() < 0.8:
                after[0] ^= 1 << chance.randrange(8)
            else:
                after[:] = chance.choice((bytes(size), b"\xff" * size, chance.randbytes(size)))
            if after != before:
                yield Edit(at, before, bytes(after), region)


def what_became_worse(whole: Seen, damaged: Seen) -> list[str]:
    """List what a healthy volume said that the damaged one does not say any more."""
    worse = []
    by_certificate = {key[:4]: row for key, row in damaged.chains.items() if key[0]}
    for key, row in whole.chains.items():
        now = damaged.chains.get(key) or (by_certificate.get(key[:4]) if key[0] else None)
        if now is None:
            worse.append(f"row lost: {row.subject or row.key_file_path}")
            continue
        worse += [
            f"{row.subject or row.key_file_path}: {column} {getattr(row, column)} -> {getattr(now, column)}"
            for column in _COLUMNS
            if getattr(row, column) in _GOOD and getattr(now, column) != getattr(row, column)
        ]
        if now.recoverable is False and row.recoverable is not False:
            worse.append(f"{row.subject or row.key_file_path}: called lost")
    return worse


def new_problems(whole: Seen, damaged: Seen) -> list[ProblemRow]:
    """Return what is told of a damaged volume beyond what is told of the whole one."""
    known = {(row.source_path, row.kind, row.message) for row in whole.problems}
    return [row for row in damaged.problems if (row.source_path, row.kind, row.message) not in known]


def is_about(problem: ProblemRow, edit: Edit, volume: Path) -> bool:
    """Tell whether a problem is about the place that was edited: it, what lies in it, or what it lies in."""
    place, told = edit.region.path.lower(), problem.source_path.removeprefix(str(volume)).strip("/").lower()
    if not place or not told or (place == "$secure" and "$Secure" in problem.message):
        return True
    return f"{place}/".startswith(f"{told}/") or f"{told}/".startswith(f"{place}/")


@contextmanager
def applied(volume: Path, edit: Edit) -> Iterator[None]:
    """Make an edit, and undo it."""
    handle = os.open(volume, os.O_RDWR)
    try:
        os.pwrite(handle, edit.after, edit.at)
        yield
    finally:
        os.pwrite(handle, edit.before, edit.at)
        os.close(handle)


def untold(volume: Path, whole: Seen, edit: Edit) -> tuple[list[str], list[str]]:
    """Make one edit and examine.

    Returns:
        What became worse, and what of it no problem tells of.
    """
    with applied(volume, edit):
        damaged = examine(volume)
    worse = what_became_worse(whole, damaged)
    told = [row for row in new_problems(whole, damaged) if is_about(row, edit, volume)]
    return worse, [] if told else worse


def main() -> None:
    """Make many edits and print those that are not told."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", nargs="*", default=["healthy"])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--crowded", action="store_true", help="build the volume anew, with many names in its folders")
    parser.add_argument("--wrong", action="store_true", help="print those whose keys are called unusable, too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, keys_stretched_once():
        for name in arguments.images:
            make = crowded_volume if arguments.crowded else packed_volume
            volume = make(name, Path(folder, f"{name}.ntfs"))
            whole, began = examine(volume), time.process_time()
            counts: Counter[str] = Counter()
            for edit in edits(volume, regions(volume), arguments.count, arguments.seed):
                worse, silent = untold(volume, whole, edit)
                counts["edits"] += 1
                counts["worse"] += bool(worse)
                counts["untold"] += bool(silent)
                counts["called unusable"] += any("usable -> unusable" in line for line in worse)
                if arguments.wrong and any("usable -> unusable" in line for line in worse):
                    print("CALLED UNUSABLE", edit, *worse[:3], sep="\n    ", flush=True)
                if silent:
                    print(edit, *silent[:3], sep="\n    ", flush=True)
            print(f"{name}: {dict(counts)}, {time.process_time() - began:.0f} s of CPU")


if __name__ == "__main__":
    main()
