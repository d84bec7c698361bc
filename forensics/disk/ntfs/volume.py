"""An NTFS volume: boot sector, file records and streams.

Read here rather than with dissect.ntfs, because that lists freed index nodes (deleted files come back), ignores the
initialised size of streams, and takes longer to import than all of this needs to run.

References:
    Linux kernel fs/ntfs/layout.h for the layouts; libfsntfs as the oracle in the tests.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from typing import BinaryIO, cast

from forensics.disk.ntfs.btree import NtfsIndex
from forensics.disk.ntfs.damage import BrokenStructure, DamageLog, TooMuchWork
from forensics.disk.ntfs.record import (
    ATTRIBUTE_LIST,
    COMPRESSED,
    DATA,
    ENCRYPTED,
    VOLUME_INFORMATION,
    VOLUME_IS_DIRTY,
    VOLUME_NAME,
    Attribute,
    AttributeListEntry,
    FileRecord,
    apply_fixups,
    parse_attribute_list,
    parse_file_record,
    parse_volume_flags,
)
from forensics.disk.ntfs.stream import CompressedStream, Piece, RunStream, VolumeReader
from forensics.disk.tree import NotObtained, Unreadable
from forensics.formats.errors import FormatError
from forensics.language import sentence

MFT, VOLUME, ROOT = 0, 3, 5
_MIRRORED = 4
_READ_AHEAD = 64 * 1024
_MAX_CACHED = 20_000
"""Work: file records that are kept in memory."""
_MAX_CACHED_BYTES = 64 << 20
"""Work: bytes of file records that are kept in memory."""
_MAX_EXTENSIONS = 4096
"""Format: further records of one file."""
_MAX_EXTENDED = 16 << 20
"""Format: bytes of all further records of one file."""
_MAX_RUNS = 1 << 20
"""Format: pieces of one file."""
MAX_WORK = 500_000
"""Format: records and index nodes read of one volume, whose structures may be made to share each other without end;
what is not read is not examined.
"""

_RUNS_PER_UNIT, _LISTED_PER_UNIT = 64, 16


def _is_power(number: int) -> bool:
    """Tell that a number is a power of two, as every size of NTFS is."""
    return number > 0 and not number & (number - 1)


def _size_code(code: int, cluster: int) -> int:
    """Decode a record size: clusters when positive, a negative power of two of bytes otherwise."""
    return code * cluster if code > 0 else 1 << min(-code, 31)


def ntfs_size(boot: bytes) -> int:
    """Return the bytes of the volume that a boot sector describes, without the backup of it at the end.

    0 where its sectors have a size that none have: then it is damaged, and says nothing.
    """
    sector, sectors = struct.unpack_from("<H", boot, 11)[0], struct.unpack_from("<Q", boot, 0x28)[0]
    return int(sector * sectors) if _is_power(sector) else 0


class WrongRecord(BrokenStructure):
    """A file record holds another file than its folder says."""


class NtfsVolume:
    """Opens the volume's own structures.

    Args:
        reader: The volume, decrypted.
        boot: Its boot sector (the backup where the first one is damaged).
        damage: Takes what is found to be broken.

    Raises:
        Unreadable: It is not NTFS, or too damaged to start with.
        NotObtained: The image does not give its boot sector or $MFT.
    """

    def __init__(self, reader: VolumeReader, boot: bytes, damage: DamageLog | None = None) -> None:
        self.reader = reader
        self.boot = boot
        self.damage = damage or DamageLog()
        if boot[3:11] != b"NTFS    ":
            raise Unreadable(sentence("no NTFS boot sector"))
        self.sector, per_cluster = struct.unpack_from("<HB", boot, 11)
        mft_lcn, mirror_lcn = struct.unpack_from("<QQ", boot, 0x30)
        record = struct.unpack_from("<b", boot, 0x40)[0]
        self.cluster = self.sector * (per_cluster if per_cluster <= 0x80 else 1 << min(256 - per_cluster, 31))
        self.record_size = _size_code(record, self.cluster)
        if (
            self.sector not in (256, 512, 1024, 2048, 4096)
            or not _is_power(self.cluster)
            or not 512 <= self.cluster <= 1 << 21
        ):
            raise Unreadable(sentence("an NTFS boot sector with clusters of {cluster} bytes", cluster=self.cluster))
        if not 512 <= self.record_size <= 1 << 16 or not _is_power(self.record_size):
            raise Unreadable(
                sentence("an NTFS boot sector with file records of {record_size} bytes", record_size=self.record_size)
            )
        self._records: dict[int, FileRecord] = {}
        self._ahead: dict[int, bytes] = {}
        self._cached_bytes = 0
        self._work = 0
        self._mirror = mirror_lcn * self.cluster
        self._mft = self._open_mft(mft_lcn * self.cluster)

    def spend(self, work: int) -> None:
        """Count work done, in records or index nodes; raises TooMuchWork when no disk takes that much."""
        self._work += work
        if self._work > MAX_WORK:
            raise TooMuchWork(
                sentence("the folders and file records of this volume take too much work to read further")
            )

    def _open_mft(self, offset: int) -> BinaryIO:
        """Open $MFT, whose own run list may continue in records that only its earlier runs reach."""
        try:
            first = parse_file_record(self.reader.read_at(offset, self.record_size), MFT)
        except (FormatError, Unreadable) as error:
            first = self._mirrored(MFT, error, offset)
        data = first.find(DATA)
        if data is None or data.value is not None or not data.runs:
            raise BrokenStructure(sentence("$MFT has no content"))
        runs = list(data.runs)
        size = min(data.size, 1 << 44)
        listed = first.find(ATTRIBUTE_LIST)
        self._mft = self._partial_mft(runs, size)
        if listed is not None:
            parts = self._listed_parts(MFT, listed)
            found = sorted((p for p in parts if p.type == DATA and p.record), key=lambda p: p.lowest_vcn)
            for number in dict.fromkeys(part.record for part in found):
                extension = self._parse(number)
                runs += [r for a in extension.attributes if a.type == DATA and not a.name for r in a.runs]
                self.spend(len(runs) // _RUNS_PER_UNIT)
                self._mft = self._partial_mft(runs, size)
        self._ahead.clear()
        self._records.clear()
        return self._mft

    def _partial_mft(self, runs: list[tuple[int | None, int]], size: int) -> BinaryIO:
        reach = min(size, sum(count for _, count in runs) * self.cluster)
        return cast(BinaryIO, RunStream(self.reader, tuple(runs), self.cluster, reach, reach))

    def raw_record(self, number: int) -> bytes:
        """Return the bytes of a record, read through a small read-ahead: neighbours are wanted next."""
        offset = number * self.record_size
        window = offset // _READ_AHEAD
        if window not in self._ahead:
            if len(self._ahead) >= 64:
                self._ahead.pop(next(iter(self._ahead)))
            self._mft.seek(window * _READ_AHEAD)
            try:
                self._ahead[window] = self._mft.read(_READ_AHEAD)
            except NotObtained:
                # A bad sector takes the records that lie on it, and no others.
                self._mft.seek(offset)
                return self._mft.read(self.record_size)
        at = offset - window * _READ_AHEAD
        raw = self._ahead[window][at : at + self.record_size]
        if len(raw) != self.record_size:
            raise BrokenStructure(sentence("file record {number} lies beyond the end of $MFT", number=number))
        return raw

    @property
    def mft_size(self) -> int:
        """Bytes of $MFT."""
        return self._mft.seek(0, io.SEEK_END)

    def mft_pieces(self) -> Iterator[Piece]:
        """Yield where $MFT lies, in order."""
        return self._mft.pieces() if isinstance(self._mft, RunStream) else iter(())

    def mft_blocks(
        self, size: int, most: int, parts: Sequence[tuple[int, int]] | None = None
    ) -> Iterator[tuple[int, bytes | None]]:
        """Yield $MFT in blocks with their offsets; None for one that was not got, and for what lies beyond ``most``.

        Args:
            size: Bytes of a block.
            most: Bytes of $MFT that are read of all.
            parts: First byte and end of each part that is read, in order; None: all.
        """
        for start, end in [(0, self.mft_size)] if parts is None else parts:
            for at in range(start, min(end, most), size):
                self._mft.seek(at)
                try:
                    yield at, self._mft.read(min(size, min(end, most) - at))
                except Unreadable:
                    yield at, None
            if end > most:
                yield max(start, most), None

    def _parse(self, number: int) -> FileRecord:
        """Parse a record; of a damaged one nothing is got of what it stands for, which may be sound."""
        self.spend(1)
        try:
            return parse_file_record(self.raw_record(number), number)
        except FormatError as error:
            place = self.place_of(number, error.offset)
            if number < _MIRRORED:
                return self._mirrored(number, error, place)
            raise BrokenStructure(
                sentence("file record {number} is damaged: {error}", number=number, error=error), place
            ) from error

    def _mirrored(self, number: int, reason: Exception, place: int | None) -> FileRecord:
        """Return the copy that $MFTMirr holds of one of the first records."""
        try:
            found = parse_file_record(
                self.reader.read_at(self._mirror + number * self.record_size, self.record_size), number
            )
        except (FormatError, Unreadable):
            raise BrokenStructure(
                sentence("file record {number} is damaged, and its copy too: {reason}", number=number, reason=reason),
                place,
            ) from reason
        self.damage.tell(
            "",
            sentence(
                "file record {number} is damaged: {reason}; its copy in $MFTMirr is used", number=number, reason=reason
            ),
            place,
        )
        return found

    def place_of(self, number: int, within: int = 0) -> int | None:
        """Return where a byte of a file record lies on the volume; None where that is not known."""
        place = self.place_in(self._mft, number * self.record_size)
        return None if place is None else place + within

    @staticmethod
    def place_in(stream: BinaryIO, offset: int) -> int | None:
        """Return where a byte of a stream lies on the volume; None where it lies in no cluster."""
        return stream.place(offset) if isinstance(stream, RunStream) else None

    def record(self, reference: int) -> FileRecord:
        """Return a base record with the attributes of its extension records.

        Args:
            reference: File reference; a sequence of 0 is not compared.
        """
        number, sequence = reference & 0xFFFFFFFFFFFF, reference >> 48
        found = self._records.get(number)
        if found is None:
            found, size = self._complete(number, self._parse(number))
            self._cached_bytes += size
            if len(self._records) >= _MAX_CACHED or self._cached_bytes > _MAX_CACHED_BYTES:
                self._records.clear()
                self._cached_bytes = size
            self._records[number] = found
        if not found.in_use or (sequence and sequence != found.sequence):
            message = sentence(
                "its folder names file record {number}, which holds a deleted or another file", number=number
            )
            raise WrongRecord(message, self.place_of(number, 16))
        if found.base is not None:
            message = sentence(
                "its folder names file record {number}, which holds a part of another file", number=number
            )
            raise WrongRecord(message, self.place_of(number, 32))
        return found

    def deleted_record(self, number: int) -> FileRecord | None:
        """Return what a record still says of a deleted file; None where it holds none, or a part of one."""
        found = self._parse(number)
        return found if not found.in_use and found.base is None else None

    def record_bytes(self, number: int) -> bytes:
        """Return a file record as it was written, with what lies behind its used part.

        Raises:
            Unreadable: It is damaged, or its bytes were not got.
        """
        try:
            return apply_fixups(self.raw_record(number), b"FILE")
        except FormatError as error:
            raise BrokenStructure(
                sentence("file record {number} is damaged: {error}", number=number, error=error),
                self.place_of(number),
            ) from error

    def _complete(self, number: int, base: FileRecord) -> tuple[FileRecord, int]:
        """Return a record with what its extension records hold, and the bytes of all of them."""
        listed = base.find(ATTRIBUTE_LIST)
        if listed is None:
            return base, self.record_size
        parts = self._listed_parts(number, listed)
        others = sorted({part.record for part in parts} - {number})
        if len(others) > min(_MAX_EXTENSIONS, _MAX_EXTENDED // self.record_size):
            raise BrokenStructure(
                sentence("file record {number} claims {count} extension records", number=number, count=len(others))
            )
        attributes = list(base.attributes)
        sequences = {(part.record, part.sequence) for part in parts if part.record != number}
        for other in others:
            extension = self._parse(other)
            if extension.base != number or not extension.in_use or (other, extension.sequence) not in sequences:
                message = sentence(
                    "a part of file record {number} is looked for in record {other}, which holds another file",
                    number=number,
                    other=other,
                )
                raise BrokenStructure(message, self.place_of(other, 32))
            attributes += extension.attributes
        held = {(attribute.type, attribute.name, attribute.lowest_vcn) for attribute in attributes}
        if any((part.type, part.name, part.lowest_vcn) not in held for part in parts):
            message = sentence("file record {number} lacks an attribute that its attribute list names", number=number)
            raise BrokenStructure(message, self.place_of(number))
        complete = FileRecord(base.sequence, base.in_use, base.is_dir, base.base, tuple(attributes))
        return complete, self.record_size * (1 + len(others))

    def _listed_parts(self, number: int, listed: Attribute) -> list[AttributeListEntry]:
        try:
            parts = parse_attribute_list(self._attribute_value(listed))
            self.spend(len(parts) // _LISTED_PER_UNIT)
            return parts
        except FormatError as error:
            message = sentence(
                "the attribute list of file record {number} is damaged: {error}", number=number, error=error
            )
            raise BrokenStructure(message, self.place_of(number)) from error

    def _attribute_value(self, attribute: Attribute) -> bytes:
        """Return the whole content of an attribute that lies in one record."""
        if attribute.value is not None:
            return attribute.value
        if attribute.size > 1 << 20:
            raise BrokenStructure(sentence("an attribute list of {size} bytes", size=attribute.size))
        return RunStream(self.reader, attribute.runs, self.cluster, attribute.size, attribute.initialized).read()

    def stream(self, record: FileRecord, type_code: int = DATA, name: str = "") -> BinaryIO | None:
        """Open a stream of a record; None when the record has no such stream."""
        parts = [a for a in record.attributes if a.type == type_code and a.name == name]
        if not parts:
            return None
        parts.sort(key=lambda a: a.lowest_vcn)
        head = parts[0]
        if head.flags & ENCRYPTED:
            raise NotObtained(sentence("encrypted by EFS: only who holds its key can read it"))
        if head.value is not None:
            return io.BytesIO(head.value)
        runs: list[tuple[int | None, int]] = []
        clusters = 0
        for part in parts:
            if part.lowest_vcn != clusters or part.value is not None:
                raise BrokenStructure(
                    sentence("cluster {clusters} of the stream is described by no file record", clusters=clusters)
                )
            runs += part.runs
            if len(runs) > _MAX_RUNS:
                raise BrokenStructure(sentence("its content lies in more than {max_runs} pieces", max_runs=_MAX_RUNS))
            clusters += sum(count for _, count in part.runs)
        if head.flags & COMPRESSED and head.compression_unit:
            return cast(
                BinaryIO,
                CompressedStream(self.reader, runs, self.cluster, head.size, head.initialized, head.compression_unit),
            )
        return cast(BinaryIO, RunStream(self.reader, runs, self.cluster, head.size, head.initialized))

    def index(self, record: FileRecord, name: str) -> NtfsIndex:
        """Open an index of a record."""
        return NtfsIndex(self, record, name)

    @property
    def label(self) -> str:
        """Name of the volume; empty when it has none or it cannot be read."""
        try:
            attribute = self.record(VOLUME).find(VOLUME_NAME)
        except Unreadable:
            return ""
        return (attribute.value or b"").decode("utf-16-le", "replace") if attribute else ""

    @property
    def is_dirty(self) -> bool:
        """Windows marked the volume dirty: changes to its metadata were not finished, or damage was seen."""
        try:
            information = self.record(VOLUME).find(VOLUME_INFORMATION)
            return information is not None and bool(parse_volume_flags(information.value or b"") & VOLUME_IS_DIRTY)
        except (Unreadable, FormatError):
            return False
