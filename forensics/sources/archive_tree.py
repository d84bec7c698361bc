"""A zip or tar archive as a Tree; nothing in it is ever written under its own name."""

from __future__ import annotations

import errno
import io
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import IO, BinaryIO

from forensics.disk.containers import Image
from forensics.disk.errors import SourceError
from forensics.disk.links import Link
from forensics.disk.tree import Entry, NotObtained, Unreadable
from forensics.sources.archive_damage import ArchiveDamage, damage_of_tar, damage_of_zip
from forensics.sources.collected_tree import MAX_ENTRIES, CollectedTree, Node
from forensics.sources.source import Source

IN_MEMORY = 64 << 20
MAX_MEMBER = 256 << 30
"""Format: bytes of one member of an archive."""
MAX_RATIO = 2000
"""Format: what a member may unpack to in proportion to itself."""
MAX_MEMBERS = 250_000
"""Format: members of one archive; a larger one has to be unpacked."""
_MAX_DEPTH = 64
"""Evidence: folders within folders of one archive."""
_COPY = 1 << 20
_METHODS = {1: "shrink", 6: "implode", 9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "XZ", 98: "PPMd"}
"""Names of APPNOTE.TXT 4.4.5."""
_ENCRYPTED = 0x1
_UNIX = 3
_MAX_TARGET = 4096
"""Format: bytes of the target of a symbolic link (PATH_MAX of Linux)."""


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
    """

    def __init__(self) -> None:
        self._top = _Folder()
        self._members = 0
        self.left_out = 0
        self.encrypted = 0
        self.repeated = 0
        self.broken: ArchiveDamage | None = None
        super().__init__(self._top)

    def _children(self, handle: object) -> Iterable[Node]:
        assert isinstance(handle, _Folder)
        return handle.children.values()

    def _add(
        self, name: str, is_dir: bool, handle: object, size: int, modified: datetime | None, link: Link | None = None
    ) -> None:
        self._members += 1
        if self._members > MAX_MEMBERS:
            raise _too_large()
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
            raise _not_got(error) from error

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


def _too_large() -> SourceError:
    message = f"the archive has more than {MAX_MEMBERS} members: unpack it and examine the folder"
    return SourceError("too_large", message)


class _Members(list[zipfile.ZipInfo]):
    """The members of a zip archive, refused as soon as there are too many."""

    def append(self, member: zipfile.ZipInfo) -> None:
        if len(self) >= MAX_MEMBERS:
            raise _too_large()
        super().append(member)


class _BoundedZip(zipfile.ZipFile):
    """zipfile reads the whole directory at once, into a list that this one watches."""

    @property
    def filelist(self) -> _Members:
        return self._watched

    @filelist.setter
    def filelist(self, members: list[zipfile.ZipInfo]) -> None:
        self._watched = _Members(members)


class ZipTree(ArchiveTree):
    """Tree over a zip archive.

    Args:
        file: The archive, seekable; stays open as long as the tree is used.
        name: For messages.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        super().__init__()
        try:
            self._zip = _BoundedZip(file)
            members = self._zip.infolist()
            # Members are opened by what the tree holds of them; a second list by name takes room for nothing.
            self._zip.NameToInfo.clear()
        except SourceError:
            raise
        # Damage shows as BadZipFile, NotImplementedError, struct.error, IndexError, UnicodeDecodeError, ...
        except Exception as error:
            message = f"{name} is no readable zip archive ({error}): its directory stands at its end, so copy it again"
            raise SourceError("damaged", message) from error
        self.broken = damage_of_zip(file, members)
        self.encrypted = sum(1 for member in members if member.flag_bits & _ENCRYPTED)
        for member in members:
            # ZipInfo.is_dir fails on an empty name.
            is_dir, link = member.filename.endswith("/"), self._link(member)
            self._add(member.filename, is_dir, member, member.file_size, _zip_time(member), link)

    def _link(self, member: zipfile.ZipInfo) -> Link | None:
        """Return where a symbolic link leads, which Info-ZIP stores as the content of a member with that Unix mode."""
        if not stat.S_ISLNK(member.external_attr >> 16) or member.create_system != _UNIX:
            return None
        target = b""
        if member.file_size <= _MAX_TARGET and not member.flag_bits & _ENCRYPTED:
            with suppress(Exception), self._zip.open(member) as content:
                target = content.read(_MAX_TARGET)
        return Link("symbolic link", target.decode("utf-8", "backslashreplace") or "a place that cannot be read")

    def _open(self, handle: object) -> BinaryIO:
        assert isinstance(handle, zipfile.ZipInfo)
        if handle.flag_bits & _ENCRYPTED:
            raise NotObtained("encrypted with a password: unpack the archive and examine the folder")
        if handle.file_size > max(_COPY, handle.compress_size * MAX_RATIO):
            raise NotObtained(f"{handle.compress_size} bytes claim to unpack to {handle.file_size}")
        try:
            with self._stream(handle) as member:
                return _held(member, handle.file_size)
        # Not known to zipfile, or to this Python.
        except (NotImplementedError, RuntimeError) as error:
            name = _METHODS.get(handle.compress_type, f"method {handle.compress_type}")
            message = f"packed with {name}, which is not unpacked here: unpack the archive and examine the folder"
            raise NotObtained(message) from error
        # Damage shows as zlib.error, BadZipFile, EOFError, ...
        except Exception as error:
            raise _not_got(error) from error

    def _stream(self, handle: object) -> IO[bytes]:
        assert isinstance(handle, zipfile.ZipInfo)
        if handle.flag_bits & _ENCRYPTED:
            raise NotObtained("encrypted with a password: unpack the archive and examine the folder")
        return self._zip.open(handle)


def _zip_time(member: zipfile.ZipInfo) -> datetime | None:
    """Return the Info-ZIP UTC time; the plain DOS time has no zone and is not passed off as UTC."""
    extra = member.extra
    while len(extra) >= 4:
        kind, size = int.from_bytes(extra[:2], "little"), int.from_bytes(extra[2:4], "little")
        body, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == 0x5455 and len(body) >= 5 and body[0] & 1:
            return _time(int.from_bytes(body[1:5], "little", signed=True))
        if kind == 0x000A and len(body) >= 16:
            from forensics.formats.filetime import filetime

            return filetime(int.from_bytes(body[8:16], "little"))
    return None


class TarTree(ArchiveTree):
    """Tree over an uncompressed tar archive; hard and symbolic links are not followed.

    Args:
        file: The archive, seekable; stays open as long as the tree is used.
        name: For messages.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        super().__init__()
        file.seek(0)
        try:
            self._tar = tarfile.open(fileobj=file, mode="r:")  # noqa: SIM115
        except Exception as error:
            raise SourceError("damaged", f"{name} is no readable tar archive: {error}; copy it again") from error
        try:
            # It returns None at the end, and as silently at a damaged header, or where the archive is cut.
            while (member := self._tar.next()) is not None:
                if member.isdir() or member.isreg() or member.islnk() or member.issym():
                    link = _tar_link(member)
                    self._add(member.name, member.isdir(), member, member.size, _time(member.mtime), link)
                # tarfile keeps every header; the tree already does.
                self._tar.members = []  # type: ignore[attr-defined]
        except SourceError:
            raise
        # Damage shows as ReadError, HeaderError, ValueError, ...; where it is, is looked at next.
        except Exception as error:
            message = f"the archive is damaged or cut short: {error}; what stands before that is examined"
            self.broken = ArchiveDamage("truncated", message, self._tar.offset)
        self.broken = damage_of_tar(file, self._tar.offset) or self.broken

    def _open(self, handle: object) -> BinaryIO:
        assert isinstance(handle, tarfile.TarInfo)
        try:
            with self._stream(handle) as member:
                return _held(member, handle.size)
        except Exception as error:
            raise _not_got(error) from error

    def _stream(self, handle: object) -> IO[bytes]:
        assert isinstance(handle, tarfile.TarInfo)
        member = self._tar.extractfile(handle)
        if member is None:
            raise Unreadable("not a file")
        return member


def open_archive(source: Source, image: Image) -> ZipTree | TarTree:
    """Open a zip or tar archive, and tell what of it cannot be read.

    Raises:
        SourceError: It is damaged.
    """
    tree = ZipTree(image.file, image.name) if image.kind == "zip" else TarTree(image.file, image.name)
    if tree.broken:
        members = f": {tree.broken.members}" if tree.broken.members else ""
        source.problem(image.name, tree.broken.kind, tree.broken.message + members, tree.broken.offset)
        source.coverage.cut("folder", "archive", tree.broken.message, image.name)
    if tree.repeated:
        message = f"{tree.repeated} members are there again under the same name: the last is taken, as in unpacking"
        source.problem(image.name, "duplicate", message)
    if tree.left_out:
        message = f"{tree.left_out} members lie too deep, or are too many in one folder: they are left out"
        source.cut("folder", "archive", image.name, message)
    if tree.encrypted:
        message = f"{tree.encrypted} members are encrypted with a password: unpack the archive and examine the folder"
        source.problem(image.name, "encrypted", message)
    return tree


def _tar_link(member: tarfile.TarInfo) -> Link | None:
    if not member.islnk() and not member.issym():
        return None
    target = member.linkname.encode("utf-8", "backslashreplace").decode()
    return Link("symbolic link" if member.issym() else "hard link", target)


def _temporary() -> BinaryIO:
    return tempfile.TemporaryFile(prefix="keymortem-")


def _not_got(error: Exception) -> Unreadable:
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


def _held(member: IO[bytes], size: int) -> BinaryIO:
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


def _time(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None
