"""The VHDX reader against the raw content, libvhdi and qemu-img."""

from __future__ import annotations

import io
import random
import struct
import subprocess
from pathlib import Path

import pytest
import pyvhdi

from forensics.disk.vhdx.reader import open_vhdx
from testdata.builder.vhdx import write_differencing, write_dynamic, write_fixed
from testdata.builder.vhdx_log import LogShape
from tests.disk.vhdx_disks import (
    DISK,
    HEADERS,
    MIB,
    Counting,
    apply,
    assert_reads_like,
    at,
    content,
    patch,
    random_changes,
    raw_file,
    restamp,
)
from tests.oracles import tool
from tests.time_bound import within


def qemu_raw(image: Path, folder: Path) -> bytes:
    tool("qemu-img", "qemu-utils")
    out = folder / "qemu.raw"
    command = ["qemu-img", "convert", "-f", "vhdx", "-O", "raw", str(image), str(out)]
    subprocess.run(command, check=True, capture_output=True)
    return out.read_bytes()


@pytest.fixture(scope="module")
def raw() -> bytearray:
    return content(7)


@pytest.mark.parametrize("sector_size", [512, 4096])
@pytest.mark.parametrize("kind", ["dynamic in order", "dynamic shuffled", "dynamic 4 MiB blocks", "fixed"])
def test_reads_what_was_written_and_so_do_libvhdi_and_qemu(
    tmp_path: Path, raw: bytearray, kind: str, sector_size: int
) -> None:
    path = tmp_path / "disk.vhdx"
    source = io.BytesIO(raw)
    if kind == "fixed":
        write_fixed(source, DISK, path, sector_size=sector_size)
    else:
        shuffle = None if kind == "dynamic in order" else "mix"
        block = 4 * MIB if "4 MiB" in kind else MIB
        write_dynamic(source, DISK, path, block_size=block, sector_size=sector_size, shuffle_seed=shuffle)
    with open_vhdx(path) as stream:
        assert (stream.size, stream.sector_size, stream.problems) == (DISK, sector_size, [])
        assert_reads_like(at(stream), raw)
        stream.seek(0)
        assert stream.read() == raw
        assert stream.read(1) == b""
    other = pyvhdi.file()
    other.open(str(path))
    assert other.get_media_size() == DISK
    assert_reads_like(lambda offset, length: other.read_buffer_at_offset(length, offset), raw, 500)
    other.close()
    # qemu knows no VHDX with logical sectors of 4096 bytes.
    if sector_size == 512:
        assert qemu_raw(path, tmp_path) == raw


def test_bitmap_entries_between_the_blocks_are_skipped(tmp_path: Path) -> None:
    # A chunk is 4 GiB; only a disk beyond that has an entry that is no payload block in its BAT.
    size = 9 << 30
    marks = [0, (4 << 30) - 4096, 4 << 30, (8 << 30) - 512, 8 << 30, size - 4096]
    sparse = tmp_path / "disk.raw"
    with sparse.open("w+b") as fh:
        fh.truncate(size)
        for number, offset in enumerate(marks, 1):
            fh.seek(offset)
            fh.write(bytes([number]) * 512)
        write_dynamic(fh, size, tmp_path / "disk.vhdx", shuffle_seed="mix")
    other = pyvhdi.file()
    other.open(str(tmp_path / "disk.vhdx"))
    with open_vhdx(tmp_path / "disk.vhdx") as stream:
        for number, offset in enumerate(marks, 1):
            stream.seek(offset)
            assert stream.read(512) == bytes([number]) * 512
            assert other.read_buffer_at_offset(512, offset) == bytes([number]) * 512
    other.close()


def chain(folder: Path, raw: bytearray, sector_size: int) -> tuple[list[Path], bytearray]:
    """Write base, child and grandchild; return their paths and what the grandchild holds."""
    paths = [folder / "base.vhdx", folder / "child.avhdx", folder / "grandchild.avhdx"]
    write_dynamic(io.BytesIO(raw), len(raw), paths[0], sector_size=sector_size, shuffle_seed="base")
    first = random_changes(11, len(raw), sector_size, 60)
    # Whole blocks: one with data, and one zeroed of which a part is written again.
    first += [(5 * MIB, random.Random(3).randbytes(MIB)), (8 * MIB, bytes(MIB))]
    first += [(8 * MIB + 8192, b"again" + bytes(4091))]
    second = random_changes(12, len(raw), sector_size, 60)
    write_differencing(paths[0], first, paths[1], shuffle_seed="child", seed="child")
    write_differencing(paths[1], second, paths[2], block_size=2 * MIB, shuffle_seed="grandchild", seed="grandchild")
    return paths, apply(apply(raw, first), second)


@pytest.mark.parametrize("sector_size", [512, 4096])
def test_reads_a_differencing_chain_as_libvhdi_does(tmp_path: Path, raw: bytearray, sector_size: int) -> None:
    paths, expected = chain(tmp_path, raw, sector_size)
    with open_vhdx(paths[2]) as stream:
        assert stream.files == [str(path) for path in reversed(paths)]
        assert stream.problems == []
        assert_reads_like(at(stream), expected)
        stream.seek(0)
        assert stream.read() == expected
    files = [pyvhdi.file() for _ in paths]
    for file, path in zip(files, paths, strict=True):
        file.open(str(path))
    files[1].set_parent(files[0])
    files[2].set_parent(files[1])
    assert_reads_like(lambda offset, length: files[2].read_buffer_at_offset(length, offset), expected, 500)
    for file in reversed(files):
        file.close()


def test_a_child_larger_than_one_chunk_finds_its_bitmaps(tmp_path: Path) -> None:
    size = 9 << 30
    write_dynamic(io.BytesIO(b""), size, tmp_path / "base.vhdx", block_size=32 * MIB)
    spots = [512, (4 << 30) + 1536, (8 << 30) + 32 * MIB - 512]
    changes = [(offset, struct.pack("<Q", offset) * 64) for offset in spots]
    write_differencing(tmp_path / "base.vhdx", changes, tmp_path / "child.avhdx", block_size=32 * MIB)
    with open_vhdx(tmp_path / "child.avhdx") as stream:
        for offset in spots:
            stream.seek(offset - 512)
            assert stream.read(1536) == (bytes(512) + struct.pack("<Q", offset) * 64).ljust(1536, b"\0")


def pending_for(raw: bytearray) -> list[tuple[int, bytes]]:
    """Return changes of existing blocks, zeroed pages, and a block that was not there."""
    empty = next(start for start in range(0, DISK, MIB) if raw[start : start + MIB] == bytes(MIB))
    changes = random_changes(21, DISK, 512, 30, longest=12)
    changes = [change for change in changes if raw[change[0] // MIB * MIB :][:MIB] != bytes(MIB)]
    return [*changes, (4096 * 3, bytes(8192)), (empty + 1000, b"a new block" * 5000)]


SHAPES = {
    "start of the ring": LogShape(),
    "one entry wraps round": LogShape(start=MIB - 5 * 4096, pages_per_entry=200),
    "many entries wrap round": LogShape(start=MIB - 20 * 4096, pages_per_entry=7),
    "stale entries before": LogShape(start=64 << 10, stale=True),
    "torn entry after": LogShape(start=64 << 10, torn=True, pages_per_entry=3),
    "sequence beyond 32 bits": LogShape(first_sequence=(1 << 32) - 2, pages_per_entry=5),
    "descriptors in two sectors": LogShape(pages_per_entry=200),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_replays_the_log_as_qemu_does(tmp_path: Path, raw: bytearray, shape: LogShape) -> None:
    path = tmp_path / "dirty.vhdx"
    pending = pending_for(raw)
    write_dynamic(io.BytesIO(raw), DISK, path, shuffle_seed="mix", pending=pending, log=shape)
    before = path.read_bytes()
    expected = apply(raw, pending)
    with open_vhdx(path) as stream:
        assert stream.problems == []
        assert_reads_like(at(stream), expected)
        stream.seek(0)
        assert stream.read() == expected
    assert path.read_bytes() == before
    # A reader that ignores the log must see something else, else this test shows nothing.
    patch(path, HEADERS[1] + 48, bytes(16))
    restamp(path, HEADERS[1], 4096)
    patch(path, HEADERS[0], bytes(4))
    with open_vhdx(path) as stream:
        assert stream.read() != expected
    path.write_bytes(before)
    if shape is SHAPES["many entries wrap round"]:
        # qemu takes the entries at the start of the ring for a sequence of their own, although the tail of the last
        # one names an entry before them, and loses those at the end of the ring.
        return
    tool("qemu-img", "qemu-utils")
    subprocess.run(["qemu-img", "check", "-r", "all", str(path)], check=True, capture_output=True)
    assert path.read_bytes() != before
    assert qemu_raw(path, tmp_path) == expected


def test_opening_a_large_disk_reads_little_and_is_fast(tmp_path: Path) -> None:
    size = 127 << 30
    sparse = tmp_path / "disk.raw"
    with sparse.open("w+b") as fh:
        fh.truncate(size)
        fh.seek(100 << 30)
        fh.write(b"far")
        write_dynamic(fh, size, tmp_path / "disk.vhdx")
    image = Counting((tmp_path / "disk.vhdx").read_bytes())
    with within(0.015):
        stream = open_vhdx(image)
    bat = (size // MIB + size // (4096 * MIB) + 1) * 8
    assert image.taken < 150_000 + bat
    stream.seek(100 << 30)
    assert stream.read(3) == b"far"
    assert image.taken < 160_000 + bat


def test_the_same_arguments_write_the_same_bytes(tmp_path: Path, raw: bytearray) -> None:
    for name in ("a", "b"):
        with raw_file(tmp_path, raw).open("rb") as fh:
            write_dynamic(fh, DISK, tmp_path / name, shuffle_seed="mix", pending=[(0, b"x")])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with raw_file(tmp_path, raw).open("rb") as fh:
        write_dynamic(fh, DISK, tmp_path / "b", shuffle_seed="other", pending=[(0, b"x")])
    assert (tmp_path / "a").read_bytes() != (tmp_path / "b").read_bytes()
