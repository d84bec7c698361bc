"""The three ways of trust, from table rows made by hand."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from forensics.attestation.answer import Attestation, DeviceAnswer, attest, template_faults
from forensics.attestation.render import attestation_document, render_attestation
from forensics.attestation.trust import by_ek_certificate
from forensics.case_tables import CaseTables
from forensics.tables.authority import CaEkListEntryRow, CaEkListRow, CaRow
from forensics.tables.certificate import CertificateRow
from forensics.tables.machine import MachineRow
from forensics.tables.record import CoverageRow
from forensics.tables.row import Row
from forensics.tables.tpm import TpmRow
from forensics.tables.use import TemplateRow

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
BEGIN, END = datetime(2020, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)
ONE, TWO = "11" * 32, "22" * 32
AT: dict[str, Any] = {"machine_id": 1, "source_path": "x"}
SOUND = 0x05052000
"""Attestation required, Windows Server 2012 R2 and Windows 8.1."""
KEY, CERTIFICATE, USE = 0x800, 0x400, 0x200


def ca(**values: Any) -> CaRow:
    known: dict[str, Any] = {"name": "CA", "enterprise": True, "type": "enterprise_root"}
    stores: dict[str, Any] = {"ekroot": "absent", "ekroot_count": 0, "ekca": "absent", "ekca_count": 0}
    return CaRow(**(AT | known | stores | values))


def held(*rows: Row) -> CaseTables:
    return CaseTables(rows, as_of=AS_OF)


def folder(**values: Any) -> CaEkListRow:
    known: dict[str, Any] = {"ca": "CA", "configured": "C:\\L", "path": "L", "outcome": "present", "complete": True}
    return CaEkListRow(**(AT | known | {"entries": 1} | values))


def entry(name: str = ONE, **values: Any) -> CaEkListEntryRow:
    known: dict[str, Any] = {"ca": "CA", "folder": "L", "name": name, "ek_hash": ONE}
    return CaEkListEntryRow(**(AT | known | values))


def tpm(**values: Any) -> TpmRow:
    known: dict[str, Any] = {"enumerated": True, "ek_pub": "aa", "ek_digests": [f"EKPub as SPKI: {ONE}"]}
    return TpmRow(**(AT | known | values))


@cache
def private_key(label: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def signed(subject: str, issuer: str, signer: str) -> str:
    """A certificate whose subject has the key of that name; ``signer`` names the key that signs it."""
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n.removeprefix("CN="))]) for n in (subject, issuer)]
    builder = x509.CertificateBuilder().subject_name(names[0]).issuer_name(names[1]).serial_number(7)
    builder = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(
        datetime(2040, 1, 1, tzinfo=UTC)
    )
    made = builder.public_key(private_key(subject).public_key()).sign(private_key(signer), hashes.SHA256())
    return base64.b64encode(made.public_bytes(Encoding.DER)).decode()


def certificate(subject: str, issuer: str, store: str, **values: Any) -> CertificateRow:
    known: dict[str, Any] = {
        "thumbprint": subject[3:].upper(),
        "store_scope": "machine",
        "self_signed": subject == issuer,
        "der": signed(subject, issuer, issuer),
    }
    dates: dict[str, Any] = {"not_before": BEGIN, "not_after": END}
    return CertificateRow(**(AT | known | dates | {"subject": subject, "issuer": issuer, "store": store} | values))


def template(name: str, flags: int, **values: Any) -> TemplateRow:
    return TemplateRow(**(AT | {"name": name, "private_key_flags": flags} | values))


def answer(authority: list[Row], *device: Row, build: str = "26100") -> Attestation:
    machine = MachineRow(**AT, computer_name="PC", build=build)
    server = MachineRow(**AT, computer_name="CA01", build="20348")
    return attest(held(server, *authority), held(machine, *device))


def only(answered: Attestation) -> DeviceAnswer:
    (device,) = answered.devices
    return device


def way(answered: Attestation, model: str) -> tuple[str, str, str, tuple[str, ...]]:
    (trust,) = [t for t in only(answered).trusts if t.model == model]
    return trust.answer, trust.certainty, trust.because, trust.missing


def test_a_listed_key_is_accepted_and_the_form_is_named() -> None:
    answered = answer([ca(), folder(), entry()], tpm())
    assert (only(answered).accepted, only(answered).by, answered.accepts_all) == ("yes", "endorsement_key", True)
    assert way(answered, "endorsement_key") == (
        "yes",
        "likely",
        f"C:\\L holds {ONE}, the SHA-256 of EKPub as SPKI",
        (),
    )
    assert only(answered).provided[0].startswith("no template that asks for attestation is cached")


@pytest.mark.parametrize(
    ("authority", "device", "expected", "because", "missing"),
    [
        ([ca()], [tpm()], "no", "EndorsementKeyListDirectories is not set", "set EndorsementKeyListDirectories"),
        ([folder(), entry(ek_hash=TWO)], [tpm()], "no", "the 1 entry in C:\\L is no", "an empty file in one of"),
        ([folder(outcome="absent")], [tpm()], "no", "in C:\\L (missing)", "an empty file in one of"),
        ([folder()], [], "unknown", "does not hold its endorsement key", "PublicKeyHash"),
        ([folder(outcome="not_examined", detail="a share")], [tpm()], "unknown", "C:\\L (a share)", "look there"),
        ([folder(complete=False), entry(ek_hash=TWO)], [tpm()], "unknown", "not every list", "look there"),
        ([folder(complete=False), entry()], [tpm()], "yes", "the SHA-256 of EKPub as SPKI", ""),
        (
            [folder(), entry(f"{ONE}.txt", fault="extension")],
            [tpm()],
            "no",
            "no name as the authority",
            f"rename it to {ONE}",
        ),
        ([folder(), entry(f"{ONE}.txt", fault="extension"), entry()], [tpm()], "yes", f"holds {ONE},", ""),
        ([folder(), entry(fault="not_empty")], [tpm()], "yes", "the file is not empty", "empty the file"),
        ([folder(ca_can_read=False), entry()], [tpm()], "no", "cannot read that folder", "let SYSTEM read C:\\L"),
        ([folder(ca="Other CA"), entry(ca="Other CA")], [tpm()], "no", "is not set", "set"),
    ],
)
def test_lists(authority: list[Row], device: list[Row], expected: str, because: str, missing: str) -> None:
    rows = authority if isinstance(authority[0], CaRow) else [ca(), *authority]
    said, _, why, lacks = way(answer(rows, *device), "endorsement_key")
    assert said == expected
    assert because in why
    assert missing in "; ".join(lacks)


ROOT = certificate("CN=Root", "CN=Root", "EKROOT")
MIDDLE = certificate("CN=Middle", "CN=Root", "EKCA")
EK = certificate("CN=EK", "CN=Middle", "EKCertStore")
FULL = ca(ekroot="present", ekroot_count=1, ekca="present", ekca_count=1)
ENDED = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("authority", "device", "expected", "because", "missing"),
    [
        ([FULL, ROOT, MIDDLE], [EK, tpm()], "yes", "CN=EK < CN=Middle in EKCA < CN=Root in EKROOT", ""),
        ([FULL, ROOT], [certificate("CN=EK", "CN=Root", "EKCertStoreECC")], "yes", "CN=EK < CN=Root in EKROOT", ""),
        (
            [FULL, ROOT],
            [EK],
            "no",
            "CN=Middle is in neither EKROOT nor EKCA",
            "a valid certificate of CN=Middle in EKCA",
        ),
        (
            [FULL, certificate("CN=Root", "CN=Root", "EKCA"), MIDDLE],
            [EK],
            "no",
            "CN=Root is in neither",
            "CN=Root in EKROOT, if you trust it",
        ),
        (
            [FULL, ROOT, certificate("CN=Middle", "CN=Root", "EKCA", not_after=ENDED)],
            [EK],
            "no",
            "CN=Middle has ended there",
            "a valid certificate of CN=Middle",
        ),
        (
            [FULL, ROOT, MIDDLE],
            [certificate("CN=EK", "CN=Middle", "EKCertStore", not_after=ENDED)],
            "no",
            "was valid until 2025-01-01",
            "a list of endorsement keys",
        ),
        (
            [FULL, ROOT, MIDDLE],
            [certificate("CN=EK", "CN=Middle", "EKCertStore", der=signed("CN=EK", "CN=Middle", "forger"))],
            "no",
            "CN=EK names CN=Middle as its issuer, but the signature is not of that certificate's key",
            "the certificate of CN=Middle whose key signed it",
        ),
        (
            [FULL, ROOT, certificate("CN=Middle", "CN=Root", "EKCA", der=signed("CN=Middle", "CN=Root", "forger"))],
            [EK],
            "no",
            "CN=Middle names CN=Root as its issuer, but the signature is not",
            "whose key signed it",
        ),
        (
            [FULL, certificate("CN=Root", "CN=Root", "EKROOT", der=None), MIDDLE],
            [EK],
            "unknown",
            "its signatures could not be checked",
            "Confirm-CAEndorsementKeyInfo",
        ),
        (
            [FULL, ROOT, MIDDLE],
            [certificate("CN=EK", "CN=Middle", "EKCertStore", der="bm8gREVS")],
            "unknown",
            "its signatures could not be checked",
            "Confirm-CAEndorsementKeyInfo",
        ),
        (
            [FULL, ROOT, MIDDLE],
            [EK, tpm(ek_pub_agrees=False)],
            "unknown",
            "signatures: CN=EK < CN=Middle in EKCA < CN=Root in EKROOT; the TPM changed",
            "which endorsement key the TPM has today",
        ),
        ([FULL, ROOT, MIDDLE], [EK, tpm(ek_certificate_agrees=False)], "no", "of an earlier TPM", "today's TPM"),
        ([FULL, ROOT, MIDDLE], [], "unknown", "no certificate of its endorsement key", "Get-TpmEndorsementKeyInfo"),
        ([ca(ekroot="empty")], [EK], "no", "its store EKROOT is empty", "for the issuer CN=Middle"),
        ([ca(ekroot="not_examined", ekroot_count=None)], [EK], "unknown", "not there to read", ""),
    ],
)
def test_certificates(authority: list[Row], device: list[Row], expected: str, because: str, missing: str) -> None:
    said, certainty, why, lacks = way(answer(authority, *device), "ek_certificate")
    assert (said, certainty) == (expected, "likely")
    assert because in why
    assert missing in "; ".join(lacks)


def test_a_circle_of_issuers_ends() -> None:
    circle = [certificate("CN=A", "CN=B", "EKCA"), certificate("CN=B", "CN=A", "EKCA")]
    answered = answer([FULL, ROOT, *circle], certificate("CN=EK", "CN=A", "EKCertStore"))
    assert way(answered, "ek_certificate")[0] == "no"


def rekeyed_middle() -> str:
    """CN=Middle again, rightly issued, with another key."""
    der = x509.load_der_x509_certificate(base64.b64decode(signed("CN=Middle", "CN=Root", "CN=Root")))
    builder = x509.CertificateBuilder(der.issuer, der.subject, private_key("another").public_key(), 8)
    builder = builder.not_valid_before(der.not_valid_before_utc).not_valid_after(der.not_valid_after_utc)
    made = builder.sign(private_key("CN=Root"), hashes.SHA256())
    return base64.b64encode(made.public_bytes(Encoding.DER)).decode()


def test_of_two_issuers_of_one_name_the_one_that_signed_counts() -> None:
    other = certificate("CN=Middle", "CN=Root", "EKCA", der=rekeyed_middle())
    for order in ([other, MIDDLE], [MIDDLE, other]):
        assert way(answer([FULL, ROOT, *order], EK), "ek_certificate")[0] == "yes"
    assert way(answer([FULL, ROOT, other], EK), "ek_certificate")[0] == "no"


def test_thousands_of_issuers_of_one_name_end() -> None:
    crowd = [certificate("CN=Middle", "CN=Middle", "EKCA", thumbprint=f"{n:040X}") for n in range(1000)]
    assert way(answer([FULL, ROOT, *crowd], EK), "ek_certificate")[0] in ("no", "unknown")


def test_a_key_that_windows_did_not_provision_last_is_not_accepted_by_its_list() -> None:
    answered = answer([ca(), folder(), entry(), template("T", SOUND | KEY)], tpm(ek_pub_agrees=False))
    assert (only(answered).accepted, only(answered).by, answered.accepts_all) == ("unknown", None, False)
    said, _, why, missing = way(answered, "endorsement_key")
    assert said == "unknown"
    assert "the TPM changed: EKPub is another key than the one Windows last provisioned (LastEkPub)" in why
    assert missing == (
        "look which endorsement key the TPM has today, in PowerShell as administrator on the device: "
        "(Get-TpmEndorsementKeyInfo -HashAlgorithm sha256).PublicKeyHash",
    )
    trusting = answer([ca(), template("T", SOUND | USE)], tpm(ek_pub_agrees=False))
    assert (only(trusting).accepted, only(trusting).by) == ("yes", "on_use")


def test_templates_of_which_none_attests_leave_it_open() -> None:
    answered = answer([ca(), folder(), entry(), template("Web", 0x10), template("User", 0)], tpm())
    assert (only(answered).accepted, only(answered).by, answered.accepts_all) == ("unknown", None, False)
    assert only(answered).provided == (
        "none of the 2 templates that are cached on these disks asks for attestation; whether the authority has one "
        "that does is not known",
    )
    alone = answer([ca(), folder(), entry(), template("Web", 0x10)], tpm())
    assert only(alone).provided[0].startswith("the one template that is cached on these disks, Web, does not ask for")


def test_an_elliptic_endorsement_key_is_not_attested() -> None:
    answered = answer([ca(), folder(), entry(), template("T", SOUND | KEY)], tpm(ek_algorithm="EC"))
    assert (only(answered).accepted, only(answered).by, answered.accepts_all) == ("no", None, False)
    assert only(answered).obstacles == (
        "its endorsement key (EKPub) is an elliptic-curve key, and only RSA keys are attested",
    )
    assert "PC: not accepted\n  excluded: its endorsement key (EKPub)" in render_attestation(answered)


def test_trust_on_use_needs_a_template_that_says_so() -> None:
    assert way(answer([ca()], tpm()), "on_use")[0] == "unknown"
    answered = answer([ca(), template("T", SOUND | USE)], tpm())
    assert (only(answered).accepted, only(answered).by) == ("yes", "on_use")
    assert way(answer([ca(), template("T", SOUND | KEY)], tpm()), "on_use")[0] == "no"


def test_templates_refuse_what_the_authority_would_trust() -> None:
    listed: list[Row] = [ca(), folder(), entry()]
    wrong = answer([*listed, template("T", SOUND | CERTIFICATE)], tpm())
    assert (only(wrong).accepted, only(wrong).by) == ("no", None)  # EKROOT is absent
    assert "but no template known here permits it (T does not)" in way(wrong, "endorsement_key")[2]
    broken = answer([*listed, template("T", SOUND | KEY | 0x10)], tpm())
    assert (
        "; but the template T, which permits it, excludes attestation by its other settings"
        in way(broken, "endorsement_key")[2]
    )
    two = answer([*listed, *(template(n, SOUND | KEY | 0x10) for n in "TU")], tpm())
    exclude = "; but the templates T, U, which permit it, exclude attestation by their other settings"
    assert exclude in way(two, "endorsement_key")[2]
    neither = answer([*listed, *(template(n, SOUND | CERTIFICATE) for n in "TU")], tpm())
    assert "but no template known here permits it (T, U do not)" in way(neither, "endorsement_key")[2]
    right = answer(listed, tpm(), template("T", SOUND | KEY))
    assert (only(right).accepted, only(right).provided) == ("yes", ())
    assert right.templates[0].models == ("endorsement_key",)


@pytest.mark.parametrize(
    ("flags", "values", "faults"),
    [
        (SOUND, {}, []),
        (SOUND, {"providers": ["Microsoft Platform Crypto Provider", "X"], "key_algorithm": "rsa"}, []),
        (SOUND | 0x10, {}, ["the private key may be exported"]),
        (SOUND | 0x1, {}, ["the private key is archived"]),
        (SOUND | 0x100, {}, ["it is for legacy providers, not for key storage providers"]),
        (SOUND, {"providers": ["X"]}, ["it allows only X"]),
        (SOUND, {"key_algorithm": "ECDSA_P256"}, ["it wants a key of ECDSA_P256, and only RSA keys are attested"]),
        (0x05042000, {}, ["it is compatible with authorities before Windows Server 2012 R2"]),
        (0x04052000, {}, ["it is compatible with clients before Windows 8.1"]),
        (0x06062000, {}, []),
    ],
)
def test_settings_that_exclude_attestation(flags: int, values: dict[str, Any], faults: list[str]) -> None:
    assert list(template_faults(template("T", flags, **values))) == faults


def test_a_standalone_or_old_authority_attests_nothing() -> None:
    standalone = answer([ca(enterprise=False), folder(), entry()], tpm())
    assert only(standalone).accepted == "no"
    assert "standalone" in standalone.obstacles[0]
    old = attest(
        held(MachineRow(**AT, computer_name="CA01", build="7601"), ca(service_start=4), folder(), entry()),
        [held(MachineRow(**AT, computer_name="PC", build="26100"), tpm())],
    )
    assert old.obstacles == (
        "CA01 runs build 7601; attestation needs Windows Server 2012 R2",
        "the service CertSvc is disabled",
    )
    assert not old.accepts_all


@pytest.mark.parametrize(
    ("rows", "build", "obstacle"),
    [
        ([tpm()], "7601", "it runs build 7601; attestation needs Windows 8.1"),
        ([tpm(enumerated=False)], "26100", "Windows never saw a TPM 2.0 on it (no Enum\\ACPI\\MSFT0101)"),
        (
            [CoverageRow(**AT, area="registry", name="ACPI devices (TPM)", outcome="present")],
            "26100",
            "Windows never saw a TPM 2.0 on it (no Enum\\ACPI\\MSFT0101)",
        ),
    ],
)
def test_devices_that_cannot_attest(rows: list[Row], build: str, obstacle: str) -> None:
    device = only(answer([ca(), folder(), entry()], *rows, build=build))
    assert (device.accepted, device.obstacles) == ("no", (obstacle,))


def test_what_is_no_authority_is_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="no certification authority is configured"):
        attest(held(MachineRow(**AT)), [])
    with pytest.raises(ValueError, match=r"several certification authorities .* \(A, B\)"):
        attest(held(ca(name="A"), ca(name="B")), [])
    assert attest(held(ca(name="A", active=True), ca(name="B", active=False)), []).ca.name == "A"


def test_text_and_document_of_hostile_names_are_plain() -> None:
    hostile = "evil\x1b[31m\u202e\ud800"
    answered = answer([ca(common_name=hostile), folder(configured=hostile), entry()], tpm())
    text = render_attestation(answered, 60)
    assert "\x1b" not in text
    assert "\u202e" not in text
    document = attestation_document(answered)
    assert document["devices"][0]["trusts"][0]["policy"] == "1.3.6.1.4.1.311.21.30"
    assert [d["accepted"] for d in document["devices"]] == ["yes"]


def test_a_chain_that_is_followed_no_further_is_not_called_broken() -> None:
    above = [certificate(f"CN={number}", f"CN={number + 1}", "EKCA", der=None) for number in range(1, 40)]
    device = [certificate("CN=0", "CN=1", "EKCertStore", der=None)]
    short = by_ek_certificate(FULL, tpm(), device, [ROOT, *above[:5]], AS_OF)
    assert (short.answer, "CN=6 is in neither EKROOT nor EKCA" in short.because) == ("no", True)
    long = by_ek_certificate(FULL, tpm(), device, [ROOT, *above], AS_OF)
    assert long.answer == "unknown"
    assert long.because.startswith(
        "the chain of the endorsement key's certificate was followed for 32 certificates only: CN=0 "
    )
