"""Endorsement keys in every form that is tried; the cryptography package writes the forms, not the reader."""

from __future__ import annotations

import struct

import pytest
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
