"""What of a source is examined, where the user chose."""

from __future__ import annotations

from typing import Literal

from forensics.language import sentence
from forensics.late_methods import dataclass

SEARCH: Literal["search"] = "search"
"""Stands for the byte at which a disk begins where it is to be searched for."""


@dataclass(frozen=True, slots=True)
class Choices:
    """Choices for every source of one run.

    Attributes:
        offset: Byte at which the disk, or the volume, begins in its image; or that it is searched for.
        partition: Number of the one partition that is examined; None: all.
        image: Number of the one image of a WIM that is examined; None: all.
        regback: RegBack's hives stand for the machine, as an older state.
        history: What became of the files of all keys is asked, not of broken ones alone.
    """

    offset: int | Literal["search"] | None = None
    partition: int | None = None
    image: int | None = None
    regback: bool = False
    history: bool = False


def checked(choices: Choices) -> Choices:
    """Return choices as they are; raises ValueError where no source could fit them."""
    if isinstance(choices.offset, str) and choices.offset != SEARCH:
        raise ValueError(f"offset is a number of bytes or {SEARCH!r}")
    if isinstance(choices.offset, int) and choices.offset < 0:
        raise ValueError("offset is the number of bytes before the disk begins, 0 or more")
    if choices.partition is not None and choices.partition < 1:
        raise ValueError("partition is a number that a partition table gives, 1 or more")
    return choices


def unused_choices(choices: Choices, has_disk: bool) -> str | None:
    """Say that a part of a disk was chosen where no source holds a disk; None where that is not so."""
    given = {"--offset": choices.offset, "--partition": choices.partition}
    named = " and ".join(option for option, value in given.items() if value is not None)
    if not named or has_disk:
        return None
    return sentence(
        "{named} chose a part of a disk, and none of the sources holds a disk: all of each was examined", named=named
    )
