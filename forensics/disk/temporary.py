"""Temporary files of this process, and the room that there is for them."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from functools import cache
from typing import BinaryIO

from forensics.language import sentence

_RESERVE = 512 << 20
# How often the room is asked for again: others write there too.
_ASKED = 256 << 20
_HOLE = 4 << 20


def temporary() -> BinaryIO:
    """Return an unnamed temporary file, which vanishes when it is closed."""
    return tempfile.TemporaryFile(prefix="keymortem-")


@cache
def keeps_holes(folder: str) -> bool:
    """Tell whether what is passed over in a file of a folder takes no room: not on Windows, FAT and some servers."""
    with tempfile.TemporaryFile(dir=folder) as file:
        file.seek(_HOLE)
        file.write(b"x")
        file.flush()
        blocks = getattr(os.fstat(file.fileno()), "st_blocks", None)
    return blocks is not None and blocks * 512 < _HOLE


class Room:
    """What may still be written to the temporary folder; some of it is left for everybody else."""

    def __init__(self) -> None:
        self._left = 0

    def take(self, count: int) -> None:
        """Count bytes that are about to be written; raises OSError where there is no room for them."""
        if count > self._left:
            free = shutil.disk_usage(tempfile.gettempdir()).free - _RESERVE
            self._left = min(max(_ASKED, count), free)
        if count > self._left:
            raise OSError(errno.ENOSPC, sentence("no room"))
        self._left -= count

    def skip(self, count: int) -> None:
        """Count bytes that become a hole, which takes room where no holes are kept; raises OSError as :meth:`take`."""
        if count and not keeps_holes(tempfile.gettempdir()):
            self.take(count)
