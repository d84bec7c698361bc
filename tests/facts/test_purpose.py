"""What a certificate is for: the first that its store, its uses or its extended key usages say."""

from __future__ import annotations

from typing import Any

import pytest

from forensics.facts.purpose import purpose
from forensics.tables.certificate import CertificateRow, Purpose


def certificate(**values: Any) -> CertificateRow:
    given = {"machine_id": 1, "source_path": "x", "thumbprint": "AA", "store": "MY", "store_scope": "machine"}
    return CertificateRow(**{**given, **values})


@pytest.mark.parametrize(
    ("values", "consumers", "expected"),
    [
        ({"store": "Shielded VM Local Certificates", "eku": ["serverAuth"]}, {"Hyper-V"}, "vtpm"),
        ({"store": "Remote Desktop"}, set(), "remote_desktop"),
        ({"eku": ["msRemoteDesktop"]}, set(), "remote_desktop"),
        ({"eku": ["serverAuth"]}, {"RDP", "IIS"}, "remote_desktop"),
        ({"is_ca": True, "eku": ["codeSigning"]}, set(), "authority"),
        ({"eku": ["emailProtection", "codeSigning"]}, set(), "code_signing"),
        ({"eku": ["clientAuth", "emailProtection", "msEFS"]}, set(), "mail"),
        ({"eku": ["serverAuth", "ipsecIKE"]}, set(), "vpn"),
        ({"eku": ["ipsecIKEIntermediate"]}, set(), "vpn"),
        ({"eku": ["serverAuth"]}, {"SSTP"}, "vpn"),
        ({"eku": ["clientAuth"]}, {"WLAN"}, "network_logon"),
        ({"eku": ["serverAuth"]}, {"NPS"}, "network_logon"),
        ({"eku": ["clientAuth", "serverAuth"]}, {"IIS"}, "server"),
        ({"eku": ["clientAuth", "msEFS"]}, set(), "client"),
        ({"eku": ["msEFSRecovery"]}, set(), "efs"),
        ({"eku": []}, set(), "other"),
    ],
)
def test_purpose(values: dict[str, Any], consumers: set[str], expected: Purpose) -> None:
    assert purpose(certificate(**values), consumers) == expected
