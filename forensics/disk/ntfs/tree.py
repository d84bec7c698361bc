"""A whole NTFS volume as a Tree."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import BinaryIO

from forensics.disk.ntfs.index import DIRECTORY_FLAG, DOS_NAME, REPARSE_FLAG, FileNameKey, parse_file_name
from forensics.disk.ntfs.record import (
    DATA,
    REPARSE_POINT,
    SECURITY_DESCRIPTOR,
    STANDARD_INFORMATION,
    FileRecord,
)
from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.ntfs.volume import ROOT, NtfsIndex, NtfsVolume
from forensics.disk.tree import Entry, NotFound, NotObtained, Unreadable
from forensics.formats.errors import FormatError
from forensics.formats.filetime import filetime

MAX_ENTRIES = 500_000
"""Format: names in one folder; a larger one is not listed, and unreadable."""
_MOST_EXACT = 50_000
"""Work: names in one folder whose file records are read; sizes and times of a larger one are those in its index, which
may lag behind.
"""
_ENTRIES_PER_UNIT = 8
_MAX_FOLDERS = 2_000
"""Work: folders that are kept in memory."""
_SYSTEM_RECORDS = 24
_NAME_SURROGATE = 0x20000000
_RECALL = 0x1000 | 0x40000 | 0x400000
_CLOUD = 0x9000001A
_TAGS = {
    0xA000000C: "a symbolic link, which is not followed",
    0xA0000003: "a junction or mount point, which is not followed",
    0x80000017: "compressed by the Windows Overlay Filter (CompactOS), which is not unpacked",
    0x80000013: "deduplicated: its content lies in the volume's chunk store, which is not read",
    0x80000007: "a single-instance-storage link, whose content lies elsewhere",
    0xC0000004: "moved to slower storage (HSM): its content is not on this volume",
    0x8000001B: "an app execution alias, which has no content",
}


def _fold(name: str) -> str:
    """Fold case one character to one character, as NTFS does: no ß to SS, no dotless i to I."""
    if name.isascii():
        return name.upper()
    return "".join(_fold_character(character) for character in name)


def _fold_character(character: str) -> str:
    upper = character.upper()
    return upper if len(upper) == 1 and (character.isascii() or not upper.isascii()) else character


class _Folder:
    """A folder's index, and its whole listing by folded name once that was needed."""

    __slots__ = ("complete", "index", "listing", "names")

    def __init__(self, index: NtfsIndex) -> None:
        self.index = index
        self.names: dict[str, tuple[int, FileNameKey]] | None = None
        self.listing: list[tuple[int, FileNameKey]] = []
        self.complete = True


class NtfsTree:
    """Tree over an NTFS volume; ``handle`` of its entries is the file reference.

    Args:
        reader: The volume.
        boot: Its boot sector.
    """

    complete = True

    def __init__(self, reader: VolumeReader, boot: bytes) -> None:
        self.volume = NtfsVolume(reader, boot)
        self._folders: dict[int, _Folder] = {}
        self._entries: dict[str, Entry] = {"": Entry("", "", True, handle=ROOT)}

    @property
    def label(self) -> str:
        """Name of the volume."""
        return self.volume.label

    @property
    def is_dirty(self) -> bool:
        """The volume is marked dirty: what its $LogFile still holds is not replayed."""
        return self.volume.is_dirty

    def entry(self, path: str) -> Entry:
        parts = [part for part in path.split("/") if part]
        at = self._entries[""]
        for depth, part in enumerate(parts):
            key = _fold("/".join(parts[: depth + 1]))
            known = self._entries.get(key)
            if known is None:
                if not at.is_dir:
                    self._refuse_reparse(at)
                    raise NotFound(path)
                known = self._child(at, part, path)
                if known.is_dir and len(self._entries) < _MAX_FOLDERS:
                    self._entries[key] = known
            at = known
        return at

    def entries(self, folder: Entry | str) -> Sequence[Entry]:
        at, listing = self._open_folder(folder)
        if len(listing) > _MOST_EXACT:
            # Reading that many file records would take a minute: what the index says of them must do.
            return [_from_index(at, reference, key) for reference, key in listing]
        return [self._entry(at, reference, key) for reference, key in listing]

    def skim(self, folder: Entry | str) -> Sequence[Entry]:
        """List a folder as :meth:`entries` does, without reading its files' records: for a search by names.

        Sizes and times may lag behind, since only the folder is asked.
        """
        at, listing = self._open_folder(folder)
        return [
            self._entry(at, reference, key) if key.flags & REPARSE_FLAG else _from_index(at, reference, key)
            for reference, key in listing
        ]

    def _open_folder(self, folder: Entry | str) -> tuple[Entry, list[tuple[int, FileNameKey]]]:
        at = self.entry(folder) if isinstance(folder, str) else folder
        if not at.is_dir:
            self._refuse_reparse(at)
            raise Unreadable("not a folder")
        listed = self._listed(at)
        if not listed.complete and not listed.listing:
            raise Unreadable("its index is damaged")
        self.volume.spend(len(listed.listing) // _ENTRIES_PER_UNIT)
        return at, listed.listing

    def is_partial(self, folder: str) -> bool:
        """Tell whether damage hides a part of a folder."""
        return not self._listed(self.entry(folder)).complete

    def open(self, file: Entry | str) -> BinaryIO:
        record = self._record(file)
        attributes, tag = _attributes(record), _reparse_tag(record)
        if tag and not (tag & 0xFFFF0FFF == _CLOUD and not attributes & _RECALL):
            raise NotObtained(_reparse_reason(tag))
        stream = None if record.is_dir else self.volume.stream(record, DATA)
        if stream is None:
            raise (Unreadable("a folder") if record.is_dir else NotObtained("it has no content stream"))
        return stream

    def security_descriptor(self, item: Entry | str) -> bytes | None:
        try:
            record = self._record(item)
        except Unreadable:
            return None
        standard = record.find(STANDARD_INFORMATION)
        value = (standard.value or b"") if standard else b""
        security_id = struct.unpack_from("<I", value, 52)[0] if len(value) >= 56 else 0
        found = self.volume.descriptor(security_id) if security_id else None
        if found is None:
            try:
                stream = self.volume.stream(record, SECURITY_DESCRIPTOR)
                found = stream.read(1 << 18) if stream else None
            except Unreadable:
                return None
        return found or None

    def _record(self, item: Entry | str) -> FileRecord:
        entry = self.entry(item) if isinstance(item, str) else item
        handle = entry.handle
        if not isinstance(handle, int):
            return self._record(entry.path)
        return self.volume.record(handle)

    def _refuse_reparse(self, entry: Entry) -> None:
        tag = _reparse_tag(self._record(entry))
        if tag:
            raise NotObtained(_reparse_reason(tag))

    def _folder(self, entry: Entry) -> _Folder:
        assert isinstance(entry.handle, int)
        number = entry.handle & 0xFFFFFFFFFFFF
        folder = self._folders.get(number)
        if folder is None:
            record = self.volume.record(entry.handle)
            if not record.is_dir:
                raise Unreadable("its file record is not that of a folder")
            if len(self._folders) >= _MAX_FOLDERS:
                self._folders.clear()
            folder = self._folders[number] = _Folder(self.volume.index(record, "$I30"))
        return folder

    def _listed(self, entry: Entry) -> _Folder:
        folder = self._folder(entry)
        if folder.names is not None:
            return folder
        names: dict[str, tuple[int, FileNameKey]] = {}
        for found in folder.index.entries():
            if isinstance(found, Unreadable):
                folder.complete = False
                continue
            try:
                key = parse_file_name(found.key)
            except FormatError:
                folder.complete = False
                continue
            number = found.reference & 0xFFFFFFFFFFFF
            if number < _SYSTEM_RECORDS and (number == ROOT or key.name.startswith("$")):
                continue
            if len(names) >= MAX_ENTRIES or len(folder.listing) >= MAX_ENTRIES:
                raise Unreadable(f"more than {MAX_ENTRIES} entries")
            names.setdefault(_fold(key.name), (found.reference, key))
            if key.namespace != DOS_NAME:
                folder.listing.append((found.reference, key))
        folder.names = names
        folder.listing.sort(key=lambda item: _fold(item[1].name))
        return folder

    def _child(self, parent: Entry, name: str, path: str) -> Entry:
        wanted = _fold(name)
        folder = self._folder(parent)
        if folder.names is None and not folder.index.is_small and wanted.isascii():
            try:
                found = folder.index.search(lambda key: _order(wanted, key))
                if found is not None:
                    return self._entry(parent, found.reference, parse_file_name(found.key))
            except (FormatError, Unreadable):
                pass  # a damaged node: the listing below goes round it
        hit = (self._listed(parent).names or {}).get(wanted)
        if hit is not None:
            return self._entry(parent, *hit)
        if not folder.complete:
            raise Unreadable("the index of its folder is damaged, so it cannot be told whether it is there")
        raise NotFound(path)

    def _entry(self, parent: Entry, reference: int, key: FileNameKey) -> Entry:
        by_index = _from_index(parent, reference, key)
        created, modified, size = key.created, key.modified, key.size
        try:
            record = self.volume.record(reference)
        except Unreadable:
            # The name is there all the same: whoever opens it is told why it cannot be read.
            return by_index
        is_dir = record.is_dir and not _reparse_tag(record) & _NAME_SURROGATE
        standard, data = record.find(STANDARD_INFORMATION), record.find(DATA)
        if standard and len(standard.value or b"") >= 16:
            created, modified = struct.unpack_from("<QQ", standard.value or b"")
        if data is not None:
            size = min((a for a in record.attributes if a.type == DATA and not a.name), key=lambda a: a.lowest_vcn).size
        size = 0 if is_dir else size
        return Entry(key.name, by_index.path, is_dir, size, filetime(created), filetime(modified), reference)


def _from_index(parent: Entry, reference: int, key: FileNameKey) -> Entry:
    """Return what the folder alone says of an entry; its sizes and times may lag behind."""
    path = f"{parent.path}/{key.name}" if parent.path else key.name
    is_dir = bool(key.flags & DIRECTORY_FLAG) and not key.flags & REPARSE_FLAG
    return Entry(key.name, path, is_dir, key.size, filetime(key.created), filetime(key.modified), reference)


def _order(wanted: str, key: bytes) -> int:
    name = _fold(parse_file_name(key).name)
    return 0 if name == wanted else -1 if wanted < name else 1


def _attributes(record: FileRecord) -> int:
    standard = record.find(STANDARD_INFORMATION)
    value = (standard.value or b"") if standard else b""
    return int(struct.unpack_from("<I", value, 32)[0]) if len(value) >= 36 else 0


def _reparse_tag(record: FileRecord) -> int:
    if not _attributes(record) & REPARSE_FLAG:
        return 0
    point = record.find(REPARSE_POINT)
    if point is None:
        return 0
    value = point.value or b""
    # A reparse point too large for its record: its tag is not worth a read, since no such tag is followed.
    return int(struct.unpack_from("<I", value)[0]) if len(value) >= 4 else _NAME_SURROGATE


def _reparse_reason(tag: int) -> str:
    if tag & 0xFFFF0FFF == _CLOUD:
        return "a cloud file whose content is not on this volume"
    return _TAGS.get(tag, f"a reparse point of type 0x{tag:08X}, which is not followed")
