"""Entries of transaction logs."""

from __future__ import annotations

import struct
from pathlib import Path
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics.formats.errors import FormatError
from forensics.registry.log_entries import parse_dirty_vector, parse_entry, parse_entry_header
from testdata.builder.regf_log import hvle_entry

PAGES = [(4096, b"\x11" * 4096), (512, b"\x22" * 512), (8192, b"\x33" * 8192)]


def test_first_entry_windows_wrote(realdata: Path) -> None:
    with ZipFile(realdata / "dirty-hives" / "system-b.zip") as archive:
        log = archive.read("Windows/System32/config/SYSTEM.LOG1")
    entry = parse_entry(log[512:])
    assert (entry.header.size, entry.header.sequence, entry.header.bins_size) == (15872, 2107, 12398592)
    assert entry.header.page_count == len(entry.pages) == 3
    assert all(page.offset % 4096 == 0 for page in entry.pages)
    assert entry.header.hash1 == 0x4B70B6A1BE2C81C4


def test_pages_come_in_the_order_of_the_log() -> None:
    entry = parse_entry(hvle_entry(9, 16384, PAGES))
    assert [(page.offset, page.data) for page in entry.pages] == PAGES
    assert (entry.header.sequence, entry.header.bins_size) == (9, 16384)


@pytest.mark.parametrize(("at", "kind"), [(13, "bad_hash"), (33, "bad_hash"), (60, "bad_hash"), (5000, "bad_hash")])
def test_one_flipped_bit_is_seen(at: int, kind: str) -> None:
    raw = bytearray(hvle_entry(9, 16384, PAGES))
    raw[at] ^= 1
    with pytest.raises(FormatError) as error:
        parse_entry(bytes(raw))
    assert error.value.kind == kind


@pytest.mark.parametrize(
    ("pages", "bins_size"),
    [
        ([(4096, bytes(4096))], 4096),
        ([(100, bytes(512))], 16384),
        ([(0, bytes(100))], 16384),
        ([(0, b"")], 16384),
    ],
    ids=["beyond the bins", "odd offset", "odd size", "empty"],
)
def test_pages_that_cannot_be(pages: list[tuple[int, bytes]], bins_size: int) -> None:
    with pytest.raises(FormatError) as error:
        parse_entry(hvle_entry(9, bins_size, pages))
    assert error.value.kind == "bad_page"


def test_end_of_the_log_and_cut_entry() -> None:
    raw = hvle_entry(9, 16384, PAGES)
    for data, kind in ((bytes(512), "bad_magic"), (raw[:39], "truncated"), (raw[:-512], "truncated")):
        with pytest.raises(FormatError) as error:
            parse_entry(data)
        assert error.value.kind == kind


def test_dirty_vector_runs_least_significant_bit_first() -> None:
    # 16 KiB of bins: 32 pages. Pages 0, 1, 9 and 31 are dirty.
    vector = parse_dirty_vector(b"DIRT" + bytes([0b00000011, 0b00000010, 0, 0b10000000]), 16384)
    assert vector.runs == ((0, 1024), (9 * 512, 512), (31 * 512, 512))
    assert vector.data_start == 1024


def test_dirty_vector_data_begins_at_the_next_512_bytes() -> None:
    assert parse_dirty_vector(b"DIRT" + bytes(508), 508 * 8 * 512).data_start == 1024
    assert parse_dirty_vector(b"DIRT" + bytes(512), 512 * 8 * 512).data_start == 1536


@given(data=st.binary(max_size=200), magic=st.booleans())
def test_parsers_raise_only_format_errors(data: bytes, magic: bool) -> None:
    for parse in (parse_entry, parse_entry_header):
        with pytest.raises(FormatError):
            parse((b"HvLE" if magic else b"") + data)
    try:
        vector = parse_dirty_vector((b"DIRT" if magic else b"") + data, 1 << 16)
    except FormatError:
        return
    assert magic
    assert sum(length for _, length in vector.runs) <= 1 << 16


def test_count_that_does_not_fit_the_entry() -> None:
    raw = bytearray(hvle_entry(9, 16384, PAGES))
    struct.pack_into("<I", raw, 20, 0xFFFFFFFF)
    with pytest.raises(FormatError):
        parse_entry(bytes(raw))
