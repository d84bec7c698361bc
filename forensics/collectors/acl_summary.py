"""A discretionary access list in one line, for table key_file."""

from __future__ import annotations

from forensics.formats.acl import Ace, SecurityDescriptor

NULL_DACL = "NULL"
EMPTY_DACL = "EMPTY"

_ALLOW_TYPES = frozenset({0x00, 0x05, 0x09, 0x0B})
_DENY_TYPES = frozenset({0x01, 0x06, 0x0A, 0x0C})
_INHERIT_ONLY = 0x08
_GENERIC = ((0x10000000, 0x1F01FF), (0x80000000, 0x120089), (0x40000000, 0x120116), (0x20000000, 0x1200A0))
_NAMED = {0x1F01FF: "F", 0x1301BF: "M", 0x1200A9: "RX", 0x120089: "R", 0x120116: "W", 0x12019F: "RW"}


def summarize_acl(security: SecurityDescriptor) -> str:
    """Return ``SID:rights`` entries in their order, comma separated.

    Rights are icacls' letters F, M, RX, R, W, RW, else the mask in hex. A denying entry starts with ``-``; one that
    only children inherit ends with ``(IO)``; an entry of another type is named by its number. A DACL that is NULL or
    not there permits everything to everyone: ``NULL``. One that is there without an entry lets nobody at the content,
    and leaves its owner the right to read and change the list: ``EMPTY``.
    """
    if security.dacl is None:
        return NULL_DACL
    return ",".join(_entry(ace) for ace in security.dacl) or EMPTY_DACL


def _entry(ace: Ace) -> str:
    if ace.type in _DENY_TYPES:
        start = "-"
    elif ace.type in _ALLOW_TYPES:
        start = ""
    else:
        start = f"type{ace.type}="
    return f"{start}{ace.sid}:{_rights(ace.mask)}{'(IO)' if ace.flags & _INHERIT_ONLY else ''}"


def _rights(mask: int) -> str:
    specific = mask & 0x0FFFFFFF
    for generic, meaning in _GENERIC:
        if mask & generic:
            specific |= meaning
    return _NAMED.get(specific, f"0x{specific:X}")
