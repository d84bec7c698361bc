"""What is said of a disk without Windows: what each volume holds, and what kept it from being read."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import forensics
from forensics.disk.ntfs.stream import VolumeReader
from forensics.sources.holdings import no_file_system, no_volume, nothing_found, only_zeros, other_file_system
from forensics.sources.open import open_source
from forensics.sources.source import Source
from forensics.tables.outcome import Outcome
from testdata.builder import gpt, ntfs
from testdata.builder.disk import Volume, build_disk
from testdata.builder.files import FileSpec
from tests.oracles import tool

MIB = 1 << 20
LINUX = UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
needs_ntfs = pytest.mark.skipif(ntfs.unavailable() is not None, reason=f"needs mkntfs: {ntfs.unavailable()}")


def volume(folder: Path, label: str, paths: Iterable[str]) -> Path:
    path = folder / f"{label or 'none'}.ntfs"
    ntfs.build_ntfs([FileSpec(each, b"x") for each in paths], path, 4 * MIB, label=label)
    return path


def details(path: Path) -> list[str | None]:
    with open_source(path) as source:
        return [row.detail for row in source.coverage]


def error_of(path: Path) -> Any:
    (entry,) = forensics.examine(path).sources
    return entry.error


@needs_ntfs
@pytest.mark.parametrize(
    ("label", "paths", "words"),
    [
        ("", [], "NTFS without Windows: no folders"),
        ("Data", ["Shares/a", "b"], "NTFS 'Data' without Windows: folder Shares"),
        ("Data", ["Zoo/a", "apps/b"], "NTFS 'Data' without Windows: folders apps, Zoo"),
        (
            "Data",
            [f"F{number}/a" for number in range(7)] + ["System Volume Information/x"],
            "NTFS 'Data' without Windows: folders F0, F1, F2, F3, F4 and 2 more",
        ),
        (
            "VMs",
            ["Hyper-V/Virtual Hard Disks/web.VHDX", "Hyper-V/db.vhd", "Hyper-V/x/y/z.vmdk"],
            "NTFS 'VMs' without Windows: folder Hyper-V; 3 virtual disks (copy them out to be examined)",
        ),
        ("", ["web.vhdx"], "NTFS without Windows: 1 virtual disk (copy it out to be examined)"),
        ("WinRE", ["Recovery/WindowsRE/Winre.wim"], "NTFS 'WinRE' without Windows: a Windows recovery environment"),
        ("System", ["bootmgr", "Boot/BCD"], "NTFS 'System' without Windows: a boot manager"),
    ],
)
def test_ntfs_volumes(tmp_path: Path, label: str, paths: list[str], words: str) -> None:
    path = volume(tmp_path, label, paths)
    assert details(path) == [words]
    assert error_of(path) == f"no Windows installation was found in it: {words}"


@needs_ntfs
def test_counting_virtual_disks_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.sources.holdings._MOST_FOLDERS", 2)
    path = volume(tmp_path, "", ["a/1.vhdx", "b/2.vhdx", "c/3.vhdx"])
    assert details(path) == [
        "NTFS without Windows: folders a, b, c; at least 1 virtual disk (copy it out to be examined)"
    ]


@needs_ntfs
def test_a_disk_says_what_each_volume_holds(tmp_path: Path) -> None:
    ext4 = tmp_path / "root.ext4"
    ext4.write_bytes(bytes(8 * MIB))
    subprocess.run([tool("mkfs.ext4", "e2fsprogs"), "-q", "-F", str(ext4)], check=True)
    data = volume(tmp_path, "Data", ["Shares/a"])
    disk = tmp_path / "disk.raw"
    build_disk([Volume(ext4, LINUX), Volume(None, LINUX, "swap", 2 * MIB), data], disk)
    assert error_of(disk) == (
        "no Windows installation was found in it: partition 1: ext file system, of a Linux machine, which is not read "
        "(mount it read-only and examine the folder); partition 2: no known file system: only zeros; "
        "partition 3: NTFS 'Data' without Windows: folder Shares"
    )


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("ext", "ext file system, of a Linux machine, which is not read (mount it read-only and examine the folder)"),
        (
            "LUKS",
            "a LUKS-encrypted volume, of a Linux machine, which is not read "
            "(open it with cryptsetup and examine what that gives)",
        ),
        ("APFS", "APFS file system, of a Mac, which is not read (mount it read-only and examine the folder)"),
        (
            "ReFS",
            "ReFS file system, which is not read "
            "(on a Windows that mounts it, copy what it holds into a folder and examine that)",
        ),
    ],
)
def test_other_file_systems(kind: str, words: str) -> None:
    assert other_file_system(kind) == words


def sparse(folder: Path, size: int, at: int | None = None) -> VolumeReader:
    path = folder / "sparse"
    with path.open("wb") as file:
        file.truncate(size)
        if at is not None:
            file.seek(at)
            file.write(b"x")
    return VolumeReader(path.open("rb"), 0, size)


def test_zeros_are_told_as_far_as_they_were_looked_at(tmp_path: Path) -> None:
    assert only_zeros(sparse(tmp_path, 8 * MIB), 8 * MIB) == "only zeros"
    assert only_zeros(sparse(tmp_path, 8 * MIB, 8 * MIB - 1), 8 * MIB) is None
    large = 1 << 40
    words = "only zeros in its first 8 MiB and in 64 samples"
    assert only_zeros(sparse(tmp_path, large), large) == words
    assert only_zeros(sparse(tmp_path, large, large - 1), large) is None
    assert only_zeros(sparse(tmp_path, large, 8 * MIB - 1), large) is None
    assert only_zeros(sparse(tmp_path, 4096), 5000) is None, "it cannot be read to its end"
    assert no_file_system(sparse(tmp_path, large, 7), large) == "no known file system"
    why = "so it was never written, was wiped, or nothing was copied into it; examine another copy"
    assert no_volume(sparse(tmp_path, large), large) == f"has no partitions: it holds {words}, {why}"


def test_a_partition_beyond_the_end_is_said_to_be_that(tmp_path: Path) -> None:
    disk = tmp_path / "disk.raw"
    build_disk([Volume(None, LINUX, "a", 4 * MIB), Volume(None, LINUX, "b", 4 * MIB)], disk)
    with disk.open("r+b") as file:
        file.truncate(4 * MIB)
    with open_source(disk) as source:
        assert [row.detail for row in source.coverage] == [
            "no known file system",
            "lies beyond the end of the disk, which has 4194304 bytes: the image is truncated",
        ]
        assert not any("outside the volume" in problem.message for problem in source.problems)
        said = nothing_found(source)
        assert ": partition 1: no known file system; partition 2: lies beyond the end of the disk, which" in said


def test_what_kept_a_volume_from_being_read_is_told_once() -> None:
    source = Source("disk.raw")
    source.problem("disk.raw#partition 1", "bitlocker_locked", "encrypted by BitLocker")
    source.coverage.tell("volume", "partition 1", Outcome("not_examined", "encrypted by BitLocker"), "p1")
    assert nothing_found(source) == "no Windows installation was found in it: encrypted by BitLocker"
    source.problem("disk.raw", "not_obtained", "chunk 7 was not obtained")
    source.problem("disk.raw", "ntfs_dirty", "the volume is marked dirty")
    assert nothing_found(source) == (
        "no Windows installation was found in it: encrypted by BitLocker; chunk 7 was not obtained"
    )


def test_a_source_without_volumes_tells_the_first_reason() -> None:
    source = Source("folder")
    assert nothing_found(source) == "no Windows installation was found in it"
    source.coverage.tell("hive", "SYSTEM", Outcome("unreadable", "it is torn"), "SYSTEM")
    assert nothing_found(source) == "no Windows installation was found in it: it is torn"
    source.problem("SYSTEM", "truncated", "it is cut short")
    assert nothing_found(source) == "no Windows installation was found in it: it is cut short"


def test_many_volumes_are_counted() -> None:
    source = Source("disk.raw")
    for number in range(1, 11):
        source.coverage.tell("volume", f"partition {number}", Outcome("not_examined", "FAT"), f"p{number}")
    assert nothing_found(source).endswith("; partition 8: FAT; and 2 more volumes")


def test_the_microsoft_reserved_partition_alone(tmp_path: Path) -> None:
    disk = tmp_path / "disk.raw"
    build_disk([Volume(None, gpt.MICROSOFT_RESERVED, "Microsoft reserved partition", 16 * MIB)], disk)
    assert error_of(disk) == "no Windows installation was found in it: Microsoft reserved partition"
