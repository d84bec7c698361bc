"""NTFS file records: fixups, attributes and cluster runs."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from forensics.formats.errors import FormatError

STANDARD_INFORMATION = 0x10
ATTRIBUTE_LIST = 0x20
FILE_NAME = 0x30
SECURITY_DESCRIPTOR = 0x50
VOLUME_NAME = 0x60
VOLUME_INFORMATION = 0x70
DATA = 0x80
INDEX_ROOT = 0x90
INDEX_ALLOCATION = 0xA0
REPARSE_POINT = 0xC0

COMPRESSED = 0x0001
ENCRYPTED = 0x4000
VOLUME_IS_DIRTY = 0x0001

_STRIDE = 512
_MAX_RUNS = 1 << 20
"""Format: pieces of one attribute in one file record."""

Run = tuple[int | None, int]
"""First cluster on the volume (None for a hole) and number of clusters."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of a file record.

    Attributes:
        type: Attribute type code.
        name: Stream or index name; empty for the unnamed one.
        flags: COMPRESSED, ENCRYPTED.
        value: Content of a resident attribute, else None.
        lowest_vcn: First cluster of the stream that the runs of this attribute describe.
        runs: Where a non-resident attribute lies.
        size: Bytes of content; of the whole stream, stated by the attribute with ``lowest_vcn`` 0.
        initialized: Bytes that were ever written; what follows reads as zeros.
        compression_unit: Log2 of the clusters in one compression unit; 0 when not compressed.
    """

    type: int
    name: str
    flags: int
    value: bytes | None
    lowest_vcn: int = 0
    runs: tuple[Run, ...] = ()
    size: int = 0
    initialized: int = 0
    compression_unit: int = 0


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One record of $MFT.

    Attributes:
        sequence: Counts the uses of this record; a reference must agree with it.
        in_use: False for a deleted file.
        is_dir: The record holds a file name index.
        base: Number of the record this one extends, 0 for a base record.
        attributes: In record order.
    """

    sequence: int
    in_use: bool
    is_dir: bool
    base: int
    attributes: tuple[Attribute, ...]

    def find(self, type_code: int, name: str = "") -> Attribute | None:
        """Return the first attribute of a type and name."""
        for attribute in self.attributes:
            if attribute.type == type_code and attribute.name == name:
                return attribute
        return None


def apply_fixups(data: bytes, magic: bytes) -> bytes:
    """Undo the sector protection of a multi-sector structure.

    Raises:
        FormatError: ``bad_magic``, ``truncated`` or ``torn`` (a sector was not written with the others).
    """
    if data[:4] != magic:
        raise FormatError("bad_magic", 0, f"expected {magic!r}")
    if len(data) < _STRIDE or len(data) % _STRIDE:
        raise FormatError("truncated", len(data), "not a whole number of sectors")
    offset, count = struct.unpack_from("<HH", data, 4)
    sectors = len(data) // _STRIDE
    if count != sectors + 1 or offset + 2 * count > _STRIDE - 2:
        raise FormatError("bad_fixup", 4, "update sequence does not fit the structure")
    fixed = bytearray(data)
    check = data[offset : offset + 2]
    for sector in range(sectors):
        end = (sector + 1) * _STRIDE - 2
        if data[end : end + 2] != check:
            raise FormatError("torn", end, "a sector does not carry the update sequence number of the others")
        at = offset + 2 + 2 * sector
        fixed[end : end + 2] = data[at : at + 2]
    return bytes(fixed)


def parse_file_record(raw: bytes) -> FileRecord:
    """Parse one file record as read from $MFT.

    Raises:
        FormatError: The record is damaged.
    """
    data = apply_fixups(raw, b"FILE")
    sequence, _links, first, flags, used = struct.unpack_from("<HHHHI", data, 16)
    base = int.from_bytes(data[32:38], "little")
    used = min(used, len(data))
    attributes = []
    offset = first
    while offset + 8 <= used:
        type_code, length = struct.unpack_from("<II", data, offset)
        if type_code == 0xFFFFFFFF:
            break
        if length < 24 or offset + length > used:
            raise FormatError("bad_attribute", offset, "attribute leaves its record")
        attributes.append(_attribute(data[offset : offset + length], type_code, offset))
        offset += length
    return FileRecord(sequence, bool(flags & 1), bool(flags & 2), base, tuple(attributes))


def _attribute(data: bytes, type_code: int, at: int) -> Attribute:
    non_resident, name_length, name_offset, flags = struct.unpack_from("<BBHH", data, 8)
    name = data[name_offset : name_offset + 2 * name_length].decode("utf-16-le", "replace") if name_length else ""
    if not non_resident:
        size, start = struct.unpack_from("<IH", data, 16)
        if start + size > len(data):
            raise FormatError("bad_attribute", at, "resident content leaves its attribute")
        return Attribute(type_code, name, flags, data[start : start + size], size=size, initialized=size)
    if len(data) < 64:
        raise FormatError("bad_attribute", at, "non-resident header is cut short")
    lowest, highest, start, unit = struct.unpack_from("<QQHB", data, 16)
    size, initialized = struct.unpack_from("<QQ", data, 48)
    runs = parse_runs(data, start, at)
    if highest + 1 - lowest != sum(count for _, count in runs) and highest != 0xFFFFFFFFFFFFFFFF:
        raise FormatError("bad_runs", at + start, "runs do not cover the clusters the attribute claims")
    return Attribute(type_code, name, flags, None, lowest, runs, size, min(initialized, size), unit)


def parse_runs(data: bytes, offset: int, at: int = 0) -> tuple[Run, ...]:
    """Decode mapping pairs.

    Args:
        data: Bytes that hold them.
        offset: Where they start.
        at: Offset of ``data`` in its record, for errors.
    """
    runs: list[Run] = []
    lcn = 0
    while offset < len(data):
        head = data[offset]
        if head == 0:
            return tuple(runs)
        length_size, lcn_size = head & 15, head >> 4
        end = offset + 1 + length_size + lcn_size
        if not 1 <= length_size <= 8 or lcn_size > 8 or end > len(data) or len(runs) >= _MAX_RUNS:
            raise FormatError("bad_runs", at + offset, "malformed mapping pair")
        count = int.from_bytes(data[offset + 1 : offset + 1 + length_size], "little", signed=True)
        if count <= 0:
            raise FormatError("bad_runs", at + offset, "run of no clusters")
        if lcn_size:
            lcn += int.from_bytes(data[offset + 1 + length_size : end], "little", signed=True)
            if lcn < 0:
                raise FormatError("bad_runs", at + offset, "run before the start of the volume")
        runs.append((lcn if lcn_size else None, count))
        offset = end
    raise FormatError("bad_runs", at + offset, "mapping pairs do not end")


@dataclass(frozen=True, slots=True)
class AttributeListEntry:
    """Where one attribute of a file with several records lies."""

    type: int
    name: str
    lowest_vcn: int
    record: int


def parse_attribute_list(data: bytes) -> list[AttributeListEntry]:
    """Parse the content of $ATTRIBUTE_LIST."""
    entries = []
    offset = 0
    while offset + 26 <= len(data):
        type_code, length, name_length, name_offset, lowest = struct.unpack_from("<IHBBQ", data, offset)
        if length < 26 or offset + length > len(data):
            raise FormatError("bad_attribute_list", offset, "entry leaves the list")
        start = offset + name_offset
        name = data[start : start + 2 * name_length].decode("utf-16-le", "replace")
        record = int.from_bytes(data[offset + 16 : offset + 22], "little")
        entries.append(AttributeListEntry(type_code, name, lowest, record))
        offset += length
    return entries


def parse_volume_flags(data: bytes) -> int:
    """Return the flags in the content of $VOLUME_INFORMATION, such as VOLUME_IS_DIRTY.

    Raises:
        FormatError: ``truncated``.
    """
    if len(data) < 12:
        raise FormatError("truncated", len(data), "$VOLUME_INFORMATION has 12 bytes")
    return int(struct.unpack_from("<H", data, 10)[0])
