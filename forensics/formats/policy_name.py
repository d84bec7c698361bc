"""Names in the LSA's policy: Policy\\PolPrDmN and its kin in SECURITY.

References:
    LSA_UNICODE_STRING of MS-LSAD, with an offset where the pointer was.
"""

from __future__ import annotations

import struct

from forensics.formats.errors import FormatError
from forensics.language import sentence


def parse_policy_name(data: bytes) -> str | None:
    """Return the name: u16 bytes, u16 room, u32 offset of the UTF-16 text; None for an empty one.

    Raises:
        FormatError: ``truncated``.
    """
    if len(data) < 8:
        raise FormatError("truncated", 0, sentence("the name has {count} bytes", count=len(data)))
    length, _, offset = struct.unpack_from("<HHI", data)
    if offset + length > len(data):
        raise FormatError(
            "truncated",
            0,
            sentence(
                "the name says {length} bytes at {offset}, it has {count}",
                length=length,
                offset=offset,
                count=len(data),
            ),
        )
    return data[offset : offset + length].decode("utf-16-le", "replace").rstrip("\0") or None
