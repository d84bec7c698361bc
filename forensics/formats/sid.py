"""Security identifiers."""

from __future__ import annotations

import struct

from forensics.formats.cursor import Cursor
from forensics.formats.errors import FormatError

_MAX_SUB_AUTHORITIES = 15


def parse_sid(data: bytes) -> str:
    """Return the text of the SID at the start of ``data``; bytes after it are ignored.

    Raises:
        FormatError: ``bad_sid`` or ``truncated``.
    """
    cursor = Cursor(data)
    revision, count = cursor.take(2, "SID header")
    if revision != 1 or count > _MAX_SUB_AUTHORITIES:
        raise FormatError("bad_sid", 0, f"no SID: revision {revision} with {count} sub-authorities")
    authority = int.from_bytes(cursor.take(6, "identifier authority"), "big")
    parts = struct.unpack(f"<{count}I", cursor.take(4 * count, "sub-authorities"))
    # Windows prints authorities beyond 32 bits in hex.
    first = str(authority) if authority < 2**32 else f"0x{authority:012x}"
    return "-".join(["S", "1", first, *map(str, parts)])
