"""What the backups and exports of whole machines share: one file that holds several disks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import BinaryIO

from forensics.disk.disk import Holder
from forensics.disk.errors import SourceError
from forensics.disk.image import Image
from forensics.lack_of_memory import pass_on
from forensics.language import sentence
from forensics.late_methods import dataclass

BACKUPS = ("vma", "xva", "vbk")
"""Kinds of files that hold the disks of a machine."""
MAX_DISKS = 256
"""Format: disks of one machine in a backup."""


@dataclass(frozen=True, slots=True)
class BackupDisk:
    """One disk of a machine.

    Attributes:
        name: Its name in the backup.
        size: Its bytes.
        open: Opens its content, of which every read is then checked.
        align: What reads are rounded to, bytes.
    """

    name: str
    size: int
    open: Callable[[], BinaryIO]
    align: int


@dataclass(slots=True)
class MachineBackup:
    """What one file holds.

    Attributes:
        disks: The disks of the machine.
        left_out: What else is in it and is not examined, by name, and why.
        reader: The library that reads it; None where the reader is ours.
    """

    disks: Sequence[BackupDisk]
    left_out: list[tuple[str, str]] = field(default_factory=list)
    reader: str | None = None


def open_backup(image: Image, holder: Holder) -> MachineBackup:
    """Open a backup, and find the disks in it.

    Args:
        image: The file.
        holder: Where problems go.

    Raises:
        SourceError: It is damaged as a whole, or holds what is not read.
    """
    try:
        return _opener(image.kind)(image, holder)
    except SourceError:
        raise
    # Libraries raise whatever a header that they do not understand makes them stumble over; their texts may quote it.
    except Exception as error:
        pass_on(error)
        raise SourceError(
            "damaged",
            sentence(
                "{name} cannot be opened as {upper} ({error_type}): its header is damaged, or of a kind that "
                "is not read; copy it again, or restore its disks with the program that made it",
                name=image.name,
                upper=image.kind.upper(),
                error_type=type(error).__name__,
            ),
        ) from error


def _opener(kind: str) -> Callable[[Image, Holder], MachineBackup]:
    if kind == "vma":
        from forensics.disk.vma import open_vma

        return open_vma
    if kind == "xva":
        from forensics.disk.xva import open_xva

        return open_xva
    from forensics.disk.vbk import open_vbk

    return open_vbk
