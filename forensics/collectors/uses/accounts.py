"""The SID behind the name of an account, without asking a domain.

Windows names the folder of a profile for the account: ``name``, or where that is taken ``name.DOMAIN``. So an account
of a domain, a group managed service account (``name$``) among them, is likely the one whose profile is called so.

References:
    MS-DTYP 2.4.2.4, well-known SIDs; Microsoft Learn, "Application pool identities" (IIS APPPOOL).
"""

from __future__ import annotations

from collections.abc import Iterable

from forensics.formats.sid import pool_sid, service_sid
from forensics.late_methods import dataclass
from forensics.tables.machine import MachineRow, UserRow

_SERVICE_PREFIX, _POOL_PREFIX = "nt service\\", "iis apppool\\"
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
_DOMAIN_SID, _ENTRA_SID = "S-1-5-21-", "S-1-12-1-"
_ENTRA = "azuread"


@dataclass(frozen=True, slots=True)
class JoinedDomain:
    """The domain that a machine has joined, as far as it is known.

    Attributes:
        netbios: Its NetBIOS name.
        dns: Its DNS name.
        sid: Its SID.
    """

    netbios: str | None = None
    dns: str | None = None
    sid: str | None = None

    def is_called(self, name: str) -> bool | None:
        """Tell whether it has a name, given in lower case; None where its names are not known."""
        names = {known.lower() for known in (self.netbios, self.dns) if known}
        return name in names if names else None


def joined_domain(machine: MachineRow) -> JoinedDomain:
    """Return the domain of a machine; a workgroup has no SID."""
    return JoinedDomain(machine.netbios_domain, machine.domain_name, machine.domain_sid)


def account_sid(
    name: str | None, computer_name: str | None, users: Iterable[UserRow], domain: JoinedDomain | None = None
) -> str | None:
    """Return the SID of an account.

    Args:
        name: ``ObjectName`` of a service, user name of an application pool, or the like.
        computer_name: To tell local accounts from those of a domain.
        users: Local accounts by name, and those of domains by their profiles.
        domain: The domain that the machine has joined.

    Returns:
        The SID; None for no account, and where only a domain controller could tell.
    """
    if not name:
        return None
    lower = name.strip().lower()
    if lower in _WELL_KNOWN:
        return _WELL_KNOWN[lower]
    if lower.startswith(_SERVICE_PREFIX):
        return service_sid(name.strip()[len(_SERVICE_PREFIX) :])
    if lower.startswith(_POOL_PREFIX):
        return pool_sid(name.strip()[len(_POOL_PREFIX) :])
    of, _, user = lower.rpartition("\\")
    if of in {".", (computer_name or ".").lower()}:
        return next((u.sid for u in users if u.kind == "machine_account" and (u.name or "").lower() == user), None)
    if not of:
        user, _, of = lower.rpartition("@")
    return _by_profile(user, of, users, domain or JoinedDomain()) if user and of else None


def _by_profile(user: str, of: str, users: Iterable[UserRow], domain: JoinedDomain) -> str | None:
    """Return the one account of a domain whose profile is called like it; of several nobody knows which it is."""
    is_joined = domain.is_called(of)
    found = {u.sid for u in users if _may_be_of(u, of, is_joined, domain.sid) and _is_called(u, user, of)}
    return found.pop() if len(found) == 1 else None


def _may_be_of(row: UserRow, of: str, is_joined: bool | None, domain_sid: str | None) -> bool:
    if row.sid.startswith(_ENTRA_SID):
        return of == _ENTRA
    is_of_joined = row.sid.rpartition("-")[0] == domain_sid
    # The local accounts of a domain controller are the domain's.
    if not row.sid.startswith(_DOMAIN_SID) or (row.kind == "machine_account" and not is_of_joined):
        return False
    return is_joined is None or domain_sid is None or is_joined == is_of_joined


def _is_called(row: UserRow, user: str, of: str) -> bool:
    folder = (row.profile_path or "").replace("\\", "/").rpartition("/")[2].lower()
    with_domain = f"{user}.{of.partition('.')[0]}"
    return user in (folder, (row.name or "").lower()) or f"{folder}.".startswith(f"{with_domain}.")
