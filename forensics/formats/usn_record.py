"""Records of the NTFS change journal ($Extend\\$UsnJrnl:$J).

References:
    https://learn.microsoft.com/windows/win32/api/winioctl/ns-winioctl-usn_record_v2
    https://learn.microsoft.com/windows/win32/api/winioctl/ns-winioctl-usn_record_v3
"""

from __future__ import annotations

import struct
from datetime import datetime

from forensics.formats.errors import FormatError
from forensics.formats.filetime import filetime
from forensics.language import sentence
from forensics.late_methods import dataclass

CREATED, DELETED, OLD_NAME, NEW_NAME = 0x100, 0x200, 0x1000, 0x2000
CLOSED = 0x80000000
WRITTEN = 0x7
"""Data overwritten, extended or truncated."""
LONGEST_RECORD = 76 + 2 * 255 + 8
"""Format: bytes of a record: the header of version 3, a name of 255 characters, and what aligns it."""
NAME_AT = {2: 60, 3: 76}
"""Byte of a record at which its name begins, by major version."""
FILE_AT, PARENT_AT, TIME_AT, REASON_AT = {2: 8, 3: 8}, {2: 16, 3: 24}, {2: 32, 3: 48}, {2: 40, 3: 56}
"""Bytes of a record at which other fields begin; of a reference the 64 bits that NTFS uses."""
_V2, _V3 = struct.Struct("<IHHQQqqIIIIHH"), struct.Struct("<IHH16s16sqqIIIIHH")


@dataclass(frozen=True, slots=True)
class UsnRecord:
    """One change of a file.

    Attributes:
        size: Bytes of the record.
        usn: Its number: the byte at which it lies in the journal.
        at: When, UTC; None where the time is none.
        file: File reference, 64 bits of number and sequence.
        parent: File reference of its folder.
        reason: USN_REASON_* bits.
        name: Name of the file.
    """

    size: int
    usn: int
    at: datetime | None
    file: int
    parent: int
    reason: int
    name: str


def parse_usn_record(data: bytes, offset: int = 0) -> UsnRecord:
    """Parse the record at an offset.

    Raises:
        FormatError: ``no_record`` where there is none, such as in the zeros that fill a page; ``bad_length`` and
            ``truncated`` where it lies about its lengths; ``bad_version`` for a version that carries no name.
    """
    if len(data) < offset + 8:
        raise FormatError("truncated", offset, sentence("the record ends within its header"))
    size, major, _minor = struct.unpack_from("<IHH", data, offset)
    if not size:
        raise FormatError("no_record", offset, sentence("no record begins here"))
    if major not in NAME_AT:
        raise FormatError("bad_version", offset + 4, sentence("records of version {major} are not read", major=major))
    if not NAME_AT[major] <= size <= LONGEST_RECORD or size % 8:
        raise FormatError("bad_length", offset, sentence("a record does not have {size} bytes", size=size))
    if len(data) < offset + size:
        raise FormatError(
            "truncated",
            offset,
            sentence("the record has {size} bytes, {count} are left", size=size, count=len(data) - offset),
        )
    layout = _V2 if major == 2 else _V3
    _, _, _, file, parent, usn, ticks, reason, _, _, _, length, start = layout.unpack_from(data, offset)
    if start < NAME_AT[major] or start + length > size or length % 2:
        raise FormatError("bad_length", offset + layout.size - 4, sentence("the name leaves its record"))
    name = data[offset + start : offset + start + length].decode("utf-16-le", "surrogatepass")
    return UsnRecord(size, usn, filetime(ticks), _reference(file), _reference(parent), reason, name)


def _reference(value: int | bytes) -> int:
    """Return a reference as NTFS has it; the upper half of those of 128 bits is zero there."""
    return value if isinstance(value, int) else int.from_bytes(value[:8], "little")
