"""Table tpm and the certificates of endorsement keys, from registries that were written for the purpose."""

from __future__ import annotations

import hashlib
import struct
from datetime import UTC, datetime

import pytest

from forensics.chain.judge import judge
from forensics.collectors.collect import collect
from forensics.collectors.evidence import Evidence
from forensics.tables.tpm import TpmRow
from testdata.builder.certs import CNG_TPM, key_prov_info, make_certificate, store_element
from testdata.builder.keys import ec_key, rsa_key
from testdata.builder.pcpkey import make_pcpkey, pcp_blob
from testdata.builder.regf import HiveWriter
from testdata.builder.tpm import bcrypt_blob, pkcs1, spki
from tests.collectors.virtual import CONFIG, installation, problems, software_hive, system_hive

WMI = "ControlSet002\\Services\\TPM\\WMI"
ENUM = "ControlSet002\\Enum\\ACPI"
EK, OTHER = rsa_key("2048-20"), rsa_key("2048-21")
PCP = "ProgramData/Microsoft/Crypto/PCPKSP"


def _collected(system: HiveWriter, software: HiveWriter | None = None, **files: bytes) -> Evidence:
    return collect(installation(dict(files), {"SYSTEM": system, "SOFTWARE": software or software_hive()}))


def _tpm(system: HiveWriter, software: HiveWriter | None = None) -> TpmRow:
    (row,) = _collected(system, software).tpm
    return row


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_machine_that_never_saw_a_tpm_has_no_row() -> None:
    system = system_hive()
    system.key(f"{ENUM}\\PNP0C0C\\2")
    evidence = _collected(system)
    assert evidence.tpm == []
    covered = {c.name: c.outcome for c in evidence.installation.coverage if c.area == "registry"}
    assert covered == {"ACPI devices (TPM)": "present", "TPM": "absent"}


def test_a_registry_without_acpi_devices_says_nothing_of_them() -> None:
    system = system_hive()
    system.key(WMI).dword("TaskInformationFlags", 3)
    evidence = _collected(system)
    assert [(r.enumerated, r.information_flags) for r in evidence.tpm] == [(None, 3)]
    covered = {c.name: c.outcome for c in evidence.installation.coverage if c.area == "registry"}
    assert covered == {"ACPI devices (TPM)": "not_examined", "TPM": "present"}


def test_everything_that_is_stored_is_told() -> None:
    system = system_hive()
    system.key(f"{ENUM}\\MSFT0101\\1")
    key = system.key(WMI).binary("WindowsAIKHash", b"\xaa" * 32).dword("TaskManufacturerId", 0x494E5443)
    key.binary("WindowsAIKPub", b"aik")
    system.key(f"{WMI}\\PlatformQuoteKeys\\one")
    system.key(f"{WMI}\\Endorsement").binary("EKPub", spki(EK)).dword("EkNoFetch", 1)
    system.key(f"{WMI}\\Admin").binary("SRKPub", b"srk")
    system.key(f"{WMI}\\TaskStates").dword("EkCertificatePresent", 1).sz("Text", "x")
    info = system.key(f"{WMI}\\ProvisionInfo").binary("LastEkPub", spki(EK)).dword("LastTPMProvisionedBootId", 4)
    info.qword("LastTPMProvisionedTime", 133_000_000_000_000_000)
    row = _tpm(system)
    assert (row.enumerated, row.instances, row.quote_keys) == (True, ["1"], ["one"])
    assert (row.windows_aik_hash, row.manufacturer) == ("aa" * 32, "1229870147")
    assert row.windows_aik_pub_sha256 == _sha256(b"aik")
    assert (row.ek_pub, row.ek_pub_sha256, row.ek_no_fetch) == (spki(EK).hex(), _sha256(spki(EK)), 1)
    assert (row.ek_pub_form, row.ek_algorithm, row.ek_bits, row.ek_pub_agrees) == ("SPKI", "RSA", 2048, True)
    assert (row.srk_pub_sha256, row.srk_pub_bytes) == (_sha256(b"srk"), 3)
    assert row.task_states == ["EkCertificatePresent=1", "Text=x"]
    assert row.provision_info == ["LastTPMProvisionedBootId=4"]
    # 133,000,000,000,000,000 ticks of 100 ns after 1601-01-01
    assert row.last_provisioned == datetime(2022, 6, 18, 4, 26, 40, tzinfo=UTC)
    assert row.ek_digests == [
        f"EKPub as stored: {_sha256(spki(EK))}",
        f"EKPub as PKCS#1: {_sha256(pkcs1(EK))}",
        f"EKPub as modulus: {_sha256(EK.public_key().public_numbers().n.to_bytes(256, 'big'))}",
        f"EKPub as BCRYPT blob: {_sha256(bcrypt_blob(EK))}",
    ]


@pytest.mark.parametrize(
    ("now", "last", "agrees"),
    [
        (spki(EK), spki(EK), True),
        (spki(EK), bcrypt_blob(EK), True),  # one key in two forms
        (spki(EK), spki(OTHER), False),
        (b"unknown form 1", b"unknown form 1", True),
        (b"unknown form 1", b"unknown form 2", False),
        (b"unknown form 1", b"of another length", None),
        (b"unknown form 1", b"head" + b"unknown form 1", True),
        (spki(EK), b"unknown form", None),
    ],
)
def test_two_endorsement_keys_agree_or_not_or_nobody_knows(now: bytes, last: bytes, agrees: bool | None) -> None:
    system = system_hive()
    system.key(f"{WMI}\\Endorsement").binary("EKPub", now)
    system.key(f"{WMI}\\ProvisionInfo").binary("LastEkPub", last)
    assert _tpm(system).ek_pub_agrees is agrees


@pytest.mark.parametrize(
    ("value", "time"),
    [
        (struct.pack("<Q", 0), None),
        (struct.pack("<Q", 7), None),  # 1601
        (b"\xff" * 8, None),
        (b"12345", None),
    ],
)
def test_a_provisioning_time_that_is_none_stays_raw(value: bytes, time: datetime | None) -> None:
    system = system_hive()
    system.key(f"{WMI}\\ProvisionInfo").binary("LastTPMProvisionedTime", value)
    row = _tpm(system)
    assert (row.last_provisioned, row.last_provisioned_raw) == (time, value.hex())


@pytest.mark.parametrize(
    ("maker", "product", "host", "kind"),
    [
        ("Microsoft Corporation", "Virtual Machine", None, "hyper_v"),
        ("Microsoft Corporation", "Surface Laptop 5", None, "physical"),
        ("VMware, Inc.", "VMware20,1", None, "other_virtual"),
        ("QEMU", "Standard PC (Q35 + ICH9, 2009)", None, "other_virtual"),
        ("LENOVO", "21CBCTO1WW", None, "physical"),
        ("", "", "HV01", "hyper_v"),
        ("", "", None, "unknown"),
    ],
)
def test_kind_of_machine(maker: str, product: str, host: str | None, kind: str) -> None:
    system, software = system_hive(), software_hive()
    system.key(WMI)
    system.key("ControlSet002\\Control\\SystemInformation").sz("SystemManufacturer", maker).sz(
        "SystemProductName", product
    )
    if host:
        software.key("Microsoft\\Virtual Machine\\Guest\\Parameters").sz("PhysicalHostName", host)
    assert _tpm(system, software).kind == kind


def test_ek_certificates_are_rows_with_their_store_and_have_no_chain() -> None:
    system = system_hive()
    rsa_certificate = make_certificate("EK", EK, eku=())
    ecc_certificate = make_certificate("EK ECC", ec_key("P-256", "ek"), eku=())
    # A link to a key, which such a certificate does not have, changes nothing.
    link = key_prov_info("x", CNG_TPM, type_=0, flags=0x20, key_spec=0)
    for store, certificate, prov in (
        ("EKCertStore", rsa_certificate, link),
        ("EKCertStoreECC", ecc_certificate, None),
    ):
        path = f"{WMI}\\Endorsement\\{store}\\Certificates\\{certificate.thumbprint}"
        system.key(path).binary("Blob", store_element(certificate, link=prov))
    system.key(f"{WMI}\\Endorsement").binary("EKPub", pkcs1(EK))
    evidence = _collected(system)
    assert {(c.row.store, c.row.thumbprint, c.row.store_scope) for c in evidence.certificates} == {
        ("EKCertStore", rsa_certificate.thumbprint, "machine"),
        ("EKCertStoreECC", ecc_certificate.thumbprint, "machine"),
    }
    assert judge(evidence).key_chains == []
    (row,) = evidence.tpm
    assert row.ek_certificates == sorted([rsa_certificate.thumbprint, ecc_certificate.thumbprint])
    assert row.ek_certificate_agrees is True
    forms = {text.rpartition(": ")[0] for text in row.ek_digests}
    assert f"EK certificate {ecc_certificate.thumbprint[:8]} as SPKI" in forms


def test_the_certificate_of_another_tpm_does_not_agree_and_lends_no_digest() -> None:
    system = system_hive()
    certificate = make_certificate("EK", OTHER, eku=())
    path = f"{WMI}\\Endorsement\\EKCertStore\\Certificates\\{certificate.thumbprint}"
    system.key(path).binary("Blob", store_element(certificate))
    system.key(f"{WMI}\\Endorsement").binary("EKPub", spki(EK))
    row = _tpm(system)
    assert row.ek_certificate_agrees is False
    assert len(row.ek_digests) == 4
    assert _sha256(spki(OTHER)) not in " ".join(row.ek_digests)


def test_hostile_values_are_problems_or_cut() -> None:
    system = system_hive()
    system.key(f"{WMI}\\Endorsement").binary("EKPub", bytes(5000))
    certificates = f"{WMI}\\Endorsement\\EKCertStore\\Certificates"
    system.key(f"{certificates}\\{'A' * 40}").binary("Blob", b"\xff" * 64)
    states = system.key(f"{WMI}\\TaskStates")
    for number in range(250):
        states.sz(f"name{number}\x07", "v" * 1000)
    system.key(f"{ENUM}\\MSFT0101\\{'x' * 250}")
    evidence = _collected(system)
    (row,) = evidence.tpm
    assert (row.ek_pub, row.ek_digests, row.ek_certificates) == (None, [], [])
    assert len(row.task_states) == 200
    assert max(map(len, row.task_states)) < 300
    found = problems(evidence.installation)
    assert (f"{CONFIG}/SYSTEM\\{WMI}\\Endorsement!EKPub", "too_large") in found
    assert (f"{CONFIG}/SYSTEM\\{WMI}\\TaskStates", "too_many") in found
    assert any(path.startswith(f"{CONFIG}/SYSTEM\\{certificates}") for path, _ in found)


def _key_files(**files: bytes) -> Evidence:
    content = {f"{PCP}/{'0' * 40}/{name}.PCPKEY": data for name, data in files.items()}
    return collect(installation(content, {"SYSTEM": system_hive(), "SOFTWARE": software_hive()}))


def test_key_file_columns_and_the_name_rule() -> None:
    name = hashlib.sha1("Key".encode("utf-16-le")).hexdigest()
    blob = pcp_blob("row", EK, auth_required=True, pcr_bound=True)
    evidence = _key_files(
        **{name: make_pcpkey("row", "Key", "RSA", blob), "f" * 40: make_pcpkey("o", "Key", "RSA", blob)}
    )
    rows = {f.row.name_hash: f.row for f in evidence.key_files}
    row = rows[name]
    assert (row.container, row.algorithm, row.bits, row.name_matches) == ("Key", "RSA", 2048, True)
    assert (row.tpm_version, row.needs_auth, row.pcr_bound, row.policy_bound) == ("2.0", True, True, False)
    assert (row.pcr_binding, row.public_key_sha256) == ("800000", _sha256(spki(EK)))
    assert row.pcp_parts == "public=280, private=192, pcr_binding=3, pcr_digest=32"
    assert rows["f" * 40].name_matches is False


@pytest.mark.parametrize(
    ("blob", "kind", "outcome"),
    [
        (pcp_blob("x", EK)[:-10], "truncated", "unreadable"),
        (pcp_blob("x", EK).replace(struct.pack("<I", 54), struct.pack("<I", 9), 1), "bad_length", "unreadable"),
        (
            pcp_blob("x", EK).replace(b"\x08\x00\0\0\0\0\x01\x00", b"\x08\x00\0\0\0\0\x00\xff", 1),
            "bad_length",
            "unreadable",
        ),
        (pcp_blob("x", EK) + b"more", "trailing_data", "present"),
        (b"PCPM" + struct.pack("<4I", 20, 3, 0, 0), "unknown_version", "present"),
    ],
)
def test_a_malformed_wrapped_key_is_a_problem(blob: bytes, kind: str, outcome: str) -> None:
    evidence = _key_files(**{"a" * 40: make_pcpkey("x", "Key", "RSA", blob)})
    path = f"{PCP}/{'0' * 40}/{'a' * 40}.PCPKEY"
    assert [f.row.outcome for f in evidence.key_files] == [outcome]
    assert (path, kind) in problems(evidence.installation)


def test_bytes_behind_the_closing_mark_are_a_problem() -> None:
    evidence = _key_files(**{"a" * 40: make_pcpkey("x", "Key", "RSA", pcp_blob("x", EK)) + b"behind"})
    assert (f"{PCP}/{'0' * 40}/{'a' * 40}.PCPKEY", "trailing_data") in problems(evidence.installation)
