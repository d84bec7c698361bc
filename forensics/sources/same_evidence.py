"""Recognises what was examined before under another name, in another container, or as a copy.

A file is the same as another one where both are one inode. Of copies only what was read and judged is compared, all of
it: reading the whole of two disks would take hours, and two states of one disk may differ in a single file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import field, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.contained.child import scratch_prefix
from forensics.disk.errors import SourceError
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.sources.other_disks import OtherDisks
from forensics.tables.machine_numbers import renumbered
from forensics.tables.row import Row
from forensics.tables.source import SourceEntry
from forensics.tables.timestamps import as_utc

if TYPE_CHECKING:
    from forensics.sources.mapping_tree import UnionTree

_TELLING = ("certificate", "key_file", "secret")
"""What has none of these says too little of a machine to be called the same as another."""


class SameEvidenceError(SourceError):
    """What is being opened is examined already.

    Args:
        other: Path of the entry of what is examined.
    """

    def __init__(self, other: str) -> None:
        super().__init__("same_evidence", sentence("the same as {other}, examined once", other=other))
        self.other = other


@dataclass(frozen=True, slots=True)
class Met:
    """What was met while sources were examined, by which others that are examined elsewhere may be bound up with them.

    Attributes:
        noted: What others might meet again.
        asked: What it was asked of whether it was met before.
    """

    noted: frozenset[object] = frozenset()
    asked: frozenset[object] = frozenset()


@dataclass
class SeenEvidence:
    """What one examination has opened so far: where it was met first, by what it is.

    Attributes:
        named: Files of all sources that were named together, in which a disk may find its parent or its child.
        has_disk: A disk was among it.
        disks: The disks that are open now.
        children: By the identity of each file that was read as a parent the disk with which it was.
        copies: What was said so far of the machines of each piece.
    """

    named: tuple[Path, ...] = ()
    has_disk: bool = False
    disks: OtherDisks = field(default_factory=OtherDisks)
    children: dict[object, str] = field(default_factory=dict)
    copies: Copies = field(default_factory=lambda: Copies())
    _drives: dict[tuple[str, ...], UnionTree] = field(default_factory=dict)
    _met: dict[object, str] = field(default_factory=dict)
    _asked: set[tuple[object, ...]] = field(default_factory=set)

    def once_more(self) -> SeenEvidence:
        """Return what is known of parents alone, to open what was or will be examined a second time."""
        return SeenEvidence(self.named, disks=self.disks, children=dict(self.children))

    def refuse(self, *identities: object) -> None:
        """Raise SameEvidenceError where something with one of these identities was opened before."""
        for identity in identities:
            self._asked.add(("file", identity))
            if identity is not None and identity in self._met:
                raise SameEvidenceError(self._met[identity])

    def note(self, shown: str, *identities: object) -> None:
        """Take down what was opened."""
        for identity in identities:
            if identity is not None:
                self._met.setdefault(identity, shown)

    def note_parents(self, child: str, parents: Iterable[Path]) -> None:
        """Take down which files were read as the parents of a disk that was examined."""
        for parent in parents:
            if (identity := identity_of_path(parent)) is not None:
                self.children.setdefault(identity, child)

    def child_of(self, path: Path) -> str | None:
        """Return the disk with which a file was read as its parent, the newest that builds on it."""
        identity = identity_of_path(path)
        self._asked.add(("parent", identity))
        return self.children.get(identity)

    def drive(self, whole: tuple[str, ...]) -> UnionTree | None:
        """Return what was seen of a drive of which a collector put the parts into several archives."""
        self._asked.add(("drive", *whole))
        return self._drives.get(whole)

    def note_drive(self, whole: tuple[str, ...], tree: UnionTree) -> None:
        """Take down a part of such a drive, which takes the others."""
        self._drives[whole] = tree

    def met(self) -> Met:
        """Return what was met so far."""
        noted = {
            *(("file", identity) for identity in self._met),
            *(("parent", identity) for identity in self.children),
            *(("drive", *whole) for whole in self._drives),
        }
        said = {("said", digest) for digest in self.copies.said}
        asked = {each for each in self._asked if each[1] is not None}
        return Met(frozenset(noted | said), frozenset(asked | said))


def identity_of_path(path: Path) -> tuple[int | str, ...] | None:
    """Return what is the same for every name of a file; None where its file system has no such thing.

    A temporary copy has the name of its folder in it: its inode is another file's when it is gone.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    scratch = (part for part in path.parts if part.startswith(scratch_prefix()))
    return (*scratch, status.st_dev, status.st_ino) if status.st_ino else None


class Copies:
    """Finds what says of its machines the very same as another piece of evidence: a copy, in whatever container.

    Attributes:
        said: Path of the piece that said it first, by a digest of what was said.
    """

    def __init__(self) -> None:
        self.said: dict[str, str] = {}

    def other(self, entry: SourceEntry, rows: Sequence[Row]) -> str | None:
        """Return the path of what was examined before and gave the same rows; None, and note it, where nothing did.

        Args:
            entry: A piece of evidence.
            rows: All that was read and judged of its machines.
        """
        said = said_of(entry, rows)
        if said is None:
            return None
        other = self.said.setdefault(said, entry.path)
        return other if other != entry.path else None


def said_of(entry: SourceEntry, rows: Iterable[Row]) -> str | None:
    """Return the digest of all that was read and judged of the machines of a piece of evidence, whatever its path.

    Args:
        entry: The piece.
        rows: Of its machines.

    Returns:
        None where the rows say too little of a machine to be called the same as another.
    """
    numbers = {number: at for at, number in enumerate(entry.machine_ids, 1)}
    given = list(rows)
    if not any(row.table in _TELLING for row in given):
        return None
    said = hashlib.sha256()
    for line in sorted(_content(renumbered(row, lambda number: numbers.get(number, -1))) for row in given):
        said.update(line.replace(entry.path, "").encode("utf-8", "backslashreplace"))
    return said.hexdigest()


def _content(row: Row) -> str:
    values = (getattr(row, each.name) for each in fields(row))
    # A case file has all times in UTC, also those of which no zone is known.
    return f"{row.table} {[as_utc(value) if isinstance(value, datetime) else value for value in values]!r}"


def same_content(path: str, other: str) -> str:
    """Say of a piece of evidence that it is a copy of another one, or that another case file has it too.

    Args:
        path: Where it lies.
        other: Where the other one lies.
    """
    if path == other:
        return sentence("examined more than once, the same in all that was read, counted once")
    return sentence("the same as {other} in all that was read, counted once", other=other)
