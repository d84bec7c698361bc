"""Reparse points that are links: junctions, mounted volumes, symbolic links.

References:
    [MS-FSCC] 2.1.2.4 Symbolic Link Reparse Data Buffer, 2.1.2.5 Mount Point Reparse Data Buffer.
"""

from __future__ import annotations

import struct

from forensics.disk.links import Link

MOUNT_POINT = 0xA0000003
SYMBOLIC_LINK = 0xA000000C

_BEFORE_NAMES = {MOUNT_POINT: 16, SYMBOLIC_LINK: 20}
_OBJECT_MANAGER = "\\??\\"


def parse_link(data: bytes) -> Link | None:
    """Parse a reparse point.

    Windows goes by the substitute name, whatever the print name beside it says.

    Args:
        data: REPARSE_DATA_BUFFER, the content of $REPARSE_POINT.

    Returns:
        None where it is no link, or one cut short.
    """
    if len(data) < 16:
        return None
    tag, _length, _reserved, offset, size = struct.unpack_from("<IHHHH", data)
    start = _BEFORE_NAMES.get(tag)
    if start is None or start + offset + size > len(data) or not size:
        return None
    name = data[start + offset : start + offset + size].decode("utf-16-le", "replace").rstrip("\0")
    target = name.removeprefix(_OBJECT_MANAGER)
    if target.lower().startswith("unc\\"):
        target = f"\\\\{target[4:]}"
    if tag == SYMBOLIC_LINK:
        return Link("symbolic link", target)
    return Link("mounted volume" if target.lower().startswith("volume{") else "junction", target)
