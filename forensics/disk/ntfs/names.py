"""How NTFS compares names, and by which of them a file record is known."""

from __future__ import annotations

from forensics.disk.ntfs.index import parse_file_name
from forensics.disk.ntfs.record import FILE_NAME, FileRecord

NUMBER = 0xFFFFFFFFFFFF
"""The part of a file reference that is the number of a record; above it stands its sequence number."""


def fold(name: str) -> str:
    """Fold case one character to one character, as NTFS does: no ß to SS, no dotless i to I."""
    if name.isascii():
        return name.upper()
    return "".join(_fold_character(character) for character in name)


def _fold_character(character: str) -> str:
    upper = character.upper()
    return upper if len(upper) == 1 and (character.isascii() or not upper.isascii()) else character


def folded_key(key: bytes) -> str:
    """Return the name in a key of a folder's index as names are compared."""
    return fold(parse_file_name(key).name)


def bears(record: FileRecord, name: str, namespace: int | None = None, parent: int | None = None) -> bool:
    """Tell whether one of a record's names is that by which a folder knows it; the rest of them may be stale."""
    raw = name.encode("utf-16-le", "surrogatepass")
    for attribute in record.attributes:
        if attribute.type != FILE_NAME:
            continue
        value = attribute.value or b""
        if value[66:] != raw and ("\\" not in name or parse_file_name(value).name != name):
            continue
        above = int.from_bytes(value[:8], "little")
        if namespace in (None, value[65]) and (parent is None or above in (parent, parent & NUMBER)):
            return True
    return False
