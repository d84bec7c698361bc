"""Table service: the services that private keys, or their users, depend on."""

from __future__ import annotations

from collections.abc import Iterator

from forensics.collectors.registry_view import RegistryView
from forensics.sources.installation import Installation
from forensics.tables.machine import ServiceRow

KEY_SERVICES = (
    "KeyIso",
    "CryptSvc",
    "VaultSvc",
    "ProtectedStorage",
    "SamSs",
    "Netlogon",
    "EventLog",
    "RpcSs",
    "NTDS",
    "EFS",
    "SessionEnv",
    "TermService",
    "UmRdpService",
    "CertPropSvc",
    "SCardSvr",
    "TPM",
    "TBS",
    "CertSvc",
    "W3SVC",
    "WMSVC",
    "vmms",
    "vmicheartbeat",
    "HgClientService",
)


def collect_services(installation: Installation) -> Iterator[ServiceRow]:
    """Yield those of the services that are registered; one without a Start value has ``start`` None."""
    system = RegistryView.of_machine(installation, "SYSTEM")
    services = f"{installation.control_set()}\\Services"
    for name in KEY_SERVICES:
        key = system.key(f"{services}\\{name}")
        if key is None:
            continue
        if name == "KeyIso":
            system.expect(key, "Start")
        delayed = system.number(key, "DelayedAutostart")
        yield ServiceRow(
            machine_id=installation.machine_id,
            name=name,
            start=system.number(key, "Start"),
            delayed=None if delayed is None else bool(delayed),
            account=system.text(key, "ObjectName"),
            image_path=system.text(key, "ImagePath"),
            sid_type=system.number(key, "ServiceSidType"),
            source_path=system.where(key, "Start"),
            source_time=key.timestamp,
        )
    system.tell(f"{services}\\KeyIso")
    system.tell(services)
