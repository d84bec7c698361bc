"""Security identifiers.

References:
    MS-DTYP 2.4.2; a service's own SID is S-1-5-80 and the SHA-1 of its upper-case name (sc showsid), that of an
    application pool of IIS S-1-5-82 and the SHA-1 of its lower-case name (DefaultAppPool on every IIS:
    S-1-5-82-3006700770-424185619-1745488364-794895919-4004696415).
"""

from __future__ import annotations

import hashlib
import struct

from forensics.formats.cursor import Cursor
from forensics.formats.errors import FormatError
from forensics.language import sentence

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
        raise FormatError(
            "bad_sid",
            0,
            sentence("no SID: revision {revision} with {count} sub-authorities", revision=revision, count=count),
        )
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
        raise FormatError("truncated", 0, sentence("V has {count} bytes, the SID needs 12", count=len(data)))
    return "S-1-5-21-{}-{}-{}".format(*struct.unpack("<3I", data[-12:]))


def service_sid(service: str) -> str:
    """Return the SID of ``NT SERVICE\\<service>``."""
    return _sid_of_name("S-1-5-80", service.upper())


def pool_sid(pool: str) -> str:
    """Return the SID of ``IIS APPPOOL\\<pool>``."""
    return _sid_of_name("S-1-5-82", pool.lower())


def _sid_of_name(prefix: str, name: str) -> str:
    digest = hashlib.sha1(name.encode("utf-16-le", "surrogatepass"), usedforsecurity=False).digest()
    return "-".join([prefix, *map(str, struct.unpack("<5I", digest))])
