"""Endorsement keys in every form that is tried; the cryptography package writes the forms, not the reader."""

from __future__ import annotations

import struct

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.formats.endorsement_key import encodings, read_endorsement_key
from forensics.formats.public_key import DsaPublicKey, EcPublicKey, RsaPublicKey
from testdata.builder import pcpkey
from testdata.builder.keys import ec_key, rsa_key
from testdata.builder.tpm import bcrypt_blob

RSA, EC = rsa_key("2048-20"), ec_key("P-256", "endorsement")
NUMBERS, POINT = RSA.public_key().public_numbers(), EC.public_key().public_numbers()
PUBLIC, EC_PUBLIC = RsaPublicKey(NUMBERS.n, NUMBERS.e), EcPublicKey("P-256", POINT.x, POINT.y)
SPKI = RSA.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
PKCS1 = RSA.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
EC_SPKI = EC.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
MODULUS = NUMBERS.n.to_bytes(256, "big")
FORMS = {"SPKI": SPKI, "PKCS#1": PKCS1, "modulus": MODULUS, "BCRYPT blob": bcrypt_blob(RSA)}


@pytest.mark.parametrize(("form", "raw"), [*FORMS.items(), ("TPM2B_PUBLIC", pcpkey.tpm2b_public(RSA))])
def test_each_form_of_an_rsa_key_is_recognised(form: str, raw: bytes) -> None:
    assert read_endorsement_key(raw) == (form, PUBLIC)


def test_an_elliptic_curve_key_is_recognised() -> None:
    ecc = b"ECK1" + struct.pack("<I", 32) + POINT.x.to_bytes(32, "big") + POINT.y.to_bytes(32, "big")
    assert read_endorsement_key(ecc) == ("BCRYPT blob", EC_PUBLIC)
    assert read_endorsement_key(EC_SPKI) == ("SPKI", EC_PUBLIC)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0",
        bytes(256),
        SPKI[:-1],
        SPKI + b"\0",
        PKCS1 + b"\0",
        bcrypt_blob(RSA) + b"\0",
        MODULUS[:-1],
        MODULUS[:-1] + b"\0",  # even: no modulus
        b"\x7f" + MODULUS[1:],  # a bit short
    ],
)
def test_what_fits_no_form_is_nothing(raw: bytes) -> None:
    assert read_endorsement_key(raw) is None


def test_a_key_is_written_in_the_forms_that_cryptography_writes() -> None:
    assert dict(encodings(PUBLIC)) == FORMS
    assert dict(encodings(EC_PUBLIC)) == {"SPKI": EC_SPKI}


def bcrypt_of(key: RsaPublicKey, modulus: int, exponent: int) -> bytes:
    """Return a BCRYPT_RSAPUBLIC_BLOB whose two numbers have these sizes in bytes (Microsoft's documented layout)."""
    head = struct.pack("<4s5I", b"RSA1", key.n.bit_length(), exponent, modulus, 0, 0)
    return head + key.e.to_bytes(exponent, "big") + key.n.to_bytes(modulus, "big")


# An exponent of one byte with and without its highest bit, of two bytes, of more; a modulus whose highest bit is clear.
@pytest.mark.parametrize(("e", "e_size"), [(3, 1), (127, 1), (129, 1), (255, 1), (257, 2), (65535, 2), (65537, 3)])
@pytest.mark.parametrize(("n", "n_size"), [(NUMBERS.n, 256), (NUMBERS.n >> 1 | 1, 256), (NUMBERS.n >> 9 | 1, 255)])
def test_exponents_and_moduli_of_any_length_are_written_as_cryptography_writes_them(
    e: int, e_size: int, n: int, n_size: int
) -> None:
    library = rsa.RSAPublicNumbers(e, n).public_key()
    key = RsaPublicKey(n, e)
    forms = {
        "SPKI": library.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "PKCS#1": library.public_bytes(Encoding.DER, PublicFormat.PKCS1),
        "modulus": n.to_bytes(n_size, "big"),
        "BCRYPT blob": bcrypt_of(key, n_size, e_size),
    }
    assert dict(encodings(key)) == forms
    for form in ("SPKI", "PKCS#1", "BCRYPT blob"):
        assert read_endorsement_key(forms[form]) == (form, key)


@pytest.mark.parametrize("bits", [1024, 2048, 3072, 4096])
def test_a_modulus_has_one_of_four_sizes(bits: int) -> None:
    raw = b"\x80" + bytes(bits // 8 - 2) + b"\1"
    assert read_endorsement_key(raw) == ("modulus", RsaPublicKey((1 << (bits - 1)) + 1, 65537))
    assert read_endorsement_key(raw[:1] + b"\0" + raw[1:]) is None


@pytest.mark.parametrize(
    "raw",
    [
        struct.pack("<4s5I", b"RSA1", 0, 1, 1, 0, 0) + b"\3\0",
        struct.pack("<4s5I", b"RSA1", 2048, 3, 256, 0, 0) + b"\1\0\1" + bytes(256),
        # TPM2B_PUBLIC of an RSA key (TPM 2.0 Part 2, 12.2.4) whose 128 bytes of modulus are zero.
        bytes.fromhex("0096 0001 000b 00060072 0000 0010 0010 0400 00000000 0080") + bytes(128),
    ],
)
def test_a_modulus_of_zero_is_no_key(raw: bytes) -> None:
    assert read_endorsement_key(raw) is None


def test_a_modulus_of_zero_has_no_form() -> None:
    assert list(encodings(RsaPublicKey(0, 65537))) == []


def test_elliptic_curve_blobs_end_with_their_key() -> None:
    ecc = b"ECS1" + struct.pack("<I", 32) + POINT.x.to_bytes(32, "big") + POINT.y.to_bytes(32, "big")
    assert read_endorsement_key(ecc) == ("BCRYPT blob", EC_PUBLIC)
    assert read_endorsement_key(ecc + b"\0") is None
    assert read_endorsement_key(ecc[:-1]) is None


@pytest.mark.parametrize(("curve", "size"), [("P-256", 32), ("P-384", 48), ("P-521", 66)])
def test_each_curve(curve: str, size: int) -> None:
    private = ec_key(curve, "endorsement")
    point = private.public_key().public_numbers()
    key = EcPublicKey(curve, point.x, point.y)
    spki = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert dict(encodings(key)) == {"SPKI": spki}
    assert read_endorsement_key(spki) == ("SPKI", key)
    magic = {"P-256": b"ECK1", "P-384": b"ECK3", "P-521": b"ECK5"}[curve]
    blob = magic + struct.pack("<I", size) + point.x.to_bytes(size, "big") + point.y.to_bytes(size, "big")
    assert read_endorsement_key(blob) == ("BCRYPT blob", key)


def test_keys_that_cannot_be_written_have_no_form() -> None:
    assert list(encodings(EcPublicKey("P-256", 1, 1))) == []
    assert list(encodings(EcPublicKey("P-192", 1, 1))) == []
    assert list(encodings(DsaPublicKey(7, 3, 2, 4))) == []


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(FORMS)), st.integers(0, 2000), st.binary(max_size=4), st.booleans())
def test_damaged_keys_are_read_or_not_but_never_crash(form: str, at: int, put: bytes, cut: bool) -> None:
    raw = FORMS[form]
    at %= len(raw)
    damaged = raw[:at] + put + (b"" if cut else raw[at + len(put) :])
    read = read_endorsement_key(damaged)
    if read is not None and damaged != raw:
        assert dict(encodings(read[1])).get(read[0], damaged) == damaged
