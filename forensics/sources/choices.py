"""What of a source is examined, where the user chose."""

from __future__ import annotations

from forensics.late_methods import dataclass


@dataclass(frozen=True, slots=True)
class Choices:
    """Choices for every source of one run.

    Attributes:
        offset: Byte at which the disk, or the volume, begins in its image.
        partition: Number of the one partition that is examined; None: all.
        image: Number of the one image of a WIM that is examined; None: all.
        regback: RegBack's hives stand for the machine, as an older state.
    """

    offset: int | None = None
    partition: int | None = None
    image: int | None = None
    regback: bool = False
