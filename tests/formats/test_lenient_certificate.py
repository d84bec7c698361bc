"""Certificates that the X.509 library refuses and Windows does not: forged ones, and what asn1crypto says of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from forensics.formats.certificate import Certificate, CertificateParser
from forensics.formats.certificate_der import certificate_parts
from forensics.formats.public_key import RsaPublicKey
from testdata.builder.keys import rsa_key

KEY: rsa.RSAPrivateKey = rsa_key("2048-01")
NUMBERS = KEY.public_key().public_numbers()
BEGIN, END = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2027, 6, 7, 8, 9, 0, tzinfo=UTC)
BEGIN_DER, END_DER = b"\x17\x0d250102030405Z", b"\x17\x0d270607080900Z"
SERIAL_DER = b"\x02\x03\x12\x34\x56"
CN, O = b"\x06\x03\x55\x04\x03", b"\x06\x03\x55\x04\x0a"  # noqa: E741


def tlv(tag: int, *contents: bytes) -> bytes:
    """One DER element."""
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    return bytes((tag, 0x82)) + size.to_bytes(2, "big") + content


def rdn(kind: bytes, tag: int, text: bytes) -> bytes:
    return tlv(0x31, tlv(0x30, kind, tlv(tag, text)))


SOUND_NAME = tlv(0x30, rdn(CN, 0x0C, b"web01.test"))
SOUND = (
    x509.CertificateBuilder()
    .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "web01.test")]))
    .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "web01.test")]))
    .public_key(KEY.public_key())
    .serial_number(0x123456)
    .not_valid_before(BEGIN)
    .not_valid_after(END)
    .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
    .add_extension(x509.SubjectAlternativeName([x509.DNSName("*.web01.test")]), False)
    .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
    .sign(KEY, hashes.SHA256())
    .public_bytes(serialization.Encoding.DER)
)
PARTS = certificate_parts(SOUND)


def forged(
    serial: bytes = SERIAL_DER,
    subject: bytes = SOUND_NAME,
    issuer: bytes = SOUND_NAME,
    begin: bytes = BEGIN_DER,
    end: bytes = END_DER,
    extensions: bytes | None = None,
) -> bytes:
    """The sound certificate with other parts; its signature is of no interest here."""
    to_be_signed = tlv(
        0x30,
        b"\xa0\x03\x02\x01\x02",
        serial,
        PARTS.signature,
        issuer,
        tlv(0x30, begin, end),
        subject,
        PARTS.public_key_info,
        tlv(0xA3, extensions if extensions is not None else PARTS.extensions or b""),
    )
    return tlv(0x30, to_be_signed, PARTS.signature, tlv(0x03, bytes(257)))


def refused(der: bytes) -> Certificate:
    """Parse what the library refuses, or reads only in part."""
    with pytest.raises(ValueError, match=r"."):
        read_by_the_library(der)
    return CertificateParser().parse(der)


def read_by_the_library(der: bytes) -> tuple[x509.Name, x509.Extensions]:
    whole = x509.load_der_x509_certificate(der)
    return whole.subject, whole.extensions


def test_the_forge_makes_what_the_library_reads() -> None:
    assert x509.load_der_x509_certificate(forged()).subject.rfc4514_string() == "CN=web01.test"
    assert CertificateParser().parse(forged()) == CertificateParser().parse(SOUND)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (rdn(CN, 0x13, b"*.contoso.com"), "CN=*.contoso.com"),
        (rdn(O, 0x13, b"Smith & Sons") + rdn(CN, 0x13, b"a@b.test"), "CN=a@b.test,O=Smith & Sons"),
        (rdn(CN, 0x13, b"host_1.contoso.com"), "CN=host_1.contoso.com"),
        (rdn(CN, 0x13, "Müller".encode("latin-1")), "CN=Müller"),
    ],
)
def test_names_of_characters_that_their_type_does_not_have(name: bytes, text: str) -> None:
    der = forged(subject=tlv(0x30, name))
    parsed = refused(der)
    assert (parsed.subject, parsed.issuer, parsed.self_signed) == (text, "CN=web01.test", False)
    assert (parsed.not_before, parsed.not_after, parsed.serial) == (BEGIN, END, "123456")
    assert (parsed.eku, parsed.san, parsed.is_ca) == (("serverAuth",), ("DNS:*.web01.test",), False)
    assert (parsed.key_algorithm, parsed.key_bits) == ("RSA", 2048)
    assert parsed.public_key == RsaPublicKey(NUMBERS.n, NUMBERS.e)
    assert parsed.public_key_sha256 == CertificateParser().parse(SOUND).public_key_sha256
    assert (parsed.signature_algorithm, parsed.problems) == ("sha256WithRSAEncryption", ())
    assert text.partition("=")[2].split(",")[0] in asn1.Certificate.load(der).subject.native["common_name"]


def test_a_name_that_is_no_utf_8() -> None:
    parsed = refused(forged(subject=tlv(0x30, rdn(CN, 0x0C, b"web\xff"))))
    assert (parsed.subject, parsed.not_after, parsed.problems) == ("CN=web\ufffd", END, ())


@pytest.mark.parametrize(
    ("time", "moment"),
    [
        (tlv(0x17, b"2706070809Z"), datetime(2027, 6, 7, 8, 9, tzinfo=UTC)),
        (tlv(0x17, b"270607080900+0200"), datetime(2027, 6, 7, 6, 9, tzinfo=UTC)),
        (tlv(0x17, b"2706072309-0330"), datetime(2027, 6, 8, 2, 39, tzinfo=UTC)),
        (tlv(0x17, b"991231235959+0000"), datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (tlv(0x18, b"20270607080900.5Z"), datetime(2027, 6, 7, 8, 9, tzinfo=UTC)),
        (tlv(0x18, b"20270607080900+0100"), datetime(2027, 6, 7, 7, 9, tzinfo=UTC)),
    ],
)
def test_times_with_an_offset_or_without_seconds(time: bytes, moment: datetime) -> None:
    der = forged(end=time)
    parsed = refused(der)
    assert (parsed.not_before, parsed.not_after, parsed.problems) == (BEGIN, moment, ())
    second = asn1.Certificate.load(der).not_valid_after
    assert second.astimezone(UTC).replace(microsecond=0) == moment


@pytest.mark.parametrize(
    ("serial", "text"),
    [(b"\x00\x00\x12\x34", "1234"), (b"\xff\x80", "FF80"), (b"", "00")],
    ids=["zeros", "negative", "empty"],
)
def test_serial_numbers_with_more_or_fewer_octets_than_they_need(serial: bytes, text: str) -> None:
    parsed = refused(forged(serial=tlv(0x02, serial)))
    assert (parsed.serial, parsed.subject, parsed.not_after) == (text, "CN=web01.test", END)
    assert (parsed.san, parsed.problems) == (("DNS:*.web01.test",), ())


BASIC = b"\x06\x03\x55\x1d\x13"
SAN = b"\x06\x03\x55\x1d\x11"
EKU = b"\x06\x03\x55\x1d\x25"
NAMES = tlv(0x30, tlv(0x82, b"a.test"))
SERVER = tlv(0x30, b"\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01")


def test_extensions_that_say_what_their_absence_means() -> None:
    extensions = tlv(
        0x30,
        tlv(0x30, BASIC, b"\x01\x01\xff", tlv(0x04, tlv(0x30, b"\x01\x01\x00"))),
        tlv(0x30, SAN, b"\x01\x01\x00", tlv(0x04, NAMES)),
        tlv(0x30, EKU, b"\x01\x01\x01", tlv(0x04, SERVER)),
    )
    parsed = refused(forged(extensions=extensions))
    assert (parsed.san, parsed.is_ca, parsed.eku) == (("DNS:a.test",), False, ("serverAuth",))
    assert parsed.problems == ()


def test_one_extension_that_cannot_be_read_leaves_the_others() -> None:
    extensions = tlv(0x30, tlv(0x30, EKU, tlv(0x04, b"\x30\x03\x02\x01")), tlv(0x30, SAN, tlv(0x04, NAMES)))
    parsed = refused(forged(subject=tlv(0x30, rdn(CN, 0x13, b"*.test")), extensions=extensions))
    assert (parsed.subject, parsed.san, parsed.eku, parsed.is_ca) == ("CN=*.test", ("DNS:a.test",), (), None)
    [problem] = parsed.problems
    assert problem.message.startswith("the extensions of the certificate cannot be read (")


def test_what_cannot_be_read_at_all_is_told_and_the_rest_is_kept() -> None:
    parsed = refused(forged(end=tlv(0x17, b"when it is over")))
    assert (parsed.subject, parsed.not_after, parsed.san) == ("CN=web01.test", None, ("DNS:*.web01.test",))
    assert [p.message for p in parsed.problems] == ["the validity of the certificate cannot be read (FormatError)"]
    parsed = refused(forged(end=tlv(0x17, b"270231000000Z")))
    assert (parsed.not_after, len(parsed.problems)) == (None, 1)


def test_extensions_are_bounded() -> None:
    one = tlv(0x30, b"\x06\x02\x2a\x03", tlv(0x04, b"\x05\x00"))
    parsed = CertificateParser().parse(forged(extensions=tlv(0x30, *(one for _ in range(201)))))
    assert [p.message for p in parsed.problems] == ["the extensions of the certificate cannot be read (FormatError)"]
    deep = b"\x05\x00"
    for _ in range(2_000):
        deep = tlv(0x30, deep)
    parsed = refused(forged(serial=b"\x02\x02\x00\x01", extensions=tlv(0x30, tlv(0x30, SAN, tlv(0x04, deep)))))
    assert (parsed.subject, parsed.san, len(parsed.problems)) == ("CN=web01.test", (), 1)


@given(st.integers(0, len(SOUND) - 1), st.integers(0, 255))
def test_no_changed_octet_throws(position: int, octet: int) -> None:
    changed = bytearray(SOUND)
    changed[position] = octet
    CertificateParser().parse(bytes(changed))
