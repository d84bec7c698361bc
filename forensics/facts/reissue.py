"""How another certificate comes in the place of one whose key is dead.

References:
    https://learn.microsoft.com/windows-server/administration/windows-commands/certreq_1
    https://learn.microsoft.com/entra/identity/devices/faq
    https://learn.microsoft.com/exchange/plan-and-deploy/integration-with-sharepoint-and-skype/maintain-oauth-certificate
    https://learn.microsoft.com/windows-server/identity/ad-cs/network-device-enrollment-service-overview
    https://learn.microsoft.com/windows/security/operating-system-security/data-protection/bitlocker/network-unlock
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from forensics.tables.certificate import CertificateRow, Reissue, Renewer

_GUARDIANS = "shielded vm local certificates"
_OF_CONSUMER: tuple[tuple[str, Reissue], ...] = (
    ("AD CS", "authority"),
    ("AD CS (earlier generation)", "authority"),
    ("Exchange Auth", "exchange_auth"),
    ("NDES", "ndes"),
    ("BitLocker Network Unlock", "network_unlock"),
)
_OF_RENEWER: Mapping[Renewer, Reissue] = {
    "Remote Desktop": "remote_desktop",
    "Intune": "mdm",
    "Entra ID": "entra",
    "ACME client": "acme",
    "ConfigMgr": "maker",
    "Operations Manager": "maker",
    "Web Application Proxy": "maker",
    "Azure guest agent": "maker",
    "Hyper-V": "maker",
    "development tools": "maker",
}
_OF_DEVICE: Mapping[str, Reissue] = {"Entra join": "entra", "Workplace join": "entra", "MDM": "mdm"}
_UNLOCKS = "msBitLockerDriveEncryption"
_OPENS_OLD_DATA = frozenset(
    {
        *("msEFS", "msKeyRecovery", "msDocumentEncryption", "msBitLockerDataRecoveryAgent", "emailProtection"),
        # Key recovery agent of an authority.
        "1.3.6.1.4.1.311.21.6",
    }
)


def reissue(row: CertificateRow, consumers: Collection[str]) -> Reissue | None:
    """Return the way in which another certificate comes; None where its issuer issues it again, as is usual.

    Args:
        row: The certificate, with its other facts.
        consumers: Who names it or may choose it.
    """
    own = _of_role(row, consumers)
    if own is not None:
        return own
    if row.store == "Remote Desktop":
        return "remote_desktop"
    if row.standing == "superseded" or row.superseded == "replaced":
        return "replaced"
    if row.renewer is not None and row.renewer in _OF_RENEWER:
        return _OF_RENEWER[row.renewer]
    device = next((_OF_DEVICE[name] for name in row.used_by or () if name in _OF_DEVICE), None)
    if device is not None:
        return device
    if row.self_signed:
        return "maker"
    return "template" if row.template_name else None


def _of_role(row: CertificateRow, consumers: Collection[str]) -> Reissue | None:
    if row.store.lower() == _GUARDIANS:
        return "guardian"
    for consumer, way in _OF_CONSUMER:
        if consumer in consumers:
            return way
    if row.is_ca:
        return "authority"
    eku = set(row.eku)
    if "msEFSRecovery" in eku:
        return "efs_agent"
    if _UNLOCKS in eku and row.store_scope == "machine":
        return "network_unlock"
    return "encryption" if eku & {*_OPENS_OLD_DATA, _UNLOCKS} else None
