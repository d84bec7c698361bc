"""Deleted files whose record in $MFT nobody has used again: their names, and their content where it is still theirs.

A small file lies in its record and is there whole. A larger one lies in clusters that are free now: what another file
has taken is not offered, and what another one had for a while only its structure shows.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from forensics.disk.ntfs.index import DOS_NAME, parse_file_name
from forensics.disk.ntfs.mft_search import folder_path, numbers_named
from forensics.disk.ntfs.record import DATA, FILE_NAME, STANDARD_INFORMATION, FileRecord
from forensics.disk.ntfs.secure import NoSuchDescriptor, SecurityDescriptors
from forensics.disk.ntfs.volume import ROOT, NtfsVolume, WrongRecord
from forensics.disk.tree import Entry, NotFound, NotObtained, Unreadable, WantedNames
from forensics.formats.errors import FormatError
from forensics.formats.filetime import filetime
from forensics.language import sentence
from forensics.tables.deleted_path import deleted_path

_BITMAP = 6
_MAX_CLUSTERS = 1 << 16
"""Work: clusters of one deleted file of which it is asked whether they are free; key files have a few."""
GONE_FOLDER = sentence("a deleted folder")
"""Stands for the path of a folder that is no longer there."""


class _Lost(NotObtained):
    """The content of a deleted file is there no more."""


class DeletedFiles:
    """Deleted files as a tree in which each is found by its path alone, which says that it is deleted.

    Args:
        volume: The volume.
    """

    complete = False

    def __init__(self, volume: NtfsVolume) -> None:
        self._volume = volume
        self._security = SecurityDescriptors(volume)
        self._entries: dict[str, Entry] = {}
        self._records: dict[int, FileRecord] = {}

    def find(self, wanted: WantedNames) -> Iterator[Entry | None]:
        """Yield the deleted files with a wanted name whose content may still be theirs.

        None stands for a part of $MFT that was not searched, and for a file of which it is not known whether it is.
        """
        folders: dict[int, str | None] = {ROOT: ""}
        for number in numbers_named(self._volume, wanted):
            if number is None:
                yield None
            elif (entry := self._entry(number, wanted, folders)) is not None:
                yield from self._offered(entry)

    def entry(self, path: str) -> Entry:
        try:
            return self._entries[path]
        except KeyError:
            raise NotFound(path) from None

    def entries(self, folder: Entry | str) -> Sequence[Entry]:
        raise NotFound(folder if isinstance(folder, str) else folder.path)

    def cut_short(self, folder: str) -> str | None:
        return None

    def open(self, file: Entry | str) -> BinaryIO:
        record = self._record_of(file)
        data = record.find(DATA)
        stream = self._volume.stream(record, DATA)
        if data is None or stream is None:
            raise _Lost(sentence("its record says nothing of its content any more"))
        if data.value is None:
            self._refuse_taken([run for part in record.attributes if part.type == DATA for run in part.runs])
        return stream

    def security_descriptor(self, item: Entry | str) -> bytes | None:
        standard = self._record_of(item).find(STANDARD_INFORMATION)
        value = (standard.value or b"") if standard else b""
        security_id = struct.unpack_from("<I", value, 52)[0] if len(value) >= 56 else 0
        try:
            return self._security.find(security_id) if security_id else None
        except NoSuchDescriptor:
            return None

    def attributes(self, item: Entry | str) -> int | None:
        return self._record_of(item).file_attributes

    def _offered(self, entry: Entry) -> Iterator[Entry | None]:
        """Yield a file whose content may be its own; nothing for one that has lost it, None where that is not known."""
        try:
            self.open(entry)
        except _Lost:
            return
        except Unreadable:
            yield None
        else:
            yield entry

    def _record_of(self, item: Entry | str) -> FileRecord:
        entry = self.entry(item) if isinstance(item, str) else item
        assert isinstance(entry.handle, int)
        return self._records[entry.handle]

    def _entry(self, number: int, wanted: WantedNames, folders: dict[int, str | None]) -> Entry | None:
        try:
            record = self._volume.deleted_record(number)
        except Unreadable:
            return None
        if record is None or record.is_dir:
            return None
        for attribute in record.attributes:
            if attribute.type != FILE_NAME:
                continue
            try:
                key = parse_file_name(attribute.value or b"")
            except FormatError:
                continue
            if key.namespace == DOS_NAME or not wanted.fit(key.name):
                continue
            folder = self._folder(int.from_bytes((attribute.value or b"")[:8], "little"), folders)
            path = deleted_path(f"{folder}/{key.name}".lstrip("/"), number)
            data = record.find(DATA)
            standard = record.find(STANDARD_INFORMATION)
            times = struct.unpack_from("<QQ", (standard.value or b"").ljust(16, b"\0")) if standard else (0, 0)
            entry = Entry(
                key.name, path, False, data.size if data else 0, filetime(times[0]), filetime(times[1]), number
            )
            self._entries[path], self._records[number] = entry, record
            return entry
        return None

    def _folder(self, reference: int, folders: dict[int, str | None]) -> str:
        """Return the path of a folder, unless its record is another's by now."""
        try:
            self._volume.record(reference)
        except WrongRecord:
            return GONE_FOLDER
        except Unreadable:
            return GONE_FOLDER
        path = folder_path(self._volume, reference & 0xFFFFFFFFFFFF, folders)
        return GONE_FOLDER if path is None else path

    def _refuse_taken(self, runs: Sequence[tuple[int | None, int]]) -> None:
        """Refuse content of which a cluster belongs to another file by now."""
        clusters = [lcn + n for lcn, count in runs if lcn is not None for n in range(min(count, _MAX_CLUSTERS))]
        if len(clusters) >= _MAX_CLUSTERS:
            raise _Lost(sentence("it is too large for what is looked for"))
        bitmap = self._volume.stream(self._volume.record(_BITMAP), DATA)
        if bitmap is None:
            raise NotObtained(sentence("the volume does not tell which of its clusters are free"))
        for cluster in clusters:
            bitmap.seek(cluster // 8)
            byte = bitmap.read(1)
            if not byte or byte[0] >> cluster % 8 & 1:
                raise _Lost(sentence("another file has taken its clusters since it was deleted"))
