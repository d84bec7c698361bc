"""The volumes of a disk, so that what is missing on one can be looked for on the others."""

from __future__ import annotations

from collections.abc import Callable

from forensics.disk.tree import Tree
from forensics.late_methods import dataclass


@dataclass(frozen=True, slots=True)
class DiskVolume:
    """One volume of a disk that may hold files.

    Attributes:
        name: What it is called, such as ``partition 3``.
        open: Opens its files; raises NotFound or Unreadable.
        not_read: Why its files are not read; None where they are.
        mounted_as: What Windows notes of it where it gives it a drive letter; empty where no partition table tells.
    """

    name: str
    open: Callable[[], Tree] | None = None
    not_read: str | None = None
    mounted_as: bytes = b""

    def label(self, path: str) -> str:
        """Return a path on it as the rows of a Windows on another volume name it."""
        return f"{self.name}/{path}"
