"""What zip and tar archives share as a Tree; nothing in them is ever written under its own name."""

from __future__ import annotations

import errno
import io
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import IO, BinaryIO

from forensics.disk.errors import SourceError
from forensics.disk.links import Link
from forensics.disk.tree import Entry, NotObtained, Unreadable
from forensics.sources.archive_damage import ArchiveDamage
from forensics.sources.collected_tree import MAX_ENTRIES, CollectedTree, Node

IN_MEMORY = 64 << 20
MAX_MEMBER = 256 << 30
"""Format: bytes of one member of an archive."""
MAX_RATIO = 2000
"""Format: what a member may unpack to in proportion to itself."""
MAX_MEMBERS = 250_000
"""Format: members of one archive; a larger one has to be unpacked."""
MAX_LEGACY_NAMES = 5_000
"""Work: names of members by which the code page of an archive is told."""
_MAX_DEPTH = 64
"""Evidence: folders within folders of one archive."""
_COPY = 1 << 20


class _Folder:
    """A folder of the archive: its children by their name without case, in which Windows would put them together."""

    __slots__ = ("children",)

    def __init__(self) -> None:
        self.children: dict[str, Node] = {}


class ArchiveTree(CollectedTree):
    """Base of both kinds: puts member names into folders.

    Attributes:
        left_out: Members that were not taken: too deep, or too many in one folder.
        encrypted: Members that need a password.
        repeated: Members of which a later one of the same name is taken, as unpacking would leave it.
        broken: What of the archive itself is damaged.
        legacy_names: Names of members, as stored, in a code page that the archive does not tell; the first of them.
    """

    def __init__(self) -> None:
        self._top = _Folder()
        self._members = 0
        self.left_out = 0
        self.encrypted = 0
        self.repeated = 0
        self.broken: ArchiveDamage | None = None
        self.legacy_names: list[bytes] = []
        super().__init__(self._top)

    def _children(self, handle: object) -> Iterable[Node]:
        assert isinstance(handle, _Folder)
        return handle.children.values()

    def _add(
        self, name: str, is_dir: bool, handle: object, size: int, modified: datetime | None, link: Link | None = None
    ) -> None:
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise too_large()
        parts = normalised(name)
        if not parts:
            return
        if len(parts) > _MAX_DEPTH:
            self.left_out += 1
            return
        folder = self._top
        for part in parts[:-1]:
            folder = self._folder(folder, part)
        if is_dir:
            self._folder(folder, parts[-1])
            return
        key = _key(parts[-1])
        known = folder.children.get(key)
        if known is not None and known.is_dir:
            return
        self.repeated += known is not None
        if known is not None or len(folder.children) < MAX_ENTRIES:
            folder.children[key] = Node(parts[-1], False, handle, size, None, modified, link)
        else:
            self.left_out += 1

    def _legacy(self, raw: bytes, encoding: str | None, shown: str) -> str:
        """Decode a name of which the archive does not tell the code page; as it was shown where none is given."""
        if len(self.legacy_names) < MAX_LEGACY_NAMES:
            self.legacy_names.append(raw)
        return raw.decode(encoding, "replace") if encoding else shown

    def damage(self, folder: Entry | str) -> str | None:
        """Say why any folder may have held more: a damaged archive does not tell what it lost."""
        return self.broken.message if self.broken else None

    def head(self, entry: Entry, count: int) -> bytes:
        """Return the first bytes of a member, at most ``count``, without unpacking the rest; raises Unreadable."""
        try:
            with self._stream(entry.handle) as member:
                return member.read(count)
        # Whatever a damaged archive makes the libraries stumble over.
        except Exception as error:
            raise not_got(error) from error

    def _stream(self, handle: object) -> IO[bytes]:
        """Open a member as the archive stores it; raises Unreadable, and whatever its library raises."""
        raise NotImplementedError

    @staticmethod
    def _folder(parent: _Folder, name: str) -> _Folder:
        key = _key(name)
        node = parent.children.get(key)
        if node is None or not node.is_dir:
            node = parent.children[key] = Node(name, True, _Folder())
        assert isinstance(node.handle, _Folder)
        return node.handle


def _key(name: str) -> str:
    folded = name.casefold()
    # Most names of very many are of one case: one text each does.
    return name if folded == name else folded


def normalised(name: str) -> list[str]:
    """Split a member name into harmless components: no ``..``, no root, either separator."""
    parts = name.replace("\\", "/").replace("\0", "").split("/")
    return [part.encode("utf-8", "backslashreplace").decode() for part in parts if part not in ("", ".", "..")]


def too_large() -> SourceError:
    message = f"the archive has more than {MAX_MEMBERS} members: unpack it and examine the folder"
    return SourceError("too_large", message)


def _temporary() -> BinaryIO:
    return tempfile.TemporaryFile(prefix="keymortem-")


def not_got(error: Exception) -> Unreadable:
    """Say why a member could not be got; whether it was sound on the machine, the archive does not tell."""
    if isinstance(error, Unreadable):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = tempfile.gettempdir()
        return NotObtained(f"no room to unpack it in {where}: make room there, or set TMPDIR to a folder that has some")
    if isinstance(error, OSError):
        return NotObtained(f"the archive, or the folder to unpack it in, cannot be used: {error.strerror or error}")
    # zipfile names the member, which would make every reason another one.
    how = "its checksum does not fit" if str(error).startswith("Bad CRC-32") else str(error)
    return NotObtained(f"the archive is damaged there, which says nothing about the file itself: {how}")


def held(member: IO[bytes], size: int) -> BinaryIO:
    """Copy a member to where it can be read at random: memory, or an unnamed temporary file."""
    if size > MAX_MEMBER:
        raise NotObtained(f"{size} bytes: too large for a file of a collection")
    target: BinaryIO = io.BytesIO() if size <= IN_MEMORY else _temporary()
    try:
        _copy(member, target, size)
        # What a full folder has no room for may show only now.
        target.seek(0)
    except BaseException:
        with suppress(OSError):
            target.close()
        raise
    return target


def _copy(member: IO[bytes], target: BinaryIO, size: int) -> None:
    left = size
    while left:
        chunk = member.read(min(_COPY, left))
        if not chunk:
            raise NotObtained(f"cut short in the archive: {left} of {size} bytes are missing")
        target.write(chunk)
        left -= len(chunk)
    # The last read checks the sum over the whole member.
    if member.read(1):
        raise NotObtained("longer than the archive says")


def time_of(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None
