"""Turns an image file into the disk it holds: recognised by content, opened read-only, refused with a reason."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from forensics.disk.compressed import compression, unpack
from forensics.disk.disk import Disk, Holder, Progress
from forensics.disk.errors import SourceError, unreadable

_HEAD = 4096
# What is compressed does not shrink much when it is compressed again.
_BOMB_RATIO, _BOMB_LEAST = 20, 1 << 20
_VDI_AT, _VDI_MAGIC = 64, b"\x7f\x10\xda\xbe"
_VHD_COOKIE = b"conectix"

_HEADS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"vhdxfile", "vhdx"),
    (0, _VHD_COOKIE, "vhd"),
    (0, b"KDMV", "vmdk"),
    (0, b"COWD", "vmdk"),
    (0, b"\xbe\xba\xfe\xca\0\0\0\0", "vmdk"),
    (0, b"# Disk DescriptorFile", "vmdk"),
    (0, b"QFI\xfb", "qcow2"),
    (0, b"EVF\x09\x0d\x0a\xff\x00", "e01"),
    (_VDI_AT, _VDI_MAGIC, "vdi"),
    (0, b"regf", "hive"),
    (0, b"PK\x03\x04", "zip"),
    (0, b"PK\x05\x06", "zip"),
    (257, b"ustar", "tar"),
    (0, b"\xff\xfeW\0i\0n\0d\0o\0w\0s\0 \0R\0e\0g\0i\0s\0t\0r\0y\0 \0E\0d\0i\0t\0o\0r\0", "reg"),
    (0, b"Windows Registry Editor", "reg"),
    (0, b"\xef\xbb\xbfWindows Registry Editor", "reg"),
    (0, b"REGEDIT4", "reg"),
)

_REFUSED: tuple[tuple[int, bytes, str], ...] = (
    (0, b"EVF2\r\n\x81\0", "an EnCase Ex01 image: convert it to E01 or raw (ewfexport)"),
    (0, b"LVF\x09\x0d\x0a\xff\x00", "an EnCase L01 logical image: export its files into a folder"),
    (0, b"LEF2\r\n\x81\0", "an EnCase Lx01 logical image: export its files into a folder"),
    (0, b"ADSEGMENTEDFILE", "an AccessData AD1 image: export its files into a folder"),
    (0, b"MSWIM\0\0\0", "a WIM image: apply it (wimapply, dism) and examine the folder"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it and examine the folder"),
    (0, b"Rar!\x1a\x07", "a RAR archive: unpack it and examine the folder"),
    (0, b"AFF10", "an AFF image: convert it to raw (affconvert)"),
)


@dataclass(frozen=True, slots=True)
class Image:
    """An opened file and what its content says it is.

    Attributes:
        path: The file the user named.
        name: How it is named in rows.
        file: The file, or what it unpacked to.
        size: Bytes of ``file``.
        kind: ``raw`` when nothing else fits.
        unpacked: ``file`` is temporary, so that nothing lies beside it.
    """

    path: Path
    name: str
    file: BinaryIO
    size: int
    kind: str
    unpacked: bool = False


def open_image(path: Path, name: str, holder: Holder, progress: Progress) -> Image:
    """Open a file and tell by its content what it is; compressed files are unpacked first.

    Raises:
        SourceError: It cannot be read, is empty, or is a format to be converted first.
    """
    try:
        file: BinaryIO = holder.resources.enter_context(path.open("rb"))
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        head = file.read(_HEAD)
    except OSError as error:
        raise unreadable(name, error) from error
    unpacked = False
    # A compressed file in a compressed file is somebody's mistake; more layers are somebody's trap.
    for _layer in range(2):
        packed = compression(head)
        if packed is None:
            break
        file.seek(0)
        stored, file = size, holder.resources.enter_context(unpack(file, packed, name, size, progress))
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        head, unpacked = file.read(_HEAD), True
        if compression(head) and size > max(_BOMB_LEAST, stored * _BOMB_RATIO):
            raise SourceError(
                "too_large", f"{name} is a compressed file that unpacks to another one of {size} bytes: not unpacked"
            )
    if not size:
        raise SourceError("empty", f"{name} is empty: nothing was copied into it")
    return Image(path, name, file, size, _kind(name, file, size, head), unpacked)


def image_kind(path: Path) -> str | None:
    """Tell cheaply what a file of a folder is: a disk container's name, ``compressed``, or None."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
            size = file.seek(0, io.SEEK_END)
            if compression(head):
                return "compressed"
            kind = _kind(path.name, file, size, head)
    except (OSError, SourceError):
        return None
    return kind if kind != "raw" or head[510:512] == b"\x55\xaa" else None


def _kind(name: str, file: BinaryIO, size: int, head: bytes) -> str:
    for offset, magic, reason in _REFUSED:
        if head[offset : offset + len(magic)] == magic:
            raise SourceError("unsupported", f"{name} is {reason}")
    for offset, magic, kind in _HEADS:
        if head[offset : offset + len(magic)] == magic:
            return kind
    if size >= 1024:
        # The footer of a fixed VHD; Virtual PC wrote it one byte short.
        file.seek(-512, io.SEEK_END)
        tail = file.read(512)
        if tail.startswith(_VHD_COOKIE) or tail[1:].startswith(_VHD_COOKIE):
            return "vhd"
    return "raw"


def open_disk(image: Image, holder: Holder) -> Disk:
    """Return the disk that an image holds.

    Raises:
        SourceError: The container is damaged, truncated, or needs a file that is not there.
    """
    openers: dict[str, Callable[[Image, Holder], Disk]] = {
        "vhdx": _vhdx,
        "vhd": _vhd,
        "vmdk": _vmdk,
        "qcow2": _qcow2,
        "e01": _e01,
        "vdi": _vdi,
        "raw": _raw,
    }
    try:
        return openers[image.kind](image, holder)
    except SourceError as error:
        message = error.message if image.name in error.message else f"{image.name}: {error.message}"
        raise SourceError(error.kind, message) from error
    except FileNotFoundError as error:
        raise SourceError("missing_part", f"{image.name} needs {error.filename}, which is not beside it") from error
    except EOFError as error:
        raise SourceError(
            "truncated", f"{image.name} ends too early: the file, or a part of it, is truncated"
        ) from error
    # The libraries raise whatever a damaged header makes them stumble over.
    except Exception as error:
        reason = str(error)
        if not reason or "<_io" in reason:
            reason = type(error).__name__
        message = f"{image.name} cannot be opened as {image.kind.upper()} ({reason}): it is damaged, copy it again"
        raise SourceError("damaged", message) from error


def _disk(image: Image, stream: object, sector_size: int | None = None) -> Disk:
    size = getattr(stream, "size", None)
    if not isinstance(size, int) or size <= 0:
        raise SourceError("bad_header", "its header gives the disk no size")
    return Disk(cast(BinaryIO, stream), size, image.name, sector_size)


def _raw(image: Image, holder: Holder) -> Disk:
    from forensics.disk.split_file import ConcatStream, split_parts

    parts = [image.path] if image.unpacked else split_parts(image.path)
    if len(parts) == 1:
        return Disk(image.file, image.size, image.name)
    files: list[tuple[BinaryIO, int]] = []
    for part in parts:
        file = holder.resources.enter_context(part.open("rb"))
        files.append((file, file.seek(0, io.SEEK_END)))
    return _disk(image, ConcatStream(files))


def _vhdx(image: Image, holder: Holder) -> Disk:
    from forensics.disk.vhdx.parent import find_beside
    from forensics.disk.vhdx.reader import open_vhdx

    # A parent is looked for beside its child.
    stream = (
        open_vhdx(image.file, name=image.name, resolve_parent=find_beside) if image.unpacked else open_vhdx(image.path)
    )
    holder.resources.callback(stream.close)
    holder.watch(image.name, lambda: stream.problems)
    return _disk(image, stream, stream.sector_size)


def _vhd(image: Image, holder: Holder) -> Disk:
    image.file.seek(0)
    head = image.file.read(512)
    image.file.seek(-512, io.SEEK_END)
    tail = image.file.read(512)
    tail = tail if tail.startswith(_VHD_COOKIE) else tail[1:] if tail[1:].startswith(_VHD_COOKIE) else b""
    footer = tail or head
    if struct.unpack_from(">I", footer, 60)[0] == 4:
        raise SourceError(
            "needs_parent",
            "this is a differencing VHD (a checkpoint or child disk) that holds only changes to its parent; "
            "merge them (Hyper-V: Inspect Disk, Merge; or Merge-VHD) and examine the merged disk",
        )
    if not tail:
        holder.problem(image.name, "truncated", "the VHD has no footer at its end: the file is truncated")
        return _disk(image, _vhd_from_copy(image.file, footer))
    from dissect.hypervisor.disk.vhd import VHD

    return _disk(image, VHD(image.file))


def _vhd_from_copy(file: BinaryIO, footer: bytes) -> object:
    """Open a dynamic VHD by the copy of its footer at its start."""
    from dissect.hypervisor.disk.c_vhd import c_vhd
    from dissect.hypervisor.disk.vhd import VHD, DynamicDisk
    from dissect.util.stream import AlignedStream

    disk = VHD.__new__(VHD)
    disk.fh = file
    disk.disk = DynamicDisk(file, c_vhd.footer(footer))  # type: ignore[assignment]
    AlignedStream.__init__(disk, disk.disk.size)
    return disk


def _vmdk(image: Image, holder: Holder) -> Disk:
    from dissect.hypervisor.disk.vmdk import VMDK

    image.file.seek(0)
    head = image.file.read(_HEAD * 5)
    start = head.find(b"# Disk DescriptorFile")
    text = head[start:].split(b"\0", 1)[0].decode("utf-8", "replace") if start >= 0 else ""
    settings = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    if settings.get("parentCID", "ffffffff").strip().lower() != "ffffffff":
        raise SourceError(
            "needs_parent",
            "this VMDK is a snapshot that holds only changes to another disk; consolidate the snapshots "
            "(vmware-vdiskmanager -r, or clone the VM) and examine the result",
        )
    if start == 0:
        _check_extents(image, text)
    image.file.seek(0)
    return _disk(image, VMDK(image.file if start != 0 or image.unpacked else image.path))


def _check_extents(image: Image, text: str) -> None:
    """Refuse extents that lie anywhere but beside the descriptor: the name comes from the evidence."""
    for line in text.splitlines():
        if not line.startswith(("RW ", "RDONLY ", "NOACCESS ")) or '"' not in line:
            continue
        name = line.split('"')[1]
        if image.unpacked or "/" in name or "\\" in name or name in ("", ".", ".."):
            raise SourceError("missing_part", f"its extent '{name}' must lie beside the descriptor")
        if (image.path.parent / name).is_symlink() or not (image.path.parent / name).is_file():
            raise SourceError("missing_part", f"its extent '{name}' is not beside the descriptor")


def _qcow2(image: Image, holder: Holder) -> Disk:
    image.file.seek(8)
    if int.from_bytes(image.file.read(8), "big"):
        raise SourceError(
            "needs_parent",
            "this qcow2 holds only changes to a backing file; flatten it (qemu-img convert -O raw) and examine that",
        )
    from dissect.hypervisor.disk.qcow2 import QCow2

    image.file.seek(0)
    return _disk(image, QCow2(image.file).open())


def _e01(image: Image, holder: Holder) -> Disk:
    from dissect.evidence.ewf import EWF, find_files

    files: list[BinaryIO] = [image.file]
    if not image.unpacked:
        paths = find_files(image.path)
        files = [holder.resources.enter_context(path.open("rb")) for path in paths]
    ewf = EWF(files)
    chunks = sum(ewf.segment(index).chunk_count for index in range(len(files)))
    if chunks < ewf.volume.chunk_count:
        raise SourceError(
            "missing_part",
            f"{chunks} of {ewf.volume.chunk_count} chunks are there: a segment (.E02, ...) is missing or truncated; "
            "put all of them beside the first and examine that",
        )
    return _disk(image, ewf.open())


def _vdi(image: Image, holder: Holder) -> Disk:
    from forensics.disk.vdi import VdiStream

    return _disk(image, VdiStream(image.file))
