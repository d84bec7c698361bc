"""What folders and archives share: nodes found without case, names decoded where a collector encoded them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import BinaryIO
from urllib.parse import unquote

from forensics.disk.links import Link
from forensics.disk.tree import Entry, NotFollowed, NotFound, Unreadable
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.sources.upload_in_pieces import INDEXES, UploadInPieces, upload_in_pieces

MAX_ENTRIES = 500_000
"""Evidence: names in one folder of a collection that are listed; of a larger one the rest is not seen."""


@dataclass(frozen=True, slots=True)
class Node:
    """One file or folder as its collection stores it.

    Attributes:
        name: As stored.
        is_dir: A folder to go into.
        handle: What the collection opens it by.
        link: Where it leads, if it is a link: that is not followed.
    """

    name: str
    is_dir: bool
    handle: object
    size: int = 0
    created: datetime | None = None
    modified: datetime | None = None
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class _Folders:
    """Folders whose names differ only in their case, as collectors write them on Linux: Windows knows them as one."""

    handles: tuple[object, ...]


class CollectedTree:
    """Base of trees over collections: what is not in them may merely not have been collected.

    Subclasses give :meth:`_children` and :meth:`_open`.
    """

    complete = False

    def __init__(self, root: object) -> None:
        self._root = Entry("", "", True, handle=root)
        self._listings: dict[str, dict[str, Entry]] = {}
        self._cut: set[str] = set()
        self._encoded: list[str] = []

    def decode_below(self, path: str) -> None:
        """Percent-decode names below a folder, where the collector had encoded them."""
        prefix = path.casefold() + "/"
        self._encoded.append(prefix)
        stale = [key for key in self._listings if f"{key}/".startswith(prefix)]
        for key in stale:
            del self._listings[key]

    def entry(self, path: str) -> Entry:
        at = self._root
        for part in path.split("/"):
            if not part:
                continue
            if not at.is_dir:
                _refuse_link(at)
                raise NotFound(path)
            found = self._listed(at).get(part.casefold())
            if found is None:
                raise NotFound(path)
            at = found
        return at

    def entries(self, folder: Entry | str) -> Sequence[Entry]:
        at = self.entry(folder) if isinstance(folder, str) else folder
        if not at.is_dir:
            _refuse_link(at)
            raise Unreadable(sentence("not a folder"))
        return list(self._listed(at).values())

    def cut_short(self, folder: str) -> str | None:
        at = self.entry(folder)
        self._listed(at)
        return (
            sentence("only {max_entries} of its names are listed", max_entries=MAX_ENTRIES)
            if at.path.casefold() in self._cut
            else None
        )

    def open(self, file: Entry | str) -> BinaryIO:
        entry = self.entry(file) if isinstance(file, str) else file
        if entry.is_dir:
            raise Unreadable(sentence("a folder"))
        _refuse_link(entry)
        if isinstance(entry.handle, UploadInPieces):
            from forensics.sources.upload_stream import open_pieces

            return open_pieces(entry.handle, self._open)
        return self._open(entry.handle)

    def security_descriptor(self, item: Entry | str) -> bytes | None:
        """Collections hold none."""
        return None

    def _listed(self, folder: Entry) -> dict[str, Entry]:
        key = folder.path.casefold()
        if key not in self._listings:
            decode = any(f"{key}/".startswith(prefix) for prefix in self._encoded)
            found: dict[str, Entry] = {}
            for node in self._nodes(folder.handle):
                if len(found) >= MAX_ENTRIES:
                    self._cut.add(key)
                    break
                name = _decoded(node.name) if decode else node.name
                path = f"{folder.path}/{name}" if folder.path else name
                entry = Entry(name, path, node.is_dir, node.size, node.created, node.modified, node.handle, node.link)
                folded = name.casefold()
                # Most names of very many are of one case: one text each does.
                known = found.setdefault(name if folded == name else folded, entry)
                if known is not entry:
                    found[folded] = _one_of(known, entry)
            self._put_together(found)
            self._listings[key] = dict(sorted(found.items()))
        return self._listings[key]

    def _put_together(self, found: dict[str, Entry]) -> None:
        """Replace what Velociraptor stores in pieces, and the index beside it, by the file that it was."""
        for name in [name for name in found if name.endswith(INDEXES)]:
            of, dot, suffix = name.rpartition(".")
            stored = found.get(of)
            if stored is None or stored.is_dir or found[name].is_dir:
                continue
            try:
                with self._open(found[name].handle) as index:
                    pieces = upload_in_pieces(stored, dot + suffix, index)
            except Unreadable:
                continue
            if pieces is not None:
                size = pieces.upload.size if pieces.upload else stored.size
                found[of] = replace(stored, size=size, handle=pieces)
                del found[name]

    def _nodes(self, handle: object) -> Iterator[Node]:
        for each in handle.handles if isinstance(handle, _Folders) else (handle,):
            yield from self._children(each)

    def _children(self, handle: object) -> Iterable[Node]:
        """Yield what a folder holds; raises Unreadable."""
        raise NotImplementedError

    def _open(self, handle: object) -> BinaryIO:
        """Open a file; raises Unreadable."""
        raise NotImplementedError


def _one_of(first: Entry, second: Entry) -> Entry:
    """Return what two entries are together whose names differ only in their case: of files the one written last."""
    older, newer = sorted((first, second), key=lambda e: (e.modified.timestamp() if e.modified else 0.0, e.name))
    if not (older.is_dir and newer.is_dir):
        return newer if older.is_dir == newer.is_dir else older if older.is_dir else newer
    both = [e.handle.handles if isinstance(e.handle, _Folders) else (e.handle,) for e in (newer, older)]
    kept = min(first, second, key=lambda e: e.name)
    return replace(kept, handle=_Folders((*both[0], *both[1])))


def _refuse_link(entry: Entry) -> None:
    if entry.link is not None:
        raise NotFollowed(entry.path, entry.link)


def _decoded(name: str) -> str:
    text = unquote(name, errors="replace")
    return name if "/" in text or "\0" in text or text in ("", ".", "..") else text
