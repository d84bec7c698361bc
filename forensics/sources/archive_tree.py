"""What zip, tar and 7z archives share as a Tree; nothing in them is ever written under its own name."""

from __future__ import annotations

import errno
import io
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, BinaryIO

from forensics.disk.compressed import LEAST_LIMIT
from forensics.disk.errors import SourceError
from forensics.disk.links import Link
from forensics.disk.temporary import Room, temporary
from forensics.disk.tree import Entry, NotObtained, Unreadable
from forensics.lack_of_memory import pass_on
from forensics.language import said_by, sentence
from forensics.sources.archive_damage import ArchiveDamage
from forensics.sources.collected_tree import MAX_ENTRIES, CollectedTree, Node

IN_MEMORY = 64 << 20
MAX_MEMBER = 256 << 30
"""Format: bytes of one member of an archive."""
MAX_RATIO = 2000
"""Format: what a member may unpack to in proportion to itself."""
MAX_MEMBERS = 250_000
"""Format: members of one archive; a larger one has to be unpacked."""
MAX_FOLDERS = 250_000
"""Format: folders of one archive, those counted too of which only its members' names tell."""
MAX_LEGACY_NAMES = 5_000
"""Work: names of members by which the code page of an archive is told."""
_MAX_DEPTH = 64
"""Evidence: folders within folders of one archive."""
_COPY = 1 << 20
_LEAST_FILE = 32 << 20
"""Format: bytes to which a file in a zip may unpack however small it is, where it is not packed with Deflate."""


class _Folder:
    """A folder of the archive: its children by their name without case, in which Windows would put them together."""

    __slots__ = ("children",)

    def __init__(self) -> None:
        self.children: dict[str, Node] = {}


class ArchiveTree(CollectedTree):
    """Base of all kinds: puts member names into folders.

    Attributes:
        left_out: Members that were not taken: too deep, or too many in one folder.
        encrypted: Members that need a password.
        locked: How many of them are not opened, and why not; none where they are.
        repeated: Members of which a later one of the same name is taken, as unpacking would leave it.
        broken: What of the archive itself is damaged.
        legacy_names: Names of members, as stored, in a code page that the archive does not tell; the first of them.
    """

    def __init__(self) -> None:
        self._top = _Folder()
        self._members = 0
        self._folders = 0
        self.left_out = 0
        self.encrypted = 0
        self.locked: tuple[int, str] | None = None
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
            pass_on(error)
            raise self._why(entry.handle, error) from error

    def unpack(self, entry: Entry, target: BinaryIO, progress: Callable[[int], None]) -> None:
        """Unpack a member to a new file; zeros become holes.

        Args:
            entry: The member.
            target: An empty file.
            progress: Told how many bytes of it are done, again and again.

        Raises:
            Unreadable: It cannot be got, or there is no room for it.
        """
        try:
            self._refuse(entry.handle, LEAST_LIMIT)
            with self._stream(entry.handle) as member:
                fill(member, target, self._size(entry.handle), self._extents(entry.handle), progress)
        except Exception as error:
            pass_on(error)
            raise self._why(entry.handle, error) from error

    def hand_over(self, entry: Entry, target: Path) -> bool:
        """Move a member that is unpacked already to where it is wanted; False where it is not."""
        return False

    def _open(self, handle: object) -> BinaryIO:
        try:
            self._refuse(handle, _LEAST_FILE)
            with self._stream(handle) as member:
                return _held(member, self._size(handle), self._extents(handle))
        except Exception as error:
            pass_on(error)
            raise self._why(handle, error) from error

    def _stream(self, handle: object) -> IO[bytes]:
        """Open a member as the archive stores it; raises Unreadable, and whatever its library raises."""
        raise NotImplementedError

    def _size(self, handle: object) -> int:
        """Return the bytes that a member unpacks to, as the archive says."""
        raise NotImplementedError

    def _extents(self, handle: object) -> Sequence[tuple[int, int]] | None:
        """Return start and size of what of a member is no hole; None where the archive does not tell."""
        return None

    def _refuse(self, handle: object, least: int) -> None:
        """Refuse a member that claims to unpack to what it cannot; raises NotObtained.

        Args:
            handle: The member.
            least: Bytes to which any may unpack, however small it is.
        """

    def _why(self, handle: object, error: Exception) -> Unreadable:
        """Say why a member could not be got."""
        return not_got(error)

    def _folder(self, parent: _Folder, name: str) -> _Folder:
        key = _key(name)
        node = parent.children.get(key)
        if node is None or not node.is_dir:
            self._folders += 1
            if self._folders > MAX_FOLDERS:
                raise too_large("folders", MAX_FOLDERS)
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


def too_large(of_what: str = "members", most: int | None = None) -> SourceError:
    """Say that an archive has more of something than is read."""
    message = sentence(
        "the archive has more than {most} {of_what}: unpack it and examine the folder",
        most=most or MAX_MEMBERS,
        of_what=of_what,
    )
    return SourceError("too_large", message)


def not_got(error: Exception) -> Unreadable:
    """Say why a member could not be got; whether it was sound on the machine, the archive does not tell."""
    if isinstance(error, Unreadable):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = tempfile.gettempdir()
        return NotObtained(
            sentence(
                "no room to unpack it in {where}: make room there, or set TMPDIR to a folder that has some", where=where
            )
        )
    if isinstance(error, OSError):
        return NotObtained(
            sentence(
                "the archive, or the folder to unpack it in, cannot be used: {strerror}",
                strerror=error.strerror or error,
            )
        )
    # zipfile names the member, which would make every reason another one.
    how = sentence("its checksum does not fit") if str(error).startswith("Bad CRC-32") else said_by(error)
    return NotObtained(
        sentence("the archive is damaged there, which says nothing about the file itself: {how}", how=how)
    )


def _held(member: IO[bytes], size: int, extents: Sequence[tuple[int, int]] | None) -> BinaryIO:
    """Copy a member to where it can be read at random: memory, or an unnamed temporary file."""
    target: BinaryIO = io.BytesIO() if size <= IN_MEMORY else temporary()
    try:
        fill(member, target, size, extents, lambda done: None)
        # What a full folder has no room for may show only now.
        target.seek(0)
    except BaseException:
        with suppress(OSError):
            target.close()
        raise
    return target


def fill(
    member: IO[bytes],
    target: BinaryIO,
    size: int,
    extents: Sequence[tuple[int, int]] | None,
    progress: Callable[[int], None],
) -> None:
    """Copy a member; what is zero in it becomes a hole.

    Args:
        member: At its start.
        target: An empty file, or bytes in memory.
        size: Bytes that it must have.
        extents: Start and size of what is no hole, where that is known: the rest is not read.
        progress: Told how many bytes are done.

    Raises:
        NotObtained: It has fewer bytes, or more.
        OSError: There is no room.
    """
    if size > MAX_MEMBER:
        raise NotObtained(sentence("{size} bytes: too large for a file of a collection", size=size))
    room = None if isinstance(target, io.BytesIO) else Room()
    written = 0
    for start, length in extents if extents is not None else [(0, size)]:
        if extents is not None:
            member.seek(start)
        if room is not None:
            room.skip(max(0, min(start, size) - written))
        end = min(start + length, size)
        while start < end:
            chunk = member.read(min(_COPY, end - start))
            if not chunk:
                raise NotObtained(
                    sentence(
                        "cut short in the archive: {size} of {size2} bytes are missing", size=size - start, size2=size
                    )
                )
            if chunk.count(0) != len(chunk):
                if room is not None:
                    room.take(len(chunk))
                target.seek(start)
                target.write(chunk)
            elif room is not None:
                room.skip(len(chunk))
            start += len(chunk)
            progress(start)
        written = max(written, start)
    if extents is not None:
        member.seek(size)
    if room is not None:
        room.skip(max(0, size - written))
    # The last read checks the sum over the whole member.
    if member.read(1):
        raise NotObtained(sentence("longer than the archive says"))
    extend(target, size)


def extend(target: BinaryIO, size: int) -> None:
    """Give a file its size where it ends in a hole."""
    if isinstance(target, io.BytesIO):
        target.write(bytes(size - target.seek(0, io.SEEK_END)))
    else:
        target.truncate(size)


def time_of(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None
