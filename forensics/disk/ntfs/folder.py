"""A folder of an NTFS volume that was opened: its index, and its listing once that was needed."""

from __future__ import annotations

from forensics.disk.ntfs.btree import NtfsIndex
from forensics.disk.ntfs.index import FileNameKey
from forensics.disk.ntfs.listing import Listing
from forensics.disk.ntfs.names import NUMBER


class Folder:
    """A folder's index, and its whole listing by folded name once that was needed.

    Attributes:
        names: By folded name, short names included; none of a folder with very many, whose index is asked instead.
        own: File reference of the folder.
        cut: It holds more than what is listed.
    """

    __slots__ = ("cut", "index", "listing", "names", "own")

    def __init__(self, index: NtfsIndex, own: int) -> None:
        self.index = index
        self.own = own
        self.names: dict[str, tuple[int, FileNameKey]] | None = None
        self.listing: Listing = []
        self.cut = False

    def holds(self, key: bytes) -> bool:
        """Tell whether an entry of the index names this folder as the one it lies in."""
        return int.from_bytes(key[:8], "little") in (self.own, self.own & NUMBER)
