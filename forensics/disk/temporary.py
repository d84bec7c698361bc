"""Temporary files of this process, and the room that there is for them."""

from __future__ import annotations

import errno
import shutil
import tempfile
from typing import BinaryIO

_RESERVE = 512 << 20
# How often the room is asked for again: others write there too.
_ASKED = 256 << 20


def temporary() -> BinaryIO:
    """Return an unnamed temporary file, which vanishes when it is closed."""
    return tempfile.TemporaryFile(prefix="keymortem-")


class Room:
    """What may still be written to the temporary folder; some of it is left for everybody else."""

    def __init__(self) -> None:
        self._left = 0

    def take(self, count: int) -> None:
        """Count bytes that are about to be written; raises OSError where there is no room for them."""
        if count > self._left:
            self._left = min(_ASKED, shutil.disk_usage(tempfile.gettempdir()).free - _RESERVE)
        if count > self._left:
            raise OSError(errno.ENOSPC, "no room")
        self._left -= count
