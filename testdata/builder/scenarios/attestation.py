"""Images ``tpm-laptop``, ``tpm-replaced``, ``attest-ca``, ``attest-ca-bare``: TPM keys, and who would attest them."""

from __future__ import annotations

import hashlib
import struct
from datetime import UTC, datetime
from typing import Any

from testdata.builder import acl, certs
from testdata.builder.cng import CngKey, Property, vbs_clear
from testdata.builder.files import FileSpec
from testdata.builder.folders import CRYPTO, MACHINE
from testdata.builder.keys import ec_key, rsa_key
from testdata.builder.machine import INSTALLED, KEYS_MADE, ForgedMachine, cng_link, machine
from testdata.builder.pcpkey import pcp_blob
from testdata.builder.scenario import SOUND, UNREACHED, Judged, Scenario, Script, plain
from testdata.builder.scenarios.bound import (
    TPM_MISMATCH,
    TPM_SEALED,
    TPM_SEALED_UNDER_DPAPI,
    VBS_SEALED,
    YES,
)
from testdata.builder.scenarios.common import container_of
from testdata.builder.scenarios.golden_image import bind_http_sys
from testdata.builder.tpm import add_authority, add_template, add_tpm, bcrypt_blob, pkcs1, spki

ATTESTED_BY_KEY, ATTESTED_BY_CERTIFICATE, TRUSTED_ON_USE = (f"1.3.6.1.4.1.311.21.{n}" for n in (30, 31, 32))
EK_LAPTOP, EK_REPLACED, EK_FORMER = "2048-20", "2048-21", "2048-22"
MAKER_CA_KEY = "2048-23"
REQUIRED_2012_R2 = 0x05052000
"""Attestation required, authority from Windows Server 2012 R2 and client from Windows 8.1 on."""

UNTIL = datetime(2029, 3, 4, 9, 0, tzinfo=UTC)
AIK_FOLDER = f"{CRYPTO}/PCPKSP/WindowsAIK"
LIST_SD = acl.security_descriptor(
    [acl.Ace(acl.ADMINISTRATORS, flags=3), acl.Ace(acl.SYSTEM, 0x001200A9, flags=3)], owner=acl.ADMINISTRATORS
)
OPEN_SD = acl.security_descriptor(
    [acl.Ace(acl.ADMINISTRATORS, flags=3), acl.Ace(acl.SYSTEM, flags=3), acl.Ace(acl.USERS, acl.MODIFY, flags=3)]
)

# A key file that is there, of which DPAPI opens and the wrapped key inside is laid out as nobody knows.
TPM_ODD_BLOB: Judged = TPM_SEALED_UNDER_DPAPI | {"public_key": "not_stored", "known_by": "inference"}
TPM_TORN: Judged = UNREACHED | {
    "key_file": "unreadable",
    "access": "ok",
    "verdict": "unusable",
    "broken_at": "key_file",
    "recoverable": False,
    "known_by": "inference",
}


def maker_root(until: datetime = datetime(2045, 1, 1, tzinfo=UTC), name: str = "TPM Maker Root") -> certs.Certificate:
    """The root of a manufacturer of TPMs."""
    key = rsa_key("ca")
    since = datetime(2015, 1, 1, tzinfo=UTC)
    return certs.make_certificate(name, key, not_before=since, not_after=until, eku=(), self_signed=True, is_ca=True)


def maker_ca(
    name: str = "TPM Maker CA 7", issuer: str = "TPM Maker Root", key: str = MAKER_CA_KEY
) -> certs.Certificate:
    """An intermediate authority of the manufacturer."""
    since, until = datetime(2018, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)
    return certs.make_certificate(
        name, rsa_key(key), not_before=since, not_after=until, eku=(), is_ca=True, issuer=issuer
    )


def ek_certificate(serial: str, key: str, signer: str = MAKER_CA_KEY) -> certs.Certificate:
    """The certificate of an endorsement key, which names the manufacturer's intermediate as its issuer."""
    since, until = datetime(2023, 1, 1, tzinfo=UTC), datetime(2043, 1, 1, tzinfo=UTC)
    return certs.make_certificate(
        f"TPM EK {serial}",
        rsa_key(key),
        not_before=since,
        not_after=until,
        eku=(),
        issuer="TPM Maker CA 7",
        signer=rsa_key(signer),
    )


def tpm_laptop() -> Scenario:
    """A laptop whose TPM is the one that made its keys."""
    forged = machine(
        "tpm-laptop", computer_name="LAP-77", product_name="Windows 11 Enterprise", build="26100", ubr=6584
    )
    script = Script(forged)
    ek = spki(rsa_key(EK_LAPTOP))
    add_tpm(
        forged,
        ek_pub=ek,
        last_ek_pub=ek,
        provisioned=INSTALLED,
        maker="LENOVO",
        model="21CBCTO1WW",
        ek_certificate=ek_certificate("LAP-77", EK_LAPTOP),
    )
    vpn = _tpm_certificate(script, "vpn", rsa_key("2048-01"), "attested by key, bound to 443", [ATTESTED_BY_KEY])
    bind_http_sys(forged, "0.0.0.0:443", vpn.thumbprint)
    _tpm_certificate(
        script,
        "wifi",
        rsa_key("2048-02"),
        "attested by EK certificate, under DPAPI",
        [ATTESTED_BY_CERTIFICATE],
        sealed=True,
    )
    _tpm_certificate(script, "ecc", ec_key("P-384", "tpm-laptop"), "P-384, bound to PCRs", pcr_bound=True)
    _tpm_certificate(script, "pin", rsa_key("2048-03"), "the TPM asks for a PIN", auth_required=True)
    _tpm_certificate(
        script,
        "stranger",
        rsa_key("2048-05"),
        "trusted on use, but its file holds another key",
        [TRUSTED_ON_USE],
        TPM_MISMATCH,
        stored=rsa_key("2048-06"),
    )
    _software_keys(script)
    aik = rsa_key("2048-07")
    path = forged.put_tpm("WindowsAIK", "RSA", pcp_blob("aik", aik), folder=AIK_FOLDER)
    script.orphan(
        TPM_SEALED | {"public_key": "not_examined", "known_by": "inference"},
        "Windows' own attestation key",
        container="WindowsAIK",
        provider_kind="tpm",
        path=path,
        master_key=None,
        exportable="unknown",
        unsettled=["exportable", "known_by"],
    )
    _templates(forged)
    return plain(
        "tpm-laptop", "A laptop with keys in its TPM, attested, contradicted, bound to PCRs, PIN and VBS", script
    )


def _tpm_certificate(
    script: Script,
    label: str,
    key: Any,
    why: str,
    policies: Any = (),
    judged: Judged | None = None,
    *,
    stored: Any = None,
    sealed: bool = False,
    blob: bytes | None = None,
    created: datetime = KEYS_MADE,
    **options: Any,
) -> certs.Certificate:
    """Put a certificate whose key is with the TPM provider; ``options`` go to :func:`pcp_blob`."""
    forged, container = script.machine, container_of(label)
    data = blob or pcp_blob(label, stored or key, **options)
    kind = "RSA" if hasattr(key.private_numbers(), "p") else "ECDSA_P384"
    certificate = certs.make_certificate(f"{label}.contoso.test", key, not_after=UNTIL, policies=policies)
    script.certificate(
        certificate,
        judged or (TPM_SEALED_UNDER_DPAPI if sealed else TPM_SEALED),
        why,
        link=cng_link(container, certs.CNG_TPM),
        container=container,
        provider=certs.CNG_TPM,
        provider_kind="tpm",
        path=forged.put_tpm(container, kind, data, sealed=sealed, created=created),
        master_key=forged.keys[MACHINE].guid if sealed else None,
        exportable="unknown",
        unsettled=["exportable"],
    )
    return certificate


def _software_keys(script: Script) -> None:
    """A software key that claims to be attested, and one that VBS seals."""
    forged = script.machine
    isolated = {"private_properties": [Property(0, "Virtual Iso", YES)], "private_clear": vbs_clear("vbs laptop")}
    cases: tuple[tuple[str, str, list[str], Judged, dict[str, Any], str], ...] = (
        ("soft", "2048-04", [ATTESTED_BY_KEY], SOUND, {}, "claims to be attested by key, and is a software key"),
        ("vbs", "2048-08", [], VBS_SEALED, isolated, "sealed by VBS"),
    )
    for label, key, policies, judged, options, why in cases:
        container = container_of(label)
        path = forged.put_cng(container, CngKey.rsa(rsa_key(key)), **options)
        script.certificate(
            certs.make_certificate(f"{label}.contoso.test", rsa_key(key), not_after=UNTIL, policies=policies),
            judged,
            why,
            link=cng_link(container, certs.CNG_SOFTWARE),
            container=container,
            provider=certs.CNG_SOFTWARE,
            provider_kind="cng",
            path=path,
            master_key=forged.keys[MACHINE].guid,
        )


def _templates(forged: ForgedMachine) -> None:
    add_template(forged, "AttestedVPN", REQUIRED_2012_R2 | 0xC00, providers=[certs.CNG_TPM], algorithm="RSA")
    add_template(
        forged, "AttestedWrong", REQUIRED_2012_R2 | 0x810, providers=[certs.CNG_SOFTWARE], algorithm="ECDSA_P256"
    )
    add_template(forged, "Web", 0x01010010)


def tpm_replaced() -> Scenario:
    """A virtual machine whose virtual TPM was made anew after its key was made."""
    forged = machine(
        "tpm-replaced", computer_name="VM-12", product_name="Windows 11 Enterprise", build="26100", ubr=6584
    )
    script = Script(forged)
    add_tpm(
        forged,
        ek_pub=bcrypt_blob(rsa_key(EK_REPLACED)),
        last_ek_pub=bcrypt_blob(rsa_key(EK_FORMER)),
        provisioned=datetime(2026, 5, 1, 6, 0, tzinfo=UTC),
        maker="Microsoft Corporation",
        model="Virtual Machine",
        ek_certificate=ek_certificate("VM-12", EK_FORMER),
    )
    certificate = _tpm_certificate(script, "app", rsa_key("2048-11"), "made by the TPM before", [ATTESTED_BY_KEY])
    bind_http_sys(forged, "0.0.0.0:443", certificate.thumbprint)
    odd = pcp_blob("odd", rsa_key("2048-09"))
    odd = odd[:4] + struct.pack("<I", 40_000) + odd[8:]
    why = "under DPAPI a header size of 40,000"
    _tpm_certificate(script, "odd", rsa_key("2048-09"), why, (), TPM_ODD_BLOB, sealed=True, blob=odd)
    _tpm_certificate(script, "torn", rsa_key("2048-10"), "the same in clear", (), TPM_TORN, blob=odd)
    return plain("tpm-replaced", "A virtual machine with another virtual TPM than at its last provisioning", script)


def _authority(script: Script, name: str, key: str, ca_type: int, lists: list[str]) -> None:
    """Configure an authority, with its own certificate and a sound key."""
    add_authority(script.machine, name, ca_type=ca_type, lists=lists)
    certificate = certs.make_certificate(
        name, rsa_key(key), not_after=datetime(2034, 3, 4, 9, 0, tzinfo=UTC), eku=(), is_ca=True
    )
    script.certificate(
        certificate,
        SOUND,
        "the authority's own",
        link=cng_link(name, certs.CNG_SOFTWARE),
        container=name,
        provider=certs.CNG_SOFTWARE,
        provider_kind="cng",
        path=script.machine.put_cng(name, CngKey.rsa(rsa_key(key))),
        master_key=script.machine.keys[MACHINE].guid,
    )


def attest_ca() -> Scenario:
    """An authority that trusts TPMs by list and by manufacturer, not everywhere well."""
    forged = machine(
        "attest-ca", computer_name="CA01", product_name="Windows Server 2022 Standard", build="20348", ubr=1
    )
    script = Script(forged)
    lists = ["C:\\EKList", "C:\\EKOpen", "C:\\EKGone"]
    _authority(script, "Contoso Issuing CA 1", "2048-25", 1, lists)
    ended = maker_root(datetime(2025, 1, 1, tzinfo=UTC), "TPM Maker Root 2015")
    for store, certificate in (
        ("EKROOT", maker_root()),
        ("EKROOT", ended),
        ("EKCA", maker_ca()),
        ("EKCA", maker_ca("Other Maker CA", "Other Maker Root", "2048-24")),
    ):
        forged.put_certificate(certificate, store=store)
    for folder, sd in (("EKList", LIST_SD), ("EKOpen", OPEN_SD)):
        forged.files[folder] = FileSpec(folder, None, sd, INSTALLED, INSTALLED)
    listed = hashlib.sha256(pkcs1(rsa_key(EK_LAPTOP))).hexdigest()
    almost = hashlib.sha256(bcrypt_blob(rsa_key(EK_REPLACED))).hexdigest()
    forged.write(f"EKList/{listed}", b"")
    forged.write(f"EKList/{almost}.txt", b"")
    forged.write(f"EKList/{'0' * 40}", b"")
    forged.write("EKList/readme.txt", b"made by the build of the laptops")
    forged.write(f"EKOpen/{hashlib.sha256(b'somebody').hexdigest()}", b"not empty")
    _templates(forged)
    return plain("attest-ca", "An enterprise authority with lists of endorsement keys, right and wrong", script)


def attest_ca_bare() -> Scenario:
    """An authority that was only half prepared."""
    forged = machine(
        "attest-ca-bare", computer_name="CA02", product_name="Windows Server 2022 Standard", build="20348", ubr=1
    )
    script = Script(forged)
    _authority(script, "Contoso Issuing CA 2", "2048-26", 0, ["\\\\nas01\\eklist$"])
    forged.hives.software.key("Microsoft\\SystemCertificates\\EKROOT\\Certificates")
    _templates(forged)
    return plain("attest-ca-bare", "An enterprise authority with an empty EKROOT and its list on a share", script)
