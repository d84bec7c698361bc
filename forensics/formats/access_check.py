"""Windows' access check for one right: the DACL walked in its order against the SIDs of a token.

References:
    https://learn.microsoft.com/windows/win32/secauthz/how-dacls-control-access-to-an-object
    https://learn.microsoft.com/openspecs/windows_protocols/ms-dtyp/ (2.4.2.4 well-known SIDs, 2.4.3 ACCESS_MASK, 2.5.3
    access check)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from enum import IntEnum

from forensics.formats.acl import ACCESS_ALLOWED, ACCESS_DENIED, INHERIT_ONLY, Ace
from forensics.late_methods import dataclass

SYSTEM = "S-1-5-18"
LOCAL_SERVICE = "S-1-5-19"
NETWORK_SERVICE = "S-1-5-20"
ADMINISTRATORS = "S-1-5-32-544"
USERS = "S-1-5-32-545"
EVERYONE = "S-1-1-0"
AUTHENTICATED_USERS = "S-1-5-11"
SERVICE = "S-1-5-6"
OWNER_RIGHTS = "S-1-3-4"

_GENERIC_READ, _GENERIC_WRITE, _GENERIC_ALL = 0x80000000, 0x40000000, 0x10000000

# Object and callback forms carry a condition or an object type that is not evaluated here: they may count or not.
_CONDITIONAL_ALLOWED = frozenset({0x05, 0x09, 0x0B})
_CONDITIONAL_DENIED = frozenset({0x06, 0x0A, 0x0C})


class Right(IntEnum):
    """One right to a file or folder, as its bit of the access mask."""

    READ_DATA = 0x1
    """Of a folder: list it."""
    ADD_FILE = 0x2
    """Of a file: write its data."""


_GENERIC = {Right.READ_DATA: _GENERIC_READ | _GENERIC_ALL, Right.ADD_FILE: _GENERIC_WRITE | _GENERIC_ALL}


def _nothing_else(_sid: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Token:
    """As whom a file is opened.

    Attributes:
        holds: SIDs of the account and of its groups.
        deny_only: SIDs of groups that count where an entry denies, and not where one allows.
        may_hold: Tells of a SID in neither whether the token may hold it for all that is known.
    """

    holds: frozenset[str]
    deny_only: frozenset[str] = frozenset()
    may_hold: Callable[[str], bool] = _nothing_else

    @classmethod
    def of(cls, sids: Iterable[str]) -> Token:
        """Return a token that holds these SIDs and surely no other."""
        return cls(frozenset(sids))

    def is_in(self, sid: str, entry_allows: bool) -> bool | None:
        """Tell whether an entry for a SID is about this token; None when that is not known."""
        if sid in self.holds:
            return True
        if sid in self.deny_only:
            return not entry_allows
        return None if self.may_hold(sid) else False


def system_sids() -> frozenset[str]:
    """Return the SIDs in SYSTEM's token on every Windows."""
    return frozenset({SYSTEM, ADMINISTRATORS, EVERYONE, AUTHENTICATED_USERS})


def is_granted(dacl: Iterable[Ace], token: Token | Set[str], right: Right, owner: str | None = None) -> bool | None:
    """Tell whether a token has a right: the first entry about both decides, inherit-only ones do not count.

    Args:
        dacl: The entries in their order.
        token: As whom the file is opened, or the SIDs of which nothing else is to be thought of.
        right: The right asked for.
        owner: Owner of the file, for entries about OWNER RIGHTS: owning it gives no right to its data by itself.

    Returns:
        None where entries decide for groups of which it is not known whether the account is a member.
    """
    as_token = token if isinstance(token, Token) else Token.of(token)
    wanted = right | _GENERIC[right]
    possible: set[bool] = set()
    for ace in dacl:
        if ace.flags & INHERIT_ONLY or not ace.mask & wanted:
            continue
        effect = _effect(ace)
        if effect is None:
            continue
        allows, is_certain = effect
        sid = owner if ace.sid == OWNER_RIGHTS and owner else ace.sid
        applies = as_token.is_in(sid, allows)
        if applies is False:
            continue
        possible.add(allows)
        if applies and is_certain:
            return allows if possible == {allows} else None
    return False if possible <= {False} else None


def allowed_sids(dacl: Iterable[Ace], right: Right) -> frozenset[str]:
    """Return whom the entries of a list allow a right, whatever others deny; inherit-only ones do not count."""
    wanted = right | _GENERIC[right]
    entries = (ace for ace in dacl if ace.mask & wanted and not ace.flags & INHERIT_ONLY)
    return frozenset(ace.sid for ace in entries if (_effect(ace) or (False, False))[0])


def denials(dacl: Iterable[Ace], token: Token, right: Right, owner: str | None = None) -> list[Ace]:
    """Return the entries that surely deny a token a right, in their order, wherever they stand.

    Args:
        dacl: The entries in their order.
        token: As whom the file is opened.
        right: The right asked for.
        owner: Owner of the file, for entries about OWNER RIGHTS.
    """
    wanted = right | _GENERIC[right]
    return [
        ace
        for ace in dacl
        if not ace.flags & INHERIT_ONLY
        and ace.mask & wanted
        and _effect(ace) == (False, True)
        and token.is_in(owner if ace.sid == OWNER_RIGHTS and owner else ace.sid, False)
    ]


def _effect(ace: Ace) -> tuple[bool, bool] | None:
    """Return whether an entry allows, and whether it surely does what it says; None for one about nothing of that."""
    if ace.type in (ACCESS_ALLOWED, ACCESS_DENIED):
        return ace.type == ACCESS_ALLOWED, True
    if ace.type in _CONDITIONAL_ALLOWED or ace.type in _CONDITIONAL_DENIED:
        return ace.type in _CONDITIONAL_ALLOWED, False
    return None
