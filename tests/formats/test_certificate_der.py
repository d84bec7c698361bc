"""The small DER reader: what it cuts, and that no bytes make it throw anything but FormatError."""

from __future__ import annotations

from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from forensics.formats.certificate_der import certificate_parts, lax_rsa_key, object_identifier, read_element
from forensics.formats.errors import FormatError
from testdata.builder.certs import make_certificate
from testdata.builder.keys import rsa_key

CERTIFICATE = make_certificate("a.example", rsa_key("2048-01"))


def test_parts_are_those_the_library_finds() -> None:
    parts = certificate_parts(CERTIFICATE.der)
    key = CERTIFICATE.x509.public_key()
    assert parts.subject == CERTIFICATE.x509.subject.public_bytes()
    assert parts.issuer == CERTIFICATE.x509.issuer.public_bytes()
    assert parts.public_key_info == key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert int.from_bytes(parts.serial, "big") == CERTIFICATE.x509.serial_number


def test_a_modulus_without_its_leading_zero_is_positive() -> None:
    # RSA with n = 0xC5 and e = 3, as encoders of the nineties wrote it.
    info = bytes.fromhex("301a300d06092a864886f70d0101010500" + "0309003006" + "0201c5" + "020103")
    key = lax_rsa_key(info)
    assert key is not None
    assert (key.n, key.e) == (0xC5, 3)


@pytest.mark.parametrize(
    ("content", "text"),
    [("2b0601040182371507", "1.3.6.1.4.1.311.21.7"), ("551d25", "2.5.29.37"), ("883703", "2.999.3"), ("2a", "1.2")],
)
def test_object_identifiers(content: str, text: str) -> None:
    assert object_identifier(bytes.fromhex(content)) == text


@pytest.mark.parametrize("content", [b"", b"\x2b\x86", b"\x2b" + b"\xff" * 30])
def test_broken_object_identifiers(content: bytes) -> None:
    with pytest.raises(FormatError):
        object_identifier(content)


@pytest.mark.parametrize("data", [b"", b"\x30", b"\x30\x80", b"\x30\x85\1\1\1\1\1", b"\x30\x82\x01", b"\x30\x05\0"])
def test_broken_elements(data: bytes) -> None:
    with pytest.raises(FormatError):
        read_element(data, 0)


@given(st.binary(max_size=200), st.integers(0, len(CERTIFICATE.der) - 1), st.integers(0, 255))
def test_no_bytes_throw_anything_else(noise: bytes, position: int, octet: int) -> None:
    changed = bytearray(CERTIFICATE.der)
    changed[position] = octet
    for data in (noise, bytes(changed), CERTIFICATE.der[:position]):
        for parse in (certificate_parts, lax_rsa_key):
            with suppress(FormatError):
                parse(data)
