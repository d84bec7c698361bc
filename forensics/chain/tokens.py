"""Which SIDs an account's token holds when it opens a key, as far as this disk proves it.

References:
    https://learn.microsoft.com/windows/win32/secauthz/well-known-sids
    https://learn.microsoft.com/windows/win32/services/localsystem-account
"""

from __future__ import annotations

from forensics.collectors.evidence import Evidence
from forensics.collectors.service_identities import ServiceIdentity
from forensics.formats.access_check import (
    ADMINISTRATORS,
    AUTHENTICATED_USERS,
    EVERYONE,
    LOCAL_SERVICE,
    NETWORK_SERVICE,
    SERVICE,
    SYSTEM,
    USERS,
    Token,
    system_sids,
)
from forensics.formats.sid import service_sid
from forensics.late_methods import dataclass

_LOCAL, _ALL_SERVICES, _IIS_IUSRS = "S-1-2-0", "S-1-5-80-0", "S-1-5-32-568"
# Network, batch, interactive, remote interactive, console logon.
_LOGON_TYPES = frozenset({"S-1-5-2", "S-1-5-3", "S-1-5-4", "S-1-5-14", "S-1-2-1"})
# A logon's own SID ends with it; placeholders, integrity levels and app packages stand for no account.
_NOBODYS = ("S-1-5-5-", "S-1-3-", "S-1-15-", "S-1-16-")
_SERVICE, _POOL = "S-1-5-80-", "S-1-5-82-"
# Services, application pools, virtual machines, drivers, window manager, font driver host: accounts, not groups.
_ACCOUNTS = (_SERVICE, _POOL, "S-1-5-83-", "S-1-5-84-", "S-1-5-90-", "S-1-5-96-")
_BUILT_IN_GROUP = "S-1-5-32-"
_DOMAIN, _ENTRA = "S-1-5-21-", "S-1-12-1-"
_BUILT_IN_ADMINISTRATOR = "500"
# Administrator, Guest, krbtgt, DefaultAccount.
_DOMAIN_ACCOUNTS = frozenset({"500", "501", "502", "503"})
_HAS_SID = (1, 3)


@dataclass(frozen=True, slots=True)
class _Account:
    """One account: whether it opens the key as a service, and the service SIDs that its token has and may have."""

    sid: str
    is_service: bool
    own: frozenset[str]
    perhaps: frozenset[str]
    any_service: bool


class Tokens:
    """Makes the tokens of accounts of one installation.

    Args:
        evidence: What the collectors found.
    """

    def __init__(self, evidence: Evidence) -> None:
        self._groups = evidence.local_groups
        self._services = evidence.service_identities
        self._users = frozenset(user.sid for user in evidence.users)
        self._machine_sid = evidence.machine.machine_sid
        self._made: dict[tuple[str, str | None], tuple[Token, ...]] = {}

    def of(self, sid: str, service: str | None = None) -> tuple[Token, ...]:
        """Return the tokens with which an account opens a key: two where it depends on its being elevated.

        Args:
            sid: The account.
            service: The service that opens it, where that is known; else a desktop or an unknown service.
        """
        if (sid, service) not in self._made:
            self._made[sid, service] = self._make(sid, service)
        return self._made[sid, service]

    def _make(self, sid: str, service: str | None) -> tuple[Token, ...]:
        account = self._account(sid, service)
        if sid == SYSTEM:
            may = account.perhaps | {SERVICE, _LOCAL, _ALL_SERVICES}
            return (Token(system_sids() | account.own, may_hold=lambda other: other in may),)
        base = {sid, EVERYONE, AUTHENTICATED_USERS, USERS, *account.own}
        if account.is_service:
            base |= {SERVICE, _LOCAL}
        if sid.startswith(_POOL):
            base.add(_IIS_IUSRS)
        holds = frozenset(base) | self._groups.of(frozenset(base))
        elevated = Token(holds, may_hold=lambda other: self._may_hold(account, other))
        if ADMINISTRATORS not in holds or account.is_service or not self._is_filtered(sid):
            return (elevated,)
        return (Token(holds - {ADMINISTRATORS}, frozenset({ADMINISTRATORS}), elevated.may_hold), elevated)

    def _is_filtered(self, sid: str) -> bool:
        built_in = self._is_local(sid) and sid.rpartition("-")[2] == _BUILT_IN_ADMINISTRATOR
        return self._groups.filters_administrators and (not built_in or self._groups.filters_built_in)

    def _account(self, sid: str, service: str | None) -> _Account:
        is_service = service is not None or sid in (LOCAL_SERVICE, NETWORK_SERVICE) or sid.startswith((_SERVICE, _POOL))
        own: set[str] = {_ALL_SERVICES} if sid.startswith(_SERVICE) else set()
        perhaps: set[str] = set()
        if service is not None and self._services is None:
            perhaps |= {service_sid(service), _ALL_SERVICES}
        elif service is not None and self._services is not None:
            found = self._services.get(service.lower())
            if found is not None and found.sid_type in _HAS_SID:
                own |= {service_sid(found.name), _ALL_SERVICES}
            perhaps |= {service_sid(other.name) for other in self._in_one_host(found)}
        any_service = service is None and sid in (LOCAL_SERVICE, NETWORK_SERVICE)
        return _Account(sid, is_service, frozenset(own), frozenset(perhaps), any_service)

    def _in_one_host(self, service: ServiceIdentity | None) -> list[ServiceIdentity]:
        """Services of one host share its token, unless Windows gives each a host of its own."""
        if service is None or service.host_group is None:
            return []
        return [
            other
            for other in (self._services or {}).values()
            if other.host_group == service.host_group
            and other.account_sid == service.account_sid
            and other.sid_type in _HAS_SID
        ]

    def _may_hold(self, account: _Account, sid: str) -> bool:
        """Tell of a SID that an account is not known to hold whether it may hold it all the same."""
        if sid in account.perhaps or (account.any_service and sid.startswith(_SERVICE)):
            return True
        if sid.startswith((*_NOBODYS, *_ACCOUNTS)) or sid in self._users:
            return False
        if sid in (SYSTEM, LOCAL_SERVICE, NETWORK_SERVICE):
            return False
        if sid in _LOGON_TYPES:
            return not account.is_service
        if sid.startswith(_BUILT_IN_GROUP) or self._is_local(sid):
            return self._may_be_member(account, sid)
        if sid.startswith((_DOMAIN, _ENTRA)):
            return self._may_be_in_a_domain(account.sid)
        return True

    def is_group_elsewhere(self, sid: str) -> bool:
        """Tell whether a SID may be a group of a domain, whose members only its controllers know."""
        if not sid.startswith((_DOMAIN, _ENTRA)) or self._is_local(sid) or sid in self._users:
            return False
        return sid.rpartition("-")[2] not in _DOMAIN_ACCOUNTS

    def _is_local(self, sid: str) -> bool:
        return self._machine_sid is not None and sid.rpartition("-")[0] == self._machine_sid

    def _may_be_in_a_domain(self, sid: str) -> bool:
        """Local accounts and those of services are in no group of a domain."""
        return sid.startswith((_DOMAIN, _ENTRA)) and not self._is_local(sid)

    def _may_be_member(self, account: _Account, group: str) -> bool:
        if not self._groups.are_all or group in self._groups.unread:
            # Windows itself puts no account of services into a local group.
            return account.sid.startswith((_DOMAIN, _ENTRA))
        members = self._groups.members.get(group)
        if members is None:
            # The group of all local accounts, RID 513, is no alias.
            return self._is_local(group) and self._is_local(account.sid)
        # Groups of groups are not followed down: a forged SAM may lead in a circle.
        return any(member in self._groups.members or self._may_hold(account, member) for member in members)
