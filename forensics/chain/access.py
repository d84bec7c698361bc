"""Who may read a key file."""

from __future__ import annotations

from forensics.formats.access_check import (
    AUTHENTICATED_USERS,
    EVERYONE,
    NETWORK_SERVICE,
    SYSTEM,
    USERS,
    Right,
    is_granted,
    token_of,
)
from forensics.formats.acl import SecurityDescriptor
from forensics.tables.key_chain import Access

_CROWDS = ({EVERYONE}, {AUTHENTICATED_USERS, EVERYONE}, {USERS, AUTHENTICATED_USERS, EVERYONE})
_NAMES = {SYSTEM: "SYSTEM", NETWORK_SERVICE: "NETWORK SERVICE"}


def judge_access(security: SecurityDescriptor | None, accounts: list[str]) -> tuple[Access, str | None]:
    """Judge the ``access`` column.

    Args:
        security: The file's descriptor; None when the source holds none.
        accounts: SIDs that must be able to read.

    Returns:
        Value of the column, and the SID that is shut out, if one is.
    """
    if security is None:
        return "not_examined", None
    if security.dacl is None:
        # A descriptor without a DACL, and one whose DACL is NULL, allow full access to everyone.
        return "too_open", None
    for account in accounts:
        if not is_granted(security.dacl, token_of(account), Right.READ_DATA):
            return "denied", account
    if any(is_granted(security.dacl, crowd, Right.READ_DATA) for crowd in _CROWDS):
        return "too_open", None
    return "ok", None


def account_name(sid: str) -> str:
    """Return a SID with the name that it has on every Windows."""
    return f"{_NAMES[sid]} ({sid})" if sid in _NAMES else sid
