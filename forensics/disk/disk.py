"""A disk as its container shows it, and what whoever opens one must offer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Protocol

from forensics.disk.disk_volume import DiskVolume
from forensics.disk.efi import EfiPartition
from forensics.formats.errors import FormatError
from forensics.late_methods import dataclass

Progress = Callable[[str], None]
"""Called with one line when something long begins or goes on."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk as its container shows it.

    Attributes:
        stream: Its bytes, decompressed and put together, seekable.
        size: Bytes.
        path: How its volumes are named in rows.
        sector_size: Logical sector size where the container knows it.
        efi: EFI system partitions found on it; None while it is not known to be a whole disk.
        volumes: Its volumes that may hold files, as they are found; None likewise.
        parents: Files that were read as its parents, the nearest first.
        start: Byte of the image at which it begins, where the user said so or had it searched for.
        reader: The library that reads its container; None where the reader is ours.
    """

    stream: BinaryIO
    size: int
    path: str
    sector_size: int | None = None
    efi: list[EfiPartition] | None = None
    volumes: list[DiskVolume] | None = None
    parents: tuple[Path, ...] = ()
    start: int = 0
    reader: str | None = None


class Holder(Protocol):
    """What keeps a container's files open, and takes down what is wrong with it."""

    resources: ExitStack

    def watch(self, path: str, problems: Callable[[], list[FormatError]], /) -> None:
        """Take over what a container will have to say of itself while it is read."""

    def problem(self, path: str, kind: str, message: str, /) -> None:
        """Take down a failure."""
