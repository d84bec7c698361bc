"""Writes the headers and the file table of VMGS files (.vmgs).

References:
    - https://github.com/microsoft/openvmm/blob/main/vm/vmgs/vmgs_format/src/lib.rs
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

BLOCK = 4096
NONE, AES_GCM = 0, 1


@dataclass(frozen=True, slots=True)
class GuestFile:
    """One part of the guest state.

    Attributes:
        data: Its bytes.
        encrypted: Attribute bit 0.
        authenticated: Attribute bit 1.
    """

    data: bytes = b""
    encrypted: bool = False
    authenticated: bool = False


def write_vmgs(
    entries: Mapping[int, GuestFile],
    version: int = 0x00030000,
    *,
    encryption: int = NONE,
    sequences: tuple[int, int] = (5, 4),
    capacity: int = 64 * BLOCK,
) -> bytes:
    """Return a file of at least ``capacity`` bytes.

    Args:
        entries: Part by file id, 0 to 63; one without bytes gets a block all the same.
        version: 0x00010000 (a GPT), 0x00020000 or 0x00030000.
        encryption: Number of the algorithm in the headers.
        sequences: Numbers of the two headers; only the one with the higher number names the right file table.
        capacity: In bytes.
    """
    if version == 0x00010000:
        return (bytes(512) + b"EFI PART" + struct.pack("<II", 0x00010000, 92)).ljust(capacity, b"\0")
    table = bytearray(64 * 64)
    data = bytearray()
    first = 4
    for file_id, entry in sorted(entries.items()):
        blocks = max(-(-len(entry.data) // BLOCK), 1)
        attributes = entry.encrypted | entry.authenticated << 1
        block = first + len(data) // BLOCK
        packed = struct.pack("<IIQ12x16xI16x", block, blocks, len(entry.data), attributes)
        table[file_id * 64 : file_id * 64 + 64] = packed
        data += entry.data.ljust(blocks * BLOCK, b"\0")
    newest = sequences.index(max(sequences))
    headers = b""
    for copy, sequence in enumerate(sequences):
        # The file table of the older header is an empty block.
        table_block = 2 if copy == newest else 3
        headers += vmgs_header(version, sequence, table_block, encryption).ljust(BLOCK, b"\0")
    return (headers + bytes(table) + bytes(BLOCK) + bytes(data)).ljust(capacity, b"\0")


def vmgs_header(version: int, sequence: int, table_block: int, encryption: int) -> bytes:
    """Return a header of 168 bytes with its checksum."""
    fields = struct.pack("<IIIIHH128xI", sequence, 168, table_block, 1, encryption, 0, 0)
    head = b"GUESTRTS" + struct.pack("<I", version)
    return head + struct.pack("<I", zlib.crc32(head + bytes(4) + fields)) + fields
