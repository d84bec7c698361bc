"""VMGS files: what their headers and file table say, and nothing else when they lie."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.formats.errors import FormatError
from forensics.formats.hyperv.vmgs import Vmgs, VmgsEntry, parse_vmgs
from testdata.builder.vmgs import AES_GCM, BLOCK, GuestFile, vmgs_header, write_vmgs

FILES = {
    1: GuestFile(b"nvram" * 1000),
    3: GuestFile(bytes(32768), encrypted=True, authenticated=True),
    7: GuestFile(bytes(16)),
    10: GuestFile(authenticated=True),
    63: GuestFile(encrypted=True),
}
ENTRIES = (
    VmgsEntry(1, "BIOS_NVRAM", 5000, False, False),
    VmgsEntry(3, "TPM_NVRAM", 32768, True, True),
    VmgsEntry(7, "VM_UNIQUE_ID", 16, False, False),
    VmgsEntry(10, "unknown:10", 0, False, True),
    VmgsEntry(63, "EXTENDED_FILE_TABLE", 0, True, False),
)


def parse(data: bytes | bytearray) -> Vmgs:
    return parse_vmgs(lambda offset, length: bytes(data[offset : offset + length]), len(data))


def refused(data: bytes) -> tuple[str, int]:
    with pytest.raises(FormatError) as caught:
        parse(data)
    return caught.value.kind, caught.value.offset


def errors(vmgs: Vmgs) -> list[tuple[str, int]]:
    return [(error.kind, error.offset) for error in vmgs.errors]


@pytest.mark.parametrize(("version", "text"), [(0x00020000, "2.0"), (0x00030000, "3.0")])
@pytest.mark.parametrize(("number", "encryption"), [(0, "none"), (AES_GCM, "AES_GCM"), (9, "unknown:9")])
def test_what_is_there(version: int, text: str, number: int, encryption: str) -> None:
    assert parse(write_vmgs(FILES, version, encryption=number)) == Vmgs(text, encryption, ENTRIES)


def test_a_file_of_fixed_bytes() -> None:
    # Written down byte by byte from the format's description, not by the builder.
    head = bytes.fromhex("4755455354525453000003000000000001000000a8000000020000000100000001000000")
    entry = bytes.fromhex("05000000080000000070000000000000") + bytes(28) + bytes.fromhex("03000000") + bytes(16)
    table = (bytes(3 * 64) + entry).ljust(BLOCK, b"\0")
    data = head.ljust(2 * BLOCK, b"\0") + table + bytes(16 * BLOCK)
    vmgs = parse(data)
    assert (vmgs.version, vmgs.encryption) == ("3.0", "AES_GCM")
    assert vmgs.entries == (VmgsEntry(3, "TPM_NVRAM", 28672, True, True),)
    assert errors(vmgs) == [("bad_checksum", 12)]


def test_without_any_part() -> None:
    assert parse(write_vmgs({})).entries == ()


def test_version_1_is_a_gpt() -> None:
    assert parse(write_vmgs(FILES, 0x00010000)) == Vmgs("1", None, ())


@pytest.mark.parametrize("sequences", [(5, 4), (4, 5), (9, 9)])
def test_the_later_header_counts(sequences: tuple[int, int]) -> None:
    assert parse(write_vmgs(FILES, sequences=sequences)).entries == ENTRIES


def test_numbers_wrap() -> None:
    data = bytearray(write_vmgs(FILES, sequences=(5, 4)))
    data[BLOCK : BLOCK + 168] = vmgs_header(0x00030000, 0xFFFFFFFF, 3, 0)
    assert parse(data).entries == ENTRIES


@pytest.mark.parametrize("newest", [0, 1])
def test_a_damaged_header_gives_way_to_the_older_one(newest: int) -> None:
    data = bytearray(write_vmgs(FILES, sequences=(4 + (newest == 0), 4 + (newest == 1))))
    data[newest * BLOCK + 60] ^= 1
    vmgs = parse(data)
    # The older header names an empty file table.
    assert (vmgs.version, vmgs.entries) == ("3.0", ())
    assert errors(vmgs) == [("bad_checksum", newest * BLOCK + 12)]


def test_a_header_that_was_overwritten() -> None:
    data = bytearray(write_vmgs(FILES, sequences=(4, 5)))
    data[:8] = b"\xde\xad\xbe\xef\xde\xad\xbe\xef"
    vmgs = parse(data)
    assert (vmgs.entries, errors(vmgs)) == (ENTRIES, [("bad_magic", 0)])


def test_what_is_no_vmgs() -> None:
    assert refused(b"") == ("bad_magic", 0)
    assert refused(bytes(65536)) == ("bad_magic", 0)
    assert refused(write_vmgs(FILES, 0x00040000)) == ("unknown_version", 8)
    assert refused(write_vmgs(FILES)[: 3 * BLOCK - 1]) == ("truncated", 2 * BLOCK)
    far = vmgs_header(0x00030000, 1, 0xFFFFFFFF, 0).ljust(BLOCK, b"\0")
    assert refused(far * 2) == ("truncated", 0xFFFFFFFF * BLOCK)


def test_parts_that_lie_about_their_size() -> None:
    data = bytearray(write_vmgs(FILES))
    at = 2 * BLOCK
    data[at + 64 + 8 : at + 64 + 16] = struct.pack("<Q", 1 << 63)
    data[at + 3 * 64 : at + 3 * 64 + 4] = struct.pack("<I", 0xFFFFFFF0)
    vmgs = parse(data)
    assert errors(vmgs) == [("bad_length", at + 72), ("truncated", at + 192)]
    assert vmgs.entries == (VmgsEntry(1, "BIOS_NVRAM", 1 << 63, False, False), *ENTRIES[1:])


@settings(max_examples=150, deadline=None)
@given(
    at=st.integers(0, 3 * BLOCK - 1),
    word=st.sampled_from([b"\0", b"\xff", bytes(8), b"\xff" * 8, b"\1"]),
    end=st.one_of(st.none(), st.integers(0, 64 * BLOCK)),
)
def test_damage(at: int, word: bytes, end: int | None) -> None:
    data = bytearray(write_vmgs(FILES))
    data[at : at + len(word)] = word
    kind, entries = "", 0
    try:
        entries = len(parse(data[:end]).entries)
    except FormatError as error:
        kind = error.kind
    assert kind in {"", "bad_magic", "unknown_version", "truncated"}
    assert entries <= 64
