"""Reparse points: links and where they lead, and files whose content lies elsewhere.

References:
    [MS-FSCC] 2.1.2.4 Symbolic Link Reparse Data Buffer, 2.1.2.5 Mount Point Reparse Data Buffer.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO, Literal

from forensics.disk.links import Link
from forensics.disk.ntfs.index import REPARSE_FLAG
from forensics.disk.ntfs.record import REPARSE_POINT, STANDARD_INFORMATION, FileRecord
from forensics.disk.tree import NotFollowed, NotObtained, Unreadable
from forensics.language import sentence

MOUNT_POINT = 0xA0000003
SYMBOLIC_LINK = 0xA000000C

MAX_REPARSE_DATA = 16 << 10
"""Format: bytes of a reparse point."""

_BEFORE_NAMES = {MOUNT_POINT: 16, SYMBOLIC_LINK: 20}
_RELATIVE = 1
_OBJECT_MANAGER = "\\??\\"
NAME_SURROGATE = 0x20000000
"""Bit of a tag: the file stands for another one."""
_RECALL = 0x1000 | 0x40000 | 0x400000
_CLOUD = 0x9000001A
_TAGS = {
    0xA000000C: sentence("a symbolic link, which is not followed"),
    0xA0000003: sentence("a junction or mount point, which is not followed"),
    0x80000017: sentence("compressed by the Windows Overlay Filter (CompactOS), which is not unpacked"),
    0x80000013: sentence("deduplicated: its content lies in the volume's chunk store, which is not read"),
    0x80000007: sentence("a single-instance-storage link, whose content lies elsewhere"),
    0xC0000004: sentence("moved to slower storage (HSM): its content is not on this volume"),
    0x8000001B: sentence("an app execution alias, which has no content"),
}


def parse_link(data: bytes) -> Link | None:
    """Parse a reparse point.

    Windows goes by the substitute name, whatever the print name beside it says.

    Args:
        data: REPARSE_DATA_BUFFER, the content of $REPARSE_POINT.

    Returns:
        None where it is no link, or one cut short.
    """
    if len(data) < 16:
        return None
    tag, _length, _reserved, offset, size = struct.unpack_from("<IHHHH", data)
    start = _BEFORE_NAMES.get(tag)
    if start is None or start + offset + size > len(data) or not size:
        return None
    name = data[start + offset : start + offset + size].decode("utf-16-le", "replace").rstrip("\0")
    target = name.removeprefix(_OBJECT_MANAGER)
    if target.lower().startswith("unc\\"):
        target = f"\\\\{target[4:]}"
    if tag == SYMBOLIC_LINK:
        is_relative = bool(struct.unpack_from("<I", data, 16)[0] & _RELATIVE)
        return Link("symbolic link", target, is_windows=True, is_relative=is_relative)
    kind: Literal["junction", "mounted volume"] = "junction"
    if target.lower().startswith("volume{"):
        kind = "mounted volume"
    return Link(kind, target, is_windows=True)


def reparse_tag(record: FileRecord) -> int:
    """Return the tag of a file's reparse point; 0 where it has none."""
    if not _attributes(record) & REPARSE_FLAG:
        return 0
    point = record.find(REPARSE_POINT)
    if point is None:
        return 0
    value = point.value or b""
    # Only a link with a long target is too large for its record.
    return int(struct.unpack_from("<I", value)[0]) if len(value) >= 4 else NAME_SURROGATE


def hides_content(record: FileRecord) -> bool:
    """Tell whether a file's content is not in its own stream; that of a cloud file is, once it was fetched."""
    return is_recalled(reparse_tag(record), _attributes(record))


StreamOpener = Callable[[FileRecord, int], BinaryIO | None]
"""Opens an attribute of a record by its type."""


def link_of(record: FileRecord, opener: StreamOpener) -> Link | None:
    """Return where a file leads; None where it is no link.

    Args:
        record: Of the file.
        opener: Opens the reparse point where it is too large for the record.
    """
    if not reparse_tag(record) & NAME_SURROGATE:
        return None
    with suppress(Unreadable):
        stream = opener(record, REPARSE_POINT)
        return parse_link(stream.read(MAX_REPARSE_DATA)) if stream else None
    return None


def not_obtained(record: FileRecord, path: str, opener: StreamOpener) -> NotObtained:
    """Return the error that says why a file's content was not got."""
    link = link_of(record, opener)
    return NotObtained(why_not_followed(reparse_tag(record))) if link is None else NotFollowed(path, link)


def is_recalled(tag: int, attributes: int) -> bool:
    """Tell whether a reparse point says that the content lies elsewhere; a cloud file's does until it is fetched.

    Args:
        tag: Of the reparse point; 0 where there is none.
        attributes: FILE_ATTRIBUTE flags of the file.
    """
    return bool(tag) and not (tag & 0xFFFF0FFF == _CLOUD and not attributes & _RECALL)


def why_not_followed(tag: int) -> str:
    """Say what a reparse point that is no link is, and that it is not followed."""
    if tag & 0xFFFF0FFF == _CLOUD:
        return sentence("a cloud file whose content is not on this volume")
    return _TAGS.get(tag, sentence("a reparse point of type 0x{tag:08X}, which is not followed", tag=tag))


def _attributes(record: FileRecord) -> int:
    standard = record.find(STANDARD_INFORMATION)
    value = (standard.value or b"") if standard else b""
    return int(struct.unpack_from("<I", value, 32)[0]) if len(value) >= 36 else 0
