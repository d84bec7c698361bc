"""Replay of the VHDX log into memory, so that a disk of a crashed host reads as its host would have found it.

References:
    - [MS-VHDX] v8, section 2.3.3 (log sequence, replay)
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from uuid import UUID

from forensics.disk.vhdx.log_entry import LogEntry, LogEntryHeader, LogWrite, parse_log_entry, parse_log_entry_header
from forensics.disk.vhdx.structures import LOG_SECTOR
from forensics.formats.errors import FormatError
from forensics.language import sentence
from forensics.late_methods import dataclass

_MAX_WRITES = 1 << 16
"""Format: writes that a log replays."""


class Overlay:
    """Byte ranges of a file that read differently from what the file holds; of two writes the later one counts."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._writes: list[LogWrite] = []

    def __len__(self) -> int:
        return len(self._writes)

    def write(self, write: LogWrite) -> None:
        """Add a write over everything before it."""
        if write.length == 0:
            return
        start, end = write.offset, write.offset + write.length
        first, last = self._touched(start, end)
        kept: list[LogWrite] = []
        for old in self._writes[first:last]:
            if old.offset < start:
                kept.append(_part(old, old.offset, start))
        kept.append(write)
        for old in self._writes[first:last]:
            if old.offset + old.length > end:
                kept.append(_part(old, end, old.offset + old.length))
        self._writes[first:last] = kept
        self._starts[first:last] = [each.offset for each in kept]

    def paint(self, offset: int, data: bytes) -> bytes:
        """Return ``data``, which was read at ``offset`` of the file, as it reads under this overlay."""
        first, last = self._touched(offset, offset + len(data))
        if first == last:
            return data
        painted = bytearray(data)
        for write in self._writes[first:last]:
            start, end = max(write.offset, offset), min(write.offset + write.length, offset + len(data))
            new = bytes(end - start) if write.data is None else write.data[start - write.offset : end - write.offset]
            painted[start - offset : end - offset] = new
        return bytes(painted)

    def _touched(self, start: int, end: int) -> tuple[int, int]:
        """Return the range of indexes of the writes that overlap [start, end)."""
        first = bisect_right(self._starts, start)
        if first and self._writes[first - 1].offset + self._writes[first - 1].length > start:
            first -= 1
        return first, bisect_left(self._starts, end, lo=first)


@dataclass(frozen=True, slots=True)
class Replay:
    """What a log did.

    Attributes:
        overlay: The writes, oldest first.
        entries: How many log entries were replayed.
        flushed_file_offset: A file shorter than this was truncated.
        last_file_offset: The size the file must have at least after the replay.
        is_last_damaged: An entry follows that is all there, but for its checksum; it was not replayed.
    """

    overlay: Overlay
    entries: int
    flushed_file_offset: int
    last_file_offset: int
    is_last_damaged: bool = False


def replay_log(ring: bytes, log_guid: UUID) -> Replay:
    """Replay the active sequence of a log.

    Args:
        ring: The whole log region.
        log_guid: That of the current header.

    Raises:
        FormatError: There is no active sequence, one of its entries is damaged, or it holds more writes than a log of
            Windows could.
    """
    overlay = Overlay()
    sequence, is_last_damaged = _active_sequence(ring, _candidates(ring, log_guid))
    for entry in sequence:
        for write in entry.writes:
            overlay.write(write)
            if len(overlay) > _MAX_WRITES:
                raise FormatError(
                    "log_too_large",
                    0,
                    sentence("the log holds more than {max_writes} separate writes", max_writes=_MAX_WRITES),
                )
    last = sequence[-1].header
    return Replay(overlay, len(sequence), last.flushed_file_offset, last.last_file_offset, is_last_damaged)


def _candidates(ring: bytes, log_guid: UUID) -> dict[int, LogEntryHeader]:
    """Return what looks like an entry of this log, by offset in the ring; checksums are not looked at yet."""
    candidates: dict[int, LogEntryHeader] = {}
    for offset in range(0, len(ring) - LOG_SECTOR + 1, LOG_SECTOR):
        try:
            header = parse_log_entry_header(ring[offset : offset + 64])
        except FormatError:
            continue
        # Entries that overlap are refused here, so that no byte is in two checksums and a hostile log costs no more
        # than an honest one.
        if header.log_guid == log_guid and _sectors_belong(ring, offset, header.length):
            candidates[offset] = header
    return candidates


def _sectors_belong(ring: bytes, offset: int, length: int) -> bool:
    """Tell whether an entry fits the ring and no other entry starts inside it."""
    if length > len(ring):
        return False
    for at in range(offset + LOG_SECTOR, offset + length, LOG_SECTOR):
        if ring.startswith(b"loge", at % len(ring)):
            return False
    return True


def _of_ring(ring: bytes, offset: int, length: int) -> bytes:
    """Return ``length`` bytes from ``offset``, going on at the start where the ring ends."""
    straight = ring[offset : offset + length]
    return straight + ring[: length - len(straight)]


def _active_sequence(ring: bytes, candidates: dict[int, LogEntryHeader]) -> tuple[list[LogEntry], bool]:
    """Return the run of contiguous entries with the highest last sequence number, from that one's tail on.

    And whether a damaged one follows it.

    A ring that has been round is full of old entries. Only those that may be active have their checksums computed. The
    last one need not have been written to its end; whatever else is wrong with a later one is damage.
    """
    previous: dict[int, int] = {}
    following: dict[int, int] = {}
    for offset, header in candidates.items():
        after = (offset + header.length) % len(ring)
        if after in candidates and candidates[after].sequence == header.sequence + 1:
            previous[after], following[offset] = offset, after
    parsed: dict[int, LogEntry | None] = {}
    later: set[int] = set()

    def entry(offset: int) -> LogEntry | None:
        if offset not in parsed:
            try:
                parsed[offset] = parse_log_entry(_of_ring(ring, offset, candidates[offset].length))
                later.add(candidates[offset].sequence)
            except FormatError as error:
                parsed[offset] = None
                if error.kind == "bad_checksum":
                    later.add(candidates[offset].sequence)
        return parsed[offset]

    for head in sorted(candidates, key=lambda offset: candidates[offset].sequence, reverse=True):
        # An entry that a valid one follows is not the last of its run.
        if entry(head) is None or (head in following and entry(following[head]) is not None):
            continue
        run = [head]
        while run[-1] != candidates[head].tail and run[-1] in previous and entry(previous[run[-1]]) is not None:
            run.append(previous[run[-1]])
        if run[-1] == candidates[head].tail:
            left_out = max(later) - candidates[head].sequence
            # What follows at once may have been written when the host stopped.
            if left_out > (head in following):
                raise FormatError("bad_log", head, sentence("an entry of the log is damaged"))
            return [valid for offset in reversed(run) if (valid := entry(offset)) is not None], left_out > 0
    raise FormatError("no_active_sequence", 0, sentence("the log holds no complete sequence of valid entries"))


def _part(write: LogWrite, start: int, end: int) -> LogWrite:
    data = None if write.data is None else write.data[start - write.offset : end - write.offset]
    return LogWrite(start, end - start, data)
