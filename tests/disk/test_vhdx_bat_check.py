"""BAT entries of which only one can be right: neither block is read, and both are told."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest

from forensics.disk.vhdx.reader import VhdxReadError, VhdxStream, open_vhdx
from testdata.builder.vhdx import write_differencing, write_dynamic
from tests.disk.vhdx_disks import BAT, LOG, METADATA, MIB, at, content, patch

BLOCKS = 4


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    raw = bytearray(content(3, BLOCKS * MIB))
    for block in range(BLOCKS):
        raw[block * MIB] = 1  # every block has data
    path = tmp_path / "x.vhdx"
    write_dynamic(io.BytesIO(raw), len(raw), path, block_size=MIB)
    assert open_vhdx(path).problems == []
    return path


def entry(path: Path, index: int) -> int:
    return int(struct.unpack_from("<Q", path.read_bytes(), BAT + 8 * index)[0])


def lost(stream: VhdxStream) -> list[int]:
    """Return the blocks that cannot be read."""
    read, blocks = at(stream), []
    for block in range(BLOCKS):
        try:
            read(block * MIB, 4096)
        except VhdxReadError:
            blocks.append(block)
    return blocks


def test_two_entries_that_lead_to_one_block(disk: Path) -> None:
    place = entry(disk, 1)
    patch(disk, BAT + 8 * 3, struct.pack("<Q", place))
    stream = open_vhdx(disk)
    end = "one of them is damaged, and which cannot be told; copy it again"
    assert [(row.kind, row.offset, row.message) for row in stream.problems] == [
        (
            "shared_block",
            block * MIB,
            f"{disk}: the BAT lets block {block} of the virtual disk (its byte {block * MIB}) lie where there is also "
            f"block {other}, at byte {place >> 20 << 20} of the file: {end}",
        )
        for block, other in ((1, 3), (3, 1))
    ]
    assert lost(stream) == [1, 3]
    assert len(stream.problems) == 2


@pytest.mark.parametrize(
    ("place", "what"), [(LOG, "the log"), (BAT, "the BAT"), (METADATA, "the metadata")], ids=lambda value: str(value)
)
def test_an_entry_that_leads_into_the_structures_of_the_file(disk: Path, place: int, what: str) -> None:
    patch(disk, BAT + 8 * 2, struct.pack("<Q", place >> 20 << 20 | 6))
    stream = open_vhdx(disk)
    assert [(row.kind, row.offset) for row in stream.problems] == [("shared_block", 2 * MIB)]
    assert f"there is also {what}, at byte {place} of the file" in stream.problems[0].message
    assert lost(stream) == [2]


def test_a_sector_bitmap_that_lies_in_a_block(disk: Path, tmp_path: Path) -> None:
    child = tmp_path / "x-1.avhdx"
    write_differencing(disk, [(0, b"y" * 512), (2 * MIB, b"z" * 512)], child)
    assert open_vhdx(child).problems == []
    assert lost(open_vhdx(child)) == []
    ratio = (512 << 23) // open_vhdx(child)._chain[0].geometry.block_size
    patch(child, BAT + 8 * ratio, struct.pack("<Q", entry(child, 0) >> 20 << 20 | 6))
    stream = open_vhdx(child)
    assert {row.kind for row in stream.problems} == {"shared_block"}
    assert "there is also the sector bitmap of block 0" in stream.problems[0].message
    assert lost(stream) == [0, 2]


def test_entries_without_data_may_say_anything(disk: Path) -> None:
    for index, state in ((2, 2), (3, 3)):
        patch(disk, BAT + 8 * index, struct.pack("<Q", entry(disk, 1) >> 20 << 20 | state))
    stream = open_vhdx(disk)
    assert stream.problems == []
    assert lost(stream) == []
