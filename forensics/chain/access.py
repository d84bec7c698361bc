"""Who may read a key file: the DACL walked in order, as Windows' access check does."""

from __future__ import annotations

from forensics.formats.acl import Ace, SecurityDescriptor

SYSTEM = "S-1-5-18"
LOCAL_SERVICE = "S-1-5-19"
NETWORK_SERVICE = "S-1-5-20"
_ADMINISTRATORS = "S-1-5-32-544"
_USERS = "S-1-5-32-545"
_EVERYONE = "S-1-1-0"
_AUTHENTICATED = "S-1-5-11"
_SERVICE = "S-1-5-6"

_ALLOW, _DENY = 0x00, 0x01
_INHERIT_ONLY = 0x08
_READ_DATA, _GENERIC_READ, _GENERIC_ALL = 0x1, 0x80000000, 0x10000000


def token_of(sid: str) -> frozenset[str]:
    """Return the groups that matter for ``sid`` on every Windows; domain and local groups are unknown."""
    if sid == SYSTEM:
        return frozenset({SYSTEM, _ADMINISTRATORS, _EVERYONE, _AUTHENTICATED})
    groups = {sid, _EVERYONE, _AUTHENTICATED, _USERS}
    return frozenset(groups | {_SERVICE} if sid in (LOCAL_SERVICE, NETWORK_SERVICE) else groups)


def may_read(dacl: tuple[Ace, ...], token: frozenset[str]) -> bool:
    """Tell whether a token is granted read data by the first matching entry."""
    for ace in dacl:
        reads = ace.mask & (_READ_DATA | _GENERIC_READ | _GENERIC_ALL)
        if ace.flags & _INHERIT_ONLY or not reads or ace.sid not in token:
            continue
        if ace.type == _DENY:
            return False
        if ace.type == _ALLOW:
            return True
    return False


def judge_access(security: SecurityDescriptor | None, accounts: list[str]) -> tuple[str, str | None]:
    """Judge the ``access`` column.

    Args:
        security: The file's descriptor; None when the source holds none.
        accounts: SIDs that must be able to read.

    Returns:
        ``ok``, ``denied``, ``too_open`` or ``not_examined``, and the SID that is shut out, if one is.
    """
    if security is None:
        return "not_examined", None
    if security.dacl is None:
        # A descriptor without a DACL, and one whose DACL is NULL, allow full access to everyone.
        return "too_open", None
    for account in accounts:
        if not may_read(security.dacl, token_of(account)):
            return "denied", account
    for crowd in ({_EVERYONE}, {_AUTHENTICATED, _EVERYONE}, {_USERS, _AUTHENTICATED, _EVERYONE}):
        if may_read(security.dacl, frozenset(crowd)):
            return "too_open", None
    return "ok", None
