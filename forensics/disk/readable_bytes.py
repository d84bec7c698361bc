"""Reads the bytes by which a file is recognised, as far as they can be read: a bad sector among them hides no disk."""

from __future__ import annotations

import errno
from typing import BinaryIO

_SECTOR = 512


def readable_bytes(file: BinaryIO, start: int, count: int) -> bytes:
    """Return bytes of a file, with zeros in the place of sectors that its medium does not give.

    Args:
        file: The file.
        start: Where the bytes begin.
        count: How many; fewer are returned where the file ends before.

    Raises:
        OSError: Not one sector of them can be read, or something else is wrong than a sector.
    """
    try:
        file.seek(start)
        return file.read(count)
    except OSError as error:
        if not is_bad_sector(error):
            raise
        failed = error
    parts: list[bytes | None] = []
    for at in range(start, start + count, _SECTOR):
        try:
            file.seek(at)
            parts.append(file.read(min(_SECTOR, start + count - at)))
        except OSError as error:
            if not is_bad_sector(error):
                raise
            parts.append(None)
    if not any(parts):
        raise failed
    return b"".join(bytes(_SECTOR) if part is None else part for part in parts)


def is_bad_sector(error: OSError) -> bool:
    """Tell whether the medium did not give a part of a file, of which others may be read."""
    return error.errno == errno.EIO
