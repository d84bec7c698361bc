"""The SID behind the account name of a service, without asking a domain.

References:
    MS-DTYP 2.4.2.4, well-known SIDs.
"""

from __future__ import annotations

from collections.abc import Iterable

from forensics.formats.sid import service_sid
from forensics.tables.machine import UserRow

_SERVICE_PREFIX = "nt service\\"
_WELL_KNOWN = {
    "localsystem": "S-1-5-18",
    "system": "S-1-5-18",
    "nt authority\\system": "S-1-5-18",
    "localservice": "S-1-5-19",
    "nt authority\\localservice": "S-1-5-19",
    "nt authority\\local service": "S-1-5-19",
    "networkservice": "S-1-5-20",
    "nt authority\\networkservice": "S-1-5-20",
    "nt authority\\network service": "S-1-5-20",
}


def account_sid(name: str | None, computer_name: str | None, users: Iterable[UserRow]) -> str | None:
    """Return the SID of a service account.

    Args:
        name: ``ObjectName`` of the service.
        computer_name: To tell local accounts from those of a domain.
        users: Local accounts by name.

    Returns:
        The SID; None for no account, and for those only a domain controller could resolve.
    """
    if not name:
        return None
    lower = name.strip().lower()
    if lower in _WELL_KNOWN:
        return _WELL_KNOWN[lower]
    if lower.startswith(_SERVICE_PREFIX):
        return service_sid(name.strip()[len(_SERVICE_PREFIX) :])
    domain, _, user = lower.rpartition("\\")
    if domain in {".", (computer_name or ".").lower()}:
        return next((u.sid for u in users if u.kind == "machine_account" and (u.name or "").lower() == user), None)
    return None
