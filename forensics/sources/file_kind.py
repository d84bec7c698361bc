"""Tells by the first bytes of a file that lies in a folder or archive whether it is evidence, and of which kind."""

from __future__ import annotations

import io
import re
from typing import BinaryIO

from forensics.disk.compressed import compression, unpacked_head
from forensics.disk.containers import kind_of
from forensics.disk.encrypted_file import encrypted_with, plain_name
from forensics.disk.errors import SourceError
from forensics.disk.file_systems import BITLOCKER, NTFS, file_system_of
from forensics.disk.machine_backup import BACKUPS
from forensics.disk.readable_bytes import readable_bytes
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.sources.holdings import other_file_system

HEAD = 40 << 10
"""Format: bytes of a file by which it is recognised."""
PACKED_HEAD = 256 << 10
"""Format: bytes of a compressed file from which the beginning of its content is unpacked."""
_BASE_BLOCK = 4096
_LEAST_RAW = 1 << 20
"""Format: bytes of a file that may be a raw disk: what is smaller and has a boot sector is the copy of one."""
_PACKED = r"(\.(xz|gz|zst|bz2))?"
_CONTAINER_NAME = re.compile(rf".*\.(a?vhdx?|vmdk|vdi|qcow2?|e01|hds|wim|esd|swm){_PACKED}", re.IGNORECASE | re.DOTALL)
_RAW_NAME = re.compile(rf".*\.(raw|dd|img){_PACKED}", re.IGNORECASE | re.DOTALL)
_ARCHIVE_NAME = re.compile(
    rf".*\.(zip|7z|tar|tgz|txz|tbz2?|tzst|ova|vma|xva|vbk|ad1){_PACKED}", re.IGNORECASE | re.DOTALL
)
_NO_EVIDENCE = re.compile(
    r".*\.(txt|md|pdf|log|csv|json|xml|html?|jpe?g|png|gif|bmp|sha256|sha1|md5|sfv|asc|sig)", re.IGNORECASE | re.DOTALL
)
DISKS = ("vhdx", "vhd", "vmdk", "vdi", "qcow2", "e01", "parallels", "raw")
"""Kinds that are disk images."""
ARCHIVES = ("zip", "tar", "7z", "ad1", *BACKUPS)
"""Kinds that are archives of files, or hold several disks."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """What a file is.

    Attributes:
        kind: As :attr:`forensics.disk.containers.Image.kind`; ``unknown`` where it cannot be examined.
        reason: Why it cannot be; empty where it can.
    """

    kind: str
    reason: str = ""


def looks_like_a_disk(name: str) -> bool:
    """Tell whether a name is one that disk images have."""
    return any(pattern.fullmatch(name) for pattern in (_CONTAINER_NAME, _RAW_NAME))


def looks_like_a_source(name: str) -> bool:
    """Tell whether a name is one that disk images or archives have."""
    return looks_like_a_disk(name) or _ARCHIVE_NAME.fullmatch(name) is not None


def may_be_evidence(name: str) -> bool:
    """Tell whether a file that cannot be opened may be evidence as far as its name goes."""
    return _NO_EVIDENCE.fullmatch(name) is None


def kind_of_file(name: str, file: BinaryIO, size: int) -> FileKind | None:
    """Tell what a file is.

    Args:
        name: For messages, and for what only a name can tell: that an empty or zeroed file should be a disk.
        file: The file, or its first bytes.
        size: Bytes of the whole file.

    Returns:
        None for what is no evidence.
    """
    head = readable_bytes(file, 0, HEAD)
    packed = compression(head)
    if packed is not None:
        file.seek(0)
        head = unpacked_head(io.BytesIO(file.read(PACKED_HEAD)), packed)
        if not head:
            return FileKind("raw") if looks_like_a_disk(name) else None
        inside = _kind(name, io.BytesIO(head), head, _LEAST_RAW)
        if inside is not None and inside.kind in ("hive", "reg"):
            return FileKind(
                "unknown", sentence("{name} is compressed: unpack it, a hive together with its .LOG files", name=name)
            )
        return inside
    return _kind(name, file, head, size)


def _kind(name: str, file: BinaryIO, head: bytes, size: int) -> FileKind | None:
    try:
        kind = kind_of(name, file)
    except SourceError as error:
        is_of_interest = encrypted_with(head) is None or may_be_evidence(plain_name(name))
        return FileKind("unknown", error.message) if is_of_interest else None
    if kind == "hive" and size < _BASE_BLOCK:
        reason = sentence(
            "{name} begins as a registry hive does and ends after {size} bytes: copy it again", name=name, size=size
        )
        return FileKind("unknown", reason) if may_be_evidence(name) else None
    if kind != "raw" or _CONTAINER_NAME.fullmatch(name):
        return FileKind(kind)
    holds = file_system_of(file, size) if size >= _LEAST_RAW else None
    if holds not in (None, NTFS, BITLOCKER):
        return FileKind(
            "unknown",
            sentence(
                "{name} holds one volume: {other_file_system}", name=name, other_file_system=other_file_system(holds)
            ),
        )
    is_disk = _RAW_NAME.fullmatch(name) or head[510:512] == b"\x55\xaa"
    return FileKind(kind) if is_disk and size >= _LEAST_RAW else None
