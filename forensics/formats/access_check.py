"""Windows' access check for one right: the DACL walked in its order against the SIDs of a token.

References:
    https://learn.microsoft.com/windows/win32/secauthz/how-dacls-control-access-to-an-object
    https://learn.microsoft.com/openspecs/windows_protocols/ms-dtyp/ (2.4.3 ACCESS_MASK, 2.5.3 access check)
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from enum import IntEnum

from forensics.formats.acl import ACCESS_ALLOWED, ACCESS_DENIED, INHERIT_ONLY, Ace

SYSTEM = "S-1-5-18"
LOCAL_SERVICE = "S-1-5-19"
NETWORK_SERVICE = "S-1-5-20"
ADMINISTRATORS = "S-1-5-32-544"
USERS = "S-1-5-32-545"
EVERYONE = "S-1-1-0"
AUTHENTICATED_USERS = "S-1-5-11"
SERVICE = "S-1-5-6"

_GENERIC_READ, _GENERIC_WRITE, _GENERIC_ALL = 0x80000000, 0x40000000, 0x10000000


class Right(IntEnum):
    """One right to a file or folder, as its bit of the access mask."""

    READ_DATA = 0x1
    """Of a folder: list it."""
    ADD_FILE = 0x2
    """Of a file: write its data."""


_GENERIC = {Right.READ_DATA: _GENERIC_READ | _GENERIC_ALL, Right.ADD_FILE: _GENERIC_WRITE | _GENERIC_ALL}


def token_of(sid: str) -> frozenset[str]:
    """Return ``sid`` with the groups it is in on every Windows; its other groups no file tells."""
    if sid == SYSTEM:
        return frozenset({SYSTEM, ADMINISTRATORS, EVERYONE, AUTHENTICATED_USERS})
    groups = {sid, EVERYONE, AUTHENTICATED_USERS, USERS}
    return frozenset(groups | {SERVICE} if sid in (LOCAL_SERVICE, NETWORK_SERVICE) else groups)


def is_granted(dacl: Iterable[Ace], token: Set[str], right: Right) -> bool:
    """Tell whether a token has a right: the first entry about both decides, inherit-only ones do not count.

    Args:
        dacl: The entries in their order.
        token: SIDs of an account and its groups.
        right: The right asked for.
    """
    wanted = right | _GENERIC[right]
    for ace in dacl:
        if ace.flags & INHERIT_ONLY or not ace.mask & wanted or ace.sid not in token:
            continue
        if ace.type in (ACCESS_ALLOWED, ACCESS_DENIED):
            return ace.type == ACCESS_ALLOWED
    return False
