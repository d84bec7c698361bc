"""A 7z archive as a Tree. Its members are packed one behind the other, so all of them are unpacked at once, and once.

py7zr reads the directory and unpacks; its own extraction ends at the first fault of any member, and writes under the
names that the archive gives.

References:
    - 7-Zip, DOC/7zFormat.txt and DOC/Methods.txt
"""

from __future__ import annotations

import io
import os
import struct
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from forensics.contained.child import scratch_prefix
from forensics.disk.compressed import LEAST_LIMIT, MAX_RATIO
from forensics.disk.disk import Progress
from forensics.disk.errors import SourceError
from forensics.disk.evidence_files import open_evidence
from forensics.disk.links import Link
from forensics.disk.temporary import Room, temporary
from forensics.disk.tree import Entry, NotObtained, Unreadable
from forensics.formats.filetime import filetime
from forensics.lack_of_memory import pass_on, suppressed
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.sources.archive_tree import MAX_MEMBERS, ArchiveTree, extend, not_got, too_large
from forensics.sources.zip_password import DAMAGED_OR_OTHER, NO_PASSWORD

if TYPE_CHECKING:
    from py7zr import SevenZipFile

MAX_MEMORY = 1 << 30
"""Format: bytes of memory that unpacking a 7z archive may take for its dictionary."""
_COPY = 1 << 20
# What is smaller shares one file with others.
_OWN_FILE = 1 << 20
_MAX_TARGET = 4096
"""Format: bytes of the target of a symbolic link (PATH_MAX of Linux)."""
_LZMA, _LZMA2, _PPMD, _CRYPT = b"\x03\x01\x01", b"\x21", b"\x03\x04\x01", b"\x06\xf1\x07\x01"
_OTHER_METHOD = sentence("packed with a method that is not unpacked here: unpack the archive and examine the folder")


@dataclass(slots=True)
class _Member:
    """Where the content of a member lies.

    Attributes:
        size: Its bytes.
        at: Where it begins in the file of small members.
        place: Its own file, of a large one.
        reason: Why it could not be got; empty where it was.
        checksum: CRC-32 of its content.
    """

    size: int = 0
    at: int = 0
    place: Path | None = None
    reason: str = ""
    checksum: int = 0


_Listed = tuple[_Member, Any]
"""A member, and as py7zr lists it."""


class SevenZipTree(ArchiveTree):
    """Tree over a 7z archive.

    Args:
        file: The archive, seekable.
        name: For messages.
        resources: Deletes what was unpacked when it is closed.
        password: Where it was given.
        progress: Told of every twentieth part.

    Attributes:
        lost: How many members could not be got, but for the encrypted ones, and why the first could not.
    """

    def __init__(
        self, file: BinaryIO, name: str, resources: ExitStack, password: str | None, progress: Progress
    ) -> None:
        super().__init__()
        self.lost: tuple[int, str] | None = None
        self._password = password
        self._small = resources.enter_context(temporary())
        made = tempfile.TemporaryDirectory(prefix=scratch_prefix(), ignore_cleanup_errors=True)
        self._unpacked = Path(resources.enter_context(made))
        self._own_files = 0
        self._room = Room()
        files, folders = _opened(file, name, password)
        sizes = [each.uncompressed for _, each in files]
        _refuse_bomb(name, file.seek(0, io.SEEK_END), sizes)
        tell = _Told(name, sum(sizes), progress)
        for folder, start, members in folders:
            self._unpack(file, folder, start, members, tell)
        for member, each in files:
            link = self._link(member) if each.is_symlink else None
            modified = filetime(int(each.lastwritetime)) if each.lastwritetime else None
            self._add(each.filename, each.is_directory, member, member.size, modified, link)

    def hand_over(self, entry: Entry, target: Path) -> bool:
        """Move a member that has a file of its own to where it is wanted; False where it has none."""
        member = entry.handle
        assert isinstance(member, _Member)
        if member.place is None or member.reason:
            return False
        os.replace(member.place, target)
        member.place = target
        return True

    def _unpack(self, file: BinaryIO, folder: Any, start: int, members: list[_Listed], tell: _Told) -> None:
        """Unpack the members of what 7z calls a folder: one stream, of which what follows a fault is lost too."""
        is_locked = any(coder["method"] == _CRYPT for coder in folder.coders)
        self.encrypted += len(members) if is_locked else 0
        stopped = ""
        for member, each in members:
            member.size = each.uncompressed
            if not stopped:
                try:
                    if member is members[0][0]:
                        _refuse_memory(folder.coders)
                        file.seek(start)
                    self._write(member, _content(file, folder.get_decompressor(each.compressed), member.size), tell)
                    if each.crc32 is not None and each.crc32 != member.checksum:
                        member.reason = self._reason(ValueError("its checksum does not fit"), is_locked)
                # Whatever a damaged archive, or a wrong password, makes the libraries stumble over.
                except Exception as error:
                    pass_on(error)
                    stopped = self._reason(error, is_locked)
            member.reason = member.reason or stopped
        failed = [member.reason for member, _ in members if member.reason]
        if failed and is_locked:
            count, why = self.locked or (0, failed[0])
            self.locked = (count + len(failed), why)
        elif failed:
            count, why = self.lost or (0, failed[0])
            self.lost = (count + len(failed), why)

    def _write(self, member: _Member, content: Iterable[bytes], tell: _Told) -> None:
        """Keep the content of a member; zeros of a large one become holes."""
        if member.size < _OWN_FILE:
            member.at = self._small.seek(0, io.SEEK_END)
            for chunk in content:
                self._room.take(len(chunk))
                self._small.write(chunk)
                member.checksum = zlib.crc32(chunk, member.checksum)
                tell(len(chunk))
            self._small.flush()
            return
        self._own_files += 1
        member.place = self._unpacked / str(self._own_files)
        with member.place.open("xb") as target:
            for chunk in content:
                if chunk.count(0) == len(chunk):
                    self._room.skip(len(chunk))
                    target.seek(len(chunk), io.SEEK_CUR)
                else:
                    self._room.take(len(chunk))
                    target.write(chunk)
                member.checksum = zlib.crc32(chunk, member.checksum)
                tell(len(chunk))
            extend(target, member.size)

    def _reason(self, error: Exception, is_locked: bool) -> str:
        from py7zr.exceptions import PasswordRequired, UnsupportedCompressionMethodError

        if is_locked and (self._password is None or isinstance(error, PasswordRequired)):
            return NO_PASSWORD
        if isinstance(error, Unreadable | OSError):
            return str(not_got(error))
        if isinstance(error, UnsupportedCompressionMethodError):
            return _OTHER_METHOD
        return DAMAGED_OR_OTHER if is_locked else str(not_got(error))

    def _link(self, member: _Member) -> Link:
        target = b""
        if member.size <= _MAX_TARGET:
            with suppress(Unreadable), self._open(member) as content:
                target = content.read()
        return Link(
            "symbolic link",
            target.decode("utf-8", "backslashreplace") or sentence("a place that cannot be read"),
        )

    def _open(self, handle: object) -> BinaryIO:
        assert isinstance(handle, _Member)
        if handle.reason:
            raise NotObtained(handle.reason)
        if handle.place is not None:
            return open_evidence(handle.place)
        self._small.seek(handle.at)
        return io.BytesIO(self._small.read(handle.size))

    def _stream(self, handle: object) -> IO[bytes]:
        return self._open(handle)

    def _size(self, handle: object) -> int:
        assert isinstance(handle, _Member)
        return handle.size


class _Told:
    """Tells of every twentieth part of what is unpacked."""

    def __init__(self, name: str, size: int, progress: Progress) -> None:
        self._name, self._size, self._progress = name, max(1, size), progress
        self._done, self._told = 0, -1

    def __call__(self, count: int) -> None:
        self._done += count
        part = 20 * self._done // self._size
        if part > self._told:
            self._told = part
            self._progress(f"unpacking {self._name}: {min(100, 5 * part)} %")


def _opened(
    file: BinaryIO, name: str, password: str | None
) -> tuple[list[_Listed], list[tuple[Any, int, list[_Listed]]]]:
    """Read the directory of an archive: its members, and its folders as :func:`_folders` has them.

    Raises:
        SourceError: It is damaged, encrypted itself, or too large; or py7zr is missing.
    """
    try:
        from py7zr import SevenZipFile
        from py7zr.exceptions import PasswordRequired
    except ModuleNotFoundError as error:
        how = sentence("pip install 'keymortem[archives]', or unpack it and examine the folder")
        raise SourceError(
            "unsupported", sentence("{name} is a 7z archive, for which py7zr is missing: {how}", name=name, how=how)
        ) from error
    try:
        file.seek(0)
        archive = SevenZipFile(file, password=password)  # type: ignore[arg-type, unused-ignore]
        if len(archive.files) > MAX_MEMBERS:
            raise too_large()
        files = [(_Member(), each) for each in archive.files]
        return files, _folders(archive, files)
    except SourceError:
        raise
    except PasswordRequired as error:
        raise SourceError(
            "encrypted", sentence("{name} is {no_password}", name=name, no_password=NO_PASSWORD)
        ) from error
    # Damage shows as Bad7zFile, LZMAError, struct.error, EOFError, AssertionError, ...
    except Exception as error:
        pass_on(error)
        if password is not None and _is_locked(file):
            raise SourceError(
                "encrypted", sentence("{name} is {damaged_or_other}", name=name, damaged_or_other=DAMAGED_OR_OTHER)
            ) from error
        message = sentence(
            "{name} is no readable 7z archive ({error}): copy it again, the parts of a split one joined to one file",
            name=name,
            error=error,
        )
        raise SourceError("damaged", message) from error


def _is_locked(file: BinaryIO) -> bool:
    """Tell whether the directory of an archive is encrypted."""
    from py7zr import SevenZipFile
    from py7zr.exceptions import PasswordRequired

    with suppressed():
        file.seek(0)
        try:
            SevenZipFile(file)
        except PasswordRequired:
            return True
    return False


def _refuse_bomb(name: str, stored: int, sizes: list[int]) -> None:
    limit = max(LEAST_LIMIT, stored * MAX_RATIO)
    if sum(sizes) > limit or min(sizes, default=0) < 0:
        message = sentence(
            "{name} unpacks to more than {limit} bytes: if it is no trap, unpack it yourself and examine the folder",
            name=name,
            limit=limit,
        )
        raise SourceError("too_large", message)


def _folders(archive: SevenZipFile, files: list[_Listed]) -> list[tuple[Any, int, list[_Listed]]]:
    """Return what 7z calls folders, where the bytes of each begin, and its members in the order of their packing."""
    streams = archive.header.main_streams
    if streams is None:
        return []
    of_folder: dict[int, list[_Listed]] = {}
    for member, each in files:
        if each.folder is not None:
            of_folder.setdefault(id(each.folder), []).append((member, each))
    found: list[tuple[Any, int, list[_Listed]]] = []
    stream = 0
    for folder in streams.unpackinfo.folders:
        start = archive.afterheader + streams.packinfo.packpositions[stream]
        found.append((folder, start, of_folder.get(id(folder), [])))
        stream += sum(coder["numinstreams"] for coder in folder.coders) - len(folder.bindpairs)
    return found


def _content(file: BinaryIO, decompressor: Any, size: int) -> Iterator[bytes]:
    left = size
    while left:
        at = file.tell()
        chunk = bytes(decompressor.decompress(file, min(left, _COPY)))
        if not chunk and file.tell() == at:
            raise NotObtained(
                sentence("cut short in the archive: {left} of {size} bytes are missing", left=left, size=size)
            )
        left -= len(chunk)
        yield chunk


def _refuse_memory(coders: Iterable[dict[str, Any]]) -> None:
    """Refuse what takes too much memory to unpack; raises NotObtained."""
    for coder in coders:
        method, properties = coder["method"], coder.get("properties") or b""
        needed = 0
        if method in (_LZMA, _PPMD) and len(properties) >= 5:
            needed = int(struct.unpack_from("<I", properties, 1)[0])
        elif method == _LZMA2 and properties:
            needed = (2 | properties[0] & 1) << (properties[0] // 2 + 11)
        if needed > MAX_MEMORY:
            raise NotObtained(
                sentence(
                    "to unpack it takes {needed} bytes of memory: unpack the archive and examine the folder",
                    needed=needed,
                )
            )
