"""How a new certificate is had: what has ended or does not open its key is never renewed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from forensics.facts.new_certificate import NewCertificates
from forensics.facts.tables import Tables
from forensics.tables.certificate import CertificateRow
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


def new(row: CertificateRow, verdict: str, renewer: Any = None, kept: bool = False) -> tuple[str | None, str, str]:
    template = TemplateRow(machine_id=1, source_path="t", name="WebServer2", oid=OID)
    named = TemplateRow(machine_id=1, source_path="t", name="Shop", oid="1.3.6.1.4.1.311.21.8.3.4", name_flags=1)
    return NewCertificates(Tables([row, chain(verdict), template, named]), AS_OF).of(row, renewer, kept)


@pytest.mark.parametrize(
    ("values", "verdict", "expected"),
    [
        ({}, "usable", ("Web", "renewal", "renew-certificate")),
        ({}, "unusable", ("Web", "template", "request-certificate")),
        ({}, "unknown", ("Web", "template", "request-certificate")),
        ({"not_after": ENDED}, "usable", ("Web", "template", "request-certificate")),
        ({"template": OID}, "unusable", ("WebServer2", "template", "request-certificate")),
        ({"template": "1.3.6.1.4.1.311.21.8.9.9"}, "unusable", (None, "authority", "")),
        ({"template": "1.3.6.1.4.1.311.21.8.9.9"}, "usable", (None, "renewal", "renew-certificate")),
        ({"template": "WebServer"}, "unusable", ("WebServer", "names", "")),
        ({"template": "WebServer"}, "usable", ("WebServer", "renewal", "renew-certificate")),
        ({"template": "1.3.6.1.4.1.311.21.8.3.4"}, "unusable", ("Shop", "names", "")),
        ({"template": None}, "usable", (None, "authority", "")),
        ({"self_signed": True}, "usable", ("Web", "maker", "")),
        ({"is_ca": True}, "usable", ("Web", "role", "")),
        ({"store": "Shielded VM Local Certificates"}, "usable", ("Web", "guardian", "")),
        ({"store_scope": "policy"}, "usable", ("Web", "policy", "")),
        ({"store_scope": "service"}, "usable", ("Web", "service_store", "")),
        ({"issuer": "CN=MS-Organization-Access,OU=x"}, "usable", ("Web", "device", "")),
    ],
)
def test_how(values: dict[str, Any], verdict: str, expected: tuple[str | None, str, str]) -> None:
    assert new(certificate(**values), verdict) == expected


@pytest.mark.parametrize(
    ("renewer", "verdict", "by", "command"),
    [
        ("auto-enrolment", "usable", "auto_enrolment", "enrol-now"),
        ("auto-enrolment", "unusable", "template", "request-certificate"),
        ("OCSP responder", "usable", "renewal", "renew-certificate"),
        ("Intune", "usable", "device", ""),
        ("ACME client", "usable", "program", ""),
    ],
)
def test_what_renews_by_itself(renewer: str, verdict: str, by: str, command: str) -> None:
    assert new(certificate(), verdict, renewer) == ("Web", by, command)


def test_a_role_keeps_its_own() -> None:
    assert new(certificate(), "usable", kept=True) == ("Web", "role", "")
