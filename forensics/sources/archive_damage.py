"""Damage of an archive that its library passes over: it then holds less, or other names, and says nothing.

References:
    - POSIX.1-2017, pax, ustar Interchange Format (the end of an archive is two blocks of zeros)
    - APPNOTE.TXT 4.3.7 (local file header), 4.3.14 to 4.3.16 (end of central directory)
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Sequence
from typing import BinaryIO, NamedTuple

from forensics.disk.readable_bytes import is_bad_sector, readable_bytes
from forensics.language import joined, sentence, sentence_n
from forensics.late_methods import dataclass

MAX_BEHIND_TAR = 64 << 20
"""Work: bytes behind the end of a tar archive that are looked at: where it is padded they are zeros."""
MAX_LOCAL_HEADERS = 50_000
"""Work: members of a zip archive, in the order in which they are stored, whose two names are compared."""
MAX_NAMED = 3
"""Display: members of a damaged zip archive that are named; the others are counted."""
_BLOCK = 512
_CHUNK = 1 << 20
_UNSEEN = sentence("members may be missing, so nothing that is not in it is absent")
_LOCAL = struct.Struct("<4s22xHH")
_END = struct.Struct("<4s4xHHII")
_END_SIZE = 22
_LONGEST_COMMENT = 0xFFFF
"""Format: bytes of the comment behind the end of a zip archive, of which the length has 16 bits."""
_END_64 = struct.Struct("<4s28xQ")
_END_64_SIZE = 56
_LOCATOR_SIZE = 20
_NO_PLACE = 1 << 63
_UTF_8 = 0x800
_MASKED = 0x2000


@dataclass(frozen=True, slots=True)
class ArchiveDamage:
    """What is broken in an archive.

    Attributes:
        kind: Kind of the problem.
        message: One sentence.
        offset: Byte of the unpacked archive where it is; None where it is at no place in it.
        members: Which members show it, where any do.
    """

    kind: str
    message: str
    offset: int | None
    members: str = ""


def damage_of_tar(file: BinaryIO, end: int) -> ArchiveDamage | None:
    """Tell whether a tar archive ends where its members do; one block of zeros and any padding with zeros will do.

    Args:
        file: The archive, uncompressed.
        end: Byte where no further member was found.
    """
    try:
        return _behind_members(file, end)
    except OSError as error:
        if not is_bad_sector(error):
            raise
        message = sentence(
            "the archive is damaged or cut short: {error}; what stands before that is examined", error=error
        )
        return ArchiveDamage("not_obtained", message, end)


def _behind_members(file: BinaryIO, end: int) -> ArchiveDamage | None:
    # The last member may claim any size, more than a file can have too.
    size = file.seek(0, 2)
    file.seek(max(0, min(end, size)))
    block = file.read(_BLOCK)
    if len(block) < _BLOCK:
        message = sentence(
            "the archive is cut short: it stops without the blocks of zeros that end one; {unseen}", unseen=_UNSEEN
        )
        return ArchiveDamage("truncated", message, end if 0 <= end < _NO_PLACE else size)
    if any(block):
        message = sentence(
            "the archive is damaged or cut short at the header of a member: the rest is not read; {unseen}",
            unseen=_UNSEEN,
        )
        return ArchiveDamage("damaged", message, end)
    at, zeros = end + _BLOCK, bytes(_CHUNK)
    while at < end + MAX_BEHIND_TAR and (chunk := file.read(_CHUNK)):
        if chunk != zeros[: len(chunk)]:
            at += len(chunk) - len(chunk.lstrip(b"\0"))
            message = sentence(
                "the archive goes on behind what looks like its end: the rest is not read; {unseen}", unseen=_UNSEEN
            )
            return ArchiveDamage("damaged", message, at)
        at += len(chunk)
    return None


class MemberName(NamedTuple):
    """What a zip directory says of the name of a member.

    Attributes:
        header_offset: Byte of the archive where the member begins.
        flag_bits: Its general purpose flags.
        orig_filename: Its name as the directory spells it.
    """

    header_offset: int
    flag_bits: int
    orig_filename: str


def damage_of_zip(
    file: BinaryIO, members: Sequence[MemberName | zipfile.ZipInfo], count_read: int | None = None
) -> ArchiveDamage | None:
    """Tell whether the directory of a zip archive is whole, and has the names that the members bear themselves.

    Args:
        file: The archive.
        members: As read from its directory; of very many those that are stored first.
        count_read: How many there are, where that is more.
    """
    known = len(members) if count_read is None else count_read
    counted = _count_in_end(file)
    if counted is not None and counted[0] not in (known, known & 0xFFFF):
        count, at = counted
        miscounted = sentence_n(
            "the directory of the archive has {count} member, its end says {said}; {unseen}",
            "the directory of the archive has {count} members, its end says {said}; {unseen}",
            known,
            said=count,
            unseen=_UNSEEN,
        )
        return ArchiveDamage("damaged", miscounted, at)
    size = file.seek(0, 2)
    ordered = sorted(members, key=lambda member: member.header_offset)[:MAX_LOCAL_HEADERS]
    wrong = [(member, named) for member in ordered if (named := _named_otherwise(file, size, member)) is not None]
    if not wrong:
        return None
    told = [sentence("{name!r} {how}", name=member.orig_filename, how=named) for member, named in wrong[:MAX_NAMED]]
    if len(wrong) > MAX_NAMED:
        told.append(sentence("and {count} more", count=len(wrong) - MAX_NAMED))
    message = sentence("the directory of the archive does not fit its members; {unseen}", unseen=_UNSEEN)
    at = wrong[0][0].header_offset
    return ArchiveDamage("damaged", message, at if 0 <= at < size else None, joined(told, "; "))


def _named_otherwise(file: BinaryIO, size: int, member: MemberName | zipfile.ZipInfo) -> str | None:
    """Say how the name in front of a member differs from that in the directory; None where it does not."""
    if member.flag_bits & _MASKED:
        return None
    if not 0 <= member.header_offset < size:
        return sentence("lies outside the archive")
    try:
        file.seek(member.header_offset)
        head = file.read(_LOCAL.size)
        name = file.read(_LOCAL.unpack(head)[1]) if len(head) == _LOCAL.size else b""
    except OSError as error:
        if not is_bad_sector(error):
            raise
        return None  # told when the member is read
    if len(head) < _LOCAL.size or head[:4] != b"PK\x03\x04":
        return sentence("is not where it should be")
    encoding = "utf-8" if member.flag_bits & _UTF_8 else "cp437"
    if name == member.orig_filename.encode(encoding, "surrogateescape"):
        return None
    return sentence("calls itself {encoding!r}", encoding=name.decode(encoding, "backslashreplace"))


def _count_in_end(file: BinaryIO) -> tuple[int, int] | None:
    """Return how many members the end of a zip archive tells of, and where; None where it leaves that open."""
    size = file.seek(0, 2)
    start = max(0, size - _END_SIZE - _LONGEST_COMMENT)
    tail = readable_bytes(file, start, size - start)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        return None
    count = int(_END.unpack_from(tail, at)[2])
    if count != 0xFFFF:
        return count, start + at
    at -= _LOCATOR_SIZE + _END_64_SIZE
    if at < 0 or tail[at : at + 4] != b"PK\x06\x06":
        return None
    return int(_END_64.unpack_from(tail, at)[1]), start + at
