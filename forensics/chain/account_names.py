"""What accounts are called: the names of Windows, of SAM and profiles, of services and application pools."""

from __future__ import annotations

from forensics.collectors.evidence import Evidence
from forensics.formats.access_check import LOCAL_SERVICE, NETWORK_SERVICE, SYSTEM
from forensics.formats.sid import pool_sid, service_sid
from forensics.tables.machine import UserRow

_WELL_KNOWN = {SYSTEM: "SYSTEM", LOCAL_SERVICE: "LOCAL SERVICE", NETWORK_SERVICE: "NETWORK SERVICE"}


class AccountNames:
    """The names of accounts on one installation.

    Args:
        evidence: What the collectors found.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._machine = evidence.machine
        self._users = {user.sid: user for user in evidence.users}
        self._services = {service_sid(s.name): s.name for s in (evidence.service_identities or {}).values()}

    def of(self, sid: str) -> str | None:
        """Return the name of an account; None where this disk has none for it."""
        if sid in _WELL_KNOWN:
            return _WELL_KNOWN[sid]
        if sid in self._services:
            return f"NT SERVICE\\{self._services[sid]}"
        user = self._users.get(sid)
        if user is None or not user.name:
            return None
        if pool_sid(user.name) == sid:
            return f"IIS APPPOOL\\{user.name}"
        if service_sid(user.name) == sid:
            return f"NT SERVICE\\{user.name}"
        authority = self._authority(user)
        return f"{authority}\\{user.name}" if authority else user.name

    def with_sid(self, sid: str, given: str | None = None) -> str:
        """Return an account by name and SID.

        Args:
            sid: The account.
            given: What its service calls it, which is better than the name of a profile's folder.
        """
        name = _WELL_KNOWN.get(sid) or given or self.of(sid)
        return f"{name} ({sid})" if name else sid

    def _authority(self, user: UserRow) -> str | None:
        if self._machine.domain_sid is not None and user.sid.rpartition("-")[0] == self._machine.domain_sid:
            return self._machine.netbios_domain
        return self._machine.computer_name if user.kind == "machine_account" else None
