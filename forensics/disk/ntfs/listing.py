"""What a folder's index alone says of its entries: no file record is read, and sizes and times may lag behind."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import overload

from forensics.disk.ntfs.index import DIRECTORY_FLAG, REPARSE_FLAG, FileNameKey
from forensics.disk.ntfs.names import fold
from forensics.disk.tree import Entry
from forensics.formats.filetime import filetime

Listing = list[tuple[int, FileNameKey]]
"""File references with their names, in the order of the folded names."""


class IndexEntries(Sequence[Entry]):
    """Entries of a folder of very many names, each made when it is asked for: all of them would fill the memory."""

    def __init__(self, parent: Entry, listing: Listing) -> None:
        self._parent = parent
        self._listing = listing

    def __len__(self) -> int:
        return len(self._listing)

    @overload
    def __getitem__(self, at: int) -> Entry: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Entry]: ...
    def __getitem__(self, at: int | slice) -> Entry | Sequence[Entry]:
        if isinstance(at, slice):
            return IndexEntries(self._parent, self._listing[at])
        return entry_from_index(self._parent, *self._listing[at])

    def __iter__(self) -> Iterator[Entry]:
        return (entry_from_index(self._parent, reference, key) for reference, key in self._listing)


def entry_from_index(parent: Entry, reference: int, key: FileNameKey) -> Entry:
    """Return an entry as its folder has it."""
    path = path_in(parent, key)
    is_dir = bool(key.flags & DIRECTORY_FLAG) and not key.flags & REPARSE_FLAG
    return Entry(key.name, path, is_dir, key.size, filetime(key.created), filetime(key.modified), reference)


def path_in(parent: Entry, key: FileNameKey) -> str:
    """Return the path of what a folder has under a name."""
    return f"{parent.path}/{key.name}" if parent.path else key.name


def find_in(listing: Listing, wanted: str) -> tuple[int, FileNameKey] | None:
    """Look a folded name up in a listing that is too long to be kept by name."""
    at = bisect_left(listing, wanted, key=lambda item: fold(item[1].name))
    found = listing[at] if at < len(listing) else None
    return found if found is not None and fold(found[1].name) == wanted else None
