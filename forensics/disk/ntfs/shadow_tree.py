"""An NTFS volume as a shadow copy has it, and what of it the present volume still has."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from forensics.disk.ntfs.mft_search import AT_ONCE, MAX_SEARCHED, paths_in
from forensics.disk.ntfs.names import NUMBER
from forensics.disk.ntfs.record import ATTRIBUTE_LIST, DATA
from forensics.disk.ntfs.stream import Piece, VolumeReader
from forensics.disk.ntfs.tree import NtfsTree
from forensics.disk.ntfs.volume import WrongRecord
from forensics.disk.tree import Entry, Unreadable, WantedNames
from forensics.formats.errors import FormatError
from forensics.formats.shadow_catalog import BLOCK
from forensics.late_methods import dataclass

if TYPE_CHECKING:
    from forensics.disk.ntfs.damage import Report
    from forensics.disk.ntfs.volume import NtfsVolume
    from forensics.disk.shadow_copy import ShadowCopy

_MAX_COMPARED = 1 << 20
"""Work: bytes of a file outside of its record that are compared with those of today; no key file has as many."""


@dataclass(frozen=True, slots=True)
class Present:
    """The volume of today, and what tells in which of its blocks it differs from a copy.

    Attributes:
        volume: The volume.
        records_named: Returns the numbers of its records in which a name of a wanted form stands.
        saved: Yields where the blocks begin that may differ, or raises FormatError or Unreadable.
    """

    volume: NtfsVolume
    records_named: Callable[[WantedNames], set[int]]
    saved: Callable[[], Iterator[set[int]]]


class ShadowTree(NtfsTree):
    """Tree over a volume as it was when a shadow copy of it was made.

    Args:
        stream: The volume then.
        size: Its bytes.
        present: The volume of today.
        report: Is told of every structure that is found to be broken.
    """

    def __init__(self, stream: BinaryIO, size: int, present: Present, report: Report) -> None:
        reader = VolumeReader(stream, 0, size)
        boot = reader.read_at(0, 512)
        # A boot sector that was damaged before the copy was made is so in the copy too.
        super().__init__(reader, boot if boot[3:11] == b"NTFS    " else present.volume.boot, report)
        self._present = present

    def shadow_copies(self) -> Sequence[ShadowCopy]:
        """Return none: what a copy holds of the catalog and of stores is of no use in it."""
        return ()

    def is_unchanged(self, file: Entry | str) -> bool:
        """Tell whether the present volume has this very file: its record and its content, byte for byte.

        False where that is not known. Raises NotFound.
        """
        try:
            entry = self.entry(file) if isinstance(file, str) else file
            if not isinstance(entry.handle, int):
                return False
            number = entry.handle & NUMBER
            if self.volume.raw_record(number) != self._present.volume.raw_record(number):
                return False
            record = self.volume.record(entry.handle)
            data = record.find(DATA)
            if record.find(ATTRIBUTE_LIST) is not None or data is None:
                return False
            if data.value is not None:
                return True
            then, now = self.volume.stream(record), self._present.volume.stream(record)
            return then is not None and now is not None and data.size <= _MAX_COMPARED and then.read() == now.read()
        except Unreadable:
            return False

    def changed_paths_named(self, wanted: WantedNames, skip: Iterable[str]) -> Iterator[str | None]:
        """Yield the paths of files with a wanted name that the present volume may not have so.

        What is left out stands in the $MFT of today under the same number, byte for byte, and so does its content where
        it lies. The rest is as :meth:`paths_named` has it.
        """
        return paths_in(self.volume, self._changed_blocks(wanted), wanted, self._numbers_of(skip))

    def _changed_blocks(self, wanted: WantedNames) -> Iterator[tuple[int, bytes | None]]:
        changed, rewritten = None, list[int]()
        with suppress(FormatError, Unreadable):
            parts = self._changed()
            rewritten = [] if parts is None else self._rewritten(wanted, parts)
            changed = parts
        yield from self.volume.mft_blocks(AT_ONCE, MAX_SEARCHED, changed)
        size = self.volume.record_size
        yield from self.volume.mft_blocks(size, MAX_SEARCHED, [(at * size, (at + 1) * size) for at in rewritten])

    def _rewritten(self, wanted: WantedNames, changed: Sequence[tuple[int, int]]) -> list[int]:
        """Return the records with a wanted name that are as they were, but may not have the content that they had."""
        now = self._present.volume
        ends = [end for _, end in changed]
        found: set[int] = set()
        of: dict[int, set[int]] = {}
        for number in self._present.records_named(wanted):
            at = number * now.record_size
            part = bisect_right(ends, at)
            if part < len(ends) and changed[part][0] <= at:
                continue
            blocks = _content_blocks(now, number)
            if blocks is None:
                found.add(number)
                continue
            for block in blocks:
                of.setdefault(block, set()).add(number)
        for begins in self._present.saved():
            for block in of.keys() & begins:
                found |= of[block]
        return sorted(found)

    def _changed(self) -> list[tuple[int, int]] | None:
        """Return first byte and end of each part of the $MFT then that the $MFT of today may not have; None for all.

        A block that neither this copy nor a newer one says anything of is the one of today. Where the library takes it
        for unused and fills it with zeros, it holds no names either.

        Raises:
            FormatError, Unreadable: What the copies say of blocks is not known.
        """
        if self._present.volume.record_size != self.volume.record_size:
            return None
        common = [
            part
            for piece in _in_common(self.volume.mft_pieces(), self._present.volume.mft_pieces())
            for part in _by_block(piece)
            if part.end <= MAX_SEARCHED
        ]
        blocks = {part.place & -BLOCK for part in common}
        saved: set[int] = set()
        for begins in self._present.saved():
            saved |= blocks & begins
        changed: list[tuple[int, int]] = []
        at = 0
        for part in common:
            if part.place & -BLOCK not in saved:
                self._add_records(changed, at, part.start)
                at = part.end
        self._add_records(changed, at, self.volume.mft_size)
        return changed

    def _add_records(self, parts: list[tuple[int, int]], start: int, end: int) -> None:
        """Add the records that lie in a part, whole ones, to those before it."""
        if start >= end:
            return
        record = self.volume.record_size
        start, end = start // record * record, -(-end // record) * record
        if parts and parts[-1][1] >= start:
            start = parts.pop()[0]
        parts.append((start, end))


def _content_blocks(volume: NtfsVolume, number: int) -> set[int] | None:
    """Return where the blocks begin in which the content of a file lies; None where that is not known, or too large."""
    try:
        record = volume.record(number)
    except WrongRecord:  # a deleted file
        return set()
    except Unreadable:
        return None
    runs = [run for part in record.attributes if part.type == DATA and not part.name for run in part.runs]
    if record.find(ATTRIBUTE_LIST) or sum(count for _, count in runs) * volume.cluster > _MAX_COMPARED:
        return None
    return {
        block
        for lcn, count in runs
        if lcn is not None
        for block in range(lcn * volume.cluster & -BLOCK, (lcn + count) * volume.cluster, BLOCK)
    }


def _in_common(then: Iterator[Piece], now: Iterator[Piece]) -> Iterator[Piece]:
    """Yield the parts of one stream that another has under the same bytes in the same place."""
    one, other = next(then, None), next(now, None)
    while one is not None and other is not None:
        start, end = max(one.start, other.start), min(one.end, other.end)
        if start < end and one.place - one.start == other.place - other.start:
            yield Piece(start, end, one.place + start - one.start)
        if one.end <= other.end:
            one = next(then, None)
        else:
            other = next(now, None)


def _by_block(piece: Piece) -> Iterator[Piece]:
    """Split a piece where blocks of the volume begin, as shadow copies save them."""
    start, end, place = piece
    while start < end:
        stop = min(end, start + BLOCK - place % BLOCK)
        yield Piece(start, stop, place)
        start, place = stop, place + stop - start
