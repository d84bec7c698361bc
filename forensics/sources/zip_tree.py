"""A zip archive as a Tree, with a few bytes of memory for each member."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import IO, BinaryIO

from forensics.disk.errors import SourceError
from forensics.disk.links import Link
from forensics.disk.tree import NotObtained, Unreadable
from forensics.lack_of_memory import pass_on, suppressed
from forensics.language import sentence
from forensics.sources.archive_damage import MAX_LOCAL_HEADERS, MemberName, damage_of_zip
from forensics.sources.archive_tree import MAX_RATIO, ArchiveTree, not_got, time_of
from forensics.sources.zip_password import AES, DAMAGED_OR_OTHER, NO_PASSWORD, Locked, open_locked, right_spelling

_COPY = 1 << 20
_METHODS = {1: "shrink", 6: "implode", 9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "XZ", 98: "PPMd"}
"""Names of APPNOTE.TXT 4.4.5."""
_ENCRYPTED, _UTF_8 = 0x1, 0x800
_UNIX = 3
_MAX_TARGET = 4096
"""Format: bytes of the target of a symbolic link (PATH_MAX of Linux)."""
MAX_PROBED = 100
"""Work: encrypted members of a zip archive on which a password is tried before any is read."""
_UNICODE_PATH = 0x7075
# What opening a member takes: flags, method, CRC-32, sizes, place, and the sum of its name as stored.
_MEMBER = struct.Struct("<HHIQQQI")
_LOCAL = struct.Struct("<4s6xH14xHH")


class _Sink(list[zipfile.ZipInfo]):
    """Passes on each member that zipfile reads of the directory, and keeps none."""

    def __init__(self, take: Callable[[zipfile.ZipInfo], None]) -> None:
        super().__init__()
        self._take = take

    def append(self, member: zipfile.ZipInfo) -> None:
        self._take(member)


class _Forgetful(dict[str, zipfile.ZipInfo]):
    def __setitem__(self, name: str, member: zipfile.ZipInfo) -> None:
        return


class _SlimZip(zipfile.ZipFile):
    """zipfile reads the whole directory at once, into a list and a dictionary, which are none here."""

    def __init__(self, file: BinaryIO, take: Callable[[zipfile.ZipInfo], None]) -> None:
        self._sink = _Sink(take)
        self._by_name = _Forgetful()
        super().__init__(file)

    @property
    def filelist(self) -> list[zipfile.ZipInfo]:
        return self._sink

    @filelist.setter
    def filelist(self, members: list[zipfile.ZipInfo]) -> None:
        return

    @property
    def NameToInfo(self) -> dict[str, zipfile.ZipInfo]:
        return self._by_name

    @NameToInfo.setter
    def NameToInfo(self, members: dict[str, zipfile.ZipInfo]) -> None:
        return


class ZipTree(ArchiveTree):
    """Tree over a zip archive.

    Args:
        file: The archive, seekable; stays open as long as the tree is used.
        name: For messages.
        encoding: Of the names that are not said to be UTF-8, where it is known; else as the format has it (437).
        password: Of its encrypted members, where it was given.
    """

    def __init__(self, file: BinaryIO, name: str, encoding: str | None = None, password: str | None = None) -> None:
        super().__init__()
        self._password: bytes | None = None
        self._probed: list[bytes] = []
        self._file = file
        self._encoding = encoding
        self._count = 0
        self._first: list[MemberName] = []
        self._links: list[tuple[str, bytes]] = []
        try:
            self._zip = _SlimZip(file, self._take)
        except SourceError:
            raise
        # Damage shows as BadZipFile, NotImplementedError, struct.error, IndexError, UnicodeDecodeError, ...
        except Exception as error:
            pass_on(error)
            message = sentence(
                "{name} is no readable zip archive ({error}): its directory stands at its end, so copy it again",
                name=name,
                error=error,
            )
            raise SourceError("damaged", message) from error
        self.broken = damage_of_zip(file, self._first, self._count)
        self._first = []
        if self.encrypted:
            self._try(password)
        for path, member in self._links:
            self._add(
                path,
                False,
                member,
                _MEMBER.unpack(member)[4],
                None,
                Link("symbolic link", self._target(member)),
            )
        self._links = []

    def _take(self, member: zipfile.ZipInfo) -> None:
        self._count += 1
        self.encrypted += member.flag_bits & _ENCRYPTED
        self._first.append(MemberName(member.header_offset, member.flag_bits, member.orig_filename))
        if len(self._first) > 2 * MAX_LOCAL_HEADERS:
            self._first = sorted(self._first)[:MAX_LOCAL_HEADERS]
        raw = member.orig_filename.encode("utf-8" if member.flag_bits & _UTF_8 else "cp437", "surrogateescape")
        packed = _MEMBER.pack(
            member.flag_bits,
            member.compress_type,
            member.CRC,
            member.compress_size,
            member.file_size,
            max(0, member.header_offset),
            zlib.crc32(raw),
        )
        if member.flag_bits & _ENCRYPTED and len(self._probed) < MAX_PROBED:
            self._probed.append(packed)
        path = self._name(member, raw)
        # A link is read once the directory was.
        if stat.S_ISLNK(member.external_attr >> 16) and member.create_system == _UNIX:
            self._links.append((path, packed))
        else:
            self._add(path, path.endswith("/"), packed, member.file_size, _zip_time(member))

    def _name(self, member: zipfile.ZipInfo, raw: bytes) -> str:
        if member.flag_bits & _UTF_8 or raw.isascii():
            return member.filename
        for kind, body in _extra(member.extra):
            if kind == _UNICODE_PATH and body[:1] == b"\1" and body[1:5] == zlib.crc32(raw).to_bytes(4, "little"):
                return body[5:].decode("utf-8", "replace")
        return self._legacy(raw, self._encoding, member.filename)

    def _try(self, password: str | None) -> None:
        """Try a password on the first encrypted members, and tell what it does not open."""
        members: list[Locked] = []
        for packed in self._probed:
            with suppressed():  # told where it is read
                members.append(self._locked(packed))
        if password is None:
            self.locked = (self.encrypted, self._why_closed(members) if members else NO_PASSWORD)
            return
        self._password, opened = right_spelling(self._zip, self._file, members, password)
        if opened < len(members):
            closed = len(members) - opened if opened else self.encrypted
            self.locked = (closed, self._why_closed(members))

    def _why_closed(self, members: list[Locked]) -> str:
        for member in members:
            try:
                open_locked(self._zip, self._file, member, self._password).close()
            except Exception as error:
                pass_on(error)
                return str(self._why(b"", error)) if isinstance(error, NotObtained) else DAMAGED_OR_OTHER
        return DAMAGED_OR_OTHER

    def _target(self, member: bytes) -> str:
        """Return where a symbolic link leads, which Info-ZIP stores as the content of a member with that Unix mode."""
        target = b""
        if self._size(member) <= _MAX_TARGET:
            with suppressed(), self._stream(member) as content:
                target = content.read(_MAX_TARGET)
        return target.decode("utf-8", "backslashreplace") or sentence("a place that cannot be read")

    def _size(self, handle: object) -> int:
        assert isinstance(handle, bytes)
        return int(_MEMBER.unpack(handle)[4])

    def _refuse(self, handle: object, least: int) -> None:
        assert isinstance(handle, bytes)
        _, method, _, packed, size, _, _ = _MEMBER.unpack(handle)
        # Nothing packed with Deflate comes near that ratio; zeros packed with bzip2 or LZMA go beyond it.
        if method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            least = _COPY
        if size > max(least, packed * MAX_RATIO):
            raise NotObtained(sentence("{packed} bytes claim to unpack to {size}", packed=packed, size=size))

    def _why(self, handle: object, error: Exception) -> Unreadable:
        if isinstance(error, Unreadable | OSError) or not handle:
            return not_got(error)
        assert isinstance(handle, bytes)
        flags, method = _MEMBER.unpack(handle)[:2]
        # Not known to zipfile, or to this Python.
        if isinstance(error, NotImplementedError | RuntimeError):
            name = _METHODS.get(method, f"method {method}")
            return NotObtained(
                sentence(
                    "packed with {name}, which is not unpacked here: unpack the archive and examine the folder",
                    name=name,
                )
            )
        # A wrong password passes its short check now and then, and what it makes of the member looks damaged.
        return NotObtained(DAMAGED_OR_OTHER) if flags & _ENCRYPTED else not_got(error)

    def _stream(self, handle: object) -> IO[bytes]:
        assert isinstance(handle, bytes)
        member = self._locked(handle)
        if member.info.flag_bits & _ENCRYPTED:
            return open_locked(self._zip, self._file, member, self._password)
        return self._zip.open(member.info)

    def _locked(self, handle: bytes) -> Locked:
        """Return a member as zipfile takes it, with what stands in front of it; raises BadZipFile."""
        flags, method, crc, packed, size, offset, name_sum = _MEMBER.unpack(handle)
        self._file.seek(offset)
        head = self._file.read(_LOCAL.size)
        magic, time, name_size, extra_size = _LOCAL.unpack(head) if len(head) == _LOCAL.size else (b"", 0, 0, 0)
        raw = self._file.read(name_size)
        if magic != b"PK\3\4" or zlib.crc32(raw) != name_sum:
            raise zipfile.BadZipFile(sentence("its name is not that of the directory"))
        member = zipfile.ZipInfo(raw.decode("utf-8" if flags & _UTF_8 else "cp437", "surrogateescape"))
        member.flag_bits, member.compress_type, member.CRC = flags, method, crc
        member.compress_size, member.file_size, member.header_offset = packed, size, offset
        return Locked(member, time, self._file.read(extra_size) if method == AES else b"")


def _extra(extra: bytes) -> Iterator[tuple[int, bytes]]:
    while len(extra) >= 4:
        kind, size = int.from_bytes(extra[:2], "little"), int.from_bytes(extra[2:4], "little")
        body, extra = extra[4 : 4 + size], extra[4 + size :]
        yield kind, body


def _zip_time(member: zipfile.ZipInfo) -> datetime | None:
    """Return the Info-ZIP UTC time; the plain DOS time has no zone and is not passed off as UTC."""
    for kind, body in _extra(member.extra):
        if kind == 0x5455 and len(body) >= 5 and body[0] & 1:
            return time_of(int.from_bytes(body[1:5], "little", signed=True))
        if kind == 0x000A and len(body) >= 16:
            from forensics.formats.filetime import filetime

            return filetime(int.from_bytes(body[8:16], "little"))
    return None
