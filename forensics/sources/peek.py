"""Looks at the first bytes of files in a folder or archive; nothing but ordinary files is ever opened."""

from __future__ import annotations

import io
import os
import stat

from forensics.disk.errors import unreadable
from forensics.disk.evidence_files import peek_at, special_file
from forensics.disk.places import is_url
from forensics.disk.tree import Entry, NotFound, Unreadable
from forensics.language import said_by, sentence
from forensics.late_methods import dataclass
from forensics.sources.archive_tree import ArchiveTree
from forensics.sources.collected_tree import CollectedTree
from forensics.sources.file_kind import (
    PACKED_HEAD,
    FileKind,
    kind_of_file,
    looks_like_a_disk,
    looks_like_a_source,
    may_be_evidence,
)
from forensics.sources.folder_tree import FolderTree
from forensics.sources.upload_in_pieces import UploadInPieces
from forensics.sources.volume_tree import VolumeTree


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link.

    Attributes:
        target: Where it leads, absolute.
        is_inside: That lies in the folder that is searched, where it is found by itself.
    """

    target: str
    is_inside: bool


def peek(tree: CollectedTree, entry: Entry) -> FileKind | Link | None:
    """Tell what a file of a folder or archive is; None for what is no evidence."""
    if isinstance(entry.handle, UploadInPieces):
        return _peek_in_pieces(tree, entry)
    if isinstance(tree, FolderTree) and is_url(str(entry.handle)):
        return _peek_remote(str(entry.handle), entry)
    if isinstance(tree, FolderTree):
        return _peek_path(tree, str(entry.handle), entry.name)
    if isinstance(tree, ArchiveTree):
        return _peek_member(tree, entry)
    if isinstance(tree, VolumeTree):
        return _peek_on_volume(tree, entry)
    return None


def _peek_path(tree: FolderTree, path: str, name: str) -> FileKind | Link | None:
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            return _link(tree, path)
        if (special := special_file(status.st_mode)) is not None:
            told = stat.S_ISBLK(status.st_mode) or looks_like_a_disk(name)
            return FileKind("unknown", sentence("{path} is {special}", path=path, special=special)) if told else None
        if not status.st_size:
            reason = sentence("{path} is empty: nothing was copied into it", path=path)
            return FileKind("unknown", reason) if looks_like_a_disk(name) else None
        with peek_at(path, buffering=0, follow_symlinks=False) as file:
            return kind_of_file(path, file, status.st_size)
    except OSError as error:
        return FileKind("unknown", unreadable(path, error).message) if may_be_evidence(name) else None


def _peek_remote(url: str, entry: Entry) -> FileKind | None:
    if not entry.size:
        return (
            FileKind("unknown", sentence("{url} is empty: nothing was copied into it", url=url))
            if looks_like_a_disk(url)
            else None
        )
    try:
        with peek_at(url, buffering=0) as file:
            return kind_of_file(url, file, entry.size)
    except OSError as error:
        return FileKind("unknown", unreadable(url, error).message) if may_be_evidence(entry.name) else None


def _link(tree: FolderTree, path: str) -> Link:
    target = os.path.realpath(path)
    top = os.path.realpath(tree.root)
    return Link(target, target == top or target.startswith(top.rstrip(os.sep) + os.sep))


def _peek_member(tree: ArchiveTree, entry: Entry) -> FileKind | None:
    if not entry.size:
        return None
    try:
        head = tree.head(entry, PACKED_HEAD)
    except Unreadable as error:
        return FileKind("unknown", said_by(error)) if looks_like_a_source(entry.name) else None
    return kind_of_file(entry.path, io.BytesIO(head), entry.size)


def _peek_on_volume(tree: VolumeTree, entry: Entry) -> FileKind | None:
    if not entry.size:
        return None
    try:
        with tree.open(entry) as file:
            return kind_of_file(entry.path, file, entry.size)
    except (NotFound, Unreadable) as error:
        return FileKind("unknown", said_by(error)) if looks_like_a_source(entry.name) else None


def _peek_in_pieces(tree: CollectedTree, entry: Entry) -> FileKind | None:
    try:
        with tree.open(entry) as file:
            found = kind_of_file(entry.path, file, entry.size)
    except (NotFound, Unreadable) as error:
        return FileKind("unknown", said_by(error)) if looks_like_a_source(entry.name) else None
    if found is None or found.kind == "hive" or found.reason:
        return found
    return FileKind(
        "unknown",
        sentence("{path} is stored in pieces: download the collection from Velociraptor's server", path=entry.path),
    )
