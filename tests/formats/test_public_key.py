"""Public keys against the cryptography package and against the builders' blobs."""

from __future__ import annotations

import hashlib
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from forensics.formats.bcrypt_blob import parse_bcrypt_public
from forensics.formats.capi_public import parse_capi_public
from forensics.formats.errors import FormatError
from forensics.formats.public_key import DsaPublicKey, EcPublicKey, RsaPublicKey, public_key_from_certificate_key
from forensics.formats.tpm_public import parse_tpm2b_public
from testdata.builder import capi, cng, pcpkey
from testdata.builder.keys import ec_key, rsa_key

CURVES = pytest.mark.parametrize("curve", ["P-256", "P-384", "P-521"])


def spki_sha256(key: object) -> str:
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return hashlib.sha256(der).hexdigest()


@pytest.mark.parametrize(("name", "bits"), [("2048-01", 2048), ("3072-01", 3072), ("4096-01", 4096)])
def test_rsa_is_the_same_key_in_every_form(name: str, bits: int) -> None:
    key = rsa_key(name)
    numbers = key.public_key().public_numbers()
    expected = RsaPublicKey(numbers.n, numbers.e)
    assert public_key_from_certificate_key(key.public_key()) == expected
    assert parse_capi_public(capi.public_section(key)) == expected
    assert parse_bcrypt_public(cng.rsa_public_blob(key)) == expected
    assert parse_tpm2b_public(pcpkey.tpm2b_public(key)) == expected
    assert (expected.algorithm, expected.bits) == ("RSA", bits)
    assert expected.spki_sha256() == spki_sha256(key.public_key())


@CURVES
def test_ec_is_the_same_key_in_every_form(curve: str) -> None:
    key = ec_key(curve, "public key test")
    numbers = key.public_key().public_numbers()
    expected = EcPublicKey(curve, numbers.x, numbers.y)
    assert public_key_from_certificate_key(key.public_key()) == expected
    assert parse_bcrypt_public(cng.ec_blob(key, "ECDSA")) == expected
    assert parse_bcrypt_public(cng.ec_blob(key, "ECDH")) == expected
    assert parse_tpm2b_public(pcpkey.tpm2b_public(key)) == expected
    assert (expected.algorithm, expected.bits) == ("EC", int(curve[2:]))
    assert expected.spki_sha256() == spki_sha256(key.public_key())


def test_dss_public_section() -> None:
    """Laid out after Microsoft's page on DSS version 3 blobs; no real one was at hand."""
    key = dsa.generate_private_key(1024).public_key()
    numbers = key.public_numbers()
    group = numbers.parameter_numbers
    section = struct.pack("<BBHI4s4I", 7, 3, 0, 0x2200, b"DSS4", 1024, 160, 0, 160) + b"\xff" * 24
    for number, size in ((group.p, 128), (group.q, 20), (group.g, 128), (numbers.y, 128)):
        section += number.to_bytes(size, "little")
    expected = DsaPublicKey(group.p, group.q, group.g, numbers.y)
    assert parse_capi_public(section) == expected
    assert public_key_from_certificate_key(key) == expected
    assert (expected.algorithm, expected.bits) == ("DSA", 1024)
    assert expected.spki_sha256() == spki_sha256(key)


def test_keys_that_no_windows_key_file_holds_are_none() -> None:
    assert public_key_from_certificate_key(ed25519.Ed25519PrivateKey.generate().public_key()) is None
    assert public_key_from_certificate_key(ec.generate_private_key(ec.SECP256K1()).public_key()) is None
    assert public_key_from_certificate_key("no key") is None


@pytest.mark.parametrize(
    "key", [RsaPublicKey(1, 1), EcPublicKey("P-256", 1, 1), EcPublicKey("P-999", 1, 1), DsaPublicKey(1, 1, 1, 1)]
)
def test_numbers_that_make_no_key(key: RsaPublicKey | EcPublicKey | DsaPublicKey) -> None:
    with pytest.raises(FormatError):
        key.spki_sha256()


def test_a_tpm_key_that_no_certificate_holds_is_none() -> None:
    body = struct.pack(">HHIHH", 0x0008, 0x000B, 0, 0, 0)
    assert parse_tpm2b_public(struct.pack(">H", len(body)) + body) is None


def test_tpm_public_with_symmetric_parameters_scheme_and_own_exponent() -> None:
    modulus = b"\xc1" + bytes(254) + b"\x01"
    body = struct.pack(">HHIH", 0x0001, 0x000B, 0x00030072, 3) + b"pol"
    body += struct.pack(">HHH", 0x0006, 128, 0x0043) + struct.pack(">HH", 0x0014, 0x000B)
    body += struct.pack(">HIH", 2048, 3, 256) + modulus
    assert parse_tpm2b_public(struct.pack(">H", len(body)) + body) == RsaPublicKey(int.from_bytes(modulus, "big"), 3)


@pytest.mark.parametrize(
    ("section", "kind"),
    [
        (b"", "truncated"),
        (b"RSA9" + bytes(40), "unknown_magic"),
        (struct.pack("<4sIIII", b"RSA1", 264, 2048, 255, 65537) + bytes(263), "truncated"),
        (struct.pack("<4sIIII", b"RSA1", 264, 0xFFFFFFF8, 255, 65537) + bytes(264), "bad_length"),
        (struct.pack("<4sIIII", b"RSA1", 264, 2048, 254, 65537) + bytes(264), "bad_length"),
    ],
)
def test_damaged_capi_sections(section: bytes, kind: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_capi_public(section)
    assert caught.value.kind == kind
