"""What a machine serves as, in the words of administrators, told by rows that other reports show too."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from forensics.case_tables import CaseTables
from forensics.language import joined, sentence, told
from forensics.tables.machine import MachineRow, ServiceRow
from forensics.tables.use import CertificateUseRow

DOMAIN_CONTROLLER, AUTHORITY = sentence("domain controller"), sentence("certification authority")
HYPERV, WEB, VPN = sentence("Hyper-V host"), sentence("web server"), sentence("VPN server")
SERVER, WORKSTATION, PROFILE = sentence("server"), sentence("workstation"), sentence("profile")
ROLES = (
    DOMAIN_CONTROLLER,
    AUTHORITY,
    HYPERV,
    "Exchange",
    "AD FS",
    "Web Application Proxy",
    "SQL Server",
    WEB,
    "NDES",
    "NPS",
    VPN,
    "WSUS",
    "AD LDS",
    "Windows Admin Center",
    SERVER,
    WORKSTATION,
    PROFILE,
)
"""All of them, the most important first."""
SHORT: dict[str, str] = {DOMAIN_CONTROLLER: "DC", AUTHORITY: "CA", HYPERV: "Hyper-V"}
"""What a narrow column calls them."""
_OF_CONSUMERS = {
    "AD CS": AUTHORITY,
    "IIS": WEB,
    "Exchange": "Exchange",
    "Exchange Auth": "Exchange",
    "Exchange federation": "Exchange",
    "AD FS": "AD FS",
    "Web Application Proxy": "Web Application Proxy",
    "SQL Server": "SQL Server",
    "NDES": "NDES",
    "NPS": "NPS",
    "SSTP": VPN,
    "WSUS": "WSUS",
    "AD LDS": "AD LDS",
    "Windows Admin Center": "Windows Admin Center",
}
_OF_SERVICES = {"vmms": HYPERV, "W3SVC": WEB, "CertSvc": AUTHORITY}
"""Roles of services that are registered where the role was added alone."""
_DISABLED = 4


def roles_of(case: CaseTables) -> dict[int, list[str]]:
    """Return the roles of each machine; a role that only likely uses of certificates tell ends in ``(likely)``."""
    sure: dict[int, set[str]] = defaultdict(set)
    likely: dict[int, set[str]] = defaultdict(set)
    services: list[ServiceRow] = case.rows("service")
    for service in services:
        if service.name in _OF_SERVICES and service.start is not None and service.start < _DISABLED:
            sure[service.machine_id].add(_OF_SERVICES[service.name])
    for authority in case.rows("ca"):
        if authority.active:
            sure[authority.machine_id].add(AUTHORITY)
    for vm in case.rows("vm"):
        if vm.registered:
            sure[vm.machine_id].add(HYPERV)
    uses: list[CertificateUseRow] = case.rows("certificate_use")
    for use in uses:
        if use.consumer in _OF_CONSUMERS and use.certainty != "candidate":
            (sure if use.certainty == "proved" else likely)[use.machine_id].add(_OF_CONSUMERS[use.consumer])
    machines: list[MachineRow] = case.rows("machine")
    for machine in machines:
        if machine.is_domain_controller:
            sure[machine.machine_id].add(DOMAIN_CONTROLLER)
    return {m.machine_id: _told(m, sure[m.machine_id], likely[m.machine_id]) for m in machines}


def _told(machine: MachineRow, sure: set[str], likely: set[str]) -> list[str]:
    if machine.kind == "profile":
        return [PROFILE]
    found = [
        role if role in sure else sentence("{role} (likely)", role=role) for role in ROLES if role in sure | likely
    ]
    if found or not machine.product_name:
        return found
    return [SERVER if "server" in machine.product_name.lower() else WORKSTATION]


def short_roles(roles: Sequence[str]) -> str:
    """Return roles for a narrow column."""
    return joined((SHORT.get(role.removesuffix(" (likely)"), told(role)) for role in roles), ", ")
