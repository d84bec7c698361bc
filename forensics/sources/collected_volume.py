"""A volume that is no machine's own but holds what was collected from one: KAPE's VHDX with a folder ``C``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import BinaryIO

from forensics.disk.tree import Entry, NotFound, Tree, Unreadable, damage_of
from forensics.sources.collected_tree import CollectedTree, Node
from forensics.sources.collection_source import add_root, tell_search
from forensics.sources.layout import find_layout
from forensics.sources.searched_tree import SearchedTree
from forensics.sources.source import Source

_DRIVE = re.compile(r"[A-Za-z](_|%3A)?", re.IGNORECASE)


class VolumeTree(CollectedTree):
    """The files of a volume as those of a collection: what is not there may not have been collected.

    Args:
        tree: The volume.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        super().__init__(Entry("", "", True))

    def damage(self, folder: Entry | str) -> str | None:
        """Say what of the folder the volume has damaged."""
        handle = (self.entry(folder) if isinstance(folder, str) else folder).handle
        assert isinstance(handle, Entry)
        return damage_of(self._tree, handle if handle.path else "")

    def _children(self, handle: object) -> Iterable[Node]:
        assert isinstance(handle, Entry)
        for entry in self._tree.entries(handle if handle.path else ""):
            yield Node(entry.name, entry.is_dir, entry, entry.size, entry.created, entry.modified)

    def _open(self, handle: object) -> BinaryIO:
        assert isinstance(handle, Entry)
        return self._tree.open(handle)


def add_collected_volumes(source: Source, first_machine_id: int) -> None:
    """Add what was collected onto the volumes of a disk on which no Windows lives itself."""
    for place in [place for place in source.searched if _holds_drives(place.tree)]:
        _add_volume(source, place, first_machine_id)


def _add_volume(source: Source, place: SearchedTree, first_machine_id: int) -> None:
    layout = find_layout(VolumeTree(place.tree))
    if not layout.roots:
        return
    source.searched.remove(place)
    source.kind = "folder"
    tell_search(source, layout)
    for root in layout.roots:
        path = f"{source.path}/{root.label}" if len(layout.roots) > 1 else source.path
        add_root(source, root, path, first_machine_id + len(source.installations))


def _holds_drives(tree: Tree) -> bool:
    try:
        return any(entry.is_dir and _DRIVE.fullmatch(entry.name) for entry in tree.entries(""))
    except (NotFound, Unreadable):
        return False
