"""The disk in an Expert Witness image: each chunk is checked, and one that is damaged is bytes not obtained.

dissect's reader believes chunks that are stored as they are without their checksum, and refuses the whole image when
the last chunk of the last segment is damaged.

References:
    - libyal/libewf, Expert Witness Compression Format (EWF): table, data chunk
"""

from __future__ import annotations

import zlib
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from sys import byteorder
from typing import BinaryIO

from dissect.util.stream import AlignedStream

from forensics.disk.errors import SourceError
from forensics.disk.ewf.files import extension
from forensics.disk.ewf.segment import ChunkTable, Media, Segment, read_segment
from forensics.disk.notes import Notes
from forensics.lack_of_memory import pass_on
from forensics.language import joined, said_by, sentence, sentence_n

_COMPRESSED = 0x80000000
_CHECKSUM = 4
_MAX_CACHED = 32 << 20
"""Work: bytes of chunks that are kept."""
_MAX_TABLES = 64
"""Work: tables of chunks that are kept."""
_MAX_OPEN = 64
"""Work: segment files that are open at once."""
# What compression may add to a chunk that does not shrink.
_SLACK = 4096

Opener = Callable[[], BinaryIO]


class EwfReadError(OSError):
    """A part of the disk is not in the image; the message says which and why."""


class EwfStream(AlignedStream):
    """The disk in an image.

    Args:
        openers: What opens each segment file, in order.
        names: What each is called in messages.

    Attributes:
        size: Bytes of the disk.
        sector_size: Bytes of a sector.
        notes: Chunks that were damaged; grows while the disk is read.

    Raises:
        SourceError: Segments are missing or cannot be followed.
    """

    size: int

    def __init__(self, openers: Sequence[Opener], names: Sequence[str]) -> None:
        self._openers, self._names = openers, names
        self._open: OrderedDict[int, BinaryIO] = OrderedDict()
        self._loaded: OrderedDict[int, array[int]] = OrderedDict()
        self._chunks: OrderedDict[int, bytes] = OrderedDict()
        self.notes = Notes(names[0])
        segments = [read_segment(self._file(index)) for index in range(len(openers))]
        self._media = self._checked(segments)
        self._tables = [(index, table) for index, segment in enumerate(segments) for table in segment.tables]
        self._starts = [0, *accumulate(table.count for _, table in self._tables)]
        self._most_kept = max(2, _MAX_CACHED // self._media.chunk_size)
        self._bad = self._bad_ranges(segments)
        super().__init__(self._media.size, align=512)
        self.sector_size = self._media.sector_size

    def close(self) -> None:
        """Close all segment files."""
        while self._open:
            self._open.popitem()[1].close()

    def _checked(self, segments: list[Segment]) -> Media:
        """Return what the image says of the disk once it is sure that every chunk has its place."""
        for name, segment in zip(self._names, segments, strict=True):
            if segment.fault is not None:
                raise SourceError(
                    "missing_part",
                    sentence(
                        "{name} cannot be read to its end: {fault}; copy it again, or export the image anew",
                        name=name,
                        fault=segment.fault,
                    ),
                )
        said = [segment.media for segment in segments] + [segment.claimed for segment in segments]
        media = next((each for each in said if each is not None), None)
        if media is None:
            raise SourceError(
                "damaged",
                sentence(
                    "no volume section that can be right says how large the disk is; copy {names} again, or "
                    "export the image anew",
                    names=self._names[0],
                ),
            )
        for name, segment in zip(self._names, segments, strict=True):
            if segment.media not in (None, media):
                raise SourceError(
                    "missing_part",
                    sentence(
                        "{name} is a segment of another image than {names}: they differ in what they say of the "
                        "disk's size; put the segments of one image into a folder of their own, and examine that",
                        name=name,
                        names=self._names[0],
                    ),
                )
        there = sum(table.count for segment in segments for table in segment.tables)
        if there < media.chunks:
            last = Path(self._names[-1])
            missing = last.with_suffix(f".{extension(last, len(segments) + 1)}").name
            if segments[-1].is_last:
                raise SourceError(
                    "missing_part",
                    sentence(
                        "{there} of {chunks} chunks are there although the last segment is: one of {count} segments "
                        "was exchanged or cut; copy all of them again from one image, or export the image anew",
                        there=there,
                        chunks=media.chunks,
                        count=len(segments),
                    ),
                )
            told = sentence("{there} of {chunks} chunks are there", there=there, chunks=media.chunks)
            if len(last.suffix) == 4:
                told = sentence("{told}: {missing} is missing", told=told, missing=missing)
            put = sentence("put all segments beside the first and examine that")
            raise SourceError("missing_part", joined([told, put], "; "))
        return media

    def _bad_ranges(self, segments: list[Segment]) -> list[tuple[int, int]]:
        """Return the ranges, in bytes, that the imager could not read."""
        size = self._media.sector_size
        ranges = sorted((first * size, (first + count) * size) for s in segments for first, count in s.bad_sectors)
        if ranges:
            count = sum(end - start for start, end in ranges) // size
            message = sentence_n(
                "{count} sector could not be read when the image was made and is zeros in it, at byte {first} of the "
                "disk: what lies there was not obtained",
                "{count} sectors could not be read when the image was made and are zeros in it, the first at byte "
                "{first} of the disk: what lies there was not obtained",
                count,
                first=ranges[0][0],
            )
            self.notes.add("not_obtained", ranges[0][0], message)
        return ranges

    def _read(self, offset: int, length: int) -> bytes:
        end = min(offset + length, self.size)
        at = bisect_right(self._bad, (offset, end)) - 1
        for start, stop in self._bad[max(0, at) : at + 2]:
            if start < end and stop > offset:
                raise EwfReadError(
                    sentence(
                        "bytes {start} to {stop} could not be read when the image was made", start=start, stop=stop
                    )
                )
        parts = []
        while offset < end:
            number, within = divmod(offset, self._media.chunk_size)
            chunk = self._chunk(number)
            part = chunk[within : within + end - offset]
            parts.append(part)
            offset += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _chunk(self, number: int) -> bytes:
        chunk = self._chunks.get(number)
        if chunk is not None:
            self._chunks.move_to_end(number)
            return chunk
        which = bisect_right(self._starts, number) - 1
        index, table = self._tables[which]
        wanted = min(self._media.chunk_size, self.size - number * self._media.chunk_size)
        try:
            chunk = self._stored(index, table, self._entries(which), number - self._starts[which], wanted)
        except (EwfReadError, zlib.error) as error:
            pass_on(error)
            why = said_by(error) if isinstance(error, EwfReadError) else sentence("its compressed data is damaged")
            start = number * self._media.chunk_size
            message = sentence(
                "chunk {number} (bytes {start} to {start2} of the disk) in {names}: {why}",
                number=number,
                start=start,
                start2=start + wanted,
                names=self._names[index],
                why=why,
            )
            self.notes.add("not_obtained", start, message)
            raise EwfReadError(message) from error
        self._chunks[number] = chunk
        if len(self._chunks) > self._most_kept:
            self._chunks.popitem(last=False)
        return chunk

    def _stored(self, index: int, table: ChunkTable, entries: array[int], at: int, wanted: int) -> bytes:
        """Return a chunk as the disk has it; raises EwfReadError or zlib.error."""
        entry = entries[at]
        offset = table.base + (entry & ~_COMPRESSED)
        limit = table.section if offset < table.section else table.end
        if at + 1 < len(entries):
            following = table.base + (entries[at + 1] & ~_COMPRESSED)
            limit = following if offset < following <= limit else limit
        file = self._file(index)
        file.seek(offset)
        if entry & _COMPRESSED:
            packed = file.read(max(0, min(limit - offset, 2 * self._media.chunk_size + _SLACK)))
            inflater = zlib.decompressobj()
            chunk = inflater.decompress(packed, self._media.chunk_size)
            # The checksum stands behind the data, and is looked at only when the end is.
            chunk += inflater.decompress(inflater.unconsumed_tail, 1)
            if not inflater.eof:
                raise EwfReadError(sentence("its compressed data does not end"))
        else:
            data = file.read(max(0, min(limit - offset, self._media.chunk_size + _CHECKSUM)))
            # The last chunk is as short as the disk is, and where it ends may have been in a table that is lost.
            chunk = next(filter(None, map(_sound, (data, data[: wanted + _CHECKSUM]))), b"")
            if not chunk:
                raise EwfReadError(sentence("its checksum is wrong"))
        if len(chunk) < wanted:
            raise EwfReadError(sentence("it has {count} bytes instead of {wanted}", count=len(chunk), wanted=wanted))
        return chunk[:wanted]

    def _entries(self, which: int) -> array[int]:
        """Return the entries of a table: of the first copy whose checksum holds, else the first."""
        entries = self._loaded.get(which)
        if entries is not None:
            return entries
        index, table = self._tables[which]
        file = self._file(index)
        copies = []
        for at in (table.entries_at, table.mirror_at):
            if at is None:
                continue
            file.seek(at)
            data = file.read(4 * table.count + _CHECKSUM)
            copies.append(data[: 4 * table.count])
            if zlib.adler32(copies[-1]) == int.from_bytes(data[4 * table.count :], "little"):
                copies = copies[-1:]
                break
        if len(copies[0]) < 4 * table.count:
            raise EwfReadError(sentence("the table that says where it is lies beyond the end of the file"))
        entries = array("I", copies[0])
        if byteorder == "big":
            entries.byteswap()
        self._loaded[which] = entries
        if len(self._loaded) > _MAX_TABLES:
            self._loaded.popitem(last=False)
        return entries

    def _file(self, index: int) -> BinaryIO:
        file = self._open.get(index)
        if file is None:
            file = self._open[index] = self._openers[index]()
            if len(self._open) > _MAX_OPEN:
                self._open.popitem(last=False)[1].close()
        return file


def _sound(stored: bytes) -> bytes:
    """Return a chunk that was stored as it is; nothing where its checksum is wrong."""
    chunk = stored[:-_CHECKSUM]
    return chunk if zlib.adler32(chunk) == int.from_bytes(stored[-_CHECKSUM:], "little") else b""
