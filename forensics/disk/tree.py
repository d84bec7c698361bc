"""A read-only, case-insensitive file tree: NTFS volume, folder, archive or loose hives."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO, ClassVar, Protocol, runtime_checkable

from forensics.disk.links import NOT_FOLLOWED, Link
from forensics.late_methods import dataclass

if TYPE_CHECKING:
    from forensics.disk.ntfs.deleted import DeletedFiles
    from forensics.disk.ntfs.journal import ChangeJournal
    from forensics.disk.ntfs.traces import FileTraces
    from forensics.disk.shadow_copy import ShadowCopy


class NotFound(Exception):
    """The path is not in the tree.

    Attributes:
        kind: Kind of the problem that it is where it should be there.
    """

    kind: ClassVar[str] = "not_found"


class Unreadable(Exception):
    """The path is in the tree but cannot be read; the message says why.

    Raised as such, its bytes were got and do not parse.

    Attributes:
        kind: Kind of the problem that it is.
    """

    kind: ClassVar[str] = "unreadable"


class NotObtained(Unreadable):
    """Bytes of it could not be got: no permission, encrypted, a bad checksum of what carries them, a bad sector.

    It says nothing about the file: on the machine it may be sound. What rests on it is unknown, never damaged.
    """

    kind = "not_obtained"


class NotFollowed(NotObtained):
    """The path leads through a link.

    Args:
        path: Path of the link in the tree.
        link: Where it leads.

    Attributes:
        path: The same.
        link: The same.
    """

    kind = NOT_FOLLOWED

    def __init__(self, path: str, link: Link) -> None:
        super().__init__(link.not_followed(path))
        self.path = path
        self.link = link


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or folder.

    Attributes:
        name: Last component, as stored.
        path: Path from the tree root, components as stored, joined by ``/``.
        is_dir: Folder; a reparse point is neither followed nor a folder unless the tree says so.
        size: Bytes; 0 for folders.
        created: Birth time, UTC, where the tree knows one.
        modified: Modification time, UTC, where the tree knows one.
        handle: What the tree itself needs to open it again without another look-up.
        link: Where it leads, if it is a link that is not followed.
        misnamed: Why its name is not believed: its folder gives it one that it does not bear itself; else None.
    """

    name: str
    path: str
    is_dir: bool
    size: int = 0
    created: datetime | None = None
    modified: datetime | None = None
    handle: object = None
    link: Link | None = None
    misnamed: str | None = None


class Tree(Protocol):
    """Paths are ``/``-separated, relative to the root, compared without case.

    Attributes:
        complete: True when a path that is not found is absent from the machine (a whole volume);
            False for a collection, where it may merely not have been collected.
    """

    complete: bool

    def entry(self, path: str) -> Entry:
        """Return the entry at ``path``; raises NotFound or Unreadable."""

    def entries(self, folder: Entry | str) -> Sequence[Entry]:
        """List a folder without ``.`` and ``..`` and alternate streams; raises NotFound or Unreadable."""

    def cut_short(self, folder: str) -> str | None:
        """Say what of a folder that :meth:`entries` lists is left out because it holds too much; None: nothing."""

    def open(self, file: Entry | str) -> BinaryIO:
        """Open a file's main stream, seekable; raises NotFound or Unreadable."""

    def security_descriptor(self, item: Entry | str) -> bytes | None:
        """Return the self-relative NT security descriptor; None where the tree holds none.

        Raises NotFound, and Unreadable where it holds one that could not be got.
        """


@dataclass(frozen=True, slots=True)
class NameMark:
    """How a name is recognised in bytes of UTF-16LE.

    Attributes:
        pattern: A part of it; quick where it begins with a letter and looks about from there.
        before: Bytes of what is looked for that stand before that part.
        length: Bytes of what is looked for.
    """

    pattern: re.Pattern[bytes]
    before: int
    length: int


@dataclass(frozen=True, slots=True)
class WantedNames:
    """Names of files that are looked for on a whole volume.

    Attributes:
        text: What such a name holds; before and after it may stand what somebody added: ``copy of``, ``.bak``.
        marks: How the same is recognised in bytes, each name by one of them.
        among: Lower case: of what ``text`` finds only these are wanted; None: all.
        any_case: The marks are in upper case, and stand for the same letters of either.
    """

    text: re.Pattern[str]
    marks: tuple[NameMark, ...]
    among: Container[str] | None = None
    any_case: bool = False

    def fit(self, name: str) -> bool:
        """Tell whether a name is wanted."""
        return any(self.among is None or found[0].lower() in self.among for found in self.text.finditer(name))

    def may_fit(self, found: bytes) -> bool:
        """Tell whether what a mark found, in bytes, is a wanted name or may be one."""
        return self.among is None or found.decode("utf-16-le", "replace").lower() in self.among


@runtime_checkable
class FindsNames(Protocol):
    """A tree that knows the names of all its files without going from folder to folder."""

    def paths_named(self, wanted: WantedNames, skip: Iterable[str]) -> Iterator[str | None]:
        """Yield the paths of files with a wanted name; None for each part of them that could not be searched.

        Args:
            wanted: The names.
            skip: Paths of folders whose own files are not wanted.
        """


@runtime_checkable
class KeepsJournal(Protocol):
    """A tree whose file system notes each change of a file."""

    def change_journal(self) -> ChangeJournal | None:
        """Open its journal; None where there is none. Raises Unreadable where it cannot be opened."""

    def folder_of(self, reference: int) -> str | None:
        """Return the path of the folder with a file reference of the journal; None where it is gone."""


@runtime_checkable
class KeepsDeleted(Protocol):
    """A tree that still knows files that were deleted."""

    def deleted_files(self) -> DeletedFiles:
        """Return them, as a tree of their own."""


@runtime_checkable
class KeepsTraces(Protocol):
    """A tree whose file system still says when files were there that are gone."""

    def traces(self) -> FileTraces:
        """Return what reads it."""


@runtime_checkable
class KeepsShadowCopies(Protocol):
    """A volume on which Windows may have kept older states of it."""

    def shadow_copies(self) -> Sequence[ShadowCopy]:
        """Return them, the newest first. Raises Unreadable where their list cannot be read whole."""


@runtime_checkable
class TellsDamage(Protocol):
    """A tree that can list a folder of which something may be missing."""

    def damage(self, folder: Entry | str) -> str | None:
        """Say what was found broken in a folder that was listed; None where nothing was."""


@runtime_checkable
class TellsAttributes(Protocol):
    """A tree that keeps the attributes that Windows gave a file."""

    def attributes(self, item: Entry | str) -> int | None:
        """Return its FILE_ATTRIBUTE flags; None where they are not told. Raises NotFound and Unreadable."""


def damage_of(tree: Tree, folder: Entry | str) -> str | None:
    """Say why a folder that was listed may have held more; None for a tree that cannot tell."""
    return tree.damage(folder) if isinstance(tree, TellsDamage) else None
