"""The files and folders of one image of a WIM, and their access lists.

References:
    - Microsoft, Windows Imaging File Format (WIM) white paper, 2007 (SECURITYBLOCK_DISK, DIRENTRY, STREAMENTRY)
    - wimlib, src/dentry.c, src/security.c, src/inode.c (which of several unnamed streams is the content)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from forensics.disk.tree import NotObtained
from forensics.language import sentence
from forensics.late_methods import dataclass

DIRECTORY, REPARSE_POINT, ENCRYPTED = 0x10, 0x400, 0x4000
NO_CONTENT = bytes(20)
"""SHA-1 that stands for no bytes at all."""
_ENTRY = struct.Struct("<QIiQ16xQ8xQ20sIII HHH")
_STREAM = struct.Struct("<Q8x20sH")
_SECURITY = struct.Struct("<II")
_MOST_STREAMS = 1024
"""Format: streams of one file."""
MAX_DESCRIPTORS = 1 << 20
"""Format: different access lists of one image."""


class BrokenImage(NotObtained):
    """The metadata of an image breaks what every whole one keeps."""

    kind = "wim_damaged"


@dataclass(frozen=True, slots=True)
class WimFile:
    """One file or folder of an image.

    Attributes:
        name: Its name; empty for the root.
        short_name: Its DOS name; empty where it has none.
        attributes: FILE_ATTRIBUTE flags.
        security: Number of its access list; -1 where it has none.
        children: Where its files stand in the metadata; 0 where it holds none.
        created: FILETIME.
        modified: FILETIME.
        content: SHA-1 of its content.
        reparse_tag: Tag of its reparse point; 0 where it has none.
        reparse: SHA-1 of the data of that.
    """

    name: str
    short_name: str
    attributes: int
    security: int
    children: int
    created: int
    modified: int
    content: bytes
    reparse_tag: int
    reparse: bytes

    @property
    def is_dir(self) -> bool:
        """It is a folder, whatever it leads to."""
        return bool(self.attributes & DIRECTORY)


class Metadata:
    """The metadata of one image.

    Args:
        data: Its bytes.

    Raises:
        BrokenImage: It is cut short, or says what cannot be.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._descriptors: list[slice] = []
        length, count = _SECURITY.unpack_from(data) if len(data) >= _SECURITY.size else (0, 0)
        if count > MAX_DESCRIPTORS or _SECURITY.size + 8 * count > max(length, _SECURITY.size) or length > len(data):
            raise BrokenImage(sentence("its table of access lists is damaged"))
        at = _SECURITY.size + 8 * count
        for (size,) in struct.iter_unpack("<Q", data[_SECURITY.size : at]):
            if at + size > length:
                raise BrokenImage(sentence("its table of access lists is damaged"))
            self._descriptors.append(slice(at, at + size))
            at += size
        root, _ = self._entry(max(_SECURITY.size, length) + 7 & ~7)
        if root is None or not root.is_dir:
            raise BrokenImage(sentence("it has no root folder"))
        self.root = root

    def security_descriptor(self, file: WimFile) -> bytes | None:
        """Return the access list of a file; None where it has none; raises BrokenImage."""
        if file.security < 0:
            return None
        if file.security >= len(self._descriptors):
            raise BrokenImage(
                sentence("its access list, number {security}, is not in the image", security=file.security)
            )
        return self._data[self._descriptors[file.security]] or None

    def children(self, folder: WimFile) -> Iterator[WimFile]:
        """Yield what a folder holds; raises BrokenImage."""
        at = folder.children
        while at:
            file, at = self._entry(at)
            if file is None:
                return
            yield file

    def _entry(self, at: int) -> tuple[WimFile | None, int]:
        """Read an entry; None for the mark that ends a folder. Also where the next one begins."""
        data = self._data
        length = int.from_bytes(data[at : at + 8], "little")
        if at + 8 > len(data):
            raise BrokenImage(sentence("a folder of it does not end"))
        if length <= 8:
            return None, 0
        if length < _ENTRY.size or at + length > len(data):
            raise BrokenImage(sentence("an entry of a folder is damaged"))
        (_, attributes, security, children, created, modified, content, _, tag, _, streams, short, long) = (
            _ENTRY.unpack_from(data, at)
        )
        name_at = at + _ENTRY.size
        short_at = name_at + (long + 2 if long else 0)
        if short_at + short > at + length or streams > _MOST_STREAMS:
            raise BrokenImage(sentence("an entry of a folder is damaged"))
        unnamed, end = self._unnamed(at + length + 7 & ~7, streams)
        is_reparse = bool(attributes & REPARSE_POINT)
        reparse, content = _which(content, unnamed, is_reparse)
        file = WimFile(
            _name(data[name_at : name_at + long]),
            _name(data[short_at : short_at + short]),
            attributes,
            security,
            children,
            created,
            modified,
            content,
            tag if is_reparse else 0,
            reparse,
        )
        return file, end

    def _unnamed(self, at: int, count: int) -> tuple[list[bytes], int]:
        """Return the SHA-1 of the streams without a name that follow an entry, and where the next one begins."""
        found: list[bytes] = []
        for _ in range(count):
            if at + _STREAM.size > len(self._data):
                raise BrokenImage(sentence("a stream of a file is damaged"))
            length, digest, name = _STREAM.unpack_from(self._data, at)
            if length < _STREAM.size + name or at + length > len(self._data):
                raise BrokenImage(sentence("a stream of a file is damaged"))
            if not name:
                found.append(digest)
            at = at + length + 7 & ~7
        return found, at


def _which(own: bytes, unnamed: list[bytes], is_reparse: bool) -> tuple[bytes, bytes]:
    """Tell the data of the reparse point from the content: the first that is not empty is that of the reparse point."""
    found = [*([own] if own != NO_CONTENT else []), *unnamed]
    reparse = found.pop(0) if is_reparse and found else NO_CONTENT
    return reparse, found[0] if found else NO_CONTENT


def _name(data: bytes) -> str:
    # A lone surrogate or a separator, shown escaped, cannot break paths or output encodings.
    name = data.decode("utf-16-le", "backslashreplace").replace("/", "\\x2f").replace("\0", "\\x00")
    return "\\x2e" * len(name) if name in (".", "..") else name
