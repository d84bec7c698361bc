"""X.509 certificates: all of them is read, and each part by itself where another is broken."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from forensics.formats.certificate import MAX_ALTERNATIVE_NAMES, CertificateParser
from forensics.formats.public_key import EcPublicKey

BEGIN, END = datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(*names: x509.GeneralName) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "web01")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(KEY.public_key())
        .serial_number(0x80AB)
        .not_valid_before(BEGIN)
        .not_valid_after(END)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, x509.ObjectIdentifier("1.2.3")]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .add_extension(
            x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.2.3.4"), None)]), False
        )
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def test_everything_a_certificate_says() -> None:
    upn = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x05a@b.c")
    parsed = CertificateParser().parse(certificate(x509.DNSName("web01.test"), upn))
    assert (parsed.subject, parsed.issuer, parsed.self_signed) == ("CN=web01", "CN=web01", True)
    assert parsed.serial == "80AB"
    assert (parsed.not_before, parsed.not_after) == (BEGIN, END)
    assert (parsed.signature_algorithm, parsed.key_algorithm, parsed.key_bits) == ("ecdsa-with-SHA256", "EC", 256)
    assert (parsed.eku, parsed.is_ca, parsed.policies) == (("serverAuth", "1.2.3"), True, ("1.2.3.4",))
    assert parsed.san == ("DNS:web01.test", "UPN:a@b.c")
    assert (parsed.template, parsed.problems) == (None, ())
    numbers = KEY.public_key().public_numbers()
    assert isinstance(parsed.public_key, EcPublicKey)
    assert (parsed.public_key.x, parsed.public_key.y) == (numbers.x, numbers.y)


def test_alternative_names_are_bounded() -> None:
    many = [x509.DNSName(f"n{number}.test") for number in range(MAX_ALTERNATIVE_NAMES + 5)]
    parsed = CertificateParser().parse(certificate(*many))
    assert len(parsed.san) == 2000
    assert [(p.kind, p.message) for p in parsed.problems] == [
        ("too_many", "only the first 2000 alternative names are kept")
    ]


def test_one_broken_part_leaves_the_others() -> None:
    # The key usage extension's OID 2.5.29.37 inside its SEQUENCE becomes one that the list of usages cannot be.
    whole = certificate()
    broken = whole.replace(bytes.fromhex("0603551d25"), bytes.fromhex("0603551d13"))
    parsed = CertificateParser().parse(broken)
    assert (parsed.subject, parsed.not_after, parsed.key_algorithm) == ("CN=web01", END, "EC")
    assert (parsed.eku, parsed.is_ca) == ((), None)
    [problem] = parsed.problems
    assert problem.kind == "bad_certificate"
    assert problem.message.startswith("the extensions of the certificate cannot be read (")


def test_what_is_no_certificate_says_so_and_nothing_else() -> None:
    parsed = CertificateParser().parse(b"no certificate")
    assert (parsed.subject, parsed.public_key, parsed.eku) == (None, None, ())
    [problem] = parsed.problems
    assert problem.message == "it is not laid out like a certificate: a DER element needs 111 bytes, 12 are left"
