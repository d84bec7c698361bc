"""A whole NTFS volume as a Tree."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from forensics.disk.ntfs import folder_faults
from forensics.disk.ntfs.btree import Hit, is_after
from forensics.disk.ntfs.claims import ClusterClaims
from forensics.disk.ntfs.damage import BrokenStructure, DamageLog, Report, TooMuchWork
from forensics.disk.ntfs.folder import Folder
from forensics.disk.ntfs.index import DIRECTORY_FLAG, DOS_NAME, REPARSE_FLAG, FileNameKey, parse_file_name
from forensics.disk.ntfs.listing import IndexEntries, Listing, entry_from_index, find_in, path_in
from forensics.disk.ntfs.names import NUMBER, bears, fold, folded_key
from forensics.disk.ntfs.record import (
    COMPRESSED,
    DATA,
    SECURITY_DESCRIPTOR,
    STANDARD_INFORMATION,
    FileRecord,
)
from forensics.disk.ntfs.reparse import NAME_SURROGATE, hides_content, link_of, not_obtained, reparse_tag
from forensics.disk.ntfs.secure import PATH as SECURE
from forensics.disk.ntfs.secure import NoSuchDescriptor, SecurityDescriptors
from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.ntfs.volume import ROOT, NtfsVolume, WrongRecord
from forensics.disk.tree import Entry, NotFound, NotObtained, Unreadable, WantedNames
from forensics.formats.filetime import filetime
from forensics.language import said_by, sentence
from forensics.late_methods import dataclass

if TYPE_CHECKING:
    from forensics.disk.ntfs.deleted import DeletedFiles
    from forensics.disk.ntfs.journal import ChangeJournal
    from forensics.disk.ntfs.traces import FileTraces
    from forensics.disk.shadow_copy import ShadowCopy

MAX_ENTRIES = 500_000
"""Evidence: names in one folder that are listed, short names among them; of a larger one the rest is not seen."""
_MOST_EXACT = 50_000
"""Work: names in one folder whose file records are read; sizes and times of a larger one are those in its index, which
may lag behind, and a name in it is looked up in the index itself.
"""
_ENTRIES_PER_UNIT = 8
_MAX_FOLDERS = 2_000
"""Work: folders that are kept in memory."""
_SYSTEM_RECORDS = 24
_SHADOW_HEADER_AT, _SHADOW_MARK = 0x1E00, bytes.fromhex("6b87083876c1484eb7ae04046e6cc752")
# Event logs and the like are laid out before they are filled; what is smaller is written at once.
_SMALL = 64 << 10


@dataclass(frozen=True, slots=True)
class _Doubt:
    """Stands for the file reference of an entry that its file record contradicts."""

    reason: str


class NtfsTree:
    """Tree over an NTFS volume; ``handle`` of its entries is the file reference.

    Args:
        reader: The volume.
        boot: Its boot sector.
        report: Is told of every structure that is found to be broken.
    """

    complete = True

    def __init__(self, reader: VolumeReader, boot: bytes, report: Report | None = None) -> None:
        self._log = DamageLog(report)
        self.volume = NtfsVolume(reader, boot, self._log)
        self._security = SecurityDescriptors(self.volume)
        self._claims = ClusterClaims(self._log)
        self._damaged: dict[int, str] = {}
        self._shadow_copies: Sequence[ShadowCopy] | None = None
        self._folders: dict[int, Folder] = {}
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
            key = fold("/".join(parts[: depth + 1]))
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
            return IndexEntries(at, listing)
        return [self._entry(at, reference, key) for reference, key in listing]

    def skim(self, folder: Entry | str) -> Sequence[Entry]:
        """List a folder as :meth:`entries` does, without reading its files' records: for a search by names.

        Sizes and times may lag behind, since only the folder is asked.
        """
        at, listing = self._open_folder(folder)
        return [
            self._entry(at, reference, key) if key.flags & REPARSE_FLAG else entry_from_index(at, reference, key)
            for reference, key in listing
        ]

    def _open_folder(self, folder: Entry | str) -> tuple[Entry, list[tuple[int, FileNameKey]]]:
        at = self.entry(folder) if isinstance(folder, str) else folder
        if not at.is_dir:
            self._refuse_reparse(at)
            raise Unreadable(sentence("not a folder"))
        listed = self._listed(at)
        if not listed.listing and (damage := self.damage(at)) is not None:
            raise BrokenStructure(damage)
        self.volume.spend(len(listed.listing) // _ENTRIES_PER_UNIT)
        return at, listed.listing

    def damage(self, folder: Entry | str) -> str | None:
        """Say what was found broken in a folder so far, so that something of it may be missing; None where nothing."""
        at = self.entry(folder) if isinstance(folder, str) else folder
        return self._damaged.get(at.handle & NUMBER) if isinstance(at.handle, int) else None

    def paths_named(self, wanted: WantedNames, skip: Iterable[str]) -> Iterator[str | None]:
        """Yield the paths of files with a wanted name, found in $MFT; None for each part that was not searched."""
        # Imported here because only a disk with a broken key is searched.
        from forensics.disk.ntfs.mft_search import paths_named

        return paths_named(self.volume, wanted, self._numbers_of(skip))

    def _numbers_of(self, paths: Iterable[str]) -> set[int]:
        """Return the numbers of the records of what lies at some paths."""
        known: set[int] = set()
        for path in paths:
            with suppress(NotFound, Unreadable):
                handle = self.entry(path).handle
                known |= {handle & NUMBER} if isinstance(handle, int) else set()
        return known

    def change_journal(self) -> ChangeJournal | None:
        """Open $Extend\\$UsnJrnl:$J; None where the volume keeps no journal. Raises Unreadable."""
        # Imported here because only a disk with a broken key is asked.
        from forensics.disk.ntfs.journal import open_journal

        return open_journal(self.volume)

    def folder_of(self, reference: int) -> str | None:
        """Return the path of the folder with a file reference; None where its record is another's by now."""
        from forensics.disk.ntfs.mft_search import folder_at

        return folder_at(self.volume, reference)

    def deleted_files(self) -> DeletedFiles:
        """Return the deleted files that $MFT still describes."""
        from forensics.disk.ntfs.deleted import DeletedFiles

        return DeletedFiles(self.volume)

    def traces(self) -> FileTraces:
        """Return what reads the traces of files that are gone."""
        from forensics.disk.ntfs.traces import FileTraces

        return FileTraces(self.volume)

    def shadow_copies(self) -> Sequence[ShadowCopy]:
        """List the older states of the volume that Windows kept, the newest first. Raises Unreadable."""
        if self.volume.reader.read_at(_SHADOW_HEADER_AT, len(_SHADOW_MARK)) != _SHADOW_MARK:
            return ()
        if self._shadow_copies is None:
            # Imported here because few volumes ever had one.
            from forensics.disk.ntfs.shadow_copies import shadow_copies

            self._shadow_copies = shadow_copies(self.volume, self._log)
        return self._shadow_copies

    def cut_short(self, folder: str) -> str | None:
        return folder_faults.only_the_first(MAX_ENTRIES) if self._listed(self.entry(folder)).cut else None

    def open(self, file: Entry | str) -> BinaryIO:
        record = self._record(file)
        path = file if isinstance(file, str) else file.path
        if hides_content(record):
            raise not_obtained(record, path, self.volume.stream)
        data = record.find(DATA)
        self._claims.check(data)
        if data is not None and data.initialized < data.size <= _SMALL and not data.flags & COMPRESSED:
            message = folder_faults.written_in_part(data.initialized, data.size)
            self._log.tell(path, message, kind="unwritten")
        stream = None if record.is_dir else self.volume.stream(record, DATA)
        if stream is None:
            raise BrokenStructure(sentence("a folder") if record.is_dir else sentence("it has no content stream"))
        return stream

    def security_descriptor(self, item: Entry | str) -> bytes | None:
        record = self._record(item)
        standard = record.find(STANDARD_INFORMATION)
        value = (standard.value or b"") if standard else b""
        security_id = struct.unpack_from("<I", value, 52)[0] if len(value) >= 56 else 0
        try:
            if security_id:
                return self._security.find(security_id)
            stream = self.volume.stream(record, SECURITY_DESCRIPTOR)
            return (stream.read(1 << 18) or None) if stream else None
        except TooMuchWork:
            raise
        except Unreadable as reason:
            own = isinstance(reason, NoSuchDescriptor) or not security_id
            path = SECURE if not own else item if isinstance(item, str) else item.path
            self._log.tell(path, said_by(reason), getattr(reason, "offset", None))
            raise

    def attributes(self, item: Entry | str) -> int | None:
        return self._record(item).file_attributes

    def _record(self, item: Entry | str) -> FileRecord:
        entry = self.entry(item) if isinstance(item, str) else item
        handle = entry.handle
        if isinstance(handle, _Doubt):
            raise BrokenStructure(handle.reason)
        if not isinstance(handle, int):
            return self._record(entry.path)
        record = self.volume.record(handle)
        if entry.name and not bears(record, entry.name):
            raise BrokenStructure(folder_faults.stranger(handle & NUMBER))
        return record

    def _refuse_reparse(self, entry: Entry) -> None:
        record = self._record(entry)
        if reparse_tag(record):
            raise not_obtained(record, entry.path, self.volume.stream)

    def _folder(self, entry: Entry) -> Folder:
        if isinstance(entry.handle, _Doubt):
            raise BrokenStructure(entry.handle.reason)
        assert isinstance(entry.handle, int)
        number = entry.handle & NUMBER
        folder = self._folders.get(number)
        if folder is None:
            record = self.volume.record(entry.handle)
            if not record.is_dir:
                raise BrokenStructure(sentence("its file record is not that of a folder"))
            if len(self._folders) >= _MAX_FOLDERS:
                self._folders.clear()
            index = self.volume.index(record, "$I30")
            folder = self._folders[number] = Folder(index, number | record.sequence << 48)
        return folder

    def _broken(self, folder: Entry, message: str, offset: int | None = None) -> None:
        """Note that something of a folder may be missing."""
        assert isinstance(folder.handle, int)
        self._damaged.setdefault(folder.handle & NUMBER, message)
        self._log.tell(folder.path, message, offset)

    def _listed(self, entry: Entry) -> Folder:
        folder = self._folder(entry)
        if folder.names is not None:
            return folder
        names: dict[str, tuple[int, FileNameKey]] = {}
        short: Listing = []
        before, is_sorted, seen = "", True, 0
        for found in folder.index.entries():
            if isinstance(found, Unreadable):
                self._broken(entry, str(found), getattr(found, "offset", None))
                continue
            key = parse_file_name(found.key)
            folded = fold(key.name)
            if before > folded:
                is_sorted = False
                if is_after(before, folded):
                    self._broken(entry, sentence("{name} stands out of order in its index", name=key.name))
            before = folded
            if not folder.holds(found.key):
                self._broken(entry, folder_faults.of_another_folder(key.name))
                continue
            number = found.reference & NUMBER
            if number < _SYSTEM_RECORDS and (number == ROOT or key.name.startswith("$")):
                continue
            if seen >= MAX_ENTRIES:
                folder.cut = True
                break
            seen += 1
            item = (found.reference, key)
            if seen <= _MOST_EXACT:
                names.setdefault(folded, item)
            (short if key.namespace == DOS_NAME else folder.listing).append(item)
        if short:
            # A short name stands beside the long one of the same file; one that stands alone is no short name.
            long = {reference for reference, _ in folder.listing}
            alone = [item for item in short if item[0] not in long]
            folder.listing += alone
            is_sorted &= not alone
        folder.names = names if seen <= _MOST_EXACT else {}
        if not is_sorted:
            folder.listing.sort(key=lambda item: fold(item[1].name))
        return folder

    def _child(self, parent: Entry, name: str, path: str) -> Entry:
        wanted = fold(name)
        folder = self._folder(parent)
        if not folder.names and not folder.index.is_small and wanted.isascii():
            hit = self._search(parent, folder, wanted)
            if hit is not None and hit.entry is not None:
                return self._entry(parent, hit.entry.reference, parse_file_name(hit.entry.key))
            if hit is not None and self.damage(parent) is None:
                raise NotFound(path)
        listed = self._listed(parent)
        item = listed.names.get(wanted) if listed.names else find_in(listed.listing, wanted)
        if item is not None:
            return self._entry(parent, *item)
        if self.damage(parent) is None:
            self._search(parent, folder, wanted)
        if (damage := self.damage(parent)) is not None:
            raise BrokenStructure(folder_faults.may_be_lost(damage))
        if listed.cut:
            raise NotObtained(folder_faults.may_be_unread())
        raise NotFound(path)

    def _search(self, parent: Entry, folder: Folder, wanted: str) -> Hit | None:
        """Look a name up in a folder's index; None where that is damaged on the way.

        A miss lies between two neighbours: a name of one of them that is not its file's own leaves the folder damaged,
        since the search was led by it, or the name that was looked for has become it.
        """
        try:
            hit = folder.index.search(wanted, folded_key)
        except TooMuchWork:
            raise
        except BrokenStructure as reason:
            self._broken(parent, said_by(reason), reason.offset)
            return None
        except Unreadable:
            return None
        for found in (hit.entry, hit.before, hit.after):
            if found is not None and not folder.holds(found.key):
                self._broken(parent, folder_faults.of_another_folder(parse_file_name(found.key).name))
                return None
        for neighbour in (hit.before, hit.after):
            if neighbour is not None and neighbour.reference & NUMBER >= _SYSTEM_RECORDS:
                self._entry(parent, neighbour.reference, parse_file_name(neighbour.key))
        return hit

    def _entry(self, parent: Entry, reference: int, key: FileNameKey) -> Entry:
        path, by_index = path_in(parent, key), partial(entry_from_index, parent, reference, key)
        created, modified, size = key.created, key.modified, key.size
        try:
            record = self.volume.record(reference)
        except WrongRecord as reason:
            return self._doubted(parent, by_index(), said_by(reason), reason.offset)
        except BrokenStructure as reason:
            # The name is there all the same: whoever opens it is told why it cannot be read.
            self._log.tell(path, said_by(reason), reason.offset)
            return by_index()
        except Unreadable:
            return by_index()
        number = reference & NUMBER
        if not bears(record, key.name, key.namespace, self._folder(parent).own):
            why = folder_faults.stranger(number)
            strange = by_index() if bears(record, key.name) else replace(by_index(), misnamed=why)
            return self._doubted(parent, strange, why, self.volume.place_of(number))
        if record.is_dir != bool(key.flags & DIRECTORY_FLAG):
            message = sentence("file record {number} and its folder disagree on whether it is a folder", number=number)
            return self._doubted(parent, by_index(), message, self.volume.place_of(number, 22))
        is_link = reparse_tag(record) & NAME_SURROGATE
        standard, data = record.find(STANDARD_INFORMATION), record.find(DATA)
        if standard and len(standard.value or b"") >= 16:
            created, modified = struct.unpack_from("<QQ", standard.value or b"")
        if data is not None:
            size = min((a for a in record.attributes if a.type == DATA and not a.name), key=lambda a: a.lowest_vcn).size
            self._claims.claim(number, path, data)
        is_dir, times = record.is_dir and not is_link, (filetime(created), filetime(modified))
        link = link_of(record, self.volume.stream) if is_link else None
        return Entry(key.name, path, is_dir, 0 if is_dir else size, *times, reference, link)

    def _doubted(self, parent: Entry, entry: Entry, message: str, offset: int | None) -> Entry:
        """Return an entry of which nothing but the name in its folder is believed, and that in part."""
        self._broken(parent, sentence("{name}: {message}", name=entry.name, message=message), offset)
        return replace(entry, handle=_Doubt(message))
