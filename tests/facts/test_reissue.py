"""How another certificate comes in the place of a dead one: stated by hand for each kind."""

from __future__ import annotations

from typing import Any

import pytest

from forensics.engine.forms import WORDINGS
from forensics.facts.reissue import reissue
from forensics.tables.certificate import CertificateRow, Reissue
from forensics.tables.registry import column_specs


def certificate(**values: Any) -> CertificateRow:
    given = {"machine_id": 1, "source_path": "x", "thumbprint": "AA", "store": "MY", "store_scope": "machine"}
    return CertificateRow(**{**given, **values})


@pytest.mark.parametrize(
    ("values", "consumers", "expected"),
    [
        ({"eku": ["serverAuth", "clientAuth"]}, {"http.sys", "RDP"}, None),
        ({"store": "Shielded VM Local Certificates", "eku": []}, set(), "guardian"),
        ({"is_ca": True}, {"AD CS"}, "authority"),
        ({}, {"AD CS (earlier generation)"}, "authority"),
        ({"is_ca": True}, set(), "authority"),
        ({"eku": ["serverAuth"]}, {"Exchange Auth", "Exchange"}, "exchange_auth"),
        ({"eku": ["msEnrollmentAgent"]}, {"NDES"}, "ndes"),
        ({"store": "FVE_NKP"}, {"BitLocker Network Unlock"}, "network_unlock"),
        ({"eku": ["msBitLockerDriveEncryption"]}, set(), "network_unlock"),
        ({"eku": ["msBitLockerDriveEncryption"], "store_scope": "user"}, set(), "encryption"),
        ({"eku": ["msEFSRecovery"]}, {"EFS recovery agent"}, "efs_agent"),
        ({"eku": ["clientAuth", "emailProtection", "msEFS"], "store_scope": "user"}, {"EFS"}, "encryption"),
        ({"eku": ["1.3.6.1.4.1.311.21.6"]}, set(), "encryption"),
        ({"store": "Remote Desktop", "self_signed": True}, {"RDP"}, "remote_desktop"),
        ({"template_name": "RDP", "renewer": "Remote Desktop"}, set(), "remote_desktop"),
        ({"eku": ["msEFS"], "template_name": "User", "standing": "superseded"}, set(), "encryption"),
        ({"standing": "superseded", "template_name": "Machine"}, set(), "replaced"),
        ({"superseded": "replaced"}, set(), "replaced"),
        ({"superseded": "archived"}, set(), None),
        ({"renewer": "Intune", "template_name": "IntuneDevice"}, set(), "mdm"),
        ({"renewer": "ACME client"}, set(), "acme"),
        ({"renewer": "ConfigMgr", "self_signed": True}, set(), "maker"),
        ({"renewer": "auto-enrolment", "template_name": "Machine"}, set(), "template"),
        ({"used_by": ["Entra join"]}, {"Entra join"}, "entra"),
        ({"used_by": ["IIS", "MDM"]}, {"IIS", "MDM"}, "mdm"),
        ({"self_signed": True}, set(), "maker"),
    ],
)
def test_reissue(values: dict[str, Any], consumers: set[str], expected: Reissue | None) -> None:
    assert reissue(certificate(**values), consumers) == expected


@pytest.mark.parametrize("language", WORDINGS)
def test_each_way_has_its_words(language: str) -> None:
    [ways] = [spec.possible_values for spec in column_specs("certificate") if spec.name == "reissue"]
    words = WORDINGS[language].facts["reissue"]
    assert words.keys() == {"", *ways}
    assert len(set(words.values())) == len(words)
