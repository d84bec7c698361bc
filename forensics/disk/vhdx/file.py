"""One VHDX file: picks the header, replays the log, finds the regions, and reads blocks of this file alone.

The BAT is read page by page when a block is asked for. When the file is opened it is read once, to learn which entries
contradict one another.

References:
    - [MS-VHDX] v8, sections 2.2 to 2.6
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, TypeVar
from uuid import UUID

from forensics.disk.errors import SourceError
from forensics.disk.tree import NotObtained
from forensics.disk.vhdx import structures as fmt
from forensics.disk.vhdx.bat_check import MAX_CHECKED, block_of, conflicts, unclaimed
from forensics.formats.errors import FormatError
from forensics.language import sentence

if TYPE_CHECKING:
    from forensics.disk.vhdx.log_replay import Overlay

_BAT_PAGE = 4 << 10
_BAT_PAGES_KEPT = 1024
_MAX_PROBLEMS = 1000
"""Display: faults of one file that are told one by one."""
_Parsed = TypeVar("_Parsed")


class VhdxReadError(OSError):
    """A part of the virtual disk cannot be read; the message names the block and the file."""


class VhdxFile:
    """An opened VHDX file, without its parents.

    Args:
        fh: The file, seekable; closed with this object when ``owned``.
        name: What messages call it.
        owned: Whether ``close`` closes ``fh``.

    Attributes:
        header: The current header.
        parameters: Block size and flags.
        geometry: Sizes of disk, block and sector.
        locator: Where the parent is; None unless the disk is differencing.
        problems: What is wrong with the file although it could be opened; grows while it is read.

    Raises:
        SourceError: Not a VHDX, or one that cannot be read without guessing.
    """

    def __init__(self, fh: BinaryIO, name: str, *, owned: bool = False) -> None:
        self._fh = fh
        self._owned = owned
        self.name = name
        self.problems: list[FormatError] = []
        self._told: set[tuple[str, int]] = set()
        self._overlay: Overlay | None = None
        self._bat_pages: dict[int, bytes] = {}
        self._file_size = self._size = fh.seek(0, io.SEEK_END)
        try:
            self.header = self._identified_header()
            if self.header.is_dirty:
                self._replay()
            regions = self._first_good(fmt.REGION_TABLE_OFFSETS, fmt.REGION_TABLE_SIZE, fmt.parse_region_table)
            self._bat = regions.bat
            self._parse_metadata(regions.metadata)
            self._conflicts = self._check_bat(regions)
        except FormatError as error:
            raise SourceError(
                f"vhdx_{error.kind}",
                sentence("{name} cannot be opened as VHDX: {error}", name=name, error=error),
            ) from error

    def close(self) -> None:
        """Close the file if it belongs to this object."""
        if self._owned:
            self._fh.close()

    def note(self, kind: str, offset: int, message: str) -> None:
        """Add a problem, once."""
        if (kind, offset) in self._told or len(self.problems) > _MAX_PROBLEMS:
            return
        self._told.add((kind, offset))
        if len(self.problems) == _MAX_PROBLEMS:
            kind, message = (
                "too_many_problems",
                sentence("more than {max_problems} things are wrong with this file", max_problems=_MAX_PROBLEMS),
            )
        self.problems.append(FormatError(kind, offset, sentence("{name}: {message}", name=self.name, message=message)))

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes of the file as the log leaves it; fewer at its end."""
        length = max(0, min(length, self._size - offset))
        parts: list[bytes] = []
        got = 0
        if offset < self._file_size:
            wanted = min(length, self._file_size - offset)
            self._fh.seek(offset)
            while got < wanted and (part := self._fh.read(wanted - got)):
                parts.append(part)
                got += len(part)
            if got < wanted:
                length = got
        if got < length:
            parts.append(bytes(length - got))
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        return self._overlay.paint(offset, data) if self._overlay else data

    def _part_at(self, offset: int, length: int) -> bytes:
        """Return bytes as :meth:`read_at`, of a structure of which another copy may do, or without which some is lost.

        Raises:
            FormatError: The medium does not give them.
        """
        try:
            return self.read_at(offset, length)
        except OSError as error:
            message = sentence("the image cannot be read at byte {offset}: {error}", offset=offset, error=error)
            raise FormatError(NotObtained.kind, offset, message) from error

    def bat_entry(self, block: int) -> fmt.BatEntry:
        """Return the BAT entry of a payload block; raises VhdxReadError."""
        return self._bat_entry(self.geometry.payload_index(block), block)

    def read_block(self, block: int, entry: fmt.BatEntry, start: int, length: int) -> bytes:
        """Return ``length`` bytes from byte ``start`` of a block that has data; raises VhdxReadError."""
        self._refuse_conflict(self.geometry.payload_index(block), block)
        data = self.read_at(entry.offset + start, length)
        if len(data) != length or entry.offset < fmt.MIB:
            raise self._unreadable(
                "block_beyond_end",
                block,
                sentence(
                    "block {block} of the virtual disk (its byte {block2}) should be at byte {offset} of the "
                    "file, which has {file_size} bytes: it is truncated, copy it again",
                    block=block,
                    block2=block * self.geometry.block_size,
                    offset=entry.offset,
                    file_size=self._file_size,
                ),
            )
        return data

    def sector_bitmap(self, block: int, first: int, count: int) -> str:
        """Return one character a sector from sector ``first`` of the block: ``1`` here, ``0`` in the parent."""
        index = self.geometry.bitmap_index(block)
        self._refuse_conflict(index, block)
        entry = self._bat_entry(index, block)
        sectors_per_block = self.geometry.block_size // self.geometry.sector_size
        bit = block % self.geometry.chunk_ratio * sectors_per_block + first
        start, end = bit // 8, -(-(bit + count) // 8)
        data = self.read_at(entry.offset + start, end - start) if entry.state == fmt.BITMAP_PRESENT else b""
        if len(data) != end - start or entry.offset < fmt.MIB:
            raise self._unreadable(
                "no_sector_bitmap",
                block,
                sentence("block {block} of the virtual disk has no readable sector bitmap", block=block),
            )
        bits = format(int.from_bytes(data, "little"), f"0{len(data) * 8}b")[::-1]
        return bits[bit % 8 : bit % 8 + count]

    def unknown_state(self, block: int, state: int) -> VhdxReadError:
        """Return the error for a block state that is not defined for this kind of disk."""
        return self._unreadable(
            "bad_block_state",
            block,
            sentence("block {block} of the virtual disk has state {state}", block=block, state=state),
        )

    def _check_bat(self, regions: fmt.RegionTable) -> dict[int, str]:
        """Return what else lies where a BAT entry leads, by its index; each is a problem."""
        entries = self.geometry.bat_entries(self.parameters.has_parent)
        try:
            bat = self._part_at(self._bat.offset, min(entries, MAX_CHECKED) * 8)
        except FormatError as error:
            self.note(error.kind, error.offset, error.message)
            return {}
        structures = {"the BAT": regions.bat, "the metadata": regions.metadata}
        if 0 < self.header.log_length <= fmt.MAX_LOG and self.header.log_offset >= fmt.MIB:
            structures["the log"] = fmt.Region(self.header.log_offset, self.header.log_length)
        found = conflicts(bat, self.geometry, structures, self.parameters.has_parent)
        for index in sorted(found):
            block = block_of(index, self.geometry)
            self.note("shared_block", block * self.geometry.block_size, self._conflict(block, found[index]))
        if entries > MAX_CHECKED:
            message = sentence(
                "only the first {max_checked} of its {entries} BAT entries were compared with one another",
                max_checked=MAX_CHECKED,
                entries=entries,
            )
            self.note("too_many", self._bat.offset, message)
            return found
        left = unclaimed(bat, self.geometry, structures, self._size)
        if "the log" in structures and not found and left >= self.geometry.block_size:
            message = sentence(
                "{left} bytes of the file belong to no block of the disk: they are left over, or entries of the BAT "
                "are lost, and then zeros, or what a parent holds, are read in their place",
                left=left,
            )
            self.note("unclaimed", self._bat.offset, message)
        return found

    def _conflict(self, block: int, other: str) -> str:
        return sentence(
            "the BAT lets block {block} of the virtual disk (its byte {block2}) lie where there is also "
            "{other}: one of them is damaged, and which cannot be told; copy it again",
            block=block,
            block2=block * self.geometry.block_size,
            other=other,
        )

    def _refuse_conflict(self, index: int, block: int) -> None:
        if index in self._conflicts:
            raise self._unreadable("shared_block", block, self._conflict(block, self._conflicts[index]))

    def _bat_entry(self, index: int, block: int) -> fmt.BatEntry:
        page, within = divmod(index * 8, _BAT_PAGE)
        data = self._bat_pages.get(page)
        if data is None:
            if len(self._bat_pages) >= _BAT_PAGES_KEPT:
                self._bat_pages.clear()
            data = self._bat_pages[page] = self.read_at(self._bat.offset + page * _BAT_PAGE, _BAT_PAGE)
        if within + 8 > len(data):
            raise self._unreadable(
                "bat_beyond_end",
                block,
                sentence("the BAT entry of block {block} lies beyond the end of the file", block=block),
            )
        return fmt.decode_bat_entry(int.from_bytes(data[within : within + 8], "little"))

    def _unreadable(self, kind: str, block: int, message: str) -> VhdxReadError:
        self.note(kind, block * self.geometry.block_size, message)
        return VhdxReadError(sentence("{name}: {message}", name=self.name, message=message))

    def _identified_header(self) -> fmt.VhdxHeader:
        """Return the current header; it also tells a VHDX of which the first bytes are lost."""
        try:
            fmt.parse_file_identifier(self._part_at(0, len(fmt.SIGNATURE)))
        except FormatError as error:
            try:
                header = self._current_header()
            except FormatError:
                raise error from None
            self.note(error.kind, error.offset, error.message)
            return header
        return self._current_header()

    def _current_header(self) -> fmt.VhdxHeader:
        """Return the valid header with the higher sequence number."""
        headers = []
        errors = []
        for offset in fmt.HEADER_OFFSETS:
            try:
                headers.append(fmt.parse_header(self._part_at(offset, fmt.HEADER_SIZE)))
            except FormatError as error:
                errors.append(error)
                self.note(
                    error.kind,
                    offset,
                    sentence(
                        "the header at byte {offset} is not used: {message}", offset=offset, message=error.message
                    ),
                )
        if not headers:
            raise errors[0]
        return max(headers, key=lambda header: header.sequence)

    def _replay(self) -> None:
        # Imported here because a disk that was shut down has nothing to replay.
        from forensics.disk.vhdx.log_replay import replay_log

        header = self.header
        try:
            if header.log_length > fmt.MAX_LOG or header.log_length % fmt.LOG_SECTOR or header.log_offset < fmt.MIB:
                raise FormatError(
                    "bad_log",
                    header.log_offset,
                    sentence("a log of {log_length} bytes is not replayed", log_length=header.log_length),
                )
            ring = self._part_at(header.log_offset, header.log_length)
            if len(ring) != header.log_length:
                raise FormatError("truncated", header.log_offset, sentence("the log lies beyond the end of the file"))
            replay = replay_log(ring, header.log_guid)
        except FormatError as error:
            self.note(
                "log_not_replayed",
                header.log_offset,
                sentence(
                    "the disk was not closed and its log cannot be replayed, so it reads as it stood before its "
                    "last changes and may contradict itself: {message}",
                    message=error.message,
                ),
            )
            return
        self._overlay = replay.overlay
        if replay.is_last_damaged:
            self.note("log_replayed_in_part", header.log_offset, sentence("the last entry of its log is damaged"))
        if self._file_size < replay.flushed_file_offset:
            self.note(
                "truncated",
                self._file_size,
                sentence(
                    "the file is truncated: it has {file_size} bytes and had {flushed_file_offset} at least",
                    file_size=self._file_size,
                    flushed_file_offset=replay.flushed_file_offset,
                ),
            )
        else:
            self._size = max(self._size, replay.last_file_offset)

    def _first_good(self, offsets: tuple[int, ...], size: int, parse: Callable[[bytes], _Parsed]) -> _Parsed:
        """Parse the first copy of a structure that is whole; what is required and unknown is no damage."""
        first: FormatError | None = None
        for offset in offsets:
            try:
                return parse(self._part_at(offset, size))
            except FormatError as error:
                if error.kind == "unknown_required":
                    raise
                first = first or error
                self.note(
                    error.kind,
                    offset,
                    sentence(
                        "the region table at byte {offset} is not used: {message}", offset=offset, message=error.message
                    ),
                )
        assert first is not None
        raise first

    def _parse_metadata(self, region: fmt.Region) -> None:
        table = self.read_at(region.offset, fmt.METADATA_TABLE_SIZE)
        items = fmt.parse_metadata_table(table, region.length)

        def item(guid: UUID, what: str) -> bytes:
            if guid not in items:
                raise FormatError("missing_item", region.offset, sentence("the metadata lacks {what}", what=what))
            where = items[guid]
            return self.read_at(region.offset + where.offset, where.length)

        self.parameters = fmt.parse_file_parameters(item(fmt.FILE_PARAMETERS, sentence("the file parameters")))
        sector_size = fmt.parse_sector_size(item(fmt.LOGICAL_SECTOR_SIZE, sentence("the logical sector size")))
        disk_size = fmt.parse_disk_size(item(fmt.VIRTUAL_DISK_SIZE, sentence("the virtual disk size")), sector_size)
        self.geometry = fmt.Geometry(disk_size, self.parameters.block_size, sector_size)
        self.locator: fmt.ParentLocator | None = None
        if self.parameters.has_parent:
            self.locator = fmt.parse_parent_locator(item(fmt.PARENT_LOCATOR, sentence("the parent locator")))
        entries = self.geometry.bat_entries(self.parameters.has_parent)
        if entries * 8 > self._bat.length:
            raise FormatError(
                "bad_length",
                self._bat.offset,
                sentence(
                    "the BAT has {length} bytes, a disk of {disk_size} bytes needs {entries}",
                    length=self._bat.length,
                    disk_size=disk_size,
                    entries=entries * 8,
                ),
            )


def file_name(fh: BinaryIO) -> str:
    """Return what an opened file is called, for messages."""
    name = getattr(fh, "name", None)
    return os.fspath(name) if isinstance(name, (str, os.PathLike)) else "VHDX image"
