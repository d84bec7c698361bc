"""Blocks of files on servers that are kept, and how many more than asked for are fetched at once."""

from __future__ import annotations

from collections import OrderedDict

BLOCK = 32 << 10
"""Work: bytes to which requests are rounded."""
MAX_KEPT = 128 << 20
"""Work: bytes of all files of one examination that are kept."""
MAX_FETCHED = 8 << 20
"""Work: bytes of one request."""
FIRST_AHEAD = 1
"""Work: blocks that are fetched where a file is read at a new place."""
MAX_AHEAD = 64
"""Work: blocks that are fetched at once where a file is read on from block to block."""
_MAX_RUNS = 16
"""Work: places of one file at which it is remembered that reading may go on."""

Key = tuple[str, str, int]
"""URL, version and number of a block."""


class Blocks:
    """The blocks that were used last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, bytes] = OrderedDict()
        self._bytes = 0

    def get(self, key: Key) -> bytes | None:
        """Return a block that is kept."""
        block = self._kept.get(key)
        if block is not None:
            self._kept.move_to_end(key)
        return block

    def put(self, key: Key, block: bytes) -> None:
        """Keep a block, and forget those that were used longest ago where there are too many."""
        if key not in self._kept:
            self._bytes += len(block)
        self._kept[key] = block
        while self._bytes > MAX_KEPT:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= len(gone)

    def __contains__(self, key: Key) -> bool:
        return key in self._kept


class ReadAhead:
    """Where a file was read, and so what is likely read next: twice as much each time that reading went on."""

    def __init__(self) -> None:
        self._runs: OrderedDict[int, int] = OrderedDict()

    def count(self, first: int, wanted: int) -> int:
        """Return how many blocks to fetch.

        Args:
            first: Number of the first block that is wanted and not kept.
            wanted: How many blocks are.
        """
        before = self._runs.pop(first, 0)
        window = min(before * 2, MAX_AHEAD) if before else FIRST_AHEAD
        count = max(window, wanted)
        self._runs[first + count] = max(window, min(wanted, MAX_AHEAD))
        if len(self._runs) > _MAX_RUNS:
            self._runs.popitem(last=False)
        return count
