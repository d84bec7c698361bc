"""The two header copies of a HyperVStorage file (.vmcx, .vmrs).

Both copies have the same layout; a writer updates them in turn, so that one is whole at any time.

References:
    - https://github.com/microsoft/openvmm/blob/main/support/hvs_file/FORMAT.md
"""

from __future__ import annotations

import struct
import zlib

from forensics.formats.errors import FormatError
from forensics.formats.hyperv.read_at import ReadAt
from forensics.formats.hyperv.storage_limits import ErrorRows
from forensics.language import sentence
from forensics.late_methods import dataclass

HEADER_OFFSETS = (0, 4096)
VERSION = 0x0400
_SIGNATURE = 0x01282014
_HEADER = struct.Struct("<IIHIIIIQQI")


@dataclass(frozen=True, slots=True)
class StorageHeader:
    """One header copy.

    Attributes:
        sequence: The valid copy with the higher number, which wraps at 16 bits, is the current one.
        version: Of the format; only 0x0400 is known.
        data_version: Of what is stored.
        log_offset: Where the replay log starts, bytes from the start of the file.
        log_size: Of the replay log, in bytes.
    """

    sequence: int
    version: int
    data_version: int
    log_offset: int
    log_size: int


def checksum_holds(data: bytes, checksum: int, at: int) -> bool:
    """Tell whether ``checksum`` is the CRC-32 of ``data`` with zeros for the four bytes at ``at``, where it stands."""
    return zlib.crc32(data[:at] + bytes(4) + data[at + 4 :]) == checksum


def is_newer(sequence: int, other: int) -> bool:
    """Tell whether a 16-bit number that counts up, and wraps, is later than another."""
    return 0 < (sequence - other) & 0xFFFF < 0x8000


def parse_storage_header(data: bytes, offset: int = 0) -> StorageHeader:
    """Parse one header copy.

    Args:
        data: At least its 46 bytes.
        offset: Where it stands in the file, for errors.

    Raises:
        FormatError: ``truncated``, ``bad_magic`` or ``bad_checksum``.
    """
    if len(data) < _HEADER.size:
        raise FormatError(
            "truncated", offset + len(data), sentence("a HyperVStorage header needs {size} bytes", size=_HEADER.size)
        )
    data = data[: _HEADER.size]
    signature, checksum, sequence, version, data_version, _, _, log_offset, log_size, _ = _HEADER.unpack(data)
    if signature != _SIGNATURE:
        raise FormatError("bad_magic", offset, sentence("no HyperVStorage header stands here"))
    if not checksum_holds(data, checksum, 4):
        raise FormatError("bad_checksum", offset + 4, sentence("the checksum of a HyperVStorage header is wrong"))
    return StorageHeader(sequence, version, data_version, log_offset, log_size)


def choose_header(read: ReadAt, errors: ErrorRows) -> StorageHeader:
    """Return the current header; what is wrong with the other copy is put down in ``errors``.

    Raises:
        FormatError: No copy is whole, or the current one has another version than 0x0400 (``unknown_version``).
    """
    current: StorageHeader | None = None
    broken: list[FormatError] = []
    for offset in HEADER_OFFSETS:
        try:
            header = parse_storage_header(read(offset, _HEADER.size), offset)
        except FormatError as error:
            broken.append(error)
            continue
        if current is None or is_newer(header.sequence, current.sequence):
            current = header
    if current is None:
        # A copy that is a header but damaged says more than one that is none.
        raise next((other for other in broken if other.kind == "bad_checksum"), broken[0])
    if current.version != VERSION:
        raise FormatError(
            "unknown_version",
            10,
            sentence("HyperVStorage version {version:#06x} is not known, only 0x0400 is", version=current.version),
        )
    for other in broken:
        errors.keep(other)
    return current
