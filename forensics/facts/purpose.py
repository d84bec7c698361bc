"""What a certificate is for."""

from __future__ import annotations

from collections.abc import Collection

from forensics.tables.certificate import CertificateRow, Purpose

_GUARDIANS = "shielded vm local certificates"
_VPN = {"VPN", "SSTP", "IKEv2"}
_NETWORK_LOGON = {"WLAN", "LAN", "NPS"}


def purpose(row: CertificateRow, consumers: Collection[str]) -> Purpose:
    """Return the first purpose that a certificate's store, uses or extended key usages say.

    Args:
        row: The certificate.
        consumers: Who names it or may choose it.
    """
    eku, named_by = set(row.eku), set(consumers)
    if row.store.lower() == _GUARDIANS:
        return "vtpm"
    if row.store == "Remote Desktop" or "msRemoteDesktop" in eku or "RDP" in named_by:
        return "remote_desktop"
    if row.is_ca:
        return "authority"
    if "codeSigning" in eku:
        return "code_signing"
    if "emailProtection" in eku:
        return "mail"
    if eku & {"ipsecIKE", "ipsecIKEIntermediate"} or named_by & _VPN:
        return "vpn"
    if named_by & _NETWORK_LOGON:
        return "network_logon"
    return _by_usage(eku)


def _by_usage(eku: Collection[str]) -> Purpose:
    if "serverAuth" in eku:
        return "server"
    if "clientAuth" in eku:
        return "client"
    return "efs" if any(usage.startswith("msEFS") for usage in eku) else "other"
