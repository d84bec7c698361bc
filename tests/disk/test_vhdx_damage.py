"""Damaged, truncated and hostile VHDX files: refused with a reason, or read as far as they go and said so."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.disk.errors import SourceError
from forensics.disk.vhdx.reader import VhdxReadError, open_vhdx
from testdata.builder.vhdx import write_differencing, write_dynamic, write_fixed
from testdata.builder.vhdx_log import LogShape
from tests.disk.vhdx_disks import (
    BAT,
    DISK,
    HEADERS,
    LOG,
    METADATA,
    MIB,
    REGION_TABLES,
    Counting,
    assert_reads_like,
    at,
    content,
    crc32c,
    patch,
    restamp,
)


@pytest.fixture(scope="module")
def raw() -> bytearray:
    return content(7)


@pytest.fixture
def shuffled(tmp_path: Path, raw: bytearray) -> Path:
    path = tmp_path / "shuffled.vhdx"
    write_dynamic(io.BytesIO(raw), len(raw), path, shuffle_seed="mix")
    return path


@pytest.fixture(scope="module")
def dirty_child(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    folder = tmp_path_factory.mktemp("mutated")
    raw = content(1, 2 * MIB)
    base, child = folder / "base.vhdx", folder / "child.avhdx"
    write_dynamic(io.BytesIO(raw), len(raw), base, pending=[(0, b"x" * 512)])
    write_differencing(base, [(0, b"y" * 1024)], child)
    return child.read_bytes(), base.read_bytes()


def test_a_log_that_cannot_be_replayed_is_a_problem_not_a_silence(tmp_path: Path, raw: bytearray) -> None:
    path = tmp_path / "dirty.vhdx"
    write_dynamic(io.BytesIO(raw), DISK, path, pending=[(0, b"x" * 512)])
    patch(path, LOG + 100, b"\xff")
    with open_vhdx(path) as stream:
        assert [problem.kind for problem in stream.problems] == ["log_not_replayed"]
        assert stream.read(512) == raw[:512]


def test_a_file_shorter_than_its_log_says_is_called_truncated(tmp_path: Path, raw: bytearray) -> None:
    path = tmp_path / "dirty.vhdx"
    write_dynamic(io.BytesIO(raw), DISK, path, pending=[(0, b"x" * 512)])
    size = path.stat().st_size
    with path.open("r+b") as fh:
        fh.truncate(size - MIB)
    with open_vhdx(path) as stream:
        assert [problem.kind for problem in stream.problems] == ["truncated"]
        assert str(size) in stream.problems[0].message
        assert stream.read(512) == b"x" * 512


def test_a_file_is_extended_to_the_size_its_log_asks_for(tmp_path: Path) -> None:
    raw = bytes([1]) * 2 * MIB
    path = tmp_path / "dirty.vhdx"
    write_dynamic(io.BytesIO(raw), len(raw), path, pending=[(0, b"x" * 512)], log=LogShape(unflushed=MIB // 2))
    with path.open("r+b") as fh:
        fh.truncate(path.stat().st_size - MIB // 2)
    with open_vhdx(path) as stream:
        assert stream.read() == b"x" * 512 + raw[512 : 3 * MIB // 2] + bytes(MIB // 2)
        assert stream.problems == []


def test_the_second_header_is_used_when_the_checksum_of_the_other_is_wrong(shuffled: Path, raw: bytearray) -> None:
    for broken in HEADERS:
        saved = shuffled.read_bytes()
        patch(shuffled, broken + 20, bytes([saved[broken + 20] ^ 0x10]))
        with open_vhdx(shuffled) as stream:
            assert [(problem.kind, problem.offset) for problem in stream.problems] == [("bad_checksum", broken)]
            assert_reads_like(at(stream), raw, 100)
        shuffled.write_bytes(saved)
    for broken in HEADERS:
        patch(shuffled, broken + 20, b"\xaa\xbb")
    with pytest.raises(SourceError, match="checksum of the VHDX header"):
        open_vhdx(shuffled)


def test_the_header_with_the_higher_sequence_counts(tmp_path: Path, raw: bytearray) -> None:
    # The older header knows of no log: taking it would lose the pending change.
    path = tmp_path / "dirty.vhdx"
    write_dynamic(io.BytesIO(raw), DISK, path, pending=[(0, b"x" * 512)])
    patch(path, HEADERS[0] + 48, bytes(16))
    restamp(path, HEADERS[0], 4096)
    with open_vhdx(path) as stream:
        assert stream.problems == []
        assert stream.read(512) == b"x" * 512


def test_the_second_region_table_is_used_when_the_first_is_bad(shuffled: Path, raw: bytearray) -> None:
    patch(shuffled, REGION_TABLES[0] + 40, b"\xff\xff")
    with open_vhdx(shuffled) as stream:
        assert [(problem.kind, problem.offset) for problem in stream.problems] == [("bad_checksum", REGION_TABLES[0])]
        assert_reads_like(at(stream), raw, 100)
    patch(shuffled, REGION_TABLES[1] + 40, b"\xff\xff")
    with pytest.raises(SourceError, match="region table"):
        open_vhdx(shuffled)


@pytest.mark.parametrize("required", [True, False])
def test_an_unknown_region_is_refused_only_when_required(shuffled: Path, raw: bytearray, required: bool) -> None:
    entry = struct.pack("<16sQII", b"unknown region!!", 1 << 30, MIB, int(required))
    for table in REGION_TABLES:
        patch(shuffled, table + 8, struct.pack("<I", 3))
        patch(shuffled, table + 16 + 64, entry)
        restamp(shuffled, table, 64 << 10)
    if required:
        with pytest.raises(SourceError, match="required region"):
            open_vhdx(shuffled)
    else:
        with open_vhdx(shuffled) as stream:
            assert_reads_like(at(stream), raw, 100)


@pytest.mark.parametrize("flags", [0, 1, 4, 5])
def test_an_unknown_metadata_item_is_refused_only_when_required(shuffled: Path, flags: int) -> None:
    patch(shuffled, METADATA + 10, struct.pack("<H", 6))
    patch(shuffled, METADATA + 32 * 6, struct.pack("<16sIII4x", b"unknown item!!!!", 65536, 8, flags))
    if flags & 4:
        with pytest.raises(SourceError, match="required metadata item"):
            open_vhdx(shuffled)
    else:
        open_vhdx(shuffled).close()


def test_the_beginning_of_a_truncated_file_reads_and_the_rest_names_its_block(tmp_path: Path, raw: bytearray) -> None:
    path = tmp_path / "disk.vhdx"
    write_fixed(io.BytesIO(raw), DISK, path)
    kept = BAT + MIB + 10 * MIB + 300 * 1024
    with path.open("r+b") as fh:
        fh.truncate(kept)
    end = 10 * MIB + 300 * 1024
    with open_vhdx(path) as stream:
        assert_reads_like(at(stream), raw[:end], 200)
        for number, offset in ((10, end), (15, 15 * MIB + 7)):
            stream.seek(offset)
            with pytest.raises(VhdxReadError, match=rf"block {number} of the virtual disk"):
                stream.read(100)
        assert [(each.kind, each.offset) for each in stream.problems] == [
            ("block_beyond_end", 10 * MIB),
            ("block_beyond_end", 15 * MIB),
        ]
        stream.seek(0)
        assert stream.read(4096) == raw[:4096]


@pytest.mark.parametrize("state", [4, 5, 7])
def test_a_block_state_that_this_disk_cannot_have_is_an_error(shuffled: Path, state: int) -> None:
    patch(shuffled, BAT, struct.pack("<Q", 4 * MIB | state))
    with open_vhdx(shuffled) as stream:
        with pytest.raises(VhdxReadError, match=f"block 0 of the virtual disk has state {state}"):
            stream.read(512)
        assert [problem.kind for problem in stream.problems] == ["bad_block_state"]


@pytest.mark.parametrize("state", [1, 2, 3])
def test_blocks_without_data_are_zero(shuffled: Path, state: int) -> None:
    patch(shuffled, BAT, struct.pack("<Q", 4 * MIB | state))
    with open_vhdx(shuffled) as stream:
        assert stream.read(MIB) == bytes(MIB)


def test_a_zeroed_block_of_a_child_hides_the_parent(tmp_path: Path, raw: bytearray) -> None:
    # libvhdi reads the parent here; [MS-VHDX] 2.5.1.1 says that reads of PAYLOAD_BLOCK_ZERO return zeros.
    full = next(start for start in range(0, DISK, MIB) if any(raw[start : start + MIB]))
    write_dynamic(io.BytesIO(raw), DISK, tmp_path / "base.vhdx")
    write_differencing(tmp_path / "base.vhdx", [(full, bytes(MIB))], tmp_path / "child.vhdx")
    with open_vhdx(tmp_path / "child.vhdx") as stream:
        stream.seek(full)
        assert stream.read(MIB) == bytes(MIB)


def test_a_partial_block_without_bitmap_is_an_error(tmp_path: Path, raw: bytearray) -> None:
    write_dynamic(io.BytesIO(raw), DISK, tmp_path / "base.vhdx")
    write_differencing(tmp_path / "base.vhdx", [(512, bytes(512))], tmp_path / "child.vhdx")
    patch(tmp_path / "child.vhdx", BAT + 4096 * 8, bytes(8))
    with (
        open_vhdx(tmp_path / "child.vhdx") as stream,
        pytest.raises(VhdxReadError, match=r"block 0 .* no readable sector bitmap"),
    ):
        stream.read(512)


@pytest.mark.parametrize(
    ("offset", "value", "says"),
    [
        (METADATA + 65536, struct.pack("<I", 0), "block size"),
        (METADATA + 65536, struct.pack("<I", 3 * MIB), "block size"),
        (METADATA + 65536, struct.pack("<I", 1 << 31), "block size"),
        (METADATA + 65536 + 8, struct.pack("<Q", 1 << 63), "virtual disk size"),
        (METADATA + 65536 + 8, struct.pack("<Q", 64 << 40), "the BAT has"),
        (METADATA + 65536 + 8, bytes(8), "virtual disk size"),
        (METADATA + 65536 + 16, struct.pack("<I", 1), "sector size"),
        (METADATA + 10, struct.pack("<H", 65535), "at most 2047"),
        (METADATA + 32 + 20, struct.pack("<I", 1 << 31), "lies outside"),
    ],
)
def test_lying_metadata_is_refused(shuffled: Path, offset: int, value: bytes, says: str) -> None:
    patch(shuffled, offset, value)
    with pytest.raises(SourceError, match=says):
        open_vhdx(shuffled)


def test_lying_log_length_costs_nothing(tmp_path: Path, raw: bytearray) -> None:
    path = tmp_path / "dirty.vhdx"
    write_dynamic(io.BytesIO(raw), DISK, path, pending=[(0, b"x" * 512)])
    patch(path, HEADERS[1] + 68, struct.pack("<I", 0xFFF00000))
    restamp(path, HEADERS[1], 4096)
    image = Counting(path.read_bytes())
    stream = open_vhdx(image)
    assert [problem.kind for problem in stream.problems] == ["log_not_replayed"]
    assert image.taken < 200_000


def test_not_a_vhdx_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="vhdxfile"):
        open_vhdx(io.BytesIO(b"conectix" * 1000))
    with pytest.raises(SourceError, match="cannot be read"):
        open_vhdx(tmp_path / "none.vhdx")


@settings(max_examples=150, deadline=2000)
@given(data=st.data())
def test_mutated_files_end_soon_with_source_errors_only(data: st.DataObject, dirty_child: tuple[bytes, bytes]) -> None:
    child, base = map(bytearray, dirty_child)
    victim = data.draw(st.sampled_from([child, base]))
    frame = [*HEADERS, *REGION_TABLES, LOG, METADATA, METADATA + 65536, BAT]
    for _ in range(data.draw(st.integers(1, 4))):
        offset = data.draw(st.sampled_from(frame)) + data.draw(st.integers(0, 300))
        new = data.draw(st.binary(min_size=1, max_size=8))
        victim[offset : offset + len(new)] = new
    # Right checksums let the lies through to the parsers behind them.
    if data.draw(st.booleans()):
        for offset in HEADERS:
            checksum = crc32c(bytes(victim[offset : offset + 4096]))
            victim[offset + 4 : offset + 8] = struct.pack("<I", checksum)
    image = Counting(child)
    try:
        stream = open_vhdx(image, resolve_parent=lambda name, locator: [("base", lambda: io.BytesIO(base))])
    except SourceError:
        return
    for offset in (0, 512, MIB - 100, stream.size - 4096):
        try:
            stream.seek(max(0, offset))
            stream.read(8192)
        except VhdxReadError:
            assert stream.problems
    assert image.taken < 2 * MIB
