"""Security identifiers.

References:
    MS-DTYP 2.4.2; a service's own SID is S-1-5-80 and the SHA-1 of its upper-case name (sc showsid).
"""

from __future__ import annotations

import hashlib
import struct

from forensics.formats.cursor import Cursor
from forensics.formats.errors import FormatError

_MAX_SUB_AUTHORITIES = 15
"""Format: numbers of one SID; the format has no more."""


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


def sid_of_account_domain(data: bytes) -> str:
    """Return the machine SID at the end of value V of SAM\\Domains\\Account.

    Raises:
        FormatError: ``truncated``.
    """
    if len(data) < 12:
        raise FormatError("truncated", 0, f"V has {len(data)} bytes, the SID needs 12")
    return "S-1-5-21-{}-{}-{}".format(*struct.unpack("<3I", data[-12:]))


def service_sid(service: str) -> str:
    """Return the SID of ``NT SERVICE\\<service>``."""
    digest = hashlib.sha1(service.upper().encode("utf-16-le", "surrogatepass"), usedforsecurity=False).digest()
    return "-".join(["S-1-5-80", *map(str, struct.unpack("<5I", digest))])
