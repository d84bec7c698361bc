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
from forensics.formats.public_key import (
    DsaPublicKey,
    EcPublicKey,
    RsaPublicKey,
    nearly_the_same,
    public_key_from_certificate_key,
)
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


def tpm2b(body: bytes) -> bytes:
    return struct.pack(">H", len(body)) + body


# Type and hash of the name, attributes, no policy; no symmetric parameters, no scheme (TPM 2.0 Part 2, 12.2.4).
TPM_RSA = struct.pack(">HHIHHH", 0x0001, 0x000B, 0, 0, 0x0010, 0x0010)
TPM_ECC = struct.pack(">HHIHHH", 0x0023, 0x000B, 0, 0, 0x0010, 0x0010)


@pytest.mark.parametrize(
    ("raw", "kind", "offset"),
    [
        (b"", "truncated", 0),
        (tpm2b(TPM_RSA)[:-1], "bad_length", 0),
        (tpm2b(TPM_RSA) + b"\0", "bad_length", 0),
        (tpm2b(TPM_RSA), "truncated", 16),
        (tpm2b(TPM_RSA + struct.pack(">HIH", 1024, 0, 127) + bytes(127)), "bad_length", 16),
        (tpm2b(TPM_RSA + struct.pack(">HIH", 1016, 0, 128) + bytes(128)), "bad_length", 16),
        (tpm2b(TPM_RSA + struct.pack(">HIH", 1024, 0, 128) + bytes(129)), "bad_length", 16 + 8 + 128),
        (tpm2b(TPM_RSA + struct.pack(">HIH", 1024, 0, 128) + bytes(127)), "truncated", 16 + 8),
        (tpm2b(TPM_ECC + struct.pack(">HHH", 3, 0x0010, 32) + bytes(31)), "truncated", 16 + 6),
    ],
)
def test_damaged_tpm_public_areas(raw: bytes, kind: str, offset: int) -> None:
    with pytest.raises(FormatError) as caught:
        parse_tpm2b_public(raw)
    assert (caught.value.kind, caught.value.offset) == (kind, offset)


@pytest.mark.parametrize(
    ("curve", "kdf", "expected"),
    [
        (3, b"\0\x10", EcPublicKey("P-256", 1, 2)),
        (4, b"\0\x10", EcPublicKey("P-384", 1, 2)),
        (5, b"\0\x10", EcPublicKey("P-521", 1, 2)),
        (3, b"\0\x20\0\x0b", EcPublicKey("P-256", 1, 2)),
        (1, b"\0\x10", None),
    ],
)
def test_tpm_curves_and_key_derivations(curve: int, kdf: bytes, expected: EcPublicKey | None) -> None:
    points = struct.pack(">HB", 1, 1) + struct.pack(">HB", 1, 2)
    assert parse_tpm2b_public(tpm2b(TPM_ECC + struct.pack(">H", curve) + kdf + points)) == expected


@pytest.mark.parametrize(
    ("symmetric", "scheme"),
    [
        (struct.pack(">H", 0x0010), struct.pack(">H", 0x0015)),  # RSAES has no parameters
        (struct.pack(">HH", 0x000A, 11), struct.pack(">HH", 0x0014, 11)),  # XOR has a hash only
        (struct.pack(">HHH", 0x0006, 128, 0x43), struct.pack(">HHH", 0x001A, 11, 1)),  # ECDAA has a count too
    ],
)
def test_tpm_parameters_that_are_skipped(symmetric: bytes, scheme: bytes) -> None:
    body = TPM_RSA[:10] + symmetric + scheme + struct.pack(">HIH", 8, 0, 1) + b"\7"
    assert parse_tpm2b_public(tpm2b(body)) == RsaPublicKey(7, 65537)


@pytest.mark.parametrize(
    ("bits", "last", "slot", "is_key"),
    [
        (2048, 255, 256, True),
        (2048, 255, 1000, True),
        (8, 0, 1, True),
        (16384, 2047, 2048, True),
        (2048, 255, 255, False),
        (2049, 255, 264, False),
        (2048, 256, 264, False),
        (0, 0xFFFFFFFF, 8, False),
        (16392, 2048, 2056, False),
    ],
)
def test_sizes_that_a_capi_public_section_may_have(bits: int, last: int, slot: int, is_key: bool) -> None:
    section = struct.pack("<4sIIII", b"RSA1", slot, bits, last, 3) + b"\x81" * slot
    if is_key:
        assert parse_capi_public(section) == RsaPublicKey(int.from_bytes(b"\x81" * (bits // 8), "little"), 3)
    else:
        with pytest.raises(FormatError) as caught:
            parse_capi_public(section)
        assert (caught.value.kind, caught.value.offset) == ("bad_length", 4)


def test_a_damaged_copy_of_a_key_is_nearly_the_same() -> None:
    rsa = RsaPublicKey(rsa_key("2048-01").public_key().public_numbers().n, 65537)
    other = RsaPublicKey(rsa_key("2048-02").public_key().public_numbers().n, 65537)
    assert nearly_the_same(rsa, RsaPublicKey(rsa.n ^ 1 << 700, 65537))
    assert nearly_the_same(rsa, RsaPublicKey(rsa.n ^ 0xFFFFFFFF << 700, 65537))
    assert not nearly_the_same(rsa, rsa)
    assert not nearly_the_same(rsa, other)
    assert not nearly_the_same(rsa, None)
    first, second = (public_key_from_certificate_key(ec_key("P-256", name).public_key()) for name in ("a", "b"))
    assert isinstance(first, EcPublicKey)
    assert nearly_the_same(first, EcPublicKey("P-256", first.x ^ 4, first.y))
    assert not nearly_the_same(first, second)
    assert not nearly_the_same(first, rsa)
    assert nearly_the_same(DsaPublicKey(1 << 2047, 3, 2, 5), DsaPublicKey(1 << 2047, 3, 2, 4))
