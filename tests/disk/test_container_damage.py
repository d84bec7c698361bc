"""What a damaged container does not give was not obtained: the place is told, and everything else is read."""

from __future__ import annotations

import io
import random
import struct
import subprocess
from pathlib import Path

import pytest

from forensics.disk.checked_stream import CheckedStream
from forensics.disk.containers import open_disk, open_image
from forensics.disk.disk import Disk
from forensics.disk.errors import SourceError
from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.tree import Unreadable
from forensics.sources.source import Source
from testdata.builder.vhdx import write_dynamic
from tests.oracles import tool

MIB = 1 << 20
KIB64 = 64 << 10
SIZE = 8 * MIB


@pytest.fixture(scope="module")
def raw() -> bytes:
    """Text that shrinks but is unlike itself everywhere, and a hole."""
    lines = b"".join(b"%08d is the number of this line\n" % number for number in range(SIZE // 32))[:SIZE]
    return b"\0\1" + lines[2 : 3 * MIB] + bytes(MIB) + lines[4 * MIB : SIZE]


def convert(folder: Path, raw: bytes, kind: str, *options: str) -> Path:
    source, path = folder / "source.raw", folder / f"disk.{kind}"
    source.write_bytes(raw)
    command = [tool("qemu-img", "qemu-utils"), "convert", "-f", "raw", "-O", kind, *options, str(source), str(path)]
    subprocess.run(command, check=True)
    source.unlink()
    return path


def opened(path: Path, source: Source) -> Disk:
    return open_disk(open_image(path, str(path), source, lambda line: None), source)


def holes(disk: Disk, raw: bytes) -> list[int]:
    """Return the offsets of the pieces of 64 KiB that cannot be read; all others must be those of the disk."""
    reader, missing = VolumeReader(disk.stream, 0, disk.size), []
    for at in range(0, len(raw), KIB64):
        try:
            assert reader.read_at(at, KIB64) == raw[at : at + KIB64], at
        except Unreadable:
            missing.append(at)
    return missing


def told(source: Source) -> list[tuple[str, int | None, str]]:
    return [(problem.kind, problem.offset, problem.message) for problem in source.problems]


def lost(path: Path, at: int, why: str) -> tuple[str, int, str]:
    return "not_obtained", at, f"{path}: bytes {at} to {at + KIB64} of the disk were not obtained: {why}"


DAMAGED = "its compressed data is damaged"
CUT = "it lies beyond the end of the file, which is truncated"


@pytest.mark.parametrize("place", ["data", "checksum", "length"])
def test_a_bad_grain_of_a_stream_optimized_vmdk(tmp_path: Path, raw: bytes, place: str) -> None:
    path = convert(tmp_path, raw, "vmdk", "-o", "subformat=streamOptimized")
    data = bytearray(path.read_bytes())
    grain = 21
    # Each grain is preceded by its sector on the disk, a u64, and its length, a u32.
    at = next(
        at
        for at in range(KIB64, len(data), 512)
        if struct.unpack_from("<Q", data, at)[0] == grain * 128 and data[at + 12 : at + 13] == b"\x78"
    )
    (size,) = struct.unpack_from("<I", data, at + 8)
    if place == "length":
        struct.pack_into("<I", data, at + 8, size // 2)
    else:
        data[at + (60 if place == "data" else 12 + size - 1)] ^= 0xFF
    path.write_bytes(data)
    with Source(str(path)) as source:
        assert holes(opened(path, source), raw) == [grain * KIB64]
        assert told(source) == [lost(path, grain * KIB64, DAMAGED)]


def test_a_long_read_tells_the_very_place(tmp_path: Path, raw: bytes) -> None:
    path = convert(tmp_path, raw, "qcow2", "-c")
    broken = 37 * KIB64
    damage_cluster(path, broken)
    with Source(str(path)) as source:
        disk = opened(path, source)
        with pytest.raises(Unreadable, match=f"bytes {broken} to {broken + KIB64} of the disk were not obtained"):
            VolumeReader(disk.stream, 0, disk.size).read_at(0, 6 * MIB)
        assert told(source) == [lost(path, broken, DAMAGED)]


def damage_cluster(path: Path, at: int) -> None:
    """Overwrite the compressed cluster of a qcow2 that holds a byte of the disk, by its tables."""
    data = bytearray(path.read_bytes())
    l1 = struct.unpack_from(">Q", data, 40)[0]
    l2 = struct.unpack_from(">Q", data, l1)[0] & 0x00FFFFFFFFFFFE00
    entry = struct.unpack_from(">Q", data, l2 + 8 * (at // KIB64))[0]
    assert entry >> 62 & 1, "a compressed cluster"
    place = entry & (1 << 62 - (16 - 8)) - 1
    data[place : place + 40] = b"\xff" * 40
    path.write_bytes(data)


def test_a_bad_cluster_of_a_compressed_qcow2(tmp_path: Path, raw: bytes) -> None:
    path = convert(tmp_path, raw, "qcow2", "-c")
    damage_cluster(path, 5 * KIB64)
    with Source(str(path)) as source:
        assert holes(opened(path, source), raw) == [5 * KIB64]
        assert told(source) == [lost(path, 5 * KIB64, DAMAGED)]


@pytest.mark.parametrize("options", ["qcow2", "vmdk", "vdi", "vpc -o force_size=on"])
def test_a_copy_that_was_cut_short(tmp_path: Path, raw: bytes, options: str) -> None:
    path = convert(tmp_path, raw, *options.split())
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - MIB - 100])
    with Source(str(path)) as source:
        missing = holes(opened(path, source), raw)
        assert missing, "the end of the disk lay at the end of the file"
        assert missing[0] >= 6 * MIB
        reasons = {
            text.rpartition(" not obtained: ")[2] for problem, _, text in told(source) if problem == "not_obtained"
        }
        of_vdi = {f"block {number} lies beyond the end of the VDI file: it is truncated" for number in (6, 7)}
        assert reasons == (of_vdi if options == "vdi" else {CUT})
        assert {offset for problem, offset, _ in told(source) if problem == "not_obtained"} == set(missing)


def test_a_vhdx_that_was_cut_short(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "disk.vhdx"
    write_dynamic(io.BytesIO(raw), SIZE, path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - MIB - MIB // 2])
    with Source(str(path)) as source:
        missing = holes(opened(path, source), raw)
        assert missing == [6 * MIB + at for at in range(MIB // 2, 2 * MIB, KIB64)]
        assert [(kind, offset) for kind, offset, _ in told(source)] == [
            ("block_beyond_end", 6 * MIB),
            ("block_beyond_end", 7 * MIB),
        ]


def test_a_split_image_without_its_last_part_ends_early(tmp_path: Path, raw: bytes) -> None:
    for number in range(3):
        (tmp_path / f"disk.raw.{number + 1:03d}").write_bytes(raw[number * 2 * MIB :][: 2 * MIB])
    path = tmp_path / "disk.raw.001"
    with Source(str(path)) as source:
        disk = opened(path, source)
        assert disk.size == 6 * MIB
        reader = VolumeReader(disk.stream, 0, SIZE)
        assert reader.read_at(6 * MIB - 4096, 4096) == raw[6 * MIB - 4096 : 6 * MIB]
        with pytest.raises(Unreadable, match=f"the image ends before byte {6 * MIB + 4096}: it is truncated"):
            reader.read_at(6 * MIB, 4096)


def test_an_extent_that_is_too_short_moves_nothing(tmp_path: Path, raw: bytes) -> None:
    names = [tmp_path / f"web-f{number:03d}.vmdk" for number in (1, 2)]
    names[0].write_bytes(raw[: 4 * MIB - 5000])
    names[1].write_bytes(raw[4 * MIB :])
    lines = "\n".join(f'RW 8192 FLAT "{path.name}" 0' for path in names)
    path = tmp_path / "web.vmdk"
    path.write_text(f"# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\n{lines}\n")
    with Source(str(path)) as source:
        assert holes(opened(path, source), raw) == [4 * MIB - KIB64]
        assert told(source) == [lost(path, 4 * MIB - KIB64, "part 1 of it is shorter than it should be")]


@pytest.mark.parametrize("line", ["RW 8192 ZERO", 'RW 8192 FLAT "web-flat.vmdk" 63'])
def test_extents_that_are_not_read_are_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "web-flat.vmdk").write_bytes(bytes(4 * MIB))
    path = tmp_path / "web.vmdk"
    path.write_text(f"# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\n{line}\n")
    words = line.split()
    with Source(str(path)) as source, pytest.raises(SourceError) as caught:
        opened(path, source)
    name = words[3].strip('"') if len(words) > 3 else ""
    advice = "qemu-img convert -O raw, or cloning the machine, makes a disk of it that can be examined"
    assert caught.value.kind == "unsupported"
    assert caught.value.message == f"{path}: its extent '{name}' is of type {words[2]}, which is not read; {advice}"


def test_the_present_state_of_a_qcow2_with_internal_snapshots(tmp_path: Path, raw: bytes) -> None:
    path = convert(tmp_path, raw, "qcow2")
    qemu_io = tool("qemu-io", "qemu-utils")
    subprocess.run([tool("qemu-img", "qemu-utils"), "snapshot", "-c", "before", str(path)], check=True)
    subprocess.run([qemu_io, "-f", "qcow2", "-c", "write -P 0x41 1M 64k", str(path)], check=True, capture_output=True)
    expected = raw[:MIB] + b"A" * KIB64 + raw[MIB + KIB64 :]
    with Source(str(path)) as source:
        assert holes(opened(path, source), expected) == []
        assert source.problems == []


@pytest.mark.parametrize(
    ("bit", "kind", "message"),
    [
        (0, "marked_dirty", "the qcow2 is marked dirty: it was not closed, and may lack the last changes"),
        (
            1,
            "marked_corrupt",
            "the qcow2 is marked corrupt by whatever wrote it: what is read of it may contradict itself",
        ),
    ],
)
def test_marks_of_a_qcow2_are_told(tmp_path: Path, raw: bytes, bit: int, kind: str, message: str) -> None:
    path = convert(tmp_path, raw, "qcow2")
    data = bytearray(path.read_bytes())
    data[79] |= 1 << bit
    path.write_bytes(data)
    with Source(str(path)) as source:
        assert holes(opened(path, source), raw) == []
        assert told(source) == [(kind, None, message)]


def test_a_qcow2_that_claims_an_endless_table_is_refused(tmp_path: Path, raw: bytes) -> None:
    path = convert(tmp_path, raw, "qcow2")
    data = bytearray(path.read_bytes())
    struct.pack_into(">I", data, 36, 0xFFFFFFFF)
    path.write_bytes(data)
    with (
        Source(str(path)) as source,
        pytest.raises(SourceError, match="a qcow2 whose first table has 34359738360 bytes"),
    ):
        opened(path, source)


class Failing(io.BytesIO):
    """A library's stream that fails in one way at one place."""

    def __init__(self, data: bytes, at: int, failure: Exception) -> None:
        super().__init__(data)
        self._place, self._failure = at, failure

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and self.tell() <= self._place < self.tell() + size:
            raise self._failure
        return super().read(size)


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (OSError(5, "Input/output error"), "Input/output error"),
        (KeyError("bytes of the disk"), "its place in the file is damaged (KeyError)"),
        (EOFError(), CUT),
    ],
)
def test_failures_of_libraries_say_no_bytes_of_the_disk(failure: Exception, why: str) -> None:
    data = random.Random(1).randbytes(MIB)
    stream = CheckedStream(Failing(data, 100_000, failure), MIB, 512, "disk")
    assert stream.read(KIB64) == data[:KIB64]
    with pytest.raises(OSError, match="were not obtained") as caught:
        stream.read(KIB64)
    assert str(caught.value) == f"bytes {KIB64} to {2 * KIB64} of the disk were not obtained: {why}"
    stream.seek(2 * KIB64)
    assert stream.read() == data[2 * KIB64 :]
    assert [(p.kind, p.offset) for p in stream.notes.problems] == [("not_obtained", KIB64)]
