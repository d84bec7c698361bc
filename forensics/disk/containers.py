"""Turns an image file into the disk it holds: recognised by content, opened read-only, refused with a reason."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from forensics.disk.compressed import MAGIC_SIZE, compression, unpack
from forensics.disk.disk import Disk, Holder, Progress
from forensics.disk.errors import SourceError, unreadable, with_next_step
from forensics.disk.evidence_files import note_evidence, open_evidence
from forensics.disk.magic import VHD_COOKIE
from forensics.disk.not_read import saved_by_clonezilla
from forensics.disk.recognise import image_kind, kind_of, recognise, refusal
from forensics.disk.relatives import note_relatives
from forensics.late_methods import dataclass

if TYPE_CHECKING:
    from dissect.hypervisor.disk.vhd import VHD
    from dissect.util.stream import AlignedStream

__all__ = ["Image", "image_kind", "kind_of", "open_disk", "open_image", "refusal"]

# What is compressed does not shrink much when it is compressed again.
_BOMB_RATIO, _BOMB_LEAST = 20, 1 << 20
LEAST_DISK = 512
"""Format: bytes that a disk has at least: one sector."""


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
        others: Files found with it, elsewhere than beside it, among which its parent may be.
    """

    path: Path
    name: str
    file: BinaryIO
    size: int
    kind: str
    unpacked: bool = False
    others: tuple[Path, ...] = ()


def open_image(path: Path, name: str, holder: Holder, progress: Progress) -> Image:
    """Open a file and tell by its content what it is; compressed files are unpacked first.

    Raises:
        SourceError: It cannot be read, is empty, or is a format to be converted first.
    """
    try:
        file: BinaryIO = holder.resources.enter_context(open_evidence(path))
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        head = file.read(MAGIC_SIZE)
    except OSError as error:
        raise unreadable(name, error) from error
    unpacked, saved = False, saved_by_clonezilla(path.name)
    if saved is not None and compression(head):
        raise SourceError("unsupported", f"{name} is {saved.reason}")
    # A compressed file in a compressed file is somebody's mistake; more layers are somebody's trap.
    for _layer in range(2):
        packed = compression(head)
        if packed is None:
            break
        file.seek(0)
        stored, file = size, holder.resources.enter_context(unpack(file, packed, name, size, progress))
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        head, unpacked = file.read(MAGIC_SIZE), True
        if compression(head) and size > max(_BOMB_LEAST, stored * _BOMB_RATIO):
            raise SourceError(
                "too_large",
                f"{name} is a compressed file that unpacks to another one of {size} bytes: not unpacked; if it is no "
                "trap, unpack it yourself and examine that",
            )
    if not size:
        raise SourceError("empty", f"{name} is empty: nothing was copied into it; copy it again")
    kind = recognise(path, name, file, size)
    if kind == "raw" and size < LEAST_DISK:
        raise SourceError(
            "too_small", f"{name} has {size} bytes, less than a sector: it is no disk image, name that itself"
        )
    return Image(path, name, file, size, kind, unpacked)


def open_disk(image: Image, holder: Holder) -> Disk:
    """Return the disk that an image holds.

    Raises:
        SourceError: The container is damaged, truncated, or needs a file that is not there.
    """
    note_relatives(image.path)
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
        raise with_next_step(error, image.name) from error
    except FileNotFoundError as error:
        raise SourceError(
            "missing_part", f"{image.name} needs {error.filename}, which is not beside it: put it there"
        ) from error
    except EOFError as error:
        raise SourceError(
            "truncated", f"{image.name} ends too early: the file, or a part of it, is truncated; copy it again"
        ) from error
    except OSError as error:
        raise unreadable(image.name, error) from error
    # Libraries raise whatever a header that they do not understand makes them stumble over; their texts may quote it.
    except Exception as error:
        raise SourceError(
            "damaged",
            f"{image.name} cannot be opened as {image.kind.upper()} ({type(error).__name__}): its header is damaged, "
            "or of a kind that is not read; copy it again, or convert it to raw (qemu-img convert -O raw)",
        ) from error


def _disk(image: Image, stream: object, sector_size: int | None = None) -> Disk:
    size = getattr(stream, "size", None)
    if not isinstance(size, int) or size <= 0:
        raise SourceError("bad_header", "its header gives the disk no size")
    return Disk(cast(BinaryIO, stream), size, image.name, sector_size)


def _raw(image: Image, holder: Holder) -> Disk:
    from forensics.disk.split_file import ConcatStream, refuse_short_part, split_parts

    parts = [image.path] if image.unpacked else split_parts(image.path)
    if len(parts) == 1:
        return Disk(image.file, image.size, image.name)
    files: list[tuple[BinaryIO, int]] = []
    for part in parts:
        file = holder.resources.enter_context(open_evidence(part))
        files.append((file, file.seek(0, io.SEEK_END)))
    refuse_short_part([(part, size) for part, (_, size) in zip(parts, files, strict=True)])
    return _disk(image, ConcatStream(files))


def _vhdx(image: Image, holder: Holder) -> Disk:
    from forensics.disk.vhdx.parent import find_among
    from forensics.disk.vhdx.reader import open_vhdx

    # A parent is looked for beside its child, then among what was found with it.
    find = find_among(image.others)
    stream = (
        open_vhdx(image.file, name=image.name, resolve_parent=find)
        if image.unpacked
        else open_vhdx(image.path, resolve_parent=find)
    )
    holder.resources.callback(stream.close)
    holder.watch(image.name, lambda: stream.problems)
    return _disk(image, stream, stream.sector_size)


def _vhd(image: Image, holder: Holder) -> Disk:
    image.file.seek(0)
    head = image.file.read(512)
    image.file.seek(-512, io.SEEK_END)
    tail = image.file.read(512)
    tail = tail if tail.startswith(VHD_COOKIE) else tail[1:] if tail[1:].startswith(VHD_COOKIE) else b""
    footer = tail or head
    if struct.unpack_from(">I", footer, 60)[0] == 4:
        raise _needs_parent(image, "differencing VHD")
    if not tail:
        holder.problem(image.name, "truncated", "the VHD has no footer at its end: the file is truncated")
        disk = _vhd_from_copy(image.file, footer)
    else:
        from dissect.hypervisor.disk.vhd import VHD

        disk = VHD(image.file)
    return _checked(image, disk, holder)


def _vhd_from_copy(file: BinaryIO, footer: bytes) -> VHD:
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
    from forensics.disk.vmdk import open_vmdk
    from forensics.disk.vmdk_descriptor import read_descriptor

    descriptor = read_descriptor(image.file)
    if descriptor is not None and descriptor.parent_cid is not None:
        raise _needs_parent(image, "VMDK")
    return _disk(image, open_vmdk(image.path, image.file, image.name, image.unpacked, holder))


def _qcow2(image: Image, holder: Holder) -> Disk:
    from forensics.disk.qcow2 import HEADER, open_qcow2, read_header

    image.file.seek(0)
    if read_header(image.file.read(HEADER)).has_backing:
        raise _needs_parent(image, "qcow2")
    return _disk(image, open_qcow2(image.file, image.name, holder))


def _e01(image: Image, holder: Holder) -> Disk:
    from forensics.disk.ewf.files import segment_files
    from forensics.disk.ewf.stream import EwfStream

    if image.unpacked:
        stream = EwfStream([lambda: image.file], [image.name])
    else:
        paths = segment_files(image.path)
        for path in paths:  # a segment is opened when something of it is read
            note_evidence(path)
        stream = EwfStream([partial(open_evidence, path) for path in paths], [str(path) for path in paths])
    holder.resources.callback(stream.close)
    holder.watch(image.name, lambda: stream.notes.problems)
    return _disk(image, stream, stream.sector_size)


def _vdi(image: Image, holder: Holder) -> Disk:
    from forensics.disk.vdi import VdiStream

    try:
        stream = VdiStream(image.file)
    except SourceError as error:
        if error.kind != "needs_parent":
            raise
        raise _needs_parent(image, "VDI") from error
    return _checked(image, stream, holder)


def _checked(image: Image, disk: AlignedStream, holder: Holder) -> Disk:
    """Have every read of a library's disk checked."""
    from forensics.disk.checked_stream import CheckedStream

    if not disk.size or disk.size < 0:
        raise SourceError("bad_header", "its header gives the disk no size")
    stream = CheckedStream(cast(BinaryIO, disk), disk.size, disk.align, image.name)
    holder.watch(image.name, lambda: stream.notes.problems)
    return _disk(image, stream)


def _needs_parent(image: Image, kind: str) -> SourceError:
    from forensics.disk.snapshots import needs_parent

    return needs_parent(image.path, image.file, kind, image.unpacked)
