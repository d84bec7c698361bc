"""How a certificate is made anew where it is not simply issued again, as its role has it.

References:
    https://learn.microsoft.com/exchange/plan-and-deploy/integration-with-sharepoint-and-skype/maintain-oauth-certificate
    https://learn.microsoft.com/windows-server/identity/ad-cs/network-device-enrollment-service-overview
    https://learn.microsoft.com/windows/security/operating-system-security/data-protection/bitlocker/network-unlock
"""

from __future__ import annotations

from collections.abc import Collection

from forensics.tables.certificate import CertificateRow, Reissue

_GUARDIANS = "shielded vm local certificates"
_OF_CONSUMER: tuple[tuple[str, Reissue], ...] = (
    ("AD CS", "authority"),
    ("AD CS (earlier generation)", "authority"),
    ("Exchange Auth", "exchange_auth"),
    ("NDES", "ndes"),
    ("BitLocker Network Unlock", "network_unlock"),
)
_UNLOCKS = "msBitLockerDriveEncryption"
_OPENS_OLD_DATA = frozenset(
    {
        *("msEFS", "msKeyRecovery", "msDocumentEncryption", "msBitLockerDataRecoveryAgent", "emailProtection"),
        # Key recovery agent of an authority.
        "1.3.6.1.4.1.311.21.6",
    }
)


def reissue(row: CertificateRow, consumers: Collection[str]) -> Reissue | None:
    """Return the way of a certificate's role; None where an authority issues it again like any other.

    Args:
        row: The certificate.
        consumers: Who names it or may choose it.
    """
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
