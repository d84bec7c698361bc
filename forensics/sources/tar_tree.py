"""A tar archive as a Tree."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from typing import IO, BinaryIO, cast

from forensics.disk.errors import SourceError
from forensics.disk.links import Link
from forensics.disk.tree import Unreadable
from forensics.sources.archive_damage import ArchiveDamage, damage_of_tar
from forensics.sources.archive_tree import ArchiveTree, time_of


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
            self._tar = tarfile.open(fileobj=file, mode="r:")  # noqa: SIM115
        except Exception as error:
            raise SourceError("damaged", f"{name} is no readable tar archive: {error}; copy it again") from error
        try:
            # It returns None at the end, and as silently at a damaged header, or where the archive is cut.
            while (member := self._tar.next()) is not None:
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
            message = f"the archive is damaged or cut short: {error}; what stands before that is examined"
            self.broken = ArchiveDamage("truncated", message, self._tar.offset)
        self.broken = damage_of_tar(file, self._tar.offset) or self.broken

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
            raise Unreadable("not a file")
        return member


def _tar_link(member: tarfile.TarInfo) -> Link | None:
    if not member.islnk() and not member.issym():
        return None
    target = member.linkname.encode("utf-8", "backslashreplace").decode()
    return Link("symbolic link" if member.issym() else "hard link", target)
