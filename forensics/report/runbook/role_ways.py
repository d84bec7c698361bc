"""How what a role has comes back, where no script takes the step: the role's own way in words.

References:
    Microsoft KB842210 (CertSvc and its certificates); Learn, certutil (-addstore, -repairstore, -restoreKey).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from forensics.facts.use import keeps
from forensics.language import sentence
from forensics.report.outages.services import Fault
from forensics.report.runbook.restarts import restart
from forensics.tables.certificate import CertificateRow, NewBy
from forensics.tables.use import CertificateUseRow, ConsumerName

_AUTHORITIES: tuple[ConsumerName, ...] = ("AD CS", "AD CS (earlier generation)")

_OWN: frozenset[ConsumerName] = frozenset(
    {
        *("Entra join", "Workplace join", "MDM", "Azure guest agent", "Web Application Proxy", "IIS configuration key"),
        *("EFS", "EFS recovery agent", "BitLocker recovery agent", "BitLocker Network Unlock"),
    }
)
"""Consumers for which neither a PFX file nor another certificate is put in place like any other."""
_MADE: frozenset[NewBy] = frozenset({"mdm", "entra", "acme", "program", "remote_desktop", "guardian"})
"""How a certificate is had that nobody sets: what uses it makes or fetches it."""


def has_own_way(uses: Iterable[CertificateUseRow], certificate: CertificateRow | None) -> bool:
    """Tell whether services get their certificate and key back in the way of their role only."""
    if any(keeps(use) or use.consumer in _OWN or use.thumbprint is None for use in uses):
        return True
    if certificate is None:
        return False
    return certificate.kept or (certificate.new_by in _MADE and not any(use.set_with for use in uses))


def own_way(use: CertificateUseRow, fault: Fault) -> Iterator[str]:
    """Yield how a use comes back in the way of its role."""
    way = _of_authority(use, fault) if use.consumer in _AUTHORITIES else use.repair
    if way:
        yield sentence("{name}: {way}.", name=use.label or use.consumer, way=way)
    if "restart" not in (way or "").lower():
        yield from restart(use)


def _of_authority(use: CertificateUseRow, fault: Fault) -> str | None:
    if fault == "missing":
        return sentence(
            "put its .crt file back (System32\\CertSrv\\CertEnroll has copies, else a backup): certutil -addstore My "
            "FILE.crt, then certutil -repairstore My {thumbprint}; its key, where that is gone, from a backup of the "
            "authority (certutil -restoreKey) or its HSM; then certutil -verifykeys",
            thumbprint=use.thumbprint or "THUMBPRINT",
        )
    if fault == "unusable":
        return sentence(
            "bring its key back from a backup of the authority (certutil -restoreKey), a PFX file or its HSM; then "
            "certutil -verifykeys. Nothing is taken out of the store"
        )
    return use.repair
