"""An opened image file, and the disk that a reader makes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from forensics.disk.disk import Disk, Holder
from forensics.disk.errors import SourceError
from forensics.language import sentence
from forensics.late_methods import dataclass

if TYPE_CHECKING:
    from dissect.util.stream import AlignedStream


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
        children: Where it is opened as a parent, the disks that build on it, the newest first.
    """

    path: Path
    name: str
    file: BinaryIO
    size: int
    kind: str
    unpacked: bool = False
    others: tuple[Path, ...] = ()
    children: tuple[Path, ...] = ()


def disk_of(image: Image, stream: object, sector_size: int | None = None, parents: tuple[Path, ...] = ()) -> Disk:
    """Return the disk that a stream shows; raises SourceError where it has no size."""
    size = getattr(stream, "size", None)
    if not isinstance(size, int) or size <= 0:
        raise SourceError("bad_header", sentence("its header gives the disk no size"))
    return Disk(cast(BinaryIO, stream), size, image.name, sector_size, parents=parents)


def checked_disk(image: Image, stream: AlignedStream, holder: Holder, parents: tuple[Path, ...] = ()) -> Disk:
    """Return the disk that a stream shows, with every read of it checked.

    Args:
        image: The file.
        stream: The disk in it.
        holder: Where problems go.
        parents: The files that are read with it, the nearest parent first.
    """
    from forensics.disk.checked_stream import CheckedStream

    if not stream.size or stream.size < 0:
        raise SourceError("bad_header", sentence("its header gives the disk no size"))
    checked = CheckedStream(cast(BinaryIO, stream), stream.size, stream.align, image.name)
    holder.watch(image.name, lambda: checked.notes.problems)
    package, _, rest = type(stream).__module__.partition(".")
    reader = f"{package}.{rest.partition('.')[0]}" if package == "dissect" else None
    return replace(disk_of(image, checked, parents=parents), reader=reader)
