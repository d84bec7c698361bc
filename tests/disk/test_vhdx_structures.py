"""VHDX structures: published values, and FormatError alone on anything else."""

from __future__ import annotations

import contextlib
import io
import random
import struct
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.disk.vhdx import structures as fmt
from forensics.disk.vhdx.crc32c import checksum_holds, crc32c
from forensics.disk.vhdx.log_entry import parse_log_entry, parse_log_entry_header
from forensics.formats.errors import FormatError
from testdata.builder.crc32c import stamp
from testdata.builder.vhdx import write_differencing, write_dynamic

MIB = 1 << 20


@pytest.mark.parametrize(
    ("data", "checksum"),
    [
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"", 0),
    ],
)
def test_crc32c_of_rfc_3720(data: bytes, checksum: int) -> None:
    assert crc32c(data) == checksum


def bitwise(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 9000), st.integers(0, 3000), st.integers())
def test_crc32c_is_the_bitwise_one_for_short_long_and_mostly_zero_data(length: int, zeros: int, seed: int) -> None:
    data = random.Random(seed).randbytes(length) + bytes(zeros)
    assert crc32c(data) == bitwise(data)


def header(**changed: int) -> bytes:
    values = {"sequence": 9, "log_version": 0, "version": 1, "log_length": MIB, "log_offset": MIB} | changed
    log_guid = uuid.UUID(int=values.pop("log", 0))
    return stamp(
        struct.pack(
            "<4sIQ16s16s16sHHIQ",
            b"head",
            0,
            values["sequence"],
            uuid.UUID(int=1).bytes_le,
            uuid.UUID("00112233-4455-6677-8899-aabbccddeeff").bytes_le,
            log_guid.bytes_le,
            values["log_version"],
            values["version"],
            values["log_length"],
            values["log_offset"],
        ).ljust(4096, b"\0")
    )


def test_header() -> None:
    parsed = fmt.parse_header(header())
    assert parsed == fmt.VhdxHeader(
        sequence=9,
        file_write_guid=uuid.UUID(int=1),
        data_write_guid=uuid.UUID("00112233-4455-6677-8899-aabbccddeeff"),
        log_guid=uuid.UUID(int=0),
        log_offset=MIB,
        log_length=MIB,
    )
    assert not parsed.is_dirty
    assert fmt.parse_header(header(log=7)).is_dirty


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "truncated"),
        (b"daeh" + bytes(4092), "bad_magic"),
        (header()[:4095], "truncated"),
        (header()[:100] + b"\1" + header()[101:], "bad_checksum"),
        (header(version=2), "unknown_version"),
        (header(log_version=1, log=7), "unknown_version"),
    ],
)
def test_header_refused(data: bytes, kind: str) -> None:
    with pytest.raises(FormatError) as caught:
        fmt.parse_header(data)
    assert caught.value.kind == kind


def region_table(*entries: tuple[uuid.UUID, int, int, int], count: int | None = None) -> bytes:
    body = struct.pack("<4sIII", b"regi", 0, len(entries) if count is None else count, 0)
    body += b"".join(struct.pack("<16sQII", guid.bytes_le, *rest) for guid, *rest in entries)
    return stamp(body.ljust(65536, b"\0"))


BAT = (fmt.BAT_REGION, 3 * MIB, MIB, 1)
METADATA = (fmt.METADATA_REGION, 2 * MIB, MIB, 1)
UNKNOWN = uuid.UUID(int=77)


def test_region_table() -> None:
    table = fmt.parse_region_table(region_table(METADATA, (UNKNOWN, 5 * MIB, MIB, 0), BAT))
    assert table == fmt.RegionTable(bat=fmt.Region(3 * MIB, MIB), metadata=fmt.Region(2 * MIB, MIB))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (region_table(BAT), "missing_region"),
        (region_table(BAT, METADATA, (UNKNOWN, 5 * MIB, MIB, 1)), "unknown_required"),
        (region_table(BAT, METADATA, BAT), "duplicate"),
        (region_table(METADATA, (fmt.BAT_REGION, 3 * MIB + 1, MIB, 1)), "bad_region"),
        (region_table(METADATA, (fmt.BAT_REGION, 0, MIB, 1)), "bad_region"),
        (region_table(METADATA, (fmt.BAT_REGION, 3 * MIB, 0, 1)), "bad_region"),
        (region_table(METADATA, BAT, count=2048), "bad_count"),
    ],
)
def test_region_table_refused(data: bytes, kind: str) -> None:
    with pytest.raises(FormatError) as caught:
        fmt.parse_region_table(data)
    assert caught.value.kind == kind


def locator(texts: dict[str, str], kind: uuid.UUID = fmt.VHDX_PARENT_LOCATOR_TYPE) -> bytes:
    head = struct.pack("<16sHH", kind.bytes_le, 0, len(texts))
    at = len(head) + 12 * len(texts)
    entries = text = b""
    for key, value in texts.items():
        raw_key, raw_value = key.encode("utf-16-le"), value.encode("utf-16-le")
        entries += struct.pack("<IIHH", at + len(text), at + len(text) + len(raw_key), len(raw_key), len(raw_value))
        text += raw_key + raw_value
    return head + entries + text


def test_parent_locator() -> None:
    linkage = uuid.UUID("83ed0ec3-24c8-49a6-a959-5e4bd1288791")
    parsed = fmt.parse_parent_locator(
        locator(
            {
                "absolute_win32_path": "C:\\VMs\\Größe.vhdx",
                "parent_linkage": f"{{{linkage}}}".upper(),
                "parent_linkage2": f"{{{uuid.UUID(int=0)}}}",
                "relative_path": "..\\Größe.vhdx",
                "volume_path": "\\\\?\\Volume{26a21bda-a627-11d7-9931-806e6f6e6963}\\VMs\\Größe.vhdx",
            }
        )
    )
    assert parsed == fmt.ParentLocator(
        linkage=linkage,
        linkage2=None,
        relative_path="..\\Größe.vhdx",
        volume_path="\\\\?\\Volume{26a21bda-a627-11d7-9931-806e6f6e6963}\\VMs\\Größe.vhdx",
        absolute_win32_path="C:\\VMs\\Größe.vhdx",
    )


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (locator({"parent_linkage": "{83ed0ec3-24c8-49a6-a959-5e4bd1288791}"}, UNKNOWN), "unknown_locator"),
        (locator({"relative_path": "x"}), "missing_item"),
        (locator({"parent_linkage": "no GUID"}), "bad_guid"),
        (locator({"parent_linkage": "x"})[:30], "truncated"),
        # 5,000 keys that all point to one long text: 5,000 times its length to decode.
        (
            struct.pack("<16sHH", fmt.VHDX_PARENT_LOCATOR_TYPE.bytes_le, 0, 5000)
            + struct.pack("<IIHH", 0, 0, 65534, 65534) * 5000,
            "bad_length",
        ),
    ],
)
def test_parent_locator_refused(data: bytes, kind: str) -> None:
    with pytest.raises(FormatError) as caught:
        fmt.parse_parent_locator(data)
    assert caught.value.kind == kind


def test_bat_entry_of_the_specification() -> None:
    assert fmt.decode_bat_entry(0x0000_0000_0030_0006) == fmt.BatEntry(fmt.FULLY_PRESENT, 3 * MIB)
    assert fmt.decode_bat_entry((0x123456 << 20) | 7) == fmt.BatEntry(fmt.PARTIALLY_PRESENT, 0x123456 * MIB)


@pytest.mark.parametrize(
    ("sector_size", "block_size", "ratio"),
    [(512, 32 * MIB, 128), (512, MIB, 4096), (512, 256 * MIB, 16), (4096, 32 * MIB, 1024), (4096, MIB, 32768)],
)
def test_chunk_ratio(sector_size: int, block_size: int, ratio: int) -> None:
    geometry = fmt.Geometry(10 << 40, block_size, sector_size)
    assert geometry.chunk_ratio == ratio
    # The bitmap entry follows the chunk's last payload entry; the next chunk starts behind it.
    assert geometry.payload_index(ratio - 1) == ratio - 1
    assert geometry.bitmap_index(0) == geometry.bitmap_index(ratio - 1) == ratio
    assert geometry.payload_index(ratio) == ratio + 1
    assert geometry.bitmap_index(ratio) == 2 * ratio + 1


def test_bat_entries_with_and_without_parent() -> None:
    geometry = fmt.Geometry(5 << 30, 32 * MIB, 512)
    assert geometry.blocks == 160
    assert geometry.bat_entries(has_parent=False) == 161
    assert geometry.bat_entries(has_parent=True) == 258


def log_entry(**changed: int) -> bytes:
    values = {"length": 8192, "descriptors": 2, "sequence": 5, "own": 5, "data": 5, "offset": 8192} | changed
    head = struct.pack(
        "<4sIIIQII16sQQ",
        b"loge",
        0,
        values["length"],
        0,
        values["sequence"],
        values["descriptors"],
        0,
        UNKNOWN.bytes_le,
        7 * MIB,
        9 * MIB,
    )
    head += struct.pack("<4s4s8sQQ", b"desc", b"tail", b"headhead", values["offset"], values["own"])
    head += struct.pack("<4sIQQQ", b"zero", 0, 3 * 4096, 5 * 4096, 5)
    sector = struct.pack("<4sI4084sI", b"data", 0, b"m" * 4084, values["data"])
    return stamp(head.ljust(4096, b"\0") + sector)


def test_log_entry() -> None:
    entry = parse_log_entry(log_entry())
    assert (entry.header.sequence, entry.header.log_guid) == (5, UNKNOWN)
    assert (entry.header.flushed_file_offset, entry.header.last_file_offset) == (7 * MIB, 9 * MIB)
    data, zero = entry.writes
    assert (data.offset, data.length, data.data) == (8192, 4096, b"headhead" + b"m" * 4084 + b"tail")
    assert (zero.offset, zero.length, zero.data) == (5 * 4096, 3 * 4096, None)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (log_entry(sequence=0), "bad_sequence"),
        (log_entry(own=4), "bad_sequence"),
        (log_entry(data=4), "bad_magic"),
        (log_entry(offset=100), "bad_offset"),
        (log_entry(length=8193), "bad_length"),
        (log_entry(length=12288), "truncated"),
        (log_entry(descriptors=3), "bad_magic"),
        (log_entry(descriptors=1 << 31), "bad_length"),
        (log_entry()[:-9] + b"\xff" + log_entry()[-8:], "bad_checksum"),
        (log_entry()[:-1] + b"\xff", "bad_magic"),
    ],
)
def test_log_entry_refused(data: bytes, kind: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_log_entry(data)
    assert caught.value.kind == kind


PARSERS: list[Callable[[bytes], object]] = [
    fmt.parse_file_identifier,
    fmt.parse_header,
    fmt.parse_region_table,
    lambda data: fmt.parse_metadata_table(data, MIB),
    fmt.parse_file_parameters,
    lambda data: fmt.parse_disk_size(data, 512),
    fmt.parse_sector_size,
    fmt.parse_parent_locator,
    parse_log_entry_header,
    parse_log_entry,
]
SEEDS = [
    b"",
    header(),
    region_table(BAT, METADATA),
    b"metadata" + struct.pack("<HH20x", 0, 3) + bytes(96),
    locator({"parent_linkage": "{83ed0ec3-24c8-49a6-a959-5e4bd1288791}", "relative_path": "x"}),
    log_entry(),
]


@settings(max_examples=300, deadline=None)
@given(data=st.data(), parse=st.sampled_from(PARSERS))
def test_parsers_raise_nothing_but_format_error(data: st.DataObject, parse: Callable[[bytes], object]) -> None:
    content = bytearray(data.draw(st.sampled_from(SEEDS)) or data.draw(st.binary(max_size=300)))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, min(len(content), 400)))
        new = data.draw(st.binary(max_size=8))
        content[at : at + len(new)] = new
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    elif data.draw(st.booleans()) and len(content) >= 8:
        # A right checksum lets the lies through.
        content[4:8] = bytes(4)
        content = bytearray(stamp(bytes(content)))
    with contextlib.suppress(FormatError):
        parse(bytes(content))


def test_structures_of_the_writer_pass_their_checksums(tmp_path: Path) -> None:
    write_dynamic(io.BytesIO(b"x" * MIB), MIB, tmp_path / "base.vhdx")
    write_differencing(tmp_path / "base.vhdx", [(0, b"y" * 512)], tmp_path / "child.vhdx")
    data = (tmp_path / "child.vhdx").read_bytes()
    for offset in fmt.HEADER_OFFSETS:
        assert checksum_holds(data[offset : offset + fmt.HEADER_SIZE])
        assert bitwise(data[offset : offset + 4] + bytes(4) + data[offset + 8 : offset + 4096]) == int.from_bytes(
            data[offset + 4 : offset + 8], "little"
        )
