"""Base blocks and cells of hives."""

from __future__ import annotations

import contextlib
import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics.formats.errors import FormatError
from forensics.registry import cells as regf_cells
from forensics.registry import names
from forensics.registry.base_block import parse_base_block

HIVE_HEAD = (
    struct.pack("<4sIIQIIIIIII", b"regf", 7, 6, 126_444_736_000_000_000, 1, 5, 0, 1, 32, 8192, 1)
    + "emRoot\\System32\\Config\\SOFTWARE".encode("utf-16-le")
).ljust(508, b"\0")


def _sealed(head: bytes, checksum: int | None = None) -> bytes:
    value = 0
    for (word,) in struct.iter_unpack("<I", head):
        value ^= word
    return head + struct.pack("<I", value if checksum is None else checksum)


def test_base_block_fields() -> None:
    base = parse_base_block(_sealed(HIVE_HEAD))
    assert (base.sequence1, base.sequence2, base.major, base.minor) == (7, 6, 1, 5)
    assert (base.root_cell, base.bins_size, base.file_type) == (32, 8192, 0)
    assert base.name == "emRoot\\System32\\Config\\SOFTWARE"
    assert base.written == datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)
    assert base.checksum_ok
    assert base.dirty


def test_equal_sequence_numbers_are_clean_only_with_the_right_checksum() -> None:
    head = HIVE_HEAD[:8] + struct.pack("<I", 7) + HIVE_HEAD[12:]
    assert not parse_base_block(_sealed(head)).dirty
    assert parse_base_block(_sealed(head, 12345)).dirty


@pytest.mark.parametrize(
    ("first_word", "stored"), [(0x66676572, 1), (0x66676572 ^ 0xFFFFFFFF, 0xFFFFFFFE)], ids=["zero", "all-ones"]
)
def test_checksums_that_are_never_stored(first_word: int, stored: int) -> None:
    # "regf" XOR the second word is the whole checksum, made 0 and 0xFFFFFFFF here.
    head = b"regf" + struct.pack("<I", first_word) + bytes(500)
    assert parse_base_block(head + struct.pack("<I", stored)).checksum_ok


@pytest.mark.parametrize(
    ("data", "kind"),
    [(b"", "empty"), (b"regf", "truncated"), (bytes(512), "bad_magic"), (b"fger".ljust(4096), "bad_magic")],
)
def test_no_base_block(data: bytes, kind: str) -> None:
    with pytest.raises(FormatError) as error:
        parse_base_block(data)
    assert error.value.kind == kind


def test_compressed_names_are_latin_1_even_where_they_look_like_utf_8() -> None:
    # Two characters, not the one that the same bytes are in UTF-8.
    name = "Ã©"
    cell = struct.pack("<2sHIIIHH", b"vk", 2, 0x80000000, 0, 1, 1, 0) + name.encode("latin-1")
    assert regf_cells.parse_key_value(cell).name == name


def test_list_count_beyond_the_cell_is_cut() -> None:
    found = regf_cells.parse_subkey_list(b"lh" + struct.pack("<HIIII", 500, 0x20, 1, 0x88, 2) + b"\1\2\3")
    assert (found.claimed, list(found.cells())) == (500, [0x20, 0x88])


def test_hash_is_found_at_entry_borders_only() -> None:
    # 0x41 is the hash of "A"; here a cell number, a hash, and bytes across both look like it.
    entries = struct.pack("<IIIIII", 0x41, 0, 0x100, 0x41, 0x00004100, 0x00)
    found = regf_cells.parse_subkey_list(b"lh" + struct.pack("<H", 3) + entries)
    assert list(found.candidates("a")) == [0x100]


def test_value_data_beyond_four_bytes_cannot_stand_in_its_cell() -> None:
    cell = struct.pack("<2sHIIIHH", b"vk", 0, 0x80000005, 0, 3, 0, 0)
    with pytest.raises(FormatError) as error:
        regf_cells.parse_key_value(cell)
    assert error.value.kind == "bad_length"


@pytest.mark.parametrize(
    "parse",
    [
        parse_base_block,
        regf_cells.parse_key_node,
        regf_cells.parse_key_value,
        regf_cells.parse_subkey_list,
        regf_cells.parse_big_data,
    ],
)
@given(magic=st.sampled_from([b"regf", b"nk", b"vk", b"lh", b"lf", b"ri", b"db", b""]), rest=st.binary(max_size=600))
def test_parsers_raise_only_format_errors(parse: object, magic: bytes, rest: bytes) -> None:
    # Any other exception fails the test.
    with contextlib.suppress(FormatError):
        parse(magic + rest)  # type: ignore[operator]


def test_names_fold_one_letter_for_one() -> None:
    assert names.fold_name("straße") == "STRAßE"
    assert names.fold_name("Ünïcode-ключ") == "ÜNÏCODE-КЛЮЧ"
