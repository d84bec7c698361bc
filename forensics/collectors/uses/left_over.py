"""Settings that outlived what they were made for: whose service is no longer registered, or is disabled.

An uninstalled instance of SQL Server leaves its keys, a removed client of Configuration Manager its SMSCFG.INI, and
ias.xml is there with and without the Network Policy Server.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from forensics.collectors.uses.context import UseContext
from forensics.tables.use import CertificateUseRow

_SERVICES: dict[str, str] = {
    "NPS": "IAS",
    "ConfigMgr client": "CcmExec",
    "SCOM agent": "HealthService",
    "IIS Web Management Service": "WMSVC",
}
"""Consumers, and owners of bindings of http.sys, with the service that alone reads the setting."""
_SERVERS: dict[str, str] = {
    "IIS": "W3SVC",
    "WinRM": "WinRM",
    "SSTP": "SstpSvc",
    "AD FS": "adfssrv",
    "Web Application Proxy": "appproxysvc",
}
"""The same where others bind with the same AppId: a service that is not there proves nothing."""
_DISABLED = 4


def of_installed(context: UseContext, uses: Iterable[CertificateUseRow]) -> Iterator[CertificateUseRow]:
    """Yield the uses without those of services that are not there; those of disabled ones are candidates.

    Where no service at all was read nothing is known of any.
    """
    for use in uses:
        owner = use.binding_owner or use.consumer
        needed = use.service if use.consumer == "SQL Server" else _SERVICES.get(owner)
        service = needed or _SERVERS.get(owner)
        if service is not None and context.service_identities:
            key = f"{context.services}\\{service}"
            if needed is not None and context.system.saw(key).state == "absent":
                continue
            if context.system.number(key, "Start") == _DISABLED:
                use.certainty = "candidate"
        yield use
