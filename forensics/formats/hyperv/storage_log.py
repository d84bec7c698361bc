"""The replay log of a HyperVStorage file, and the file as it is once the log is replayed.

The log holds after-images: bytes and the place where they belong. The first ``current`` entries still have to be
written, for the machine stopped before that; entries beyond are left over from transactions that were finished, and
say only what the file held once.

References:
    - https://github.com/microsoft/openvmm/blob/main/support/hvs_file/FORMAT.md (whose order of the entry's fields does
      not fit files that Hyper-V wrote; the one used here does)
    - dissect.hypervisor, descriptor/c_hyperv.py
"""

from __future__ import annotations

import struct
import zlib
from bisect import insort
from dataclasses import field

from forensics.formats.errors import FormatError
from forensics.formats.hyperv.read_at import ReadAt
from forensics.formats.hyperv.storage_header import StorageHeader, checksum_holds
from forensics.formats.hyperv.storage_limits import MAX_LOG_BYTES, MAX_LOG_ENTRIES, Budget, ErrorRows
from forensics.language import sentence
from forensics.late_methods import dataclass

_SIGNATURE = 0x01110003
_LOG = struct.Struct("<IIIBI17x")
_ENTRY = struct.Struct("<QIQII")
_PAGE = 4096


@dataclass(frozen=True, slots=True)
class LogWrite:
    """Bytes and where in the file they belong."""

    offset: int
    data: bytes = field(repr=False)

    @property
    def end(self) -> int:
        """Where in the file they end."""
        return self.offset + len(self.data)


@dataclass(frozen=True, slots=True)
class ReplayLog:
    """What the log holds.

    Attributes:
        pending: Still to be written, in order.
        committed: Left over from before, in the order in which they stand; those that were overwritten are not here.
        damaged: What still has to be written is not known, or not all of it: the file is as it never was.
    """

    pending: tuple[LogWrite, ...] = ()
    committed: tuple[LogWrite, ...] = ()
    damaged: bool = False


class Overlay:
    """A file with bytes written over it in memory.

    Args:
        read: The file.
        size: Its size in bytes.
    """

    def __init__(self, read: ReadAt, size: int) -> None:
        self._read = read
        self._pages: dict[int, bytearray] = {}
        self._written: list[tuple[int, int]] = []
        self._end = size
        self.size = size

    def write(self, change: LogWrite) -> None:
        """Write over the file, which may grow by it."""
        at = change.offset
        while at < change.end:
            start = at - at % _PAGE
            page = self._pages.get(start)
            if page is None:
                page = self._pages[start] = bytearray(self._read(start, _PAGE).ljust(_PAGE, b"\0"))
            end = min(start + _PAGE, change.end)
            page[at - start : end - start] = change.data[at - change.offset : end - change.offset]
            at = end
        insort(self._written, (change.offset, change.end))
        self.size = max(self.size, change.end)

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes as :data:`ReadAt` does; fewer also before a hole between the file and what was written."""
        data = self._read(offset, max(min(length, self._end - offset), 0))
        if not self._written:
            return data
        known = self._known(offset + len(data), offset + length) - offset
        image = bytearray(data.ljust(known, b"\0"))
        for start in range(offset - offset % _PAGE, offset + known, _PAGE):
            page = self._pages.get(start)
            if page is None:
                continue
            begin, end = max(start, offset), min(start + _PAGE, offset + known)
            image[begin - offset : end - offset] = page[begin - start : end - start]
        return bytes(image)

    def _known(self, known: int, wanted: int) -> int:
        """Return up to where bytes are known without a hole, of which those before ``known`` are."""
        for start, end in self._written if known < wanted else ():
            if start > known:
                break
            known = max(known, end)
        return min(known, wanted)


def read_replay_log(read: ReadAt, size: int, header: StorageHeader, errors: ErrorRows) -> ReplayLog:
    """Read the log that ``header`` names.

    Args:
        read: The file.
        size: Its size in bytes.
        header: Its current header.
        errors: Gets what is wrong with the log or its pending entries; a leftover that is not whole was overwritten,
            which is no error.
    """
    if not header.log_size:
        return ReplayLog()
    at = header.log_offset
    # Hyper-V reserves room for the log beyond the end of the file: only what an entry names must be there.
    length = min(header.log_size, max(size - at, 0))
    data = read(at, min(_LOG.size, length)) if length else b""
    if len(data) < _LOG.size:
        errors.add("truncated", at, sentence("the replay log is not in the file"))
        return ReplayLog(damaged=True)
    signature, checksum, current, _, most = _LOG.unpack(data)
    if signature != _SIGNATURE:
        errors.add("bad_magic", at, sentence("no replay log stands where the header says"))
        return ReplayLog(damaged=True)
    if not checksum_holds(data, checksum, 4):
        errors.add(
            "bad_checksum", at + 4, sentence("the checksum of the replay log is wrong; what it holds is not believed")
        )
        return ReplayLog(damaged=True)
    slots = min(most, (length - _LOG.size) // _ENTRY.size, MAX_LOG_ENTRIES)
    if current > slots:
        errors.add(
            "bad_count",
            at + 8,
            sentence(
                "a replay log with room for {slots} entries says it holds {current}", slots=slots, current=current
            ),
        )
        return ReplayLog(damaged=True)
    return _read_entries(read, size, _Place(at, length), (current, slots), errors)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the log stands in the file."""

    offset: int
    length: int


def _read_entries(read: ReadAt, size: int, place: _Place, counts: tuple[int, int], errors: ErrorRows) -> ReplayLog:
    current, slots = counts
    table = read(place.offset + _LOG.size, slots * _ENTRY.size)
    budget = Budget(MAX_LOG_BYTES)
    writes: tuple[list[LogWrite], list[LogWrite]] = ([], [])
    damaged = False
    for slot in range(slots):
        raw = table[slot * _ENTRY.size : (slot + 1) * _ENTRY.size]
        where = place.offset + _LOG.size + slot * _ENTRY.size
        try:
            writes[slot >= current].append(_parse_entry(read, size, place, (raw, where), budget))
        except FormatError as error:
            # Each entry is the newer content of its place, so those that are whole bring the file nearer to what it
            # was to be, and the checksums of keys tell where old and new do not fit each other.
            if slot < current:
                errors.keep(error)
                damaged = True
    return ReplayLog(tuple(writes[0]), tuple(writes[1]), damaged)


def _parse_entry(read: ReadAt, size: int, place: _Place, entry: tuple[bytes, int], budget: Budget) -> LogWrite:
    raw, where = entry
    if len(raw) < _ENTRY.size:
        raise FormatError("truncated", where, sentence("an entry of the replay log is cut off"))
    offset, length, inside, checksum, data_checksum = _ENTRY.unpack(raw)
    if not checksum_holds(raw, checksum, 20):
        raise FormatError("bad_checksum", where + 20, sentence("the checksum of an entry of the replay log is wrong"))
    if inside + length > place.length:
        raise FormatError(
            "bad_length",
            where + 8,
            sentence("an entry of the replay log has {length} bytes outside of it", length=length),
        )
    if offset + length > size + MAX_LOG_BYTES:
        raise FormatError(
            "bad_offset",
            where,
            sentence("an entry of the replay log writes {length} bytes at {offset}", length=length, offset=offset),
        )
    if not budget.spend(length):
        raise FormatError(
            "too_large",
            where,
            sentence("the replay log writes more than {max_log_bytes} bytes", max_log_bytes=MAX_LOG_BYTES),
        )
    data = read(place.offset + inside, length)
    if len(data) < length:
        raise FormatError(
            "truncated", place.offset + inside, sentence("the bytes of an entry of the replay log are cut off")
        )
    if zlib.crc32(data) != data_checksum:
        raise FormatError(
            "bad_checksum", where + 24, sentence("the bytes of an entry of the replay log have another checksum")
        )
    return LogWrite(offset, data)
