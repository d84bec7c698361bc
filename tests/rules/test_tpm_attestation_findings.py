"""The packs tpm and attestation over every forged disk: exactly these findings, stated by hand from the scenarios."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import pytest

from forensics.case_tables import CaseTables
from forensics.engine.loader import load_packs
from forensics.engine.run import run
from forensics.tables.finding_json import FindingJson, as_json
from forensics.tables.registry import ROW_CLASSES
from tests.examined import examined
from tests.paths import IMAGES, PROJECT

NAMES = sorted(path.name.removesuffix(".truth.json") for path in IMAGES.glob("*.truth.json"))
FOLDERS = [PROJECT / "rules" / pack for pack in ("tpm", "attestation")]
PACKS = load_packs(FOLDERS, built_in=False)
AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
IDS = {
    "tpm-changed-since-key",
    "tpm-key-will-not-survive-move",
    "tpm-key-without-tpm",
    "vbs-key-bound-to-device",
    "key-needs-pin",
    "attestation-claim-contradicted",
    "ca-ek-store-empty",
    "ca-ek-store-expiring",
    "ca-eklist-folder-missing",
    "ca-eklist-entry-malformed",
    "ca-eklist-writable",
    "device-not-in-eklist",
    "template-cannot-attest",
}
# SHA-256 of the BCRYPT blob of the RSA key 2048-21, and of b"somebody".
NEARLY = "fbae2f78ff3ce486ecd20790818a685de613ebb89bc95f310b5e1a49ed6db1d2"
SOMEBODY = "729d7d638cef1b476c9ad1d5d275dc91fc253a026e0924d45b8995bcf828b01b"

Stated = tuple[str, str, str, frozenset[str]]


def stated(severity: str, confidence: str, rule: str, *subjects: str) -> Stated:
    return severity, confidence, rule, frozenset(subjects)


# Common names without .contoso.test
EXPECTED: dict[str, list[Stated]] = {
    "attest-ca": [
        stated("critical", "proved", "ca-eklist-writable", "C:\\EKOpen"),
        stated("high", "proved", "ca-ek-store-expiring", "TPM Maker Root 2015"),
        stated("high", "proved", "ca-eklist-folder-missing", "C:\\EKGone"),
        stated("high", "likely", "template-cannot-attest", "AttestedWrong"),
        stated("medium", "likely", "ca-eklist-entry-malformed", f"EKList/{'0' * 40}", f"EKList/{NEARLY}.txt"),
        stated("medium", "possible", "ca-eklist-entry-malformed", f"EKOpen/{SOMEBODY}"),
        stated("low", "likely", "ca-ek-store-empty", "Contoso Issuing CA 1"),
    ],
    "attest-ca-bare": [
        stated("high", "likely", "ca-ek-store-empty", "Contoso Issuing CA 2"),
        stated("high", "likely", "template-cannot-attest", "AttestedWrong"),
    ],
    "bound": [
        stated("info", "proved", "tpm-key-will-not-survive-move", "tpm-rsa", "tpm-ecc", "tpm-dpapi"),
        stated("info", "likely", "vbs-key-bound-to-device", "vbs"),
        stated("info", "proved", "key-needs-pin", "ui-policy", "hello"),
    ],
    "golden-image": [stated("info", "proved", "tpm-key-will-not-survive-move", "device")],
    "hyperv-target": [
        stated(
            "medium",
            "proved",
            "tpm-key-will-not-survive-move",
            "Shielded VM Encryption Certificate (UntrustedGuardian) (HV06)",
        )
    ],
    # Its Entra join and MDM enrolment make new keys when it joins again.
    "laptop": [stated("info", "proved", "tpm-key-will-not-survive-move", "3f0c7c1e-51a4-4f0e-9a53-0d6a5d1a7e11")],
    "sample": [stated("info", "proved", "tpm-key-will-not-survive-move", "device")],
    "tpm-laptop": [
        stated("high", "proved", "attestation-claim-contradicted", "soft"),
        stated("high", "likely", "attestation-claim-contradicted", "stranger"),
        stated("high", "likely", "template-cannot-attest", "AttestedWrong"),
        stated("medium", "proved", "tpm-key-will-not-survive-move", "vpn"),
        stated("info", "proved", "tpm-key-will-not-survive-move", "wifi", "ecc", "pin"),
        stated("info", "likely", "vbs-key-bound-to-device", "vbs"),
        stated("info", "proved", "key-needs-pin", "pin"),
    ],
    "tpm-replaced": [
        stated("critical", "likely", "tpm-changed-since-key", "app"),
        stated("high", "likely", "tpm-changed-since-key", "odd"),
    ],
}
"""Of disks that are not named here the packs say nothing."""


@cache
def _findings(*names: str) -> tuple[CaseTables, list[FindingJson]]:
    case = examined(*names)
    result = run(PACKS, {table: case.rows(table) for table in ROW_CLASSES}, AS_OF)
    assert [p.message for p in result.problems] == []
    return case, list(map(as_json, result.findings))


def _found(case: CaseTables, findings: list[FindingJson]) -> list[Stated]:
    names = {
        c.thumbprint: c.subject.removeprefix("CN=").removesuffix(".contoso.test")
        for c in case.rows("certificate")
        if c.subject
    }
    return [
        stated(f["severity"], f["confidence"], f["rule"], *(names.get(s["id"], s["id"]) for s in f["subjects"]))
        for f in findings
    ]


def _one(findings: list[FindingJson], rule: str) -> FindingJson:
    (finding,) = [f for f in findings if f["rule"] == rule]
    return finding


def test_the_packs_have_these_rules() -> None:
    assert {r.id for r in load_packs().rules if r.path.parent.name in ("tpm", "attestation")} == IDS


@pytest.mark.parametrize("name", [name for name in NAMES if name != "chain"])
def test_exactly_these_findings(name: str) -> None:
    case, findings = _findings(name)
    expected = EXPECTED.get(name, [])
    assert sorted(_found(case, findings)) == sorted(expected)


def test_authority_and_devices_together() -> None:
    case, findings = _findings("attest-ca", "tpm-laptop", "tpm-replaced")
    single = [s for name in ("attest-ca", "tpm-laptop", "tpm-replaced") for s in EXPECTED[name]]
    together = [*single, stated("medium", "likely", "device-not-in-eklist", "VM-12")]
    assert sorted(_found(case, findings)) == sorted(together)
    assert f"meant for it, named {NEARLY}.txt" in _one(findings, "device-not-in-eklist")["because"]


def test_a_list_on_a_share_leaves_it_open() -> None:
    _, findings = _findings("attest-ca-bare", "tpm-laptop")
    assert "device-not-in-eklist" not in {f["rule"] for f in findings}


def test_texts_name_what_these_disks_have() -> None:
    laptop = _findings("tpm-laptop")[1]
    used, move = (f for f in laptop if f["rule"] == "tpm-key-will-not-survive-move")
    assert "used by http.sys 0.0.0.0:443 (IIS)." in used["because"]
    assert (
        "CN=ecc.contoso.test, until 2029-03-04, used by nothing that was found; bound to PCR values" in move["because"]
    )
    assert "used by nothing that was found; the TPM asks for a PIN" in move["because"]
    assert "There is no way to take these keys along" in move["remedy"]
    soft, stranger = (f for f in laptop if f["rule"] == "attestation-claim-contradicted")
    assert "was decrypted from this disk: it is a software key" in soft["because"]
    assert "its public key is in none of the .PCPKEY files on this disk" in stranger["because"]
    changed = next(f for f in _findings("tpm-replaced")[1] if f["rule"] == "tpm-changed-since-key")["because"]
    # SHA-256 of the BCRYPT blob of the RSA key 2048-22.
    assert (
        "at its last provisioning one with a6f2e4c373630e536dcc4f3ead39f0f9e18438ae26d058de4894aa69f44bad92" in changed
    )
    for name in EXPECTED:
        for finding in _findings(name)[1]:
            assert "(not known)" not in finding["because"].replace("Last provisioning: (not known)", "")
            assert "not shown" not in finding["remedy"]


def test_the_attestation_keys_of_windows_are_named() -> None:
    (row,) = _findings("tpm-laptop")[0].rows("tpm")
    folder = "ProgramData/Microsoft/Crypto/PCPKSP/WindowsAIK"
    assert row.windows_aik_key_files == [f"{folder}/c793af29ed328de5541068858bacb6140a048829.PCPKEY"]
    assert (row.kind, row.ek_pub_form, row.ek_certificate_agrees) == ("physical", "SPKI", True)


def test_wrapped_keys_are_read_under_dpapi_and_a_lying_header_is_a_problem() -> None:
    files = {f.container: f for f in _findings("tpm-laptop")[0].rows("key_file")}
    wifi, ecc = files["te-WebServer-wifi"], files["te-WebServer-ecc"]
    assert wifi.master_key_guid is not None
    assert (wifi.tpm_version, wifi.needs_auth, wifi.pcr_bound, wifi.algorithm, wifi.bits) == (
        "2.0",
        False,
        False,
        "RSA",
        2048,
    )
    assert (ecc.pcr_bound, ecc.pcr_binding, ecc.algorithm, ecc.bits) == (True, "800000", "EC", 384)
    assert files["te-WebServer-pin"].needs_auth is True
    case = _findings("tpm-replaced")[0]
    assert sorted((p.kind, p.message) for p in case.rows("problem")) == [
        ("bad_length", "a header of 40000 bytes does not fit 526 bytes"),
        ("bad_length", "the wrapped key under DPAPI: a header of 40000 bytes does not fit 526 bytes"),
    ]


def test_a_chain_of_checkpoints_without_tpm_says_nothing() -> None:
    case = examined("chain")
    assert run(PACKS, {table: case.rows(table) for table in ROW_CLASSES}, AS_OF).findings == []
