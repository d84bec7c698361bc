"""A tar archive as a Tree."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Sequence
from typing import IO, BinaryIO, cast

from forensics.disk.errors import SourceError
from forensics.disk.links import Link
from forensics.disk.tree import Unreadable
from forensics.lack_of_memory import pass_on
from forensics.language import sentence
from forensics.sources.archive_damage import ArchiveDamage, damage_of_tar
from forensics.sources.archive_tree import ArchiveTree, time_of, too_large

MAX_HEADERS = 4 << 20
"""Format: bytes of what stands before one member of a tar archive: long names, PAX records, maps of holes."""
MAX_EXTENTS = 1_000_000
"""Format: stretches between the holes of all files of one tar archive."""
_DIGITS = re.compile(rb"[0-9]{1000}")


class _Headers:
    """An archive of which headers are read in bounds: the library reads as much at once as a header claims to have.

    Attributes:
        left: Bytes that what stands before the next member may still have.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.left = MAX_HEADERS
        self.seek, self.tell = file.seek, file.tell
        self.name = ""

    def read(self, count: int = -1) -> bytes:
        """Read, and refuse a header out of bounds."""
        if not 0 <= count <= self.left:
            raise tarfile.ReadError(sentence("a header of more than {max_headers} MiB", max_headers=MAX_HEADERS >> 20))
        self.left -= count
        data = self._file.read(count)
        # Python before 3.11.10 searches each of so many digits for the end of all.
        if _DIGITS.search(data):
            raise tarfile.ReadError(sentence("a header with a number of a thousand digits"))
        return data


class TarTree(ArchiveTree):
    """Tree over an uncompressed tar archive; hard and symbolic links are not followed.

    Args:
        file: The archive, seekable; stays open as long as the tree is used.
        name: For messages.
        encoding: Of the names that are not UTF-8, where it is known.
    """

    def __init__(self, file: BinaryIO, name: str, encoding: str | None = None) -> None:
        super().__init__()
        file.seek(0)
        try:
            headers = _Headers(file)
            self._tar = tarfile.open(fileobj=cast("BinaryIO", headers), mode="r:")  # noqa: SIM115
        except Exception as error:
            pass_on(error)
            raise SourceError(
                "damaged", sentence("{name} is no readable tar archive: {error}; copy it again", name=name, error=error)
            ) from error
        try:
            # It returns None at the end, and as silently at a damaged header, or where the archive is cut.
            extents = 0
            while (member := self._next(headers)) is not None:
                extents += len(self._extents(member) or ())
                if extents > MAX_EXTENTS:
                    raise too_large(sentence("stretches between the holes of its files"), MAX_EXTENTS)
                if member.size < 0 or self._tar.offset <= member.offset:
                    # The library goes back by that many bytes, and reads the same members again and again.
                    raise tarfile.ReadError(sentence("a member of less than no bytes"))
                if member.isdir() or member.isreg() or member.islnk() or member.issym():
                    link = _tar_link(member)
                    name = self._name(member.name, encoding)
                    self._add(name, member.isdir(), member, member.size, time_of(member.mtime), link)
                # tarfile keeps every header; the tree already does.
                self._tar.members = []  # type: ignore[attr-defined]
        except SourceError:
            raise
        # Damage shows as ReadError, HeaderError, ValueError, ...; where it is, is looked at next.
        except Exception as error:
            pass_on(error)
            message = sentence(
                "the archive is damaged or cut short: {error}; what stands before that is examined", error=error
            )
            self.broken = ArchiveDamage("truncated", message, self._tar.offset)
        # What is read of members from here on is bounded by their own sizes.
        self._tar.fileobj = file
        self.broken = damage_of_tar(file, self._tar.offset) or self.broken

    def _next(self, headers: _Headers) -> tarfile.TarInfo | None:
        headers.left = MAX_HEADERS
        return self._tar.next()

    def _name(self, name: str, encoding: str | None) -> str:
        # Bytes that are no UTF-8 come as lone surrogates.
        if not any("\udc80" <= character <= "\udcff" for character in name):
            return name
        return self._legacy(name.encode("utf-8", "surrogateescape"), encoding, name)

    def _size(self, handle: object) -> int:
        assert isinstance(handle, tarfile.TarInfo)
        return handle.size

    def _extents(self, handle: object) -> Sequence[tuple[int, int]] | None:
        assert isinstance(handle, tarfile.TarInfo)
        # A list of pairs, whatever typeshed says.
        return cast("list[tuple[int, int]] | None", handle.sparse)

    def _stream(self, handle: object) -> IO[bytes]:
        assert isinstance(handle, tarfile.TarInfo)
        member = self._tar.extractfile(handle)
        if member is None:
            raise Unreadable(sentence("not a file"))
        return member


def _tar_link(member: tarfile.TarInfo) -> Link | None:
    if not member.islnk() and not member.issym():
        return None
    target = member.linkname.encode("utf-8", "backslashreplace").decode()
    return Link("symbolic link" if member.issym() else "hard link", target)
