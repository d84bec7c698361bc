"""An NTFS volume: boot sector, file records, streams, indexes and security descriptors.

Read here rather than with dissect.ntfs, because that lists freed index nodes (deleted files come back), ignores the
initialised size of streams, and takes longer to import than all of this needs to run.

References:
    Linux kernel fs/ntfs/layout.h for the layouts; libfsntfs as the oracle in the tests.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

from forensics.disk.ntfs.index import IndexEntry, parse_index_node, parse_index_root
from forensics.disk.ntfs.record import (
    ATTRIBUTE_LIST,
    COMPRESSED,
    DATA,
    ENCRYPTED,
    INDEX_ALLOCATION,
    INDEX_ROOT,
    VOLUME_INFORMATION,
    VOLUME_IS_DIRTY,
    VOLUME_NAME,
    Attribute,
    AttributeListEntry,
    FileRecord,
    parse_attribute_list,
    parse_file_record,
    parse_volume_flags,
)
from forensics.disk.ntfs.stream import CompressedStream, RunStream, VolumeReader
from forensics.disk.tree import NotObtained, Unreadable
from forensics.formats.errors import FormatError

MFT, VOLUME, ROOT, SECURE = 0, 3, 5, 9
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
_MAX_DEPTH = 64
"""Format: nodes within nodes of one index."""
MAX_WORK = 500_000
"""Format: records and index nodes read of one volume, whose structures may be made to share each other without end;
what is not read is not examined.
"""

_RUNS_PER_UNIT, _LISTED_PER_UNIT, _ENTRIES_PER_UNIT = 64, 16, 16
_MAX_DESCRIPTOR = 0x40000
"""Format: bytes of one access list."""


def _size_code(code: int, cluster: int) -> int:
    """Decode a record size: clusters when positive, a negative power of two of bytes otherwise."""
    return code * cluster if code > 0 else 1 << min(-code, 31)


def ntfs_size(boot: bytes) -> int:
    """Return the bytes of the volume that a boot sector describes, without the backup of it at the end."""
    sector, sectors = struct.unpack_from("<H", boot, 11)[0], struct.unpack_from("<Q", boot, 0x28)[0]
    return int(sector * sectors)


class TooMuchWork(NotObtained):
    """The volume is read no further."""


class NtfsVolume:
    """Opens the volume's own structures.

    Args:
        reader: The volume, decrypted.
        boot: Its boot sector (the backup where the first one is damaged).

    Raises:
        Unreadable: It is not NTFS, or too damaged to start with.
        NotObtained: The image does not give its boot sector or $MFT.
    """

    def __init__(self, reader: VolumeReader, boot: bytes) -> None:
        self.reader = reader
        if boot[3:11] != b"NTFS    ":
            raise Unreadable("no NTFS boot sector")
        self.sector, per_cluster = struct.unpack_from("<HB", boot, 11)
        mft_lcn = struct.unpack_from("<Q", boot, 0x30)[0]
        record = struct.unpack_from("<b", boot, 0x40)[0]
        self.cluster = self.sector * (per_cluster if per_cluster <= 0x80 else 1 << min(256 - per_cluster, 31))
        self.record_size = _size_code(record, self.cluster)
        if self.sector not in (256, 512, 1024, 2048, 4096) or not 512 <= self.cluster <= 1 << 21:
            raise Unreadable(f"an NTFS boot sector with clusters of {self.cluster} bytes")
        if not 512 <= self.record_size <= 1 << 16 or self.record_size % 512:
            raise Unreadable(f"an NTFS boot sector with file records of {self.record_size} bytes")
        self._records: dict[int, FileRecord] = {}
        self._ahead: dict[int, bytes] = {}
        self._cached_bytes = 0
        self._work = 0
        self._descriptors: dict[int, bytes | None] = {}
        self._secure: tuple[NtfsIndex, BinaryIO] | None = None
        self._mft = self._open_mft(mft_lcn * self.cluster)

    def spend(self, work: int) -> None:
        """Count work done, in records or index nodes; raises TooMuchWork when no disk takes that much."""
        self._work += work
        if self._work > MAX_WORK:
            raise TooMuchWork("the folders and file records of this volume take too much work to read further")

    def _open_mft(self, offset: int) -> BinaryIO:
        """Open $MFT, whose own run list may continue in records that only its earlier runs reach."""
        try:
            first = parse_file_record(self.reader.read_at(offset, self.record_size))
        except FormatError as error:
            raise Unreadable(f"the first record of $MFT is damaged: {error}") from error
        data = first.find(DATA)
        if data is None or data.value is not None or not data.runs:
            raise Unreadable("$MFT has no content")
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

    def _raw(self, number: int) -> bytes:
        """Read one record through a small read-ahead: neighbours are wanted next."""
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
            raise NotObtained(f"file record {number} lies beyond the end of $MFT")
        return raw

    def _parse(self, number: int) -> FileRecord:
        """Parse a record; of a damaged one nothing is got of what it stands for, which may be sound."""
        self.spend(1)
        try:
            return parse_file_record(self._raw(number))
        except FormatError as error:
            raise NotObtained(f"file record {number} is damaged: {error}") from error

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
            raise NotObtained(f"its folder names file record {number}, which holds a deleted or another file")
        return found

    def _complete(self, number: int, base: FileRecord) -> tuple[FileRecord, int]:
        """Return a record with what its extension records hold, and the bytes of all of them."""
        listed = base.find(ATTRIBUTE_LIST)
        if listed is None:
            return base, self.record_size
        parts = self._listed_parts(number, listed)
        others = sorted({part.record for part in parts} - {number})
        if len(others) > min(_MAX_EXTENSIONS, _MAX_EXTENDED // self.record_size):
            raise NotObtained(f"file record {number} claims {len(others)} extension records")
        attributes = list(base.attributes)
        for other in others:
            extension = self._parse(other)
            if extension.base == number and extension.in_use:
                attributes += extension.attributes
        complete = FileRecord(base.sequence, base.in_use, base.is_dir, base.base, tuple(attributes))
        return complete, self.record_size * (1 + len(others))

    def _listed_parts(self, number: int, listed: Attribute) -> list[AttributeListEntry]:
        try:
            parts = parse_attribute_list(self._attribute_value(listed))
            self.spend(len(parts) // _LISTED_PER_UNIT)
            return parts
        except FormatError as error:
            raise NotObtained(f"the attribute list of file record {number} is damaged: {error}") from error

    def _attribute_value(self, attribute: Attribute) -> bytes:
        """Return the whole content of an attribute that lies in one record."""
        if attribute.value is not None:
            return attribute.value
        if attribute.size > 1 << 20:
            raise NotObtained(f"an attribute list of {attribute.size} bytes")
        return RunStream(self.reader, attribute.runs, self.cluster, attribute.size, attribute.initialized).read()

    def stream(self, record: FileRecord, type_code: int = DATA, name: str = "") -> BinaryIO | None:
        """Open a stream of a record; None when the record has no such stream."""
        parts = [a for a in record.attributes if a.type == type_code and a.name == name]
        if not parts:
            return None
        parts.sort(key=lambda a: a.lowest_vcn)
        head = parts[0]
        if head.flags & ENCRYPTED:
            raise NotObtained("encrypted by EFS: only who holds its key can read it")
        if head.value is not None:
            return io.BytesIO(head.value)
        runs: list[tuple[int | None, int]] = []
        clusters = 0
        for part in parts:
            if part.lowest_vcn != clusters or part.value is not None:
                raise NotObtained(f"cluster {clusters} of the stream is described by no file record")
            runs += part.runs
            if len(runs) > _MAX_RUNS:
                raise NotObtained(f"its content lies in more than {_MAX_RUNS} pieces")
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

    def descriptor(self, security_id: int) -> bytes | None:
        """Return the self-relative security descriptor that $Secure keeps under an id; None when it keeps none."""
        if security_id not in self._descriptors:
            try:
                self._descriptors[security_id] = self._find_descriptor(security_id)
            except Unreadable:
                self._descriptors[security_id] = None
        return self._descriptors[security_id]

    def _find_descriptor(self, security_id: int) -> bytes | None:
        if self._secure is None:
            record = self.record(SECURE)
            stream = self.stream(record, DATA, "$SDS")
            if stream is None:
                raise Unreadable("$Secure has no $SDS")
            self._secure = self.index(record, "$SII"), stream
        index, stream = self._secure
        found = index.search(lambda key: security_id - struct.unpack("<I", key)[0] if len(key) == 4 else -1)
        if found is None or len(found.data) < 20:
            return None
        offset, size = struct.unpack_from("<QI", found.data, 8)
        # Every 256 KiB of $SDS are followed by a mirror of them.
        for start in (offset, offset + _MAX_DESCRIPTOR):
            stream.seek(start)
            head = stream.read(20)
            if len(head) == 20 and struct.unpack_from("<IQI", head, 4) == (security_id, offset, size):
                data = stream.read(size - 20) if 20 < size <= _MAX_DESCRIPTOR else b""
                if len(data) == size - 20:
                    return data
        return None


class NtfsIndex:
    """A B-tree of a record, walked from its root so that freed nodes are never believed."""

    def __init__(self, volume: NtfsVolume, record: FileRecord, name: str) -> None:
        root = record.find(INDEX_ROOT, name)
        if root is None or root.value is None:
            raise Unreadable(f"file record has no index {name}")
        try:
            parsed = parse_index_root(root.value)
        except (FormatError, struct.error) as error:
            raise Unreadable(f"the root of index {name} is damaged: {error}") from error
        self.root = parsed.entries
        self._node_size = parsed.node_size
        self._unit = volume.cluster if volume.cluster <= parsed.node_size else 512
        self._stream = volume.stream(record, INDEX_ALLOCATION, name)
        self._volume = volume

    @property
    def is_small(self) -> bool:
        """The whole index lies in its root."""
        return all(entry.child is None for entry in self.root)

    def _node(self, number: int) -> tuple[IndexEntry, ...]:
        if self._stream is None:
            raise Unreadable("an index names a node but has none")
        self._stream.seek(number * self._unit)
        try:
            node = parse_index_node(self._stream.read(self._node_size))
            self._volume.spend(1 + len(node) // _ENTRIES_PER_UNIT)
            return node
        except (FormatError, struct.error) as error:
            raise Unreadable(f"index node {number} is damaged: {error}") from error

    def entries(self) -> Iterator[IndexEntry | Unreadable]:
        """Yield all entries; a damaged node is yielded as its reason, and the rest goes on."""
        pending: list[int | None] = [None]
        seen: set[int] = set()
        while pending:
            number = pending.pop()
            try:
                node = self.root if number is None else self._node(number)
            except TooMuchWork:
                raise
            except Unreadable as reason:
                yield reason
                continue
            for entry in node:
                if entry.key:
                    yield entry
                if entry.child is not None and entry.child not in seen:
                    seen.add(entry.child)
                    pending.append(entry.child)

    def search(self, compare: Callable[[bytes], int]) -> IndexEntry | None:
        """Find one entry.

        Args:
            compare: Called with a key; negative, zero or positive as the wanted one is smaller, equal or greater.
        """
        node = self.root
        seen: set[int] = set()
        while True:
            for entry in node:
                order = compare(entry.key) if entry.key else -1
                if order == 0:
                    return entry
                if order < 0:
                    break
            else:
                return None
            if entry.child is None or entry.child in seen:
                return None
            seen.add(entry.child)
            if len(seen) > _MAX_DEPTH:
                raise Unreadable("the nodes of an index lie too deep")
            node = self._node(entry.child)
