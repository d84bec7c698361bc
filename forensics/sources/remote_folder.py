"""A folder on a server as a Tree: a prefix of a bucket, a directory of SFTP or SMB, the page that lists one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from forensics.disk.evidence_files import open_evidence
from forensics.disk.places import place_of
from forensics.disk.remote.path import RemotePath
from forensics.disk.remote.server import UNKNOWN_SIZE
from forensics.disk.remote.session import MAX_LISTED, current
from forensics.disk.tree import Entry, NotObtained
from forensics.language import said_by, sentence
from forensics.sources.collected_tree import CollectedTree, Node
from forensics.sources.folder_tree import FolderTree


class RemoteFolderTree(FolderTree):
    """Tree over a folder on a server; there are no links in it, and no access lists.

    Args:
        root: Its URL.
    """

    root: RemotePath

    def __init__(self, root: RemotePath) -> None:
        CollectedTree.__init__(self, str(root))
        self.root = root

    def cut_short(self, folder: str) -> str | None:
        cut = super().cut_short(folder)
        is_cut = str(self.entry(folder).handle) in current().cut
        return sentence("only {max_listed} of its names are listed", max_listed=MAX_LISTED) if is_cut else cut

    def security_descriptor(self, item: Entry | str) -> bytes | None:
        return None

    def _children(self, handle: object) -> Iterator[Node]:
        folder = place_of(str(handle))
        assert isinstance(folder, RemotePath)
        try:
            for each in folder.listed():
                place = folder / each.name
                # A page that lists a folder does not say how large its files are.
                size = place.stat().st_size if each.size == UNKNOWN_SIZE and not each.is_dir else each.size
                # No Windows name holds a backslash, by which rows tell a hive from the key in it.
                name = each.name.replace("\\", "%5C")
                yield Node(name, each.is_dir, str(place), max(0, size), None, each.modified)
        except OSError as error:
            raise NotObtained(error.strerror or said_by(error)) from error

    def _open(self, handle: object) -> BinaryIO:
        try:
            return open_evidence(str(handle))
        except OSError as error:
            raise NotObtained(error.strerror or said_by(error)) from error
