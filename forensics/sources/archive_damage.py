"""Damage of an archive that its library passes over: it then holds less, or other names, and says nothing.

References:
    - POSIX.1-2017, pax, ustar Interchange Format (the end of an archive is two blocks of zeros)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

MAX_BEHIND_TAR = 64 << 20
"""Work: bytes behind the end of a tar archive that are looked at: where it is padded they are zeros."""
_BLOCK = 512
_CHUNK = 1 << 20
_UNSEEN = "members may be missing, so nothing that is not in it is absent"


@dataclass(frozen=True, slots=True)
class ArchiveDamage:
    """What is broken in an archive.

    Attributes:
        kind: Kind of the problem.
        message: One sentence.
        offset: Byte of the unpacked archive where it is.
    """

    kind: str
    message: str
    offset: int


def damage_of_tar(file: BinaryIO, end: int) -> ArchiveDamage | None:
    """Tell whether a tar archive ends where its members do; one block of zeros and any padding with zeros will do.

    Args:
        file: The archive, uncompressed.
        end: Byte where no further member was found.
    """
    file.seek(end)
    block = file.read(_BLOCK)
    if len(block) < _BLOCK:
        message = f"the archive is cut short: it stops without the blocks of zeros that end one; {_UNSEEN}"
        return ArchiveDamage("truncated", message, end)
    if any(block):
        message = f"the archive is damaged or cut short at the header of a member: the rest is not read; {_UNSEEN}"
        return ArchiveDamage("damaged", message, end)
    at = end + _BLOCK
    while at < end + MAX_BEHIND_TAR and (chunk := file.read(_CHUNK)):
        if any(chunk):
            at += len(chunk) - len(chunk.lstrip(b"\0"))
            message = f"the archive goes on behind what looks like its end: the rest is not read; {_UNSEEN}"
            return ArchiveDamage("damaged", message, at)
        at += len(chunk)
    return None
