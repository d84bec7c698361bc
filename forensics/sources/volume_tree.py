"""The files of a volume as those of a collection: somebody copied them there, and what is not there he may not have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import BinaryIO

from forensics.disk.tree import Entry, NotFound, Tree, Unreadable, damage_of
from forensics.sources.collected_tree import CollectedTree, Node


class VolumeTree(CollectedTree):
    """Tree over a volume onto which was collected; it holds no access lists, since those there are the collector's.

    Args:
        tree: The volume.
        shows: Tells which entries are listed, by the folder in which each lies: a search that looks at few folders of
            very many needs no more; None: all.
    """

    def __init__(self, tree: Tree, shows: Callable[[str, Entry], bool] | None = None) -> None:
        self._tree = tree
        self._shows = shows
        super().__init__(Entry("", "", True))

    def show_all(self) -> None:
        """List all from now on."""
        self._shows = None
        self._listings.clear()

    def damage(self, folder: Entry | str) -> str | None:
        """Say what of the folder the volume has damaged."""
        handle = (self.entry(folder) if isinstance(folder, str) else folder).handle
        assert isinstance(handle, Entry)
        return damage_of(self._tree, handle if handle.path else "")

    def _children(self, handle: object) -> Iterable[Node]:
        assert isinstance(handle, Entry)
        for entry in self._entries(handle):
            yield Node(entry.name, entry.is_dir, entry, entry.size, entry.created, entry.modified, entry.link)

    def _entries(self, folder: Entry) -> Iterable[Entry]:
        at = folder if folder.path else ""
        if self._shows is None:
            return self._tree.entries(at)
        # Only names are asked for here: of the few that are shown the rest is then read.
        skim = getattr(self._tree, "skim", self._tree.entries)
        shown = (entry for entry in skim(at) if self._shows(folder.path, entry))
        return (entry if entry.is_dir else self._exact(entry) for entry in shown)

    def _exact(self, entry: Entry) -> Entry:
        try:
            return self._tree.entry(entry.path)
        except (NotFound, Unreadable):
            return entry

    def _open(self, handle: object) -> BinaryIO:
        assert isinstance(handle, Entry)
        return self._tree.open(handle)
