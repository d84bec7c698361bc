"""What a file is, by its content: a container of a disk, an archive, a hive, or something that is not read and why."""

from __future__ import annotations

import io
import stat
from pathlib import Path, PurePath
from typing import BinaryIO

from forensics.disk.compressed import compression
from forensics.disk.configurations import configuration_kind
from forensics.disk.errors import SourceError
from forensics.disk.evidence_files import peek_at
from forensics.disk.magic import (
    AD1_MAGIC,
    EWF_MAGIC,
    PARALLELS,
    PARALLELS_EXT,
    QCOW_MAGIC,
    VHD_COOKIE,
    VMA_MAGIC,
    VMDK_COWD,
    VMDK_DESCRIPTOR,
    VMDK_SESPARSE,
    VMDK_SPARSE,
    WIM_MAGIC,
    XVA_START,
    looks_like_vbk,
)
from forensics.disk.not_read import (
    HEAD,
    LEAST_VHDX,
    VHD_SET,
    NotRead,
    archive_of_disks,
    no_disk,
    not_read,
    saved_by_clonezilla,
)
from forensics.disk.readable_bytes import is_bad_sector, readable_bytes
from forensics.language import sentence

_BOOT_SIGNATURE = b"\x55\xaa"

_OF_VHDX = ((64 << 10, b"head"), (128 << 10, b"head"), (192 << 10, b"regi"), (256 << 10, b"regi"))

_HEADS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"vhdxfile", "vhdx"),
    (0, VHD_COOKIE, "vhd"),
    (0, VMDK_SPARSE, "vmdk"),
    (0, VMDK_COWD, "vmdk"),
    (0, VMDK_SESPARSE, "vmdk"),
    (0, VMDK_DESCRIPTOR, "vmdk"),
    (0, QCOW_MAGIC, "qcow2"),
    (0, PARALLELS, "parallels"),
    (0, PARALLELS_EXT, "parallels"),
    (0, EWF_MAGIC, "e01"),
    (64, b"\x7f\x10\xda\xbe", "vdi"),
    (0, WIM_MAGIC, "wim"),
    (0, b"regf", "hive"),
    (0, b"PK\x03\x04", "zip"),
    (0, b"PK\x05\x06", "zip"),
    (0, AD1_MAGIC, "ad1"),
    (0, VMA_MAGIC, "vma"),
    (0, XVA_START, "xva"),
    (257, b"ustar", "tar"),
    (0, b"7z\xbc\xaf\x27\x1c", "7z"),
    (0, b"\xff\xfeW\0i\0n\0d\0o\0w\0s\0 \0R\0e\0g\0i\0s\0t\0r\0y\0 \0E\0d\0i\0t\0o\0r\0", "reg"),
    (0, b"Windows Registry Editor", "reg"),
    (0, b"\xef\xbb\xbfWindows Registry Editor", "reg"),
    (0, b"REGEDIT4", "reg"),
)


def recognise(path: Path, name: str, file: BinaryIO, size: int, *, holds_disk: bool = False) -> str:
    """Return what an opened file is: ``raw`` when nothing else fits.

    Args:
        path: Where it lies, or what it was unpacked from.
        name: For messages.
        file: It.
        size: Its bytes.
        holds_disk: The user says that a disk begins further in: what it begins with may then be anything.

    Raises:
        SourceError: ``unsupported``: it is something that is not read; the message says what to do.
    """
    kind, reason = _look(path.name, file, size)
    if reason is not None and holds_disk and not reason.is_evidence:
        reason = None
    if reason is None:
        part = _lone_part(path, file, kind)
        reason = NotRead(part) if part is not None else None
    if reason is not None:
        raise SourceError("unsupported", sentence("{name} is {reason}", name=name, reason=reason.reason))
    return kind


def kind_of(name: str, file: BinaryIO) -> str:
    """Return what a file is, told by its beginning alone: ``raw`` when nothing else fits, or it is no evidence.

    Args:
        name: Its name, also for messages.
        file: The file, or its first bytes.

    Raises:
        SourceError: ``unsupported``: it is evidence that is not read; the message says what to do.
    """
    kind, reason = _look(PurePath(name).name, file, file.seek(0, io.SEEK_END))
    if reason is not None and reason.is_evidence:
        raise SourceError("unsupported", sentence("{name} is {reason}", name=name, reason=reason.reason))
    return kind


def image_kind(path: Path) -> str | None:
    """Tell cheaply what a file of a folder is.

    Returns:
        The name of a disk container (``vhdx``, ``vhd``, ``vmdk``, ``vdi``, ``qcow2``, ``e01``, ``raw`` for one with a
        boot signature), ``wim``, ``hive``, ``zip``, ``tar``, ``7z``, ``reg``, a configuration that names disks
        (:mod:`forensics.disk.configurations`), or ``compressed``, of which only unpacking can tell more.
        None for everything else, for what :func:`refusal` speaks of, and for a part of an image that is read with its
        first file.
    """
    kind, _ = _of_file(path)
    return kind


def refusal(path: Path) -> str | None:
    """Say why a file of a folder is not read although it is evidence, and what to do; nothing is raised.

    Returns:
        One sentence that begins with the file's name. None for what is read, for what is plainly no evidence (a text,
        a certificate, a program), and for a part of an image whose other parts lie beside it.
    """
    _, reason = _of_file(path)
    return (
        sentence("{name} is {reason}", name=path.name, reason=reason.reason)
        if reason is not None and reason.is_evidence
        else None
    )


def _of_file(path: Path) -> tuple[str | None, NotRead | None]:
    try:
        # A FIFO or a device would block or have side effects.
        if not stat.S_ISREG(path.stat().st_mode):
            return None, None
        with peek_at(path) as file:
            head = readable_bytes(file, 0, HEAD)
            size = file.seek(0, io.SEEK_END)
            if compression(head):
                saved = saved_by_clonezilla(path.name)
                return (None, saved) if saved is not None else ("compressed", None)
            kind, reason = _look(path.name, file, size)
            if reason is None and (part := _lone_part(path, file, kind)) is not None:
                reason = NotRead(part)
        if _is_part(path, kind, head):
            return None, None
    except (OSError, ValueError):
        return None, None
    if reason is not None:
        return None, reason
    return (kind if kind != "raw" or head[510:512] == _BOOT_SIGNATURE else None), None


def _lone_part(path: Path, file: BinaryIO, kind: str) -> str | None:
    """Say that a file is but a part of a VMDK, by what lies beside it."""
    if kind not in ("vmdk", "raw"):
        return None
    from forensics.disk.vmdk_extents import lone_extent

    return lone_extent(path, readable_bytes(file, 0, HEAD))


def _is_part(path: Path, kind: str, head: bytes) -> bool:
    """Tell whether a file is read with another one that lies beside it."""
    if kind == "e01":
        from forensics.disk.ewf.files import first_segment
        from forensics.disk.ewf.segment import segment_number

        return segment_number(head) != 1 and first_segment(path) is not None
    from forensics.disk.vmdk_extents import descriptor_of, lone_extent

    descriptor = descriptor_of(path)
    return descriptor is not None and descriptor.is_file() and lone_extent(path, head) is not None


def _look(name: str, file: BinaryIO, size: int) -> tuple[str, NotRead | None]:
    """Return what a file is by its content, and why it is not read where it is not."""
    if name.lower().endswith(".vhds") and size < LEAST_VHDX:
        return "raw", VHD_SET
    head = readable_bytes(file, 0, HEAD)
    reason = not_read(head, tail := _tail(file, size))
    if reason is not None:
        return "raw", reason
    for offset, magic, kind in _HEADS:
        if head[offset : offset + len(magic)] == magic:
            if kind in ("zip", "tar"):
                return kind, archive_of_disks(kind, head, name)
            return kind, _unsupported_qcow2(head) if kind == "qcow2" else None
    if looks_like_vbk(head):
        return "vbk", None
    # The footer of a fixed VHD; Virtual PC wrote it one byte short.
    if size >= 1024 and (tail.startswith(VHD_COOKIE) or tail[1:].startswith(VHD_COOKIE)):
        return "vhd", None
    if head[510:512] == _BOOT_SIGNATURE:
        return "raw", None
    if size >= LEAST_VHDX and _has_headers_of_vhdx(file):
        return "vhdx", None
    said = configuration_kind(name, head)
    return (said, None) if said is not None else ("raw", no_disk(name, head))


def _has_headers_of_vhdx(file: BinaryIO) -> bool:
    """Tell a VHDX of which the first bytes are lost by the two headers and the two region tables behind them."""
    return sum(_begins(file, at, magic) for at, magic in _OF_VHDX) > 1


def _begins(file: BinaryIO, at: int, magic: bytes) -> bool:
    try:
        return readable_bytes(file, at, len(magic)) == magic
    except OSError as error:
        if not is_bad_sector(error):
            raise
        return False


def _tail(file: BinaryIO, size: int) -> bytes:
    """Return the last sector, which holds the footer of a fixed VHD; nothing where the medium does not give it."""
    try:
        return readable_bytes(file, max(0, size - 512), 512)
    except OSError as error:
        if not is_bad_sector(error):
            raise
        return b""


def _unsupported_qcow2(head: bytes) -> NotRead | None:
    from forensics.disk.qcow2 import LEAST_HEADER, read_header, unsupported

    lacking = unsupported(read_header(head)) if len(head) >= LEAST_HEADER else None
    return NotRead(lacking) if lacking is not None else None
