"""A volume or folder of a source in which the files of virtual machines may lie."""

from __future__ import annotations

from forensics.disk.tree import Tree
from forensics.late_methods import dataclass


@dataclass(frozen=True, slots=True)
class SearchedTree:
    """One tree of a source.

    Attributes:
        tree: The files.
        disk: Source path of the disk or collection, as its installations have it; None for a folder of an export.
        name: What tells its paths from those of the source's other trees, such as ``partition 4``; may be empty.
        windows: Paths of the Windows folders in it.
        drive: Path of the system drive in it: empty, or such as ``C``.
        start: Path of the folder in it where a search begins.
        wanted: Lower-case file name, without suffix, of the one virtual machine the user named.
    """

    tree: Tree
    disk: str | None
    name: str = ""
    windows: tuple[str, ...] = ()
    drive: str = ""
    start: str = ""
    wanted: str | None = None

    def label(self, path: str) -> str:
        """Return a path of the tree as rows name it."""
        return f"{self.name}/{path}" if self.name else path
