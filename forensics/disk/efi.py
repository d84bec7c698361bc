"""The EFI system partition of a disk, opened only when its boot manager is asked for."""

from __future__ import annotations

from dataclasses import field

from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.tree import Tree
from forensics.late_methods import dataclass


@dataclass(slots=True)
class EfiPartition:
    """One EFI system partition.

    Attributes:
        name: Volume on its disk, such as ``partition 1``; paths in it are told with this in front.
        reader: Its bytes.
    """

    name: str
    reader: VolumeReader = field(repr=False)
    _tree: Tree | None = field(default=None, repr=False)

    def tree(self) -> Tree:
        """Return its files.

        Raises:
            Unreadable: It is no FAT volume, or damaged.
        """
        from forensics.disk.fat.tree import FatTree

        if self._tree is None:
            self._tree = FatTree(self.reader)
        return self._tree
