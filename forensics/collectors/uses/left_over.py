"""Settings that outlived what they were made for: whose service is no longer registered, or is disabled.

An uninstalled instance of SQL Server leaves its keys, a removed client of Configuration Manager its SMSCFG.INI, and
ias.xml is there with and without the Network Policy Server.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from forensics.collectors.uses.context import UseContext
from forensics.tables.use import CertificateUseRow, ConsumerName

_SERVICES: dict[ConsumerName, str] = {
    "NPS": "IAS",
    "ConfigMgr client": "CcmExec",
    "SCOM agent": "HealthService",
    "IIS Web Management Service": "WMSVC",
}
_REMOTE_ADMINISTRATION = "(IIS Web Management Service)"
_DISABLED = 4


def of_installed(context: UseContext, uses: Iterable[CertificateUseRow]) -> Iterator[CertificateUseRow]:
    """Yield the uses without those of services that are not there; those of disabled ones are candidates.

    Where no service at all was read nothing is known of any.
    """
    for use in uses:
        service = _service_of(use) if context.service_identities else None
        key = f"{context.services}\\{service}"
        if service is not None and context.system.saw(key).state == "absent":
            continue
        if service is not None and context.system.number(key, "Start") == _DISABLED:
            use.certainty = "candidate"
        yield use


def _service_of(use: CertificateUseRow) -> str | None:
    if use.consumer == "SQL Server":
        return use.service
    if use.consumer == "http.sys" and (use.detail or "").endswith(_REMOTE_ADMINISTRATION):
        return _SERVICES["IIS Web Management Service"]
    return _SERVICES.get(use.consumer)
