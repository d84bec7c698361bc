"""What must be restarted after a repair, and at which price; no script does it by itself.

References:
    Microsoft Learn, Restart-Service; Configure SQL Server Database Engine for encrypting connections; Set-RemoteAccess.
"""

from __future__ import annotations

from collections.abc import Iterator

from forensics.language import sentence
from forensics.tables.use import BindingOwner, CertificateUseRow, ConsumerName

_PRICES: dict[ConsumerName, str] = {
    "SQL Server": sentence("Restart the instance then: its databases are away meanwhile."),
    "RDP": sentence("Where connections fail then, restart Remote Desktop Services: every session ends, also yours."),
    "SSTP": sentence("Restart RemoteAccess then: open tunnels end, also yours."),
    "IKEv2": sentence("Restart RemoteAccess then: open tunnels end."),
    "NPS": sentence("Restart IAS then: nobody logs on over it meanwhile."),
    "IIS Web Management Service": sentence("Restart WMSVC then: remote administration of IIS is away meanwhile."),
    "ConfigMgr client": sentence("Restart CcmExec then: what it installs just now is interrupted."),
    "SCOM agent": sentence("Restart HealthService then: nothing is watched meanwhile."),
    "AD CS": sentence("Start CertSvc then."),
    "AD CS (earlier generation)": sentence("Start CertSvc then."),
    "Windows Admin Center": sentence("Restart its service then: open sessions in it end."),
    "AD LDS": sentence("Restart the instance then: it answers nobody meanwhile."),
    "service": sentence("Restart the service then, if it does not take it by itself: it is away meanwhile."),
}

_OF_BINDINGS: dict[BindingOwner, str] = {
    "SSTP": _PRICES["SSTP"],
    "IIS Web Management Service": _PRICES["IIS Web Management Service"],
}


def restart(use: CertificateUseRow) -> Iterator[str]:
    """Yield what must be restarted for a service; nothing where it takes what was repaired by itself."""
    price = _PRICES.get(use.consumer) or _OF_BINDINGS.get(use.binding_owner or "other")
    if price is not None:
        yield price
