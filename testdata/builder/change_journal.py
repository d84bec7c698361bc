"""NTFS change journals ($UsnJrnl:$J): what a driver writes when files come, are renamed and go.

References:
    https://learn.microsoft.com/windows/win32/api/winioctl/ns-winioctl-usn_record_v2
    https://learn.microsoft.com/windows/win32/api/winioctl/ns-winioctl-usn_record_v3
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from testdata.builder.filetime import filetime

CREATE, DELETE, RENAME_OLD, RENAME_NEW, OVERWRITE, EXTEND = 0x100, 0x200, 0x1000, 0x2000, 0x1, 0x2
CLOSE = 0x8000_0000
PAGE = 4096
_ARCHIVE = 0x20


@dataclass(frozen=True, slots=True)
class Change:
    """One record.

    Attributes:
        at: When, UTC.
        path: The file, by the name that the record gives it.
        reason: USN_REASON_* bits, all that the file has had since it was opened.
        file: Number by which the journal tells one file from another; its name alone may change.
        version: 2, or 3 with references of 128 bits.
    """

    at: datetime
    path: str
    reason: int
    file: int
    version: int = 2


def deletion(at: datetime, path: str, file: int) -> list[Change]:
    """Return the two records of a file that is deleted."""
    return [Change(at, path, DELETE, file), Change(at, path, DELETE | CLOSE, file)]


def creation(at: datetime, path: str, file: int) -> list[Change]:
    """Return the records of a file that is made and filled."""
    return [Change(at, path, reason, file) for reason in (CREATE, CREATE | EXTEND, CREATE | EXTEND | CLOSE)]


def renaming(at: datetime, path: str, to: str, file: int) -> list[Change]:
    """Return the records of a file that gets another name."""
    new = RENAME_OLD | RENAME_NEW
    return [Change(at, path, RENAME_OLD, file), Change(at, to, new, file), Change(at, to, new | CLOSE, file)]


def journal(changes: Sequence[Change], folders: Mapping[str, int], start: int) -> bytes:
    """Return the pages of a journal.

    Args:
        changes: In the order of their time.
        folders: MFT record of each folder by path.
        start: Byte of the stream at which they begin, a multiple of a page: what lay before was given back.
    """
    pages = bytearray()
    for change in changes:
        folder, _, name = change.path.rpartition("/")
        usn = start + len(pages)
        record = _record(change, name, _reference(folders[folder], 1), usn)
        left = PAGE - len(pages) % PAGE
        if len(record) > left:
            pages += bytes(left)
            record = _record(change, name, _reference(folders[folder], 1), start + len(pages))
        pages += record
    return bytes(pages) + bytes(-len(pages) % PAGE)


def _record(change: Change, name: str, parent: int, usn: int) -> bytes:
    text = name.encode("utf-16-le")
    file = _reference(change.file, 3)
    where = 60 if change.version == 2 else 76
    size = -(-(where + len(text)) // 8) * 8
    head = struct.pack("<IHH", size, change.version, 0)
    if change.version == 2:
        head += struct.pack("<QQ", file, parent)
    else:
        head += struct.pack("<QQQQ", file, 0, parent, 0)
    head += struct.pack("<QQIIIIHH", usn, filetime(change.at), change.reason, 0, 0, _ARCHIVE, len(text), where)
    return (head + text).ljust(size, b"\0")


def _reference(record: int, sequence: int) -> int:
    return record | sequence << 48
