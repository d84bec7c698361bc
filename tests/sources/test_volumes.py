"""Partition tables, volumes and the Windows installations on them."""

from __future__ import annotations

import io
import os
import random
import struct
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import pytest

from forensics.disk.errors import SourceError
from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.partitions import read_partition_table
from forensics.disk.tree import Entry, NotFound
from forensics.sources.choices import Choices
from forensics.sources.installation import Installation
from forensics.sources.open import Unlock, open_source
from forensics.sources.volumes import find_windows
from testdata.builder import gpt
from testdata.builder.disk import Volume, build_disk
from testdata.builder.vhdx import write_dynamic
from tests.disk.ntfs_fixture import BIG
from tests.memory_tree import MemoryTree

MIB = 1 << 20


def one_of(rows: Iterable[Any], name: str) -> Any:
    return next(row for row in rows if row.name == name)


def assert_is_windows(installation: Installation, machine_id: int = 1) -> None:
    assert installation.machine_id == machine_id
    assert installation.windows == "Windows"
    assert installation.drive == ""
    assert installation.tree.complete is True
    with installation.tree.open("windows/system32/CONFIG/system") as file:
        assert file.read(4) == b"regf"
    assert len(installation.listing("ProgramData/Microsoft/Crypto/RSA/MachineKeys").entries) == 200
    assert installation.listing("ProgramData/Microsoft/Crypto/Keys").outcome.state == "absent"


def test_bare_volume(ntfs_image: Path) -> None:
    with open_source(ntfs_image) as source:
        assert source.kind == "volume"
        (installation,) = source.installations
        assert_is_windows(installation)
        assert installation.volume is None
        (row,) = source.coverage
        assert (row.area, row.name, row.outcome) == ("volume", "volume", "present")
        assert row.detail == "NTFS 'System', Windows in Windows"
        assert row.machine_id == 0
        assert source.problems == []


@pytest.mark.parametrize("scheme", ["gpt", "mbr"])
@pytest.mark.parametrize("sector", [512, 4096])
def test_partitioned_disk(ntfs_image: Path, tmp_path: Path, scheme: Literal["gpt", "mbr"], sector: int) -> None:
    disk = tmp_path / "disk.raw"
    empty = Volume(None, gpt.MICROSOFT_RESERVED, "Microsoft reserved partition", 16 * MIB)
    build_disk([empty, ntfs_image], disk, scheme=scheme, sector_size=sector)
    with open_source(disk) as source:
        assert source.kind == "disk"
        (installation,) = source.installations
        assert_is_windows(installation)
        assert one_of(source.coverage, "partition 2").outcome == "present"
        first = one_of(source.coverage, "partition 1")
        assert first.outcome == "not_examined"
        zeros = "no known file system: only zeros in its first 8 MiB and in 64 samples"
        assert first.detail == ("Microsoft reserved partition" if scheme == "gpt" else zeros)
        assert first.source_path == f"{disk}#partition 1"


def test_two_windows_and_a_data_volume(ntfs_image: Path, tmp_path: Path) -> None:
    data = tmp_path / "fat.img"
    data.write_bytes((bytes(54) + b"FAT16   ").ljust(510, b"\0") + b"\x55\xaa" + bytes(MIB - 512))
    disk = tmp_path / "disk.raw"
    build_disk([ntfs_image, Volume(data), ntfs_image], disk)
    with open_source(disk, first_machine_id=4) as source:
        assert [i.machine_id for i in source.installations] == [4, 5]
        assert [i.volume for i in source.installations] == ["partition 1", "partition 3"]
        assert_is_windows(source.installations[1], 5)
        fat = one_of(source.coverage, "partition 2")
        assert fat.outcome == "not_examined"
        step = "copy what it holds into a folder and examine that"
        assert fat.detail == f"FAT file system, which is not read ({step})"


def test_volume_without_windows_is_noted(ntfs_image: Path, tmp_path: Path) -> None:
    data = bytearray(ntfs_image.read_bytes())
    for old, new in (("Windows", "Xindows"), ("config", "konfig")):
        assert data.count(old.encode("utf-16-le")) >= 2
        data = data.replace(old.encode("utf-16-le"), new.encode("utf-16-le"))
    path = tmp_path / "data.ntfs"
    path.write_bytes(data.replace(b"regf", b"none"))
    with open_source(path) as source:
        assert source.installations == []
        assert source.coverage.rows[0].detail == (
            "NTFS 'System' without Windows: folders many, names, notes, ProgramData, Users and 1 more"
        )
        assert source.coverage.rows[0].outcome == "present"


def test_windows_folder_of_another_name(ntfs_image: Path, tmp_path: Path) -> None:
    data = ntfs_image.read_bytes().replace("Windows".encode("utf-16-le"), "Xindows".encode("utf-16-le"))
    path = tmp_path / "renamed.ntfs"
    path.write_bytes(data)
    with open_source(path) as source:
        assert [i.windows for i in source.installations] == ["Xindows"]


def test_partitions_that_are_one_are_examined_once(ntfs_image: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk.raw"
    build_disk([ntfs_image], disk, scheme="mbr")
    data = bytearray(disk.read_bytes())
    data[446 + 16 : 446 + 32] = data[446 : 446 + 16]
    disk.write_bytes(data)
    with open_source(disk) as source:
        assert len(source.installations) == 1
        assert [(c.name, c.outcome, c.detail) for c in source.coverage.rows[1:]] == [
            ("partition 2", "not_examined", "begins where partition 1 does, which is examined")
        ]


def test_winnt_alone_is_windows_where_there_is_no_other() -> None:
    assert [e.path for e in find_windows(MemoryTree({"WINNT/win.ini": b""}))] == ["WINNT"]
    both = {"WINNT/win.ini": b"", "Windows/System32/x.dll": b""}
    assert [e.path for e in find_windows(MemoryTree(both))] == ["Windows"]
    assert find_windows(MemoryTree({"Windows/win.ini": b""})) == []


def test_a_volume_full_of_windows_folders_is_cut(ntfs_image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [Entry(f"W{number}", f"W{number}", True) for number in range(20)]
    monkeypatch.setattr("forensics.sources.volumes.find_windows", lambda tree: folders)
    with open_source(ntfs_image) as source:
        assert len(source.installations) == 16
        message = "only 16 of 20 folders that look like Windows are examined"
        assert [p.message for p in source.problems] == [message]
        partial = [(c.area, c.detail) for c in source.coverage if c.outcome == "partial"]
        assert partial == [("volume", message)]


def test_volume_marked_dirty_is_a_problem_and_is_read(ntfs_image: Path, tmp_path: Path) -> None:
    data = bytearray(ntfs_image.read_bytes())
    # $VOLUME_INFORMATION: eight reserved bytes, version 3.1, then the flags, of which bit 0 is "dirty".
    label = data.index("System".encode("utf-16-le") + b"\0\0\0\0" + struct.pack("<I", 0x70))
    version = data.index(bytes(8) + b"\x03\x01", label)
    assert data[version + 10 : version + 12] == b"\0\0"
    data[version + 10] = 1
    changed = tmp_path / "dirty.ntfs"
    changed.write_bytes(data)
    with open_source(changed) as source:
        (installation,) = source.installations
        assert_is_windows(installation)
        (problem,) = source.problems
        assert (problem.kind, problem.source_path) == ("ntfs_dirty", str(changed))
        assert "$LogFile, which is not replayed" in problem.message


def test_vhdx_with_4096_byte_sectors(ntfs_image: Path, tmp_path: Path) -> None:
    raw, path = tmp_path / "disk.raw", tmp_path / "disk.vhdx"
    build_disk([ntfs_image], raw, sector_size=4096)
    with raw.open("rb") as file:
        write_dynamic(file, raw.stat().st_size, path, sector_size=4096, shuffle_seed="volumes")
    with open_source(path) as source:
        assert_is_windows(source.installations[0])


def test_damaged_primary_table_gives_way_to_the_backup(ntfs_image: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk.raw"
    build_disk([ntfs_image], disk)
    with disk.open("r+b") as file:
        file.seek(512)
        file.write(bytes(512))
    with open_source(disk) as source:
        assert_is_windows(source.installations[0])
        assert [p.kind for p in source.problems] == ["bad_partition_table"]


def test_old_backup_table_behind_an_mbr_is_not_believed(ntfs_image: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk.raw"
    build_disk([ntfs_image], disk)
    size = disk.stat().st_size
    partition = gpt.Partition(2048, ntfs_image.stat().st_size // 512)
    with disk.open("r+b") as file:
        file.write(gpt.mbr([partition], size // 512, 1) + bytes(34 * 512))
    with disk.open("rb") as file:
        table = read_partition_table(VolumeReader(file, 0, size), size)
    assert table is not None
    assert table.scheme == "mbr"
    assert [(p.number, p.offset) for p in table.partitions] == [(1, MIB)]


def test_damaged_boot_sector_gives_way_to_its_backup(ntfs_image: Path, tmp_path: Path) -> None:
    volume, disk = tmp_path / "volume", tmp_path / "disk.raw"
    data = ntfs_image.read_bytes()
    assert data[-512:][3:7] == b"NTFS"
    volume.write_bytes(bytes(512) + data[512:])
    build_disk([volume], disk)
    with open_source(disk) as source:
        assert_is_windows(source.installations[0])
        assert [p.kind for p in source.problems] == ["bad_boot_sector"]


def table_of(data: bytes) -> Any:
    return read_partition_table(VolumeReader(io.BytesIO(data), 0, len(data)), len(data))


def boot_record(*entries: tuple[int, int, int]) -> bytes:
    body = b"".join(struct.pack("<BxxxBxxxII", 0, kind, first, count) for kind, first, count in entries)
    return bytes(446) + body.ljust(64, b"\0") + b"\x55\xaa"


def test_logical_partitions_are_relative_to_the_right_record() -> None:
    disk = bytearray(20 * 4096)
    disk[:512] = boot_record((7, 8, 4), (0x0F, 20, 100))
    disk[20 * 512 : 21 * 512] = boot_record((7, 2, 5), (5, 30, 20))
    disk[50 * 512 : 51 * 512] = boot_record((7, 3, 6))
    table = table_of(bytes(disk))
    assert table is not None
    assert [(p.number, p.offset // 512, p.size // 512) for p in table.partitions] == [(1, 8, 4), (5, 22, 5), (6, 53, 6)]
    assert table.problems == ()


def test_windows_knows_partitions_of_an_mbr_by_the_signature_of_the_disk() -> None:
    disk = bytearray(20 * 4096)
    disk[:512] = boot_record((7, 8, 4), (0x0F, 20, 100))
    disk[440:444] = bytes.fromhex("7a5c1e0d")
    disk[20 * 512 : 21 * 512] = boot_record((7, 2, 5))
    # Sectors 8 and 22, in bytes.
    mounted_as = [p.mounted_as.hex() for p in table_of(bytes(disk)).partitions]
    assert mounted_as == ["7a5c1e0d0010000000000000", "7a5c1e0d002c000000000000"]


def test_chain_of_logical_partitions_without_end() -> None:
    disk = bytearray(20 * 4096)
    disk[:512] = boot_record((0x05, 20, 100))
    disk[20 * 512 : 21 * 512] = boot_record((7, 2, 5), (5, 30, 20))
    disk[50 * 512 : 51 * 512] = boot_record((7, 3, 6), (5, 30, 20))
    table = table_of(bytes(disk))
    assert table is not None
    assert len(table.partitions) == 2
    assert table.problems == ("the chain of logical partitions does not end",)


def test_gpt_with_a_monstrous_count_is_refused() -> None:
    disk = bytearray(MIB)
    disk[:512] = boot_record((0xEE, 1, 2047))
    disk[512:604] = struct.pack(
        "<8sIIIIQQQQ16sQIII", b"EFI PART", 1 << 16, 92, 0, 0, 1, 2047, 34, 2000, b"", 2, 1 << 31, 128, 0
    )
    assert table_of(bytes(disk)) is None


NO_TABLE = (
    "holds neither a partition table nor a file system that is known: it is no disk image, it is encrypted as a whole, "
    "or its start is damaged or missing (part of a split image?); where a disk may begin further in, examine it again "
    "with --offset search"
)
ZEROS = (
    "has no partitions: it holds only zeros{}, so it was never written, was wiped, or nothing was copied into it; "
    "examine another copy"
)


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (b"", "empty", "is empty: nothing was copied into it; copy it again"),
        (b"\0", "too_small", "has 1 bytes, less than a sector: it is no disk image, name that itself"),
        (bytes(511), "too_small", "has 511 bytes, less than a sector: it is no disk image, name that itself"),
        (bytes(512), "no_volume", ZEROS.format("")),
        (bytes(5 * MIB), "no_volume", ZEROS.format("")),
        (bytes(9 * MIB), "no_volume", ZEROS.format(" in its first 8 MiB and in 64 samples")),
        (b"text\n" * 900, "unsupported", "is a text file, no disk and no collection"),
        (random.Random(1).randbytes(MIB), "no_volume", NO_TABLE),
        (b"\x55\xaa" * 700, "no_volume", NO_TABLE),
    ],
)
def test_what_is_no_disk_is_refused_with_advice(tmp_path: Path, content: bytes, kind: str, words: str) -> None:
    path = tmp_path / "something.img"
    path.write_bytes(content)
    with pytest.raises(SourceError) as caught:
        open_source(path)
    assert (caught.value.kind, caught.value.message) == (kind, f"{path} {words}")


def test_truncated_disk(ntfs_image: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk.raw"
    build_disk([ntfs_image], disk, scheme="mbr")
    os.truncate(disk, 12 * MIB)
    with open_source(disk) as source:
        assert source.problems[0].kind == "truncated"
        assert "before the end of this volume" in source.problems[0].message
        for installation in source.installations:
            installation.listing("ProgramData/Microsoft/Crypto/RSA/MachineKeys")


def test_a_volume_that_lost_its_end_gives_nothing_there(ntfs_image: Path, tmp_path: Path) -> None:
    volume = tmp_path / "volume.ntfs"
    data = ntfs_image.read_bytes()
    big = data.index(BIG[:4096])
    volume.write_bytes(data[: big + 8192])
    with open_source(volume) as source:
        assert [p.kind for p in source.problems] == ["truncated"]
        assert source.problems[0].message.startswith("the image ends ")
        content = source.installations[0].read("notes/attribute list.bin")
    assert content.outcome.state == "not_examined"
    assert str(content.outcome.why).endswith(": it is truncated")


def test_reader_does_not_touch_the_image(ntfs_image: Path) -> None:
    before = (ntfs_image.stat().st_mtime_ns, ntfs_image.read_bytes())
    ntfs_image.chmod(0o400)
    with open_source(ntfs_image) as source:
        assert_is_windows(source.installations[0])
        with pytest.raises(NotFound):
            source.installations[0].tree.entry("absent")
    assert (ntfs_image.stat().st_mtime_ns, ntfs_image.read_bytes()) == before


def test_keys_are_in_no_repr() -> None:
    assert "000011" not in repr(Unlock(recovery_key="000011" * 8))


def test_damaged_bitlocker_volume_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "locked.img"
    boot = b"\xeb\x58\x90-FVE-FS-" + struct.pack("<HB", 512, 8)
    path.write_bytes(boot.ljust(510, b"\0") + b"\x55\xaa" + bytes(MIB))
    with open_source(path, Unlock(recovery_key="000011" * 8)) as source:
        assert source.installations == []
        (row,) = source.coverage
        assert (row.area, row.outcome) == ("volume", "not_examined")
        assert source.problems[0].kind == "bitlocker_damaged"


def test_gpt_partition_types_know_their_guids() -> None:
    from forensics.disk.partitions import _UNREADABLE_TYPES

    assert gpt.MICROSOFT_RESERVED in _UNREADABLE_TYPES
    assert uuid.UUID("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7") not in _UNREADABLE_TYPES


def test_the_backup_of_a_volume_that_begins_further_in_is_not_taken(ntfs_image: Path, tmp_path: Path) -> None:
    """MBR and GPT are gone, and the image ends with the last sector of the volume."""
    disk = tmp_path / "disk.raw"
    disk.write_bytes(bytes(MIB) + ntfs_image.read_bytes())
    with pytest.raises(SourceError, match="begin further in, examine it again with --offset search"):
        open_source(disk)
    with open_source(disk, choices=Choices(offset="search")) as source:
        assert_is_windows(source.installations[0])
