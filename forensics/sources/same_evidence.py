"""Recognises a disk or an archive that was opened before under another name, in another container, or as a copy.

Two states of one disk differ in little: what is compared is what every use of a disk changes. Reading all of a disk
would take hours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from forensics.disk.disk import Disk
from forensics.disk.errors import SourceError
from forensics.disk.ntfs.tree import NtfsTree
from forensics.disk.tree import NotFound, Tree, Unreadable
from forensics.sources.source import Source

_WHOLE = 16 << 20
_SAMPLES = 32
_SAMPLE = 64 << 10
_MFT = 1 << 20
_RESTART_AREAS = 8 << 10
_LOG_FILE = 2
_HIVES = ("SYSTEM", "SOFTWARE", "SECURITY")
_BASE_BLOCK = 512


class SameEvidenceError(SourceError):
    """What is being opened is examined already.

    Args:
        other: Path of the entry of what is examined.
    """

    def __init__(self, other: str) -> None:
        super().__init__("same_evidence", f"the same as {other}, examined once")
        self.other = other


@dataclass
class SeenEvidence:
    """What one examination has opened so far: where it was met first, by what it is.

    Attributes:
        expects_more: Another piece of evidence may follow; else there is nothing to compare with.
    """

    expects_more: bool = True
    _met: dict[object, str] = field(default_factory=dict)

    def refuse(self, *identities: object) -> None:
        """Raise SameEvidenceError where something with one of these identities was opened before."""
        for identity in identities:
            if identity is not None and identity in self._met:
                raise SameEvidenceError(self._met[identity])

    def note(self, shown: str, *identities: object) -> None:
        """Take down what was opened."""
        for identity in identities:
            if identity is not None:
                self._met.setdefault(identity, shown)


def identity_of_path(path: Path) -> tuple[int, int] | None:
    """Return what is the same for every name of a file; None where its file system has no such thing."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if status.st_ino else None


def identity_of_disk(disk: Disk, opened: Source) -> str | None:
    """Return what tells one state of one disk from every other; None where it cannot be read.

    Of each NTFS volume the first file records with the times of their files, and the restart areas of $LogFile, which
    hold the number of its last transaction; of each Windows the base blocks of its hives, with the times and counts of
    their last writing; and samples of the whole disk.

    Args:
        disk: The disk.
        opened: The source to which its volumes were added.
    """
    try:
        digest = hashlib.sha256(f"disk {disk.size}".encode())
        _sample(digest.update, disk.stream, disk.size)
        for place in opened.searched:
            if isinstance(place.tree, NtfsTree):
                _volume(digest.update, place.tree)
        for installation in opened.installations:
            for hive in _HIVES:
                digest.update(_beginning(installation.tree, installation.in_windows(f"System32/config/{hive}")))
    except (OSError, Unreadable, EOFError):
        return None
    return digest.hexdigest()


def identity_of_file(file: BinaryIO, size: int) -> str | None:
    """Return what tells an archive from every other; its end holds the check sums of what is in it."""
    try:
        digest = hashlib.sha256(f"file {size}".encode())
        _sample(digest.update, file, size)
        file.seek(0)
    except OSError:
        return None
    return digest.hexdigest()


def _sample(take: Callable[[bytes], None], file: BinaryIO, size: int) -> None:
    """Take a small file whole, and of a larger one its beginning, its end and places between."""
    if size <= _WHOLE:
        file.seek(0)
        while chunk := file.read(_MFT):
            take(chunk)
        return
    step = (size - _SAMPLE) // (_SAMPLES - 1)
    for number in range(_SAMPLES):
        file.seek(size - _SAMPLE if number == _SAMPLES - 1 else number * step)
        take(file.read(_SAMPLE))


def _volume(take: Callable[[bytes], None], tree: NtfsTree) -> None:
    volume = tree.volume
    for record, count in ((0, _MFT), (_LOG_FILE, _RESTART_AREAS)):
        stream = volume.stream(volume.record(record))
        if stream is not None:
            take(stream.read(count))


def _beginning(tree: Tree, path: str) -> bytes:
    try:
        with tree.open(path) as file:
            return file.read(_BASE_BLOCK)
    except (NotFound, Unreadable):
        return b""
