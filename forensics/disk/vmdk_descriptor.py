"""The text that describes a VMDK: its identity, its parent, and the files that hold its sectors.

References:
    VMware, Virtual Disk Format 5.0 (descriptor file, sparse extent header)
"""

from __future__ import annotations

import re
import struct
from typing import BinaryIO

from forensics.disk.magic import VMDK_DESCRIPTOR, VMDK_SPARSE
from forensics.language import sentence
from forensics.late_methods import dataclass

_SECTOR = 512
_MAX_TEXT = 64 << 10
"""Format: bytes of a VMDK's descriptor."""
_MAX_SHOWN = 200
"""Display: characters of a line of a VMDK's descriptor that is damaged."""
_NO_PARENT = "ffffffff"
_IDENTITIES = ("cid", "parentcid", "parentfilenamehint")
_ACCESS = re.compile(r"\s*(?:RW|RDONLY|NOACCESS)\s", re.IGNORECASE)
# A quote behind the name is part of it to some programs, and not to others.
_EXTENT = re.compile(r'(?:RW|RDONLY|NOACCESS)\s+(\d{1,18})\s+(\w+)(?:\s+"([^"]*)"(?:\s+(\d{1,18}))?(?:\s[^"]*)?)?')


@dataclass(frozen=True, slots=True)
class Extent:
    """One line of the list of extents.

    Attributes:
        sectors: Sectors of 512 bytes.
        kind: Such as ``SPARSE`` or ``FLAT``.
        name: File name as written; empty for an extent without file (``ZERO``).
        offset: Where the extent begins in its file, in sectors.
    """

    sectors: int
    kind: str
    name: str
    offset: int


@dataclass(frozen=True, slots=True)
class VmdkDescriptor:
    """What a descriptor says.

    Attributes:
        offset: Where it begins in its file, bytes; 0 when the file is nothing else.
        cid: Content ID, lower hex; changes with the first write after the disk was opened.
        parent_cid: That of the parent when this disk was made on it; None for a disk without parent.
        parent_name: ``parentFileNameHint``; empty when it is missing.
        extents: In their order.
        misread: Why it cannot be relied on; empty when it can.
    """

    offset: int
    cid: str
    parent_cid: str | None
    parent_name: str
    extents: tuple[Extent, ...]
    misread: str = ""


def read_descriptor(file: BinaryIO) -> VmdkDescriptor | None:
    """Read the descriptor of a VMDK, be it a file of its own or within a sparse extent; None when there is none."""
    file.seek(0)
    head = file.read(_SECTOR)
    offset = 0
    if head.startswith(VMDK_SPARSE) and len(head) == _SECTOR:
        offset = _SECTOR * struct.unpack_from("<Q", head, 28)[0]
        if not offset or offset >= 1 << 63:
            return None
    file.seek(offset)
    data = file.read(_MAX_TEXT)
    return _parse(data, offset) if data.startswith(VMDK_DESCRIPTOR) else None


def _parse(data: bytes, offset: int) -> VmdkDescriptor:
    text, end, behind = data.partition(b"\0")
    misread = "" if end or len(data) < _MAX_TEXT else sentence("it is longer than {max_text} bytes", max_text=_MAX_TEXT)
    if not offset and behind.strip(b"\0\r\n\t "):
        misread = sentence("it goes on behind a byte of zero, where some programs stop")
    settings: dict[str, str] = {}
    extents: list[Extent] = []
    for line in text.decode("utf-8", "replace").splitlines():
        extent = _EXTENT.fullmatch(line.strip())
        if extent:
            sectors, kind, name, at = extent.groups()
            extents.append(Extent(int(sectors), kind.upper(), name or "", int(at or 0)))
        elif _ACCESS.match(line) and not offset:
            misread = misread or sentence(
                "a line that names an extent is damaged: {strip}", strip=line.strip()[:_MAX_SHOWN]
            )
        elif "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            key, value = key.strip().lower(), value.strip().strip('"')
            if key in _IDENTITIES and settings.get(key, value) != value:
                misread = misread or sentence("it gives {key} twice", key=key)
            settings.setdefault(key, value)
    parent = _content_id(settings.get("parentcid", _NO_PARENT))
    return VmdkDescriptor(
        offset,
        _content_id(settings.get("cid", "")),
        None if parent == _NO_PARENT else parent,
        settings.get("parentfilenamehint", ""),
        tuple(extents),
        misread,
    )


def _content_id(written: str) -> str:
    """Return a CID as eight lower hex digits, or as it is written where it is none."""
    return f"{int(written, 16):08x}" if re.fullmatch(r"[0-9A-Fa-f]{1,8}", written) else written.lower()
