"""Turns an image file into the disk it holds: recognised by content, opened read-only, refused with a reason."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from forensics.disk.compressed import MAGIC_SIZE, compression, unpack
from forensics.disk.disk import Disk, Holder, Progress
from forensics.disk.errors import SourceError, unreadable, with_next_step
from forensics.disk.evidence_files import note_evidence, open_evidence
from forensics.disk.image import Image, disk_of
from forensics.disk.not_read import HEAD, saved_by_clonezilla
from forensics.disk.part_names import following
from forensics.disk.places import place_of
from forensics.disk.readable_bytes import is_bad_sector, readable_bytes
from forensics.disk.recognise import image_kind, kind_of, recognise, refusal
from forensics.disk.relatives import note_relatives
from forensics.lack_of_memory import pass_on
from forensics.language import sentence

__all__ = ["Image", "image_kind", "kind_of", "open_disk", "open_image", "refusal"]

# What is compressed does not shrink much when it is compressed again.
_BOMB_RATIO, _BOMB_LEAST = 20, 1 << 20
_JOINED = ("raw", "hive", "reg")
LEAST_DISK = 512
"""Format: bytes that a disk has at least: one sector."""


def open_image(path: Path, name: str, holder: Holder, progress: Progress, *, holds_disk: bool = False) -> Image:
    """Open a file and tell by its content what it is; compressed files are unpacked first.

    Args:
        path: The file.
        name: For messages.
        holder: Closes what is opened.
        progress: Told how far unpacking is.
        holds_disk: The user says that a disk begins further in: what it begins with may then be anything.

    Raises:
        SourceError: It cannot be read, is empty, or is a format to be converted first.
    """
    try:
        file, is_joined = _opened(path, holder)
        size = file.seek(0, io.SEEK_END)
        head = _magic(file)
    except OSError as error:
        raise unreadable(name, error) from error
    unpacked, saved = is_joined, saved_by_clonezilla(path.name)
    if saved is not None and compression(head):
        raise SourceError("unsupported", sentence("{name} is {reason}", name=name, reason=saved.reason))
    # A compressed file in a compressed file is somebody's mistake; more layers are somebody's trap.
    for layer in range(2):
        packed = compression(head)
        if packed is None:
            break
        if not layer:
            _refuse_part(path, name)
        file.seek(0)
        stored, file = size, holder.resources.enter_context(unpack(file, packed, name, size, progress))
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        head, unpacked = file.read(MAGIC_SIZE), True
        if compression(head) and size > max(_BOMB_LEAST, stored * _BOMB_RATIO):
            raise SourceError(
                "too_large",
                sentence(
                    "{name} is a compressed file that unpacks to another one of {size} bytes: not unpacked; if "
                    "it is no trap, unpack it yourself and examine that",
                    name=name,
                    size=size,
                ),
            )
    if not size:
        raise SourceError("empty", sentence("{name} is empty: nothing was copied into it; copy it again", name=name))
    kind = recognise(path, name, file, size, holds_disk=holds_disk)
    if kind not in _JOINED and not unpacked:
        _refuse_part(path, name)
    if kind == "raw" and size < LEAST_DISK:
        raise SourceError(
            "too_small",
            sentence(
                "{name} has {size} bytes, less than a sector: it is no disk image, name that itself",
                name=name,
                size=size,
            ),
        )
    return Image(path, name, file, size, kind, unpacked)


def _magic(file: BinaryIO) -> bytes:
    """Return the first bytes, which tell what is compressed; zeros where only those behind them can be read."""
    try:
        return readable_bytes(file, 0, MAGIC_SIZE)
    except OSError as error:
        if not is_bad_sector(error):
            raise
        return readable_bytes(file, 0, HEAD)[:MAGIC_SIZE]


def _refuse_part(path: Path, name: str) -> None:
    """Refuse what begins as something that is read only as a whole, and has its second part beside it."""
    second = following(path.name)
    if second is not None and path.with_name(second).is_file():
        raise SourceError(
            "unsupported",
            sentence(
                "{name} is the first part of a file that was cut: join the parts in their order (cat, or "
                "copy /b on Windows) and examine that",
                name=name,
            ),
        )


def _opened(path: Path, holder: Holder) -> tuple[BinaryIO, bool]:
    """Open a file, or the chunks of which it is one; tell whether there were several."""
    if not path.name[-9:].isdigit():
        return holder.resources.enter_context(open_evidence(path)), False
    from forensics.disk.split_file import ConcatStream, chunks

    parts = [(holder.resources.enter_context(open_evidence(part)), part.stat().st_size) for part in chunks(path)]
    return (cast(BinaryIO, ConcatStream(parts)), True) if len(parts) > 1 else (parts[0][0], False)


def open_disk(image: Image, holder: Holder) -> Disk:
    """Return the disk that an image holds.

    Raises:
        SourceError: The container is damaged, truncated, or needs a file that is not there.
    """
    note_relatives(image.path)
    try:
        return _opener(image.kind)(image, holder)
    except SourceError as error:
        raise with_next_step(error, image.name) from error
    except FileNotFoundError as error:
        raise SourceError(
            "missing_part",
            sentence(
                "{name} needs {filename}, which is not beside it: put it there",
                name=image.name,
                filename=error.filename,
            ),
        ) from error
    except EOFError as error:
        raise SourceError(
            "truncated",
            sentence("{name} ends too early: the file, or a part of it, is truncated; copy it again", name=image.name),
        ) from error
    except OSError as error:
        raise unreadable(image.name, error) from error
    # Libraries raise whatever a header that they do not understand makes them stumble over; their texts may quote it.
    except Exception as error:
        pass_on(error)
        raise SourceError(
            "damaged",
            sentence(
                "{name} cannot be opened as {upper} ({error_type}): its header is damaged, or of a kind that "
                "is not read; copy it again, or convert it to raw (qemu-img convert -O raw)",
                name=image.name,
                upper=image.kind.upper(),
                error_type=type(error).__name__,
            ),
        ) from error


def _opener(kind: str) -> Callable[[Image, Holder], Disk]:
    if kind == "vhd":
        from forensics.disk.vhd import open_vhd

        return open_vhd
    if kind == "vmdk":
        from forensics.disk.vmdk import open_vmdk

        return open_vmdk
    if kind == "qcow2":
        from forensics.disk.qcow2 import open_qcow2

        return open_qcow2
    if kind == "vdi":
        from forensics.disk.vdi import open_vdi

        return open_vdi
    if kind == "parallels":
        from forensics.disk.parallels import open_parallels

        return open_parallels
    others: dict[str, Callable[[Image, Holder], Disk]] = {"vhdx": _vhdx, "e01": _e01, "raw": _raw}
    if kind not in others:  # a configuration may name anything as a disk
        raise SourceError("unsupported", sentence("it is no disk image but {kind}: name the disk itself", kind=kind))
    return others[kind]


def _raw(image: Image, holder: Holder) -> Disk:
    from forensics.disk.split_file import ConcatStream, refuse_short_part, split_parts

    if image.path.suffix.lower() == ".hds" and not image.unpacked:
        from forensics.disk.parallels import descriptor_of, open_parallels

        if descriptor_of(image.path) is not None:
            return open_parallels(image, holder)
    parts = [image.path] if image.unpacked else split_parts(image.path)
    if len(parts) == 1:
        return _rescued(Disk(image.file, image.size, image.name), image, holder)
    files: list[tuple[BinaryIO, int]] = []
    for part in parts:
        file = holder.resources.enter_context(open_evidence(part))
        files.append((file, file.seek(0, io.SEEK_END)))
    refuse_short_part([(part, size) for part, (_, size) in zip(parts, files, strict=True)])
    return _rescued(disk_of(image, ConcatStream(files)), image, holder)


def _rescued(disk: Disk, image: Image, holder: Holder) -> Disk:
    from forensics.disk.rescue_map import without_lost_areas

    return without_lost_areas(disk, image.path, holder)


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
    return disk_of(image, stream, stream.sector_size, tuple(place_of(name) for name in stream.files[1:]))


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
    return disk_of(image, stream, stream.sector_size)
