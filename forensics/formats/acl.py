"""Self-relative security descriptors, as NTFS keeps them in $Secure.

References:
    https://learn.microsoft.com/openspecs/windows_protocols/ms-dtyp/ (2.4.4 ACE, 2.4.6 SECURITY_DESCRIPTOR)
"""

from __future__ import annotations

from forensics.formats.cursor import Cursor
from forensics.formats.errors import FormatError
from forensics.formats.sid import parse_sid
from forensics.language import sentence
from forensics.late_methods import dataclass

ACCESS_ALLOWED = 0
ACCESS_DENIED = 1
INHERIT_ONLY = 0x08
INHERITED = 0x10

_DACL_PRESENT = 0x0004
_SELF_RELATIVE = 0x8000
_HEADER_SIZE = 20
_PLAIN_ACES = frozenset({0, 1, 2, 3, 9, 10, 13, 14})
_OBJECT_ACES = frozenset({5, 6, 7, 8, 11, 12, 15, 16})


@dataclass(frozen=True, slots=True)
class Ace:
    """One entry of an access control list.

    Attributes:
        type: 0 allows, 1 denies; 5 and up are object and callback forms.
        flags: 0x08 is inherit-only: such an entry says nothing about the object itself. 0x10: it came from the folder.
        mask: Access mask.
        sid: Whom it speaks of; empty for types that are laid out otherwise.
    """

    type: int
    flags: int
    mask: int
    sid: str


@dataclass(frozen=True, slots=True)
class SecurityDescriptor:
    """Owner and DACL.

    Attributes:
        owner: SID, None when not stored.
        dacl: Entries in order; None when there is no DACL.
        null_dacl: A DACL is present and NULL: everyone may do everything. With ``dacl`` None and this False the
            descriptor says nothing about access.
    """

    owner: str | None
    dacl: tuple[Ace, ...] | None
    null_dacl: bool


def parse_security_descriptor(data: bytes) -> SecurityDescriptor:
    """Parse a self-relative security descriptor.

    Raises:
        FormatError: ``bad_magic``, ``bad_offset``, ``bad_length``, ``bad_sid`` or ``truncated``.
    """
    cursor = Cursor(data)
    revision, _ = cursor.take(2, "revision")
    control = cursor.u16("control")
    if revision != 1 or not control & _SELF_RELATIVE:
        raise FormatError(
            "bad_magic",
            0,
            sentence(
                "no self-relative descriptor: revision {revision}, control 0x{control:04x}",
                revision=revision,
                control=control,
            ),
        )
    owner_at, _group_at, _sacl_at, dacl_at = (cursor.u32(f"offset of {w}") for w in ("owner", "group", "SACL", "DACL"))
    owner = _sid_at(data, owner_at) if owner_at else None
    if not control & _DACL_PRESENT:
        return SecurityDescriptor(owner, None, null_dacl=False)
    if dacl_at == 0:
        return SecurityDescriptor(owner, None, null_dacl=True)
    return SecurityDescriptor(owner, _acl_at(data, dacl_at), null_dacl=False)


def _sid_at(data: bytes, start: int) -> str:
    if not _HEADER_SIZE <= start < len(data):
        raise FormatError(
            "bad_offset", 4, sentence("the owner SID lies outside the {count} bytes of the descriptor", count=len(data))
        )
    try:
        return parse_sid(data[start:])
    except FormatError as error:
        raise FormatError(error.kind, start + error.offset, error.message) from error


def _acl_at(data: bytes, start: int) -> tuple[Ace, ...]:
    if not _HEADER_SIZE <= start < len(data):
        raise FormatError(
            "bad_offset", 16, sentence("the DACL lies outside the {count} bytes of the descriptor", count=len(data))
        )
    cursor = Cursor(data, start)
    cursor.take(2, "ACL revision")
    size, count = cursor.u16("ACL size"), cursor.u16("ACE count")
    cursor.take(2, "reserved")
    if size < 8 or start + size > len(data):
        raise FormatError("bad_length", start + 2, sentence("an ACL of {size} bytes does not fit", size=size))
    cursor = Cursor(data[: start + size], cursor.offset)
    return tuple(_ace(cursor) for _ in range(count))


def _ace(cursor: Cursor) -> Ace:
    start = cursor.offset
    kind, flags = cursor.take(2, "ACE header")
    size = cursor.u16("ACE size")
    if size < 8:
        raise FormatError("bad_length", start + 2, sentence("an ACE does not have {size} bytes", size=size))
    body = Cursor(cursor.take(size - 4, "ACE"))
    mask = body.u32("access mask")
    if kind in _OBJECT_ACES:
        present = body.u32("object flags")
        body.take(16 * ((present & 1) + (present >> 1 & 1)), "object GUIDs")
    elif kind not in _PLAIN_ACES:
        return Ace(kind, flags, mask, "")
    try:
        return Ace(kind, flags, mask, parse_sid(body.data[body.offset :]))
    except FormatError as error:
        raise FormatError(error.kind, start + 4 + body.offset + error.offset, error.message) from error
