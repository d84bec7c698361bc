"""What a contained child says over its pipe: frames of one byte that tells their kind, their length, and themselves."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import Literal

FrameKind = Literal[b"S", b"P", b"R", b"A", b"F"]
"""Started (its process id), progress (a line), a record, the answer, a failure (its kind)."""

_HEAD = struct.Struct("<cI")
_BUFFERED = 1 << 16


class Sender:
    """The child's end of the pipe.

    Args:
        pipe: Its descriptor.
    """

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._waiting = bytearray()

    def say(self, line: str) -> None:
        """Tell of progress, at once."""
        self.send(b"P", line.encode("utf-8", "replace"))
        self.flush()

    def record(self, data: bytes) -> None:
        """Send a part of what is asked for, some time before the answer."""
        self.send(b"R", data)
        if len(self._waiting) > _BUFFERED:
            self.flush()

    def send(self, kind: FrameKind, data: bytes) -> None:
        """Put a frame behind those that wait to be sent."""
        self._waiting += _HEAD.pack(kind, len(data)) + data

    def flush(self) -> None:
        """Send what waits.

        Raises:
            OSError: Nobody reads it any more.
        """
        with memoryview(self._waiting) as view:
            at = 0
            while at < len(view):
                at += os.write(self._pipe, view[at:])
        self._waiting.clear()


class Frames:
    """Puts frames together again from what was read; they may be anything."""

    def __init__(self) -> None:
        self._read = bytearray()

    def take(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield kind and content of each frame that is whole with this."""
        self._read += data
        at = 0
        while len(self._read) - at >= _HEAD.size:
            kind, length = _HEAD.unpack_from(self._read, at)
            end = at + _HEAD.size + length
            if len(self._read) < end:
                break
            yield kind, bytes(self._read[at + _HEAD.size : end])
            at = end
        del self._read[:at]
