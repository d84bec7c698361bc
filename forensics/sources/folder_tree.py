"""A folder on this machine as a Tree; nothing outside it is ever read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from forensics.disk.evidence_files import open_evidence
from forensics.disk.links import Link
from forensics.disk.places import is_url
from forensics.disk.tree import Entry, NotObtained
from forensics.language import joined, said_by, sentence
from forensics.sources.collected_tree import CollectedTree, Node
from forensics.sources.ntfs_mount import NtfsMounts, link_at

_MOUNT_POINT = 0xA0000003


def folder_tree(folder: Path) -> FolderTree:
    """Return the tree over a folder, on this machine or on a server."""
    if not is_url(folder):
        return FolderTree(folder)
    from forensics.disk.remote.path import RemotePath
    from forensics.sources.remote_folder import RemoteFolderTree

    assert isinstance(folder, RemotePath)
    return RemoteFolderTree(folder)


class FolderTree(CollectedTree):
    """Tree over a folder.

    A symbolic link is neither followed nor listed as a folder: on a mounted volume it may lead out of the evidence,
    in circles, or elsewhere than on the machine (ntfs-3g shows D:\\Keys as the folder Keys of the same volume).

    Args:
        root: The folder.

    Attributes:
        root: The same.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(str(root))
        self.root = root
        self._mounts = NtfsMounts(root)

    def security_descriptor(self, item: Entry | str) -> bytes | None:
        entry = self.entry(item) if isinstance(item, str) else item
        return self._mounts.access_list(str(entry.handle))

    def _children(self, handle: object) -> Iterator[Node]:
        try:
            with os.scandir(str(handle)) as found:
                for item in found:
                    yield _node(item)
        except OSError as error:
            raise _not_obtained(error) from error

    def _open(self, handle: object) -> BinaryIO:
        path = str(handle)
        try:
            if not stat.S_ISREG(os.lstat(path).st_mode):
                raise NotObtained(sentence("a symbolic link or special file, which is not followed"))
            return open_evidence(path, follow_symlinks=False)
        except OSError as error:
            raise _not_obtained(error) from error


def _not_obtained(error: OSError) -> NotObtained:
    why = error.strerror or said_by(error)
    if isinstance(error, PermissionError):
        return NotObtained(joined([why, sentence("run keymortem as a user who may read it")], ": "))
    return NotObtained(why)


def _node(item: os.DirEntry[str]) -> Node:
    # Names that are no UTF-8 come as lone surrogates, which no output could encode.
    name = item.name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    # No Windows name holds a backslash, by which rows tell a hive from the key in it.
    name = name.replace("\\", "%5C")
    try:
        status = item.stat(follow_symlinks=False)
    except OSError:
        return Node(name, False, item.path)
    link = _link(item, status)
    is_dir = stat.S_ISDIR(status.st_mode) and link is None
    modified = _time(status.st_mtime)
    created = _time(getattr(status, "st_birthtime", None))
    return Node(name, is_dir, item.path, 0 if is_dir else status.st_size, created, modified, link)


def _link(item: os.DirEntry[str], status: os.stat_result) -> Link | None:
    is_junction = getattr(status, "st_reparse_tag", 0) == _MOUNT_POINT  # when this runs on Windows
    if not is_junction and not stat.S_ISLNK(status.st_mode):
        return None
    stored = link_at(item.path)
    if stored is not None:
        return stored
    try:
        target = os.readlink(item.path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except OSError:
        target = sentence("a place that cannot be told")
    return Link("junction" if is_junction else "symbolic link", target)


def _time(seconds: float | None) -> datetime | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None
