"""Backups of Veeam: the disks in them as they were, every block held against its digest."""

from __future__ import annotations

import hashlib
import random
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from forensics.disk.containers import open_image
from forensics.disk.errors import SourceError
from forensics.disk.machine_backup import MachineBackup, open_backup
from forensics.sources.source import Source
from testdata.builder.veeam import INCREMENT, LZ4, PLAIN, ZLIB, ZSTD, literal_lz4, vbk
from tests.disk.test_machine_backups import assert_reads_like, disk

MIB = 1 << 20
DISK = disk(5 * MIB, 4) + bytes(3 * MIB) + disk(MIB + 512, 5)
FILES = {"summary.xml": b"<OibSummary/>" * 900, "web01-flat.vmdk": DISK, "digest_1": bytes(2 * MIB) + b"MftDigs"}
FOLDER = "6745a759-2205-4cd2-b172-8ec8f7e60ef8 (web01)"
RESTORE = "restore its disks with Veeam, and examine those"


def opened(data: bytes, folder: Path, source: Source) -> MachineBackup:
    path = folder / "web01.vbk"
    path.write_bytes(data)
    image = open_image(path, str(path), source, lambda line: None)
    assert image.kind == "vbk"
    return open_backup(image, source)


@pytest.mark.parametrize(
    ("compression", "packed"),
    [
        (PLAIN, bytes),
        (ZLIB, zlib.compress),
        (LZ4, literal_lz4),
        (ZSTD, zstandard.ZstdCompressor().compress),
    ],
)
def test_disks_of_a_backup(tmp_path: Path, compression: int, packed: Callable[[bytes], bytes]) -> None:
    with Source("backup") as source:
        backup = opened(vbk(FILES, compression=compression, packed=packed), tmp_path, source)
        assert backup.reader == "dissect.archive"
        (held,) = backup.disks
        assert held.name == f"{FOLDER}/web01-flat.vmdk"
        assert_reads_like(held, DISK)
        assert source.problems == []


def test_many_tables_of_blocks(tmp_path: Path) -> None:
    """More than the 1,088 blocks of one table, most of them holes."""
    big = disk(MIB, 6) + bytes(70 * MIB) + disk(2 * MIB, 7)
    with Source("backup") as source:
        stream = opened(vbk({"a.raw": big}, block=65536), tmp_path, source).disks[0].open()
        for at in (0, 68 * MIB, 71 * MIB, 72 * MIB + 4096):
            stream.seek(at)
            assert stream.read(65536) == big[at : at + 65536]


def test_a_damaged_block_is_not_obtained(tmp_path: Path) -> None:
    data = bytearray(vbk(FILES))
    at = data.index(DISK[2 * MIB : 2 * MIB + 4096] if any(DISK[2 * MIB : 2 * MIB + 4096]) else DISK[:4096])
    data[at] ^= 1
    with Source("backup") as source:
        stream = opened(bytes(data), tmp_path, source).disks[0].open()
        lost = []
        for number in range(9):
            stream.seek(number * MIB)
            try:
                assert stream.read(MIB) == DISK[number * MIB : (number + 1) * MIB]
            except OSError as error:
                lost.append(str(error))
        assert lost == ["the digest of its block does not fit"]


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"kind": INCREMENT}, "needs_parent", "is an increment of a Veeam backup, which holds only what changed"),
        ({"flags": 2}, "encrypted", "is an encrypted Veeam backup"),
        ({"version": 6}, "unsupported", "is a Veeam backup of format 6"),
        ({"version": 0x10008}, "unsupported", "is a Veeam backup of format 65544"),
    ],
)
def test_what_is_not_read_is_refused(tmp_path: Path, options: dict[str, int], kind: str, words: str) -> None:
    with Source("backup") as source, pytest.raises(SourceError) as caught:
        opened(vbk(FILES, **options), tmp_path, source)  # type: ignore[arg-type]
    assert caught.value.kind == kind
    assert caught.value.message == f"{tmp_path / 'web01.vbk'} {words}: {RESTORE}"


def test_damage_anywhere_gives_no_wrong_byte(tmp_path: Path) -> None:
    whole = vbk({"a.raw": DISK[: 3 * MIB]})
    expected = hashlib.md5(DISK[: 3 * MIB]).digest()
    mix = random.Random(8)
    tables = [at for at in range(0x1000, len(whole)) if at < 0x3000 or at > len(whole) - 12 * 4096]
    for _ in range(150):
        data = bytearray(whole)
        data[mix.choice(tables)] ^= 1 << mix.randrange(8)
        with Source("backup") as source:
            try:
                disks = opened(bytes(data), tmp_path, source).disks
                for held in disks:
                    assert held.size != 3 * MIB or hashlib.md5(held.open().read()).digest() == expected
            except (SourceError, OSError, ValueError, IndexError, EOFError):
                continue


def test_a_cut_backup_is_refused(tmp_path: Path) -> None:
    data = vbk(FILES)
    for keep in (0x1000, 0x1800, len(data) // 2, len(data) - 9000):
        with Source("backup") as source:
            try:
                stream = opened(data[:keep], tmp_path, source).disks[0].open()
                assert stream.read() == DISK
            except (SourceError, OSError, ValueError, IndexError, EOFError):
                continue
            raise AssertionError(keep)


def test_a_chain_of_pages_in_a_circle_is_refused(tmp_path: Path) -> None:
    data = bytearray(vbk({"a.raw": DISK[:MIB]}))
    tables = [at for at in range(0, len(data) - 16, 4096) if data[at : at + 8] == b"\xff" * 8]
    assert tables
    for at in tables:
        changed = bytearray(data)
        changed[at : at + 8] = changed[at + 8 : at + 16]
        with Source("backup") as source, pytest.raises(SourceError, match="does not end"):
            opened(bytes(changed), tmp_path, source).disks[0].open().read()
