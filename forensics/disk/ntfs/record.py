"""NTFS file records: fixups, attributes and cluster runs."""

from __future__ import annotations

import struct

from forensics.formats.errors import FormatError
from forensics.language import sentence
from forensics.late_methods import dataclass

STANDARD_INFORMATION = 0x10
ATTRIBUTE_LIST = 0x20
FILE_NAME = 0x30
SECURITY_DESCRIPTOR = 0x50
VOLUME_NAME = 0x60
VOLUME_INFORMATION = 0x70
DATA = 0x80
INDEX_ROOT = 0x90
INDEX_ALLOCATION = 0xA0
BITMAP = 0xB0
REPARSE_POINT = 0xC0

COMPRESSED = 0x0001
ENCRYPTED = 0x4000
VOLUME_IS_DIRTY = 0x0001

_STRIDE = 512
_END = 0xFFFFFFFF
_LAST_TYPE = 0x100
_NUMBERED = 48
"""Where the update sequence of NTFS 3.1 begins: before it the record holds its own number."""
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
        base: Number of the record this one extends, None for a base record.
        attributes: In record order.
    """

    sequence: int
    in_use: bool
    is_dir: bool
    base: int | None
    attributes: tuple[Attribute, ...]

    def find(self, type_code: int, name: str = "") -> Attribute | None:
        """Return the first attribute of a type and name."""
        for attribute in self.attributes:
            if attribute.type == type_code and attribute.name == name:
                return attribute
        return None

    @property
    def file_attributes(self) -> int | None:
        """FILE_ATTRIBUTE flags of $STANDARD_INFORMATION; None where that is not there."""
        standard = self.find(STANDARD_INFORMATION)
        value = (standard.value or b"") if standard else b""
        return int.from_bytes(value[32:36], "little") if len(value) >= 36 else None


def apply_fixups(data: bytes, magic: bytes) -> bytes:
    """Undo the sector protection of a multi-sector structure.

    Raises:
        FormatError: ``bad_magic``, ``truncated`` or ``torn`` (a sector was not written with the others).
    """
    if data[:4] != magic:
        raise FormatError("bad_magic", 0, sentence("expected {magic!r}", magic=magic))
    if len(data) < _STRIDE or len(data) % _STRIDE:
        raise FormatError("truncated", len(data), sentence("not a whole number of sectors"))
    offset, count = struct.unpack_from("<HH", data, 4)
    sectors = len(data) // _STRIDE
    if count != sectors + 1 or offset + 2 * count > _STRIDE - 2:
        raise FormatError("bad_fixup", 4, sentence("update sequence does not fit the structure"))
    fixed = bytearray(data)
    check = data[offset : offset + 2]
    for sector in range(sectors):
        end = (sector + 1) * _STRIDE - 2
        if data[end : end + 2] != check:
            raise FormatError("torn", end, sentence("a sector does not carry the update sequence number of the others"))
        at = offset + 2 + 2 * sector
        fixed[end : end + 2] = data[at : at + 2]
    return bytes(fixed)


def parse_file_record(raw: bytes, number: int | None = None) -> FileRecord:
    """Parse one file record as read from $MFT, and hold it to what every whole record keeps.

    Args:
        raw: Its bytes.
        number: Which record it should be; None where that is not known.

    Raises:
        FormatError: The record is damaged.

    References:
        Linux kernel fs/ntfs3/record.c (mi_enum_attr) and fslog.c (check_file_record, check_attr).
    """
    data = apply_fixups(raw, b"FILE")
    sequence_at, sectors, _lsn, sequence, _links, first, flags, used, allocated = struct.unpack_from(
        "<HHQHHHHII", data, 4
    )
    base, base_sequence = int.from_bytes(data[32:38], "little"), int.from_bytes(data[38:40], "little")
    if number is not None and sequence_at >= _NUMBERED and struct.unpack_from("<I", data, 44)[0] != number & _END:
        raise FormatError("bad_record", 44, sentence("it holds the number of another record"))
    if allocated != len(data) or used > allocated:
        raise FormatError(
            "bad_record", 24, sentence("{used} bytes used of {allocated}", used=used, allocated=allocated)
        )
    if first % 8 or not sequence_at + 2 * sectors <= first <= used:
        raise FormatError("bad_record", 20, sentence("its attributes begin at {first}", first=first))
    attributes: list[Attribute] = []
    offset, before = first, 0
    while True:
        if offset + 8 > used:
            raise FormatError("bad_attribute", offset, sentence("its attributes do not end"))
        type_code, length = struct.unpack_from("<II", data, offset)
        if type_code == _END:
            break
        if type_code % 16 or not before <= type_code <= _LAST_TYPE:
            raise FormatError(
                "bad_attribute",
                offset,
                sentence("attribute type 0x{type_code:X} after 0x{before:X}", type_code=type_code, before=before),
            )
        if length < 24 or length % 8 or offset + length > used:
            raise FormatError("bad_attribute", offset, sentence("attribute leaves its record"))
        attributes.append(_attribute(data[offset : offset + length], type_code, offset))
        offset, before = offset + length, type_code
    if offset + 8 != used:
        raise FormatError("bad_attribute", offset, sentence("its attributes end before the used part does"))
    is_extension = bool(base or base_sequence)
    if flags & 1 and not is_extension and not (attributes and _is_standard(attributes[0])):
        raise FormatError("bad_attribute", first, sentence("its first attribute is not $STANDARD_INFORMATION"))
    return FileRecord(sequence, bool(flags & 1), bool(flags & 2), base if is_extension else None, tuple(attributes))


def _is_standard(attribute: Attribute) -> bool:
    """Tell whether an attribute is the one with which every file begins."""
    return attribute.type == STANDARD_INFORMATION and attribute.value is not None and not attribute.name


def _attribute(data: bytes, type_code: int, at: int) -> Attribute:
    non_resident, name_length, name_offset, flags = struct.unpack_from("<BBHH", data, 8)
    if non_resident > 1 or name_offset + 2 * name_length > len(data):
        raise FormatError("bad_attribute", at, sentence("name leaves its attribute"))
    name = data[name_offset : name_offset + 2 * name_length].decode("utf-16-le", "replace") if name_length else ""
    if not non_resident:
        size, start = struct.unpack_from("<IH", data, 16)
        # Windows and libntfs-3g alike make an attribute as long as its content, in words of 8 bytes.
        if start % 8 or (start + size + 7) & ~7 != len(data):
            raise FormatError("bad_attribute", at, sentence("resident content does not fill its attribute"))
        return Attribute(type_code, name, flags, data[start : start + size], size=size, initialized=size)
    if len(data) < 64:
        raise FormatError("bad_attribute", at, sentence("non-resident header is cut short"))
    lowest, highest, start, unit = struct.unpack_from("<QQHB", data, 16)
    allocated, size, initialized = struct.unpack_from("<QQQ", data, 40)
    if start > len(data):
        raise FormatError("bad_attribute", at + 32, sentence("its runs begin outside it"))
    runs = parse_runs(data, start, at)
    if highest + 1 - lowest != sum(count for _, count in runs) and highest != 0xFFFFFFFFFFFFFFFF:
        raise FormatError("bad_runs", at + start, sentence("runs do not cover the clusters the attribute claims"))
    if not lowest and not initialized <= size <= allocated:
        raise FormatError(
            "bad_attribute",
            at + 40,
            sentence(
                "{initialized} bytes written of {size}, in {allocated}",
                initialized=initialized,
                size=size,
                allocated=allocated,
            ),
        )
    if flags & COMPRESSED and not lowest and not unit:
        raise FormatError("bad_attribute", at + 34, sentence("compressed, in units of nothing"))
    return Attribute(type_code, name, flags, None, lowest, runs, size, initialized, unit)


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
            raise FormatError("bad_runs", at + offset, sentence("malformed mapping pair"))
        count = int.from_bytes(data[offset + 1 : offset + 1 + length_size], "little", signed=True)
        if count <= 0:
            raise FormatError("bad_runs", at + offset, sentence("run of no clusters"))
        if lcn_size:
            lcn += int.from_bytes(data[offset + 1 + length_size : end], "little", signed=True)
            if lcn < 0:
                raise FormatError("bad_runs", at + offset, sentence("run before the start of the volume"))
        runs.append((lcn if lcn_size else None, count))
        offset = end
    raise FormatError("bad_runs", at + offset, sentence("mapping pairs do not end"))


@dataclass(frozen=True, slots=True)
class AttributeListEntry:
    """Where one attribute of a file with several records lies.

    Attributes:
        type: Attribute type code.
        name: Stream or index name.
        lowest_vcn: First cluster that the attribute describes.
        record: Number of the record that holds it.
        sequence: Sequence number of that record.
    """

    type: int
    name: str
    lowest_vcn: int
    record: int
    sequence: int


def parse_attribute_list(data: bytes) -> list[AttributeListEntry]:
    """Parse the content of $ATTRIBUTE_LIST."""
    entries: list[AttributeListEntry] = []
    offset = 0
    while offset < len(data):
        if offset + 26 > len(data):
            raise FormatError("bad_attribute_list", offset, sentence("the list ends within an entry"))
        type_code, length, name_length, name_offset, lowest = struct.unpack_from("<IHBBQ", data, offset)
        if length % 8 or length < 26 + 2 * name_length or offset + length > len(data):
            raise FormatError("bad_attribute_list", offset, sentence("entry leaves the list"))
        if entries and type_code < entries[-1].type:
            raise FormatError("bad_attribute_list", offset, sentence("its entries are out of order"))
        start = offset + name_offset
        name = data[start : start + 2 * name_length].decode("utf-16-le", "replace")
        reference = int.from_bytes(data[offset + 16 : offset + 24], "little")
        entries.append(AttributeListEntry(type_code, name, lowest, reference & 0xFFFFFFFFFFFF, reference >> 48))
        offset += length
    return entries


def parse_volume_flags(data: bytes) -> int:
    """Return the flags in the content of $VOLUME_INFORMATION, such as VOLUME_IS_DIRTY.

    Raises:
        FormatError: ``truncated``.
    """
    if len(data) < 12:
        raise FormatError("truncated", len(data), sentence("$VOLUME_INFORMATION has 12 bytes"))
    return int(struct.unpack_from("<H", data, 10)[0])
