"""A bounded little-endian reader: every read that leaves the buffer is a FormatError."""

from __future__ import annotations

import struct
from uuid import UUID

from forensics.formats.errors import FormatError
from forensics.language import sentence


class Cursor:
    """Reads forward through a buffer.

    Args:
        data: The whole structure.
        offset: Where to start, in bytes.
    """

    def __init__(self, data: bytes, offset: int = 0) -> None:
        self.data = data
        self.offset = offset

    @property
    def remaining(self) -> int:
        """Bytes left."""
        return len(self.data) - self.offset

    def take(self, count: int, what: str = "field") -> bytes:
        """Return the next ``count`` bytes; ``what`` names them in the error."""
        start = self.offset
        end = start + count
        if not start <= end <= len(self.data):
            raise FormatError(
                "truncated",
                start,
                sentence(
                    "{what} needs {count} bytes, {remaining} are left", what=what, count=count, remaining=self.remaining
                ),
            )
        self.offset = end
        return self.data[start:end]

    def u16(self, what: str = "field") -> int:
        """Return the next unsigned 16-bit integer."""
        return int.from_bytes(self.take(2, what), "little")

    def u32(self, what: str = "field") -> int:
        """Return the next unsigned 32-bit integer."""
        return int.from_bytes(self.take(4, what), "little")

    def u32s(self, *names: str) -> tuple[int, ...]:
        """Return one unsigned 32-bit integer for each name."""
        start = self.offset
        end = start + 4 * len(names)
        if end > len(self.data):
            return tuple(self.u32(name) for name in names)
        self.offset = end
        return struct.unpack_from(f"<{len(names)}I", self.data, start)

    def u64(self, what: str = "field") -> int:
        """Return the next unsigned 64-bit integer."""
        return int.from_bytes(self.take(8, what), "little")

    def sized(self, what: str = "field") -> bytes:
        """Return as many bytes as the unsigned 32-bit integer before them says."""
        start = self.offset + 4
        end = start + int.from_bytes(self.data[self.offset : start], "little")
        if end > len(self.data):
            return self.take(self.u32(f"length of {what}"), what)
        self.offset = end
        return self.data[start:end]

    def guid(self, what: str = "GUID") -> UUID:
        """Return the next 16 bytes as a GUID in Windows byte order."""
        return UUID(bytes_le=self.take(16, what))

    def utf16(self, count: int, what: str = "text") -> str:
        """Return ``count`` bytes as UTF-16LE text without its trailing NULs."""
        start = self.offset
        raw = self.take(count, what)
        try:
            return raw.decode("utf-16-le").rstrip("\0")
        except UnicodeDecodeError as error:
            raise FormatError("bad_text", start, sentence("{what} is not UTF-16", what=what)) from error
