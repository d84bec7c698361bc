"""Exported guardians, and the names of guardian certificates."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from typing import Literal

import pytest

from forensics.formats.errors import FormatError
from forensics.formats.hyperv.guardian_certificate import parse_guardian_certificate
from forensics.formats.hyperv.guardian_metadata import parse_guardian_metadata
from forensics.formats.hyperv.guardian_name import GuardianName, parse_guardian_name
from forensics.formats.hyperv.guardian_xml import unsigned_int
from forensics.formats.public_key import EcPublicKey
from testdata.builder import certs
from testdata.builder import key_protector as forge
from testdata.builder.keys import ec_key, rsa_key

PAIR = forge.guardian_pair("MemLabsGuardian", "HV07")
OTHER = forge.guardian_pair(number=2)
SIGNING, ENCRYPTION = "Shielded VM Signing Certificate", "Shielded VM Encryption Certificate"


@pytest.mark.parametrize(
    ("common_name", "expected"),
    [
        (f"{SIGNING} (UntrustedGuardian) (HV01)", GuardianName("signing", "UntrustedGuardian", "HV01")),
        (f"{ENCRYPTION} (UntrustedGuardian) (HV01)", GuardianName("encryption", "UntrustedGuardian", "HV01")),
        (f"{SIGNING} (Fabric (East)) (HV01)", GuardianName("signing", "Fabric (East)", "HV01")),
        (f"{SIGNING} (Lab) (two) (hv-01.corp.test)", GuardianName("signing", "Lab) (two", "hv-01.corp.test")),
        (f"{SIGNING} (A (b) (HV01)", GuardianName("signing", "A (b", "HV01")),
        (f"{SIGNING} (日本 ガーディアン) (ＨＶ)", GuardianName("signing", "日本 ガーディアン", "ＨＶ")),
        (f"{SIGNING} (UntrustedGuardian)", GuardianName("signing", "UntrustedGuardian", None)),
        (f"{SIGNING} (Fabric (East))", GuardianName("signing", "Fabric (East)", None)),
        (f"{SIGNING} (A (b) (c))", GuardianName("signing", "A (b) (c)", None)),
        (f"{SIGNING} (A) (East DC)", None),
        (f"{SIGNING} (UntrustedGuardian) ()", None),
        (f"{SIGNING} ()", None),
        (f"{SIGNING} ( ) (HV01)", None),
        (f"{SIGNING}", None),
        (f"{SIGNING} (UntrustedGuardian) (HV01) ", None),
        (f" {SIGNING} (UntrustedGuardian) (HV01)", None),
        ("Abgeschirmte VM Signaturzertifikat (UntrustedGuardian) (HV01)", None),
        ("HGS Client Host Key", None),
        ("", None),
    ],
)
def test_names(common_name: str, expected: GuardianName | None) -> None:
    assert parse_guardian_name(common_name) == expected


def test_a_long_name_takes_no_time() -> None:
    assert parse_guardian_name(f"{SIGNING} (" + ") (" * 200_000 + " )") is None


def test_certificate_with_an_elliptic_curve_key_and_no_common_name() -> None:
    key = ec_key("P-384", "guardian")
    made = certs.make_certificate("x", key, not_before=datetime(2020, 1, 2, tzinfo=UTC))
    certificate = parse_guardian_certificate(made.der)
    point = key.public_key().public_numbers()
    assert certificate.public_key == EcPublicKey("P-384", point.x, point.y)
    assert (certificate.thumbprint, certificate.name) == (made.thumbprint, None)
    assert certificate.not_before == datetime(2020, 1, 2, tzinfo=UTC)
    # CN (2.5.4.3) becomes serialNumber (2.5.4.5): the signature breaks, which is not looked at.
    renamed = parse_guardian_certificate(made.der.replace(bytes.fromhex("0603550403"), bytes.fromhex("0603550405")))
    assert (renamed.common_name, renamed.name, renamed.subject) == (None, None, "2.5.4.5=x")
    assert "der=" not in repr(renamed)


@pytest.mark.parametrize("der", [b"", b"\0", b"0\x82\xff\xff", PAIR.signing.der[:-1], PAIR.signing.der + b"\0"])
def test_bytes_that_are_no_certificate(der: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        parse_guardian_certificate(der)
    assert caught.value.kind == "bad_certificate"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
@pytest.mark.parametrize("bom", [True, False])
@pytest.mark.parametrize("declaration", [True, False])
def test_metadata(encoding: Literal["utf-8", "utf-16-le"], bom: bool, declaration: bool) -> None:
    data = forge.write_guardian_metadata(PAIR, encoding=encoding, bom=bom, declaration=declaration)
    metadata = parse_guardian_metadata(data)
    assert metadata.errors == ()
    assert metadata.other_signing == ()
    assert metadata.signing is not None
    assert metadata.encryption is not None
    by_hand = dict(
        re.findall(r"<(\w+Certificate)>([^<]+)<", data.decode("utf-16" if bom and "16" in encoding else encoding))
    )
    assert metadata.signing.der == base64.b64decode(by_hand["SigningCertificate"]) == PAIR.signing.der
    assert metadata.encryption.der == base64.b64decode(by_hand["EncryptionCertificate"]) == PAIR.encryption.der
    assert metadata.encryption.name == GuardianName("encryption", "MemLabsGuardian", "HV07")
    n = rsa_key("guardian-01-signing").public_key().public_numbers().n
    assert getattr(metadata.signing.public_key, "n", None) == n


def test_other_signing_certificates() -> None:
    data = forge.write_guardian_metadata(PAIR, other_signing=[OTHER.signing, OTHER.encryption])
    metadata = parse_guardian_metadata(data)
    assert [c.thumbprint for c in metadata.other_signing] == [OTHER.signing.thumbprint, OTHER.encryption.thumbprint]
    broken = parse_guardian_metadata(data.replace(base64.b64encode(OTHER.signing.der), b"MAA="))
    assert [c.thumbprint for c in broken.other_signing] == [OTHER.encryption.thumbprint]
    assert [error.kind for error in broken.errors] == ["bad_certificate"]


def test_parts_that_are_missing_or_broken() -> None:
    data = forge.write_guardian_metadata(PAIR)
    gone = data.replace(b"EncryptionCertificate>", b"Nothing>")
    metadata = parse_guardian_metadata(gone.replace(base64.b64encode(PAIR.signing.der), b"not base64"))
    assert (metadata.signing, metadata.encryption) == (None, None)
    assert [(e.kind, e.message) for e in metadata.errors] == [
        ("bad_base64", "SigningCertificate is no base64"),
        ("bad_structure", "EncryptionCertificate is missing"),
    ]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf\r\n", "empty"),
        (b"<Metadata/>", "bad_structure"),
        (f'<Metadata xmlns="{forge.KPS}"/>'.encode(), "bad_structure"),
        (forge.write_key_protector(PAIR), "bad_structure"),
        (b"<!DOCTYPE Metadata>" + forge.write_guardian_metadata(PAIR, bom=False, declaration=False), "forbidden_xml"),
        (forge.write_guardian_metadata(PAIR)[:-20], "bad_xml"),
        (b"\xff\xfe<\0\0\xd8", "bad_text"),
        (b"<Metadata>\xff</Metadata>", "bad_text"),
    ],
)
def test_documents_that_are_no_metadata(data: bytes, kind: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_guardian_metadata(data)
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("4294967295", 0xFFFFFFFF), (" \t7\r\n", 7), ("0" * 63 + "7", 7), ("007", 7)],
)
def test_unsigned_numbers(text: str, number: int) -> None:
    assert unsigned_int(text, "x") == number


@pytest.mark.parametrize("text", [None, "", "4294967296", "-1", "1.0", "0x1", "1 2", "\u0661", "0" * 64 + "7"])
def test_what_is_no_unsigned_number(text: str | None) -> None:
    with pytest.raises(FormatError) as caught:
        unsigned_int(text, "the count")
    assert (caught.value.kind, caught.value.offset) == ("bad_number", 0)
    assert caught.value.message == "the count is no unsigned 32-bit integer"
