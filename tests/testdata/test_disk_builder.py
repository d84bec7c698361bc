"""Partition tables and disks, checked with sgdisk and dissect.volume."""

from __future__ import annotations

import struct
import subprocess
import uuid
from pathlib import Path

import pytest
from dissect.volume.disk import Disk

from testdata.builder import gpt
from testdata.builder.disk import Volume, build_disk, data_ranges
from tests.oracles import tool

MIB = 1 << 20


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    """Two volumes: 3 MiB with data at its ends and a hole between, and 5 MiB."""
    first, second = tmp_path / "first", tmp_path / "second"
    with first.open("wb") as file:
        file.truncate(3 * MIB)
        file.write(b"FIRST" * 1000)
        file.seek(3 * MIB - 5)
        file.write(b"FINAL")
    second.write_bytes(b"SECOND".ljust(5 * MIB, b"\2"))
    return [first, second]


def test_sgdisk_finds_no_fault(images: list[Path], tmp_path: Path) -> None:
    sgdisk = tool("sgdisk", "gdisk")
    out = tmp_path / "disk"
    build_disk([Volume(images[0], gpt.EFI_SYSTEM, "EFI system partition"), images[1]], out)
    checked = subprocess.run([sgdisk, "-v", str(out)], capture_output=True, text=True, check=True)
    assert "No problems found" in checked.stdout
    assert checked.stderr == ""
    shown = subprocess.run([sgdisk, "-i", "1", str(out)], capture_output=True, text=True, check=True).stdout
    assert "C12A7328-F81F-11D2-BA4B-00A0C93EC93B (EFI system partition)" in shown
    assert "First sector: 2048 (at 1024.0 KiB)" in shown
    assert "Last sector: 8191 (at 4.0 MiB)" in shown


@pytest.mark.parametrize("sector_size", [512, 4096])
def test_gpt_partitions(images: list[Path], tmp_path: Path, sector_size: int) -> None:
    out = tmp_path / "disk"
    reserved = Volume(None, gpt.MICROSOFT_RESERVED, "Microsoft reserved partition", size=16 * MIB)
    assert build_disk([images[0], reserved, images[1]], out, sector_size=sector_size) == [MIB, 4 * MIB, 20 * MIB]
    with out.open("rb") as file:
        partitions = Disk(file, sector_size=sector_size).partitions
        assert [item.offset for item in partitions] == [MIB, 4 * MIB, 20 * MIB]
        assert [uuid.UUID(str(item.type)) for item in partitions] == [
            gpt.BASIC_DATA,
            gpt.MICROSOFT_RESERVED,
            gpt.BASIC_DATA,
        ]
        assert partitions[0].open().read(5000) == b"FIRST" * 1000
        assert partitions[2].open().read(6) == b"SECOND"
    # dissect.volume 3.18 makes a GPT partition one sector too short, so the sizes are taken from the entries.
    entries = out.read_bytes()[2 * sector_size :]
    assert [struct.unpack_from("<QQ", entries, 128 * index + 32) for index in range(3)] == [
        (first * MIB // sector_size, last * MIB // sector_size - 1) for first, last in ((1, 4), (4, 20), (20, 25))
    ]
    assert out.read_bytes()[MIB : 4 * MIB] == images[0].read_bytes()
    assert out.read_bytes()[20 * MIB : 25 * MIB] == images[1].read_bytes()


def test_gpt_backup_is_the_last_sector(images: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "disk"
    build_disk([images[1]], out, size=16 * MIB)
    data = out.read_bytes()
    assert len(data) == 16 * MIB
    assert data[-512:-504] == b"EFI PART"
    here, there = struct.unpack_from("<QQ", data, len(data) - 512 + 24)
    assert (here, there) == (16 * MIB // 512 - 1, 1)


def test_mbr(images: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "disk"
    assert build_disk(images, out, scheme="mbr") == [MIB, 4 * MIB]
    data = out.read_bytes()
    assert data[510:512] == b"\x55\xaa"
    assert struct.unpack_from("<B3xB3xII", data, 446) == (0x80, 7, 2048, 6144)
    assert struct.unpack_from("<B3xB3xII", data, 462) == (0, 7, 8192, 10240)
    with out.open("rb") as file:
        partitions = Disk(file).partitions
        assert [item.open().read() for item in partitions] == [image.read_bytes() for image in images]


def test_no_partition_table(images: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "disk"
    assert build_disk([images[0]], out, scheme="none") == [0]
    assert out.read_bytes() == images[0].read_bytes()
    with pytest.raises(ValueError, match="exactly one volume"):
        build_disk(images, out, scheme="none")


def test_disk_stays_sparse(images: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "disk"
    build_disk([images[0]], out, size=1 << 33)
    with out.open("rb") as file:
        assert sum(end - start for start, end in data_ranges(file)) < MIB


def test_same_call_writes_same_bytes(images: list[Path], tmp_path: Path) -> None:
    build_disk(images, tmp_path / "one")
    build_disk(images, tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    build_disk(images, tmp_path / "three", seed="another")
    assert (tmp_path / "one").read_bytes() != (tmp_path / "three").read_bytes()


@pytest.mark.parametrize(
    "partitions",
    [
        [gpt.Partition(33, 10)],
        [gpt.Partition(2048, 100), gpt.Partition(2147, 10)],
        [gpt.Partition(2048, 1 << 20)],
    ],
    ids=["over the table", "over another", "past the end"],
)
def test_overlaps_are_refused(partitions: list[gpt.Partition]) -> None:
    with pytest.raises(ValueError, match="overlaps or leaves the disk"):
        gpt.gpt(partitions, 8192, uuid.UUID(int=1))
