"""Signatures and guardians' certificates that the X.509 library refuses: signed by it, read without it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding

import forensics
from forensics.formats.certificate_der import certificate_parts
from forensics.formats.certificate_signature import is_signed_by
from forensics.formats.hyperv.guardian_certificate import parse_guardian_certificate
from testdata.builder.keys import rsa_key
from tests.exports import machine, write_export
from tests.formats.test_lenient_certificate import BEGIN, BEGIN_DER, CN, END, END_DER, KEY, PARTS, rdn, tlv

ISSUER = tlv(0x30, rdn(CN, 0x13, b"TPM *"))
GUARDIAN = b"Shielded VM Encryption Certificate (Contoso & Sons) (HV01)"
SHA256_RSA = tlv(0x30, bytes.fromhex("06092a864886f70d01010b0500"))
SHA384_EC = tlv(0x30, bytes.fromhex("06082a8648ce3d040303"))
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def signed(subject: bytes, key: Any, algorithm: bytes = SHA256_RSA, public: Any = KEY) -> bytes:
    """Forge a certificate of an issuer whose name the library refuses, and sign it."""
    info = public.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    content = tlv(
        0x30,
        b"\xa0\x03\x02\x01\x02\x02\x01\x05",
        algorithm,
        ISSUER,
        tlv(0x30, BEGIN_DER, END_DER),
        subject,
        info,
        tlv(0xA3, PARTS.extensions or b""),
    )
    if algorithm == SHA256_RSA:
        signature = key.sign(content, padding.PKCS1v15(), hashes.SHA256())
    else:
        signature = key.sign(content, ec.ECDSA(hashes.SHA384()))
    return tlv(0x30, content, algorithm, tlv(0x03, b"\0", signature))


SUBJECT = tlv(0x30, rdn(CN, 0x13, b"EK & key"))
ROOT = signed(ISSUER, KEY)
EC_ROOT = signed(ISSUER, EC_KEY, SHA384_EC, EC_KEY)


@pytest.mark.parametrize(
    ("certificate", "issuer", "answer"),
    [
        (signed(SUBJECT, KEY), ROOT, True),
        (ROOT, ROOT, True),
        (signed(SUBJECT, EC_KEY, SHA384_EC), EC_ROOT, True),
        (signed(SUBJECT, rsa_key("2048-02")), ROOT, False),
        (signed(SUBJECT, EC_KEY, SHA384_EC), ROOT, None),
        (signed(SUBJECT, KEY), signed(SUBJECT, KEY), None),
        (signed(SUBJECT, KEY)[:-40], ROOT, None),
        (b"", ROOT, None),
    ],
)
def test_who_signed_what_the_library_refuses(certificate: bytes, issuer: bytes, answer: bool | None) -> None:
    with pytest.raises(ValueError, match=r"."):
        str(x509.load_der_x509_certificate(issuer).subject)
    assert is_signed_by(certificate, issuer) is answer


def test_one_flipped_bit_is_another_content() -> None:
    data = bytearray(signed(SUBJECT, KEY))
    data[data.index(b"EK & key")] ^= 1
    assert is_signed_by(bytes(data), ROOT) is False


def test_a_guardian_that_the_library_refuses() -> None:
    der = signed(tlv(0x30, rdn(CN, 0x13, GUARDIAN)), KEY)
    found = parse_guardian_certificate(der)
    assert found.thumbprint == hashlib.sha1(der).hexdigest().upper()
    assert found.common_name == GUARDIAN.decode()
    assert (found.not_before, found.not_after) == (BEGIN, END)
    assert found.public_key is not None
    assert found.name is not None
    assert (found.name.role, found.name.guardian, found.name.host) == ("encryption", "Contoso & Sons", "HV01")
    assert certificate_parts(der).subject == tlv(0x30, rdn(CN, 0x13, GUARDIAN))


def test_certificate_files_of_an_export_are_never_dropped_in_silence(tmp_path: Path) -> None:
    folder = write_export(tmp_path, machine())
    refused = signed(tlv(0x30, rdn(CN, 0x13, GUARDIAN)), KEY)
    foreign = signed(SUBJECT, KEY)
    for name, data in (("guardian.cer", refused), ("other.cer", foreign), ("torn.cer", foreign[:300])):
        (folder / name).write_bytes(data)
    case = forensics.examine(folder, strict=False)
    rows = {
        row.source_path.rpartition("/")[2]: row for row in case.rows("guardian") if row.source_path.endswith(".cer")
    }
    assert rows["guardian.cer"].subject == r"CN=Shielded VM Encryption Certificate (Contoso & Sons) (HV01)"
    assert rows["guardian.cer"].guardian == "Contoso & Sons"
    told = {p.source_path.rpartition("/")[2]: (p.kind, p.message) for p in case.rows("problem")}
    thumbprint = hashlib.sha1(foreign).hexdigest().upper()
    assert told["other.cer"] == (
        "not_a_guardian",
        f"a certificate (CN=EK & key, {thumbprint}) without the name of a guardian's: not examined",
    )
    assert told["torn.cer"] == ("bad_certificate", "300 bytes that are no X.509 certificate")
