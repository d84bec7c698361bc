"""How a new certificate is had: what has ended or does not open its key is never renewed, and roles have own ways."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from forensics.engine.forms import WORDINGS
from forensics.facts.new_certificate import NewCertificate, NewCertificates
from forensics.facts.tables import Tables
from forensics.tables.certificate import CertificateRow, NewBy
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.use import TemplateRow

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
VALID, ENDED = datetime(2027, 3, 4, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)
OID = "1.3.6.1.4.1.311.21.8.1.2"


def certificate(**values: Any) -> CertificateRow:
    given = {"store": "MY", "store_scope": "machine", "owner_sid": "S-1-5-18", "not_after": VALID, "template": "Web"}
    return CertificateRow(machine_id=1, source_path="c", thumbprint="AA", **{**given, **values})


def chain(verdict: Any) -> KeyChainRow:
    return KeyChainRow(machine_id=1, source_path="c", thumbprint="AA", verdict=verdict)


def new(row: CertificateRow, verdict: str, *consumers: str) -> NewCertificate:
    template = TemplateRow(machine_id=1, source_path="t", name="WebServer2", oid=OID)
    named = TemplateRow(machine_id=1, source_path="t", name="Shop", oid="1.3.6.1.4.1.311.21.8.3.4", name_flags=1)
    return NewCertificates(Tables([row, chain(verdict), template, named]), AS_OF).of(row, consumers)


@pytest.mark.parametrize(
    ("values", "verdict", "expected"),
    [
        ({}, "usable", ("Web", "renewal", "renew-certificate")),
        ({}, "unusable", ("Web", "template", "request-certificate")),
        ({}, "unknown", ("Web", "template", "request-certificate")),
        ({"not_after": ENDED}, "usable", ("Web", "template", "request-certificate")),
        ({"template": OID}, "unusable", ("WebServer2", "template", "request-certificate")),
        ({"template": "1.3.6.1.4.1.311.21.8.9.9"}, "unusable", (None, "issuer", "")),
        ({"template": "1.3.6.1.4.1.311.21.8.9.9"}, "usable", (None, "renewal", "renew-certificate")),
        ({"template": "WebServer"}, "unusable", ("WebServer", "names", "")),
        ({"template": "WebServer"}, "usable", ("WebServer", "renewal", "renew-certificate")),
        ({"template": "1.3.6.1.4.1.311.21.8.3.4"}, "unusable", ("Shop", "names", "")),
        ({"template": None}, "usable", (None, "issuer", "")),
        ({"store_scope": "service"}, "usable", ("Web", "service_store", "")),
        ({"renewer": "auto-enrolment"}, "usable", ("Web", "auto_enrolment", "enrol-now")),
        ({"renewer": "auto-enrolment"}, "unusable", ("Web", "template", "request-certificate")),
        ({"renewer": "OCSP responder"}, "usable", ("Web", "renewal", "renew-certificate")),
    ],
)
def test_how_an_authority_issues_it(
    values: dict[str, Any], verdict: str, expected: tuple[str | None, str, str]
) -> None:
    assert new(certificate(**values), verdict)[:3] == expected


@pytest.mark.parametrize("verdict", ["usable", "unusable", "unknown"])
@pytest.mark.parametrize(
    ("values", "consumers", "by"),
    [
        ({"store": "Shielded VM Local Certificates"}, {"Hyper-V"}, "guardian"),
        ({"is_ca": True, "kept": True}, {"AD CS"}, "own_authority"),
        ({"kept": True}, {"AD CS (earlier generation)"}, "own_authority"),
        ({"is_ca": True}, set(), "own_authority"),
        ({"eku": ["serverAuth"], "kept": True}, {"Exchange Auth", "Exchange"}, "exchange_auth"),
        ({"self_signed": True, "kept": True}, {"Exchange federation"}, "role"),
        ({"eku": ["msEnrollmentAgent"], "kept": True}, {"NDES"}, "ndes"),
        ({"store": "FVE_NKP", "store_scope": "policy"}, {"BitLocker Network Unlock"}, "network_unlock"),
        ({"eku": ["msBitLockerDriveEncryption"]}, set(), "network_unlock"),
        ({"eku": ["msEFSRecovery"], "store_scope": "policy"}, {"EFS recovery agent"}, "efs_agent"),
        ({"store_scope": "policy", "eku": ["msEFS"]}, set(), "policy"),
        ({"store_scope": "enterprise"}, set(), "policy"),
        ({"store": "Remote Desktop", "self_signed": True, "successor": "BB"}, {"RDP"}, "remote_desktop"),
        ({"renewer": "Remote Desktop"}, set(), "remote_desktop"),
        ({"renewer": "Intune"}, set(), "mdm"),
        ({"used_by": ["IIS", "MDM"]}, {"IIS", "MDM"}, "mdm"),
        ({"used_by": ["Entra join"], "end_stops": ["Entra join"], "successor": "BB"}, {"Entra join"}, "entra"),
        ({"issuer": "CN=MS-Organization-Access,OU=x"}, set(), "entra"),
        ({"renewer": "ACME client"}, set(), "acme"),
        ({"renewer": "ConfigMgr", "self_signed": True}, set(), "program"),
        ({"self_signed": True}, {"WinRM"}, "maker"),
        ({"successor": "BB", "renewed_by": "BB"}, set(), "replaced"),
        ({"superseded": "replaced"}, set(), "replaced"),
        ({"successor": "BB", "eku": ["emailProtection"]}, {"IIS"}, "successor"),
    ],
)
def test_what_has_a_way_of_its_own_is_never_renewed_or_requested(
    values: dict[str, Any], consumers: set[str], by: NewBy, verdict: str
) -> None:
    assert new(certificate(**values), verdict, *consumers)[:3] == ("Web", by, "")


@pytest.mark.parametrize(
    ("values", "verdict", "by", "command"),
    [
        ({"eku": ["clientAuth", "emailProtection", "msEFS"]}, "unusable", "encryption", "request-certificate"),
        ({"eku": ["msEFS"]}, "unknown", "encryption", "request-certificate"),
        ({"eku": ["msEFS"]}, "usable", "renewal", "renew-certificate"),
        ({"eku": ["msEFS"], "not_after": ENDED}, "usable", "encryption", "request-certificate"),
        ({"eku": ["msEFS"], "template": "WebServer"}, "unusable", "encryption", ""),
        ({"eku": ["msEFS"], "template": None, "self_signed": True}, "usable", "encryption", ""),
        (
            {"eku": ["msBitLockerDriveEncryption"], "store_scope": "user"},
            "unusable",
            "encryption",
            "request-certificate",
        ),
        ({"eku": ["1.3.6.1.4.1.311.21.6"], "template": None}, "unusable", "encryption", ""),
        ({"eku": ["msEFS"], "renewed_by": "BB"}, "unusable", "encryption", ""),
        ({"eku": ["msEFS"], "renewed_by": "BB"}, "usable", "replaced", ""),
    ],
)
def test_what_was_encrypted_needs_the_old_key(values: dict[str, Any], verdict: str, by: str, command: str) -> None:
    found = new(certificate(**values), verdict)
    assert (found.new_by, found.new_with) == (by, command)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "import-pfx"),
        ({"is_ca": True}, "import-pfx"),
        ({"eku": ["msEFS"]}, "import-pfx"),
        ({"store": "Shielded VM Local Certificates"}, ""),
        ({"store": "Remote Desktop"}, ""),
        ({"issuer": "CN=MS-Organization-Access,OU=x"}, ""),
        ({"renewed_by": "BB"}, ""),
    ],
)
def test_no_pfx_file_is_imported_where_none_can_be_or_none_is_needed(values: dict[str, Any], expected: str) -> None:
    assert new(certificate(**values), "unusable").import_with == expected


@pytest.mark.parametrize("language", WORDINGS)
@pytest.mark.parametrize("book", ["new_by", "instead"])
def test_each_way_has_words_of_its_own(language: str, book: str) -> None:
    words = dict(WORDINGS[language].facts[book])
    # What is not known is asked of the issuer, too.
    del words[""]
    assert len(set(words.values())) == len(words)
