"""One image of a WIM as a Tree."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import BinaryIO

from forensics.disk.links import Link
from forensics.disk.ntfs.names import fold
from forensics.disk.ntfs.reparse import NAME_SURROGATE, is_recalled, parse_link, why_not_followed
from forensics.disk.tree import Entry, NotFollowed, NotFound, NotObtained, Unreadable, WantedNames
from forensics.disk.wim.contents import WimContents
from forensics.disk.wim.metadata import ENCRYPTED, NO_CONTENT, BrokenImage, Metadata, WimFile
from forensics.disk.wim.structures import Blob
from forensics.formats.filetime import filetime
from forensics.language import said_by, sentence
from forensics.late_methods import dataclass

MAX_ENTRIES = 500_000
"""Evidence: names in one folder of an image that are listed; of a larger one the rest is not seen."""
MAX_REPARSE = 32 << 10
"""Format: bytes of the data of a reparse point."""
_MAX_DEPTH = 64
"""Evidence: folders within folders of an image that are searched for a file by its name."""
_MAX_SEARCHED = 1_000_000
"""Work: folders of an image that are searched for a file by its name."""
_MAX_FOLDERS = 5_000
"""Work: folders that are kept in memory."""
_LEFT_OUT = frozenset(
    {
        "$EXTEND",
        "$NTFS.LOG",
        "$RECYCLE.BIN",
        "$WINDOWS.~BT",
        "$WINDOWS.~LS",
        "HIBERFIL.SYS",
        "PAGEFILE.SYS",
        "RECYCLER",
        "SWAPFILE.SYS",
        "SYSTEM VOLUME INFORMATION",
        "WINDOWS/CSC",
        "WINPEPGE.SYS",
    }
)
"""Paths that a capture leaves out where nobody says otherwise, folded as names are compared."""
_NOT_CAPTURED = sentence("a capture leaves it out, so whether it was on the machine is not known")


@dataclass(slots=True)
class _Folder:
    """A folder that was listed.

    Attributes:
        entries: Its files, by their folded names.
        short: Those with a short name, by that.
        damage: What of it is broken; None where nothing is.
        cut: It holds more than is listed.
    """

    entries: dict[str, Entry]
    short: dict[str, Entry]
    damage: str | None
    cut: bool


class WimTree:
    """Tree over one image; ``handle`` of its entries is the :class:`WimFile`.

    Args:
        metadata: Returns the metadata of the image, which may be read again for it; raises Unreadable.
        contents: Of the WIM.
        blobs: Contents of files by their SHA-1.
        label: Name of the image; may be empty.
        lacking: Why a content that the WIM does not hold is not there.
    """

    complete = True

    def __init__(
        self,
        metadata: Callable[[], Metadata],
        contents: WimContents,
        blobs: Mapping[bytes, Blob],
        label: str,
        lacking: str,
    ) -> None:
        self.label = label
        self._metadata = metadata
        self._contents = contents
        self._blobs = blobs
        self._lacking = lacking
        self._folders: dict[str, _Folder] = {}
        # The folder whose files stand at a place: where two say so, walking them might never end.
        self._owners: dict[int, str] = {}

    def entry(self, path: str) -> Entry:
        at = Entry("", "", True, handle=self._metadata().root)
        parts = [part for part in path.split("/") if part]
        for depth, part in enumerate(parts):
            if not at.is_dir:
                self._refuse_link(at)
                raise NotFound(path)
            folder = self._listed(at)
            name = fold(part)
            found = folder.entries.get(name) or folder.short.get(name)
            if found is None:
                self._refuse_missing(parts[: depth + 1], folder)
                raise NotFound(path)
            at = found
        return at

    def entries(self, folder: Entry | str) -> Sequence[Entry]:
        at = self.entry(folder) if isinstance(folder, str) else folder
        if not at.is_dir:
            self._refuse_link(at)
            raise Unreadable(sentence("not a folder"))
        listed = self._listed(at)
        if listed.damage is not None and not listed.entries:
            raise BrokenImage(listed.damage)
        return list(listed.entries.values())

    skim = entries

    def cut_short(self, folder: str) -> str | None:
        return (
            sentence("only {max_entries} of its names are listed", max_entries=MAX_ENTRIES)
            if self._listed(self.entry(folder)).cut
            else None
        )

    def damage(self, folder: Entry | str) -> str | None:
        """Say what of a folder is broken; None where nothing is."""
        return self._listed(self.entry(folder) if isinstance(folder, str) else folder).damage

    def open(self, file: Entry | str) -> BinaryIO:
        entry = self.entry(file) if isinstance(file, str) else file
        if entry.is_dir:
            raise Unreadable(sentence("a folder"))
        self._refuse_link(entry)
        own = entry.handle
        assert isinstance(own, WimFile)
        if own.attributes & ENCRYPTED:
            raise NotObtained(sentence("encrypted by EFS: only who holds its key can read it"))
        digest = own.content
        blob = self._blobs.get(digest)
        if blob is None:
            if digest != NO_CONTENT:
                raise NotObtained(self._lacking)
            blob = Blob((), 0, 0)
            digest = _SHA1_OF_NOTHING
        return self._contents.open(blob, digest)

    def security_descriptor(self, item: Entry | str) -> bytes | None:
        entry = self.entry(item) if isinstance(item, str) else item
        assert isinstance(entry.handle, WimFile)
        return self._metadata().security_descriptor(entry.handle)

    def paths_named(self, wanted: WantedNames, skip: Iterable[str]) -> Iterator[str | None]:
        """Yield the paths of files with a wanted name; None for each part that was not searched."""
        metadata = self._metadata()
        left = {fold(path) for path in skip}
        waiting = [("", metadata.root, 0)]
        seen: set[int] = set()
        while waiting and len(seen) < _MAX_SEARCHED:
            path, folder, depth = waiting.pop()
            is_left = fold(path) in left
            try:
                for number, file in enumerate(metadata.children(folder)):
                    if not number and folder.children in seen:
                        yield None
                        break
                    seen.add(folder.children)
                    below = f"{path}/{file.name}" if path else file.name
                    if _is_folder(file) and depth < _MAX_DEPTH:
                        waiting.append((below, file, depth + 1))
                    elif _is_folder(file):
                        yield None
                    elif not is_left and wanted.fit(file.name):
                        yield below
            except BrokenImage:
                yield None
        if waiting:
            yield None

    def _listed(self, folder: Entry) -> _Folder:
        key = fold(folder.path)
        known = self._folders.get(key)
        if known is None:
            if len(self._folders) >= _MAX_FOLDERS:
                self._folders.clear()
            known = self._folders[key] = self._list(folder, key)
        return known

    def _list(self, folder: Entry, key: str) -> _Folder:
        own = folder.handle
        assert isinstance(own, WimFile)
        entries: dict[str, Entry] = {}
        short: dict[str, Entry] = {}
        damage: str | None = None
        cut = False
        try:
            for file in self._metadata().children(own):
                if len(entries) >= MAX_ENTRIES:
                    cut = True
                    break
                if not file.name:
                    damage = sentence("a file in it has no name")
                    continue
                entry = self._entry(folder, file)
                entries.setdefault(fold(file.name), entry)
                if file.short_name:
                    short.setdefault(fold(file.short_name), entry)
        except BrokenImage as reason:
            damage = said_by(reason)
        # Empty folders may share the mark that ends them.
        if entries and self._owners.setdefault(own.children, key) != key:
            raise BrokenImage(sentence("it and another folder say that the same files are theirs"))
        return _Folder(dict(sorted(entries.items())), short, damage, cut)

    def _entry(self, parent: Entry, file: WimFile) -> Entry:
        path = f"{parent.path}/{file.name}" if parent.path else file.name
        is_dir = _is_folder(file)
        blob = None if is_dir else self._blobs.get(file.content)
        times = filetime(file.created), filetime(file.modified)
        return Entry(file.name, path, is_dir, blob.size if blob else 0, *times, file, self._link(file))

    def _link(self, file: WimFile) -> Link | None:
        if not file.reparse_tag & NAME_SURROGATE:
            return None
        blob = self._blobs.get(file.reparse)
        if blob is None or blob.size > MAX_REPARSE:
            return None
        try:
            with self._contents.open(blob, file.reparse) as stream:
                data = stream.read()
        except Unreadable:
            return None
        return parse_link(struct.pack("<IHH", file.reparse_tag, len(data), 0) + data)

    def _refuse_link(self, entry: Entry) -> None:
        if entry.link is not None:
            raise NotFollowed(entry.path, entry.link)
        file = entry.handle
        assert isinstance(file, WimFile)
        if is_recalled(file.reparse_tag, file.attributes):
            raise NotObtained(why_not_followed(file.reparse_tag))

    def _refuse_missing(self, parts: Sequence[str], folder: _Folder) -> None:
        """Raise for a name that is not in its folder where that does not mean that the machine had none."""
        if folder.damage is not None:
            message = sentence(
                "its folder is damaged, so it cannot be told whether it is there: {damage}", damage=folder.damage
            )
            raise BrokenImage(message)
        if folder.cut:
            raise NotObtained(
                sentence("its folder holds more names than are read, so it cannot be told whether it is there")
            )
        if fold("/".join(parts)) in _LEFT_OUT:
            raise NotObtained(_NOT_CAPTURED)


_SHA1_OF_NOTHING = bytes.fromhex("da39a3ee5e6b4b0d3255bfef95601890afd80709")


def _is_folder(file: WimFile) -> bool:
    """Tell whether a file is a folder to go into: no junction is."""
    return file.is_dir and not file.reparse_tag & NAME_SURROGATE
