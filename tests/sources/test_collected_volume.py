"""A volume onto which was collected: what its file system lost may have been collected."""

from __future__ import annotations

from pathlib import Path

from forensics.disk.tree import Entry, damage_of
from forensics.sources.folder_tree import FolderTree
from forensics.sources.volume_tree import VolumeTree


class Damaged(FolderTree):
    """A file system of which one folder is damaged."""

    def damage(self, folder: Entry | str) -> str | None:
        path = folder if isinstance(folder, str) else folder.path
        return "a part of its index is damaged" if path == "C/Windows" else None


def test_damage_of_the_volume_is_that_of_the_collection(tmp_path: Path) -> None:
    (tmp_path / "C/Windows/System32").mkdir(parents=True)
    tree = VolumeTree(Damaged(tmp_path))
    assert damage_of(tree, "c/windows") == "a part of its index is damaged"
    assert damage_of(tree, tree.entry("C/Windows")) == "a part of its index is damaged"
    assert [damage_of(tree, path) for path in ("", "C", "C/Windows/System32")] == [None, None, None]
