"""Whatever breaks a chain, or opens it to everybody, a built-in rule says so, and the report leaves it to the rule."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from forensics.asked_rules import ask_rules
from forensics.case_tables import CaseTables
from forensics.engine.loader import load_packs
from forensics.report.findings import FindingIndex
from forensics.tables.certificate import CertificateRow, KeyFileRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.machine import MachineRow, ServiceRow
from forensics.tables.record import CoverageRow
from forensics.tables.row import Row

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
OPENED: dict[str, Any] = {
    "key_file": "present",
    "master_key": "present",
    "unlocked_by": "current",
    "known_by": "decryption",
}
PROVED = {**OPENED, "private_key": "proved", "public_key": "match", "access": "ok"}
CHAINS: dict[str, dict[str, Any]] = {
    "no link": {"broken_at": "claim", "provider_kind": None, "key_file": "absent"},
    "no link, stores half seen": {"broken_at": "claim", "provider_kind": None, "key_file": "not_examined"},
    "no link, key there": {**PROVED, "broken_at": "claim"},
    "empty container": {"broken_at": "claim", "key_file": "present"},
    "earlier suffix": {**PROVED, "broken_at": "claim", "key_file": "other_machine_guid"},
    "service's profile": {**PROVED, "broken_at": "claim", "scope": "service"},
    "user's profile": {**PROVED, "broken_at": "claim", "scope": "user"},
    "provider": {"broken_at": "provider", "provider_kind": "other", "provider": "Acme KSP"},
    "provider of the computer": {**PROVED, "broken_at": "provider"},
    "file gone": {"broken_at": "key_file", "key_file": "absent"},
    "CNG file gone": {"broken_at": "key_file", "key_file": "absent", "provider_kind": "cng"},
    "TPM file gone": {"broken_at": "key_file", "key_file": "absent", "provider_kind": "tpm"},
    "file unreadable": {"broken_at": "key_file", "key_file": "unreadable"},
    "TPM file unreadable": {"broken_at": "key_file", "key_file": "unreadable", "provider_kind": "tpm"},
    "other MachineGuid": {**PROVED, "broken_at": "key_file", "key_file": "other_machine_guid"},
    "other key": {**PROVED, "broken_at": "public_key", "public_key": "mismatch", "known_by": "public_key"},
    "other key in the TPM": {"broken_at": "public_key", "public_key": "mismatch", "provider_kind": "tpm", **OPENED},
    "denied": {**PROVED, "broken_at": "access", "access": "denied"},
    "master key gone": {**OPENED, "broken_at": "master_key", "master_key": "absent", "private_key": "locked"},
    "master key damaged": {**OPENED, "broken_at": "master_key", "master_key": "unreadable", "private_key": "locked"},
    "previous secret": {**PROVED, "broken_at": "secret", "unlocked_by": "previous"},
    "no secret": {**OPENED, "broken_at": "secret", "unlocked_by": "nothing", "private_key": "locked"},
    "blob damaged": {**OPENED, "broken_at": "private_key", "private_key": "damaged"},
    "per-boot key": {**OPENED, "broken_at": "private_key", "private_key": "sealed_vbs", "provider_kind": "cng"},
    "KeyIso": {**PROVED, "broken_at": "service", "provider_kind": "cng"},
    "KeyIso, user's key": {"broken_at": "service", "provider_kind": "cng", "key_file": "present", "scope": "user"},
    "open to everybody": {**PROVED, "verdict": "usable", "access": "too_open"},
}


def _rows(name: str, values: dict[str, Any]) -> list[Row]:
    known: dict[str, Any] = {
        "thumbprint": f"{list(CHAINS).index(name):040X}",
        "subject": f"CN={name}",
        "store": "MY",
        "store_scope": "machine",
        "owner_sid": "S-1-5-18",
        "not_after": datetime(2028, 1, 1, tzinfo=UTC),
        "provider": "Microsoft Enhanced Cryptographic Provider v1.0",
        "provider_kind": "capi",
        "key_file_path": f"keys/{name}",
        "verdict": "unusable",
        "master_key_guid": "fb1190c1-123d-45f8-95f4-32aee28fe2eb",
    }
    columns = known | values
    scope = columns.pop("scope", "machine")
    place: dict[str, Any] = {"machine_id": 1, "source_path": f"SOFTWARE/{name}"}
    shared = ("thumbprint", "subject", "store", "store_scope", "owner_sid", "not_after")
    certificate = CertificateRow(**place, **{key: columns[key] for key in shared}, public_key_sha256="c" * 64)
    file = KeyFileRow(
        machine_id=1,
        source_path=f"keys/{name}",
        path=f"keys/{name}",
        file_name=name,
        kind="capi",
        scope=scope,
        public_key_sha256="f" * 64,
    )
    return [KeyChainRow(**place, **columns), certificate, file]


@pytest.fixture(scope="module")
def index() -> FindingIndex:
    hives = [
        CoverageRow(machine_id=1, source_path=name, area="hive", name=name, outcome="present")
        for name in ("SYSTEM", "SOFTWARE", "SECURITY")
    ]
    machine = MachineRow(machine_id=1, source_path="Windows", computer_name="WEB01")
    service = ServiceRow(machine_id=1, source_path="SYSTEM", name="KeyIso", start=4)
    rows = [row for name, values in CHAINS.items() for row in _rows(name, values)]
    case = CaseTables([machine, service, *hives, *rows], as_of=AS_OF)
    ask_rules(case, load_packs())
    return FindingIndex(case)


@pytest.mark.parametrize("name", CHAINS)
def test_a_rule_says_what_is_wrong(name: str, index: FindingIndex) -> None:
    chain = _rows(name, CHAINS[name])[0]
    assert isinstance(chain, KeyChainRow)
    section = "broken" if chain.verdict == "unusable" else "too_open"
    assert index.covers(section, chain)


def test_every_link_that_can_break_is_among_them() -> None:
    assert {values.get("broken_at") for values in CHAINS.values()} == {
        "claim",
        "provider",
        "key_file",
        "public_key",
        "access",
        "master_key",
        "secret",
        "private_key",
        "service",
        None,
    }
