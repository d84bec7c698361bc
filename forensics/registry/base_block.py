"""Base block: the first 4,096 bytes of a registry hive, and the first 512 of its logs.

References:
    - https://github.com/msuhanov/regf/blob/master/Windows%20registry%20file%20format%20specification.md
"""

from __future__ import annotations

import struct
from datetime import datetime
from enum import IntEnum

from forensics.formats.errors import FormatError
from forensics.formats.filetime import filetime
from forensics.language import sentence
from forensics.late_methods import dataclass

BASE_BLOCK_SIZE = 4096
CHECKED_SIZE = 512
_FIELDS = struct.Struct("<4sIIQIIIIIII64s")
_CHECKED_WORDS = struct.Struct("<127I")


class FileType(IntEnum):
    """What a base block opens."""

    PRIMARY = 0
    OLD_LOG = 1
    NEW_LOG = 6


@dataclass(frozen=True, slots=True)
class BaseBlock:
    """Header of a hive or log.

    Attributes:
        sequence1: Raised before a write.
        sequence2: Raised after it; unequal numbers mean that the write did not end.
        written: Last write, UTC; Windows 8 and later no longer keep it up.
        major: Format 1.minor.
        minor: 3 (XP to 8), 5 or 6 (big data).
        file_type: A :class:`FileType`, or another number as found.
        root_cell: Offset of the root key from the start of the hive bins, in bytes.
        bins_size: Size of the hive bins, in bytes.
        name: Last 31 characters of the file's path.
        checksum_ok: The stored checksum is right.
    """

    sequence1: int
    sequence2: int
    written: datetime | None
    major: int
    minor: int
    file_type: int
    root_cell: int
    bins_size: int
    name: str
    checksum_ok: bool

    @property
    def dirty(self) -> bool:
        """Tell whether the file may not be believed without its logs."""
        return self.sequence1 != self.sequence2 or not self.checksum_ok


def parse_base_block(data: bytes) -> BaseBlock:
    """Parse a base block.

    Args:
        data: At least the first 512 bytes of the file.

    Raises:
        FormatError: ``empty``, ``truncated`` or ``bad_magic``; a wrong checksum is an attribute instead.
    """
    if not data:
        raise FormatError("empty", 0, sentence("the file is empty"))
    if len(data) < CHECKED_SIZE:
        raise FormatError(
            "truncated",
            len(data),
            sentence(
                "a base block needs {checked_size} bytes, {count} are there", checked_size=CHECKED_SIZE, count=len(data)
            ),
        )
    magic, seq1, seq2, ticks, major, minor, kind, _, root, size, _, name = _FIELDS.unpack_from(data)
    if magic != b"regf":
        raise FormatError("bad_magic", 0, sentence("the file does not begin with regf"))
    return BaseBlock(
        sequence1=seq1,
        sequence2=seq2,
        written=filetime(ticks),
        major=major,
        minor=minor,
        file_type=kind,
        root_cell=root,
        bins_size=size,
        name=name.decode("utf-16-le", "replace").split("\0", 1)[0],
        checksum_ok=base_block_checksum(data) == struct.unpack_from("<I", data, 508)[0],
    )


def base_block_checksum(data: bytes) -> int:
    """Return the checksum of a base block's first 508 bytes.

    Raises:
        FormatError: ``truncated``, fewer bytes than that.
    """
    if len(data) < 508:
        raise FormatError("truncated", len(data), sentence("a base block's checksum covers 508 bytes"))
    checksum = 0
    for word in _CHECKED_WORDS.unpack_from(data):
        checksum ^= word
    return {0: 1, 0xFFFFFFFF: 0xFFFFFFFE}.get(checksum, checksum)
