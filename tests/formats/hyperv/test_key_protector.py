"""Key protectors: guardians, owner, signatures; other people's XML and X.509 readers as the second opinion."""

from __future__ import annotations

import base64
import hashlib
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from forensics.formats.errors import FormatError
from forensics.formats.hyperv.guardian_name import GuardianName
from forensics.formats.hyperv.guardian_xml import exclusive_c14n, parse_guardian_xml
from forensics.formats.hyperv.key_protector import find_key_protectors, is_empty_key_protector, parse_key_protector
from forensics.formats.public_key import EcPublicKey, RsaPublicKey
from forensics.formats.signature import check_signature
from testdata.builder import key_protector as forge
from testdata.builder.certs import Certificate
from testdata.builder.keys import ec_key, rsa_key
from tests.oracles import other_reader

OWNER = forge.guardian_pair()
FABRIC = forge.guardian_pair("Fabric (East)", "HV02", number=2)
THIRD = forge.guardian_pair("Branch", None, number=3)
BOTH = forge.write_key_protector(OWNER, [FABRIC])
NS = {"k": "http://schemas.microsoft.com/kps/2014/07"}
PSS_SHA256 = "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1"
ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"


def kinds(errors: tuple[FormatError, ...]) -> list[str]:
    return [error.kind for error in errors]


def replaced(data: bytes, old: str, new: str, count: int = -1) -> bytes:
    assert old.encode() in data
    return data.replace(old.encode(), new.encode(), count)


def test_two_guardians() -> None:
    protector = parse_key_protector(forge.write_key_protector(OWNER, [FABRIC], last_wrapped_by=2))
    assert (protector.owner_id, protector.last_wrapped_by, protector.max_offline_unwraps) == (1, 2, None)
    assert (protector.guardian_signature, protector.encoding, protector.errors) == ("valid", "utf-8", ())
    assert [(w.id, w.parent_id, w.errors) for w in protector.wrappings] == [(1, 1, ()), (2, 1, ())]
    assert {(w.signing_signature, w.encryption_signature) for w in protector.wrappings} == {("valid", "valid")}
    first, second = protector.wrappings
    assert first.signing is not None
    assert first.encryption is not None
    assert second.encryption is not None
    assert first.signing.der == OWNER.signing.der
    assert first.encryption.subject == "CN=Shielded VM Encryption Certificate (UntrustedGuardian) (HV01)"
    assert first.encryption.common_name == "Shielded VM Encryption Certificate (UntrustedGuardian) (HV01)"
    assert first.encryption.not_before == datetime(2016, 11, 21, 9, 30, tzinfo=UTC)
    assert first.encryption.not_after == datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
    numbers = rsa_key("guardian-02-encryption").public_key().public_numbers()
    assert second.encryption.public_key == RsaPublicKey(numbers.n, numbers.e)
    assert second.encryption.name == GuardianName("encryption", "Fabric (East)", "HV02")


def test_against_plain_readers() -> None:
    root = ET.fromstring(BOTH)
    by_hand = []
    for wrapping in root.iterfind("k:Wrappings/k:Wrapping", NS):
        thumbprints = []
        for name in ("SigningCertificate", "EncryptionCertificate"):
            certificate = x509.load_der_x509_certificate(base64.b64decode(wrapping.findtext(f"k:{name}", "", NS)))
            thumbprints.append(certificate.fingerprint(hashes.SHA1()).hex().upper())
        by_hand.append((int(wrapping.findtext("k:Id", "", NS)), *thumbprints))
    assert by_hand == [
        (1, OWNER.signing.thumbprint, OWNER.encryption.thumbprint),
        (2, FABRIC.signing.thumbprint, FABRIC.encryption.thumbprint),
    ]
    read = [
        (w.id, w.signing.thumbprint, w.encryption.thumbprint)
        for w in parse_key_protector(BOTH).wrappings
        if w.signing and w.encryption
    ]
    assert read == by_hand


@pytest.mark.parametrize("prefix", ["", "k"])
def test_the_forged_guardian_signature_holds_for_another_library(prefix: str) -> None:
    etree: Any = other_reader("lxml.etree", "lxml")
    root = etree.fromstring(forge.write_key_protector(OWNER, [FABRIC], prefix=prefix))
    canonical = etree.tostring(root.find("k:Wrappings", NS), method="c14n", exclusive=True, with_comments=False)
    value = base64.b64decode(root.findtext("k:GuardianSignature/k:Signature/k:SignatureValue", "", NS))
    key = OWNER.signing.x509.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify(value, canonical, padding.PKCS1v15(), hashes.SHA256())


ODD_DOCUMENTS = {
    "as forged": BOTH,
    "prefix": forge.write_key_protector(OWNER, [FABRIC], prefix="kps"),
    "unused namespaces": replaced(BOTH, "<Protector ", '<Protector xmlns:xsi="urn:a" xmlns:xsd="urn:b" '),
    "used namespace": replaced(BOTH, "<Wrapping>", '<Wrapping xmlns:z="urn:z" z:b="2" a="1"><z:deep z:c="x"/>', 1),
    "declared twice": replaced(BOTH, "<Wrapping>", f'<Wrapping xmlns="{NS["k"]}">'),
    "blanks": replaced(BOTH, "><", ">\r\n\t<"),
    "comments and instructions": replaced(BOTH, "<Wrapping>", "<!-- a --><?go now?><Wrapping>"),
    "escapes": replaced(
        BOTH, "<Id>1", "<Note q='\"&lt;&#9;&gt;'>&#13;&amp;&lt;<![CDATA[<&>]]>\u00e9\U0001f511</Note><Id>1"
    ),
    "xml attributes": replaced(BOTH, "<Wrappings>", '<Wrappings xml:space="preserve" xml:lang="en"> '),
}


@pytest.mark.parametrize("data", ODD_DOCUMENTS.values(), ids=ODD_DOCUMENTS.keys())
def test_canonical_form_against_another_library(data: bytes) -> None:
    etree: Any = other_reader("lxml.etree", "lxml")
    document = parse_guardian_xml(data, "Protector")
    theirs = etree.fromstring(data)
    for path in ("k:Wrappings", "k:Wrappings/k:Wrapping/k:SigningCertificate", "k:TransportKeySignature"):
        wanted = document.root.findall(path, NS)
        expected = [
            etree.tostring(found, method="c14n", exclusive=True, with_comments=False, with_tail=False)
            for found in theirs.findall(path, NS)
        ]
        assert exclusive_c14n(document, wanted) == expected
    nested = [*document.root.findall("k:Wrappings", NS), *document.root.findall("k:Wrappings/k:Wrapping", NS)]
    together = exclusive_c14n(document, nested)
    assert together == [(exclusive_c14n(document, [element]) or [b""])[0] for element in nested]


@pytest.mark.parametrize(
    "declarations",
    ['xmlns:a="urn:a" xmlns:b="urn:a"', 'xmlns:a="http://schemas.microsoft.com/kps/2014/07"'],
    ids=["of another namespace", "of the service's"],
)
def test_two_prefixes_of_one_namespace_are_not_canonicalized(declarations: str) -> None:
    document = parse_guardian_xml(replaced(BOTH, "<Protector ", f"<Protector {declarations} "), "Protector")
    assert exclusive_c14n(document, [document.root]) is None
    protector = parse_key_protector(document.utf8)
    assert protector.guardian_signature == "not_checked"
    assert protector.wrappings[0].signing_signature == "valid"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
@pytest.mark.parametrize("bom", [True, False])
@pytest.mark.parametrize("declaration", [True, False])
@pytest.mark.parametrize("prefix", ["", "k"])
def test_encodings(encoding: Literal["utf-8", "utf-16-le"], bom: bool, declaration: bool, prefix: str) -> None:
    data = forge.write_key_protector(
        OWNER, encoding=encoding, bom=bom, declaration=declaration, prefix=prefix, max_offline_unwraps=7
    )
    protector = parse_key_protector(data)
    assert (protector.encoding, protector.max_offline_unwraps, protector.owner_id) == (encoding, 7, 1)
    assert (protector.guardian_signature, protector.errors) == ("valid", ())
    zeros = b"\0" * 6
    for around in (zeros + data + zeros, b"\1" + data + b"\xff", data):
        (found,) = find_key_protectors(around)
        assert found in data
        assert parse_key_protector(found) == protector


def test_several_documents_in_one_value() -> None:
    old = forge.write_key_protector(OWNER)
    new = forge.write_key_protector(OWNER, [FABRIC], encoding="utf-16-le")
    torn = BOTH[:3000]
    other = forge.write_guardian_metadata(OWNER)
    value = b"\0\3junk" + old + b"x" + other + new + torn + old + b"tail"
    assert find_key_protectors(value) == [old, new, torn, old]
    assert find_key_protectors(old + torn) == [old, torn]
    with pytest.raises(FormatError) as caught:
        parse_key_protector(torn)
    assert caught.value.kind == "bad_xml"


@pytest.mark.parametrize("value", [b"", bytes(4096), forge.write_guardian_metadata(OWNER)], ids=["", "0", "metadata"])
def test_values_without_a_protector(value: bytes) -> None:
    assert find_key_protectors(value) == []


@pytest.mark.parametrize(("encoding", "bad"), [("utf-8", b"\xff\xc3"), ("utf-16-le", b"\x00\xd8\x00\xd8")])
def test_a_root_with_bytes_that_are_no_text_is_cut_out_all_the_same(encoding: str, bad: bytes) -> None:
    root = '<Protector a="@" xmlns="http://schemas.microsoft.com/kps/2014/07">'.encode(encoding)
    document = root.replace("@".encode(encoding), bad) + "</Protector>".encode(encoding)
    assert find_key_protectors(b"abcdefgh" + document + b"zz") == [document]


def test_protector_of_another_namespace() -> None:
    stranger = replaced(BOTH, "kps/2014/07", "kps/2099/01")
    assert find_key_protectors(stranger) == []
    with pytest.raises(FormatError) as caught:
        parse_key_protector(stranger)
    assert caught.value.kind == "bad_structure"


@pytest.mark.parametrize(
    ("data", "empty"),
    [
        (b"", True),
        (b"\0\0\0\4", True),
        (b"\4\0\0\0", True),
        (b"\0\0\0\0", False),
        (b"\0\0\0\4\0", False),
        (BOTH, False),
    ],
)
def test_empty_key_protector(data: bytes, empty: bool) -> None:
    assert is_empty_key_protector(data) is empty


def test_no_owner() -> None:
    protector = parse_key_protector(replaced(BOTH, 'ParentWrappingId="1"', 'ParentWrappingId="2"', 1))
    # The second wrapping still names the first: two guardians that vouch for each other, and nobody owns.
    assert [w.parent_id for w in protector.wrappings] == [2, 1]
    assert protector.owner_id is None
    assert kinds(protector.errors) == ["no_owner"]


def test_two_owners() -> None:
    head, tail = BOTH.rsplit(b'ParentWrappingId="1"', 1)
    protector = parse_key_protector(head + b'ParentWrappingId="2"' + tail)
    assert protector.owner_id is None
    assert kinds(protector.errors) == ["several_owners"]


def test_duplicate_ids() -> None:
    protector = parse_key_protector(replaced(BOTH, "<Id>2<", "<Id>1<"))
    assert [w.id for w in protector.wrappings] == [1, 1]
    assert protector.owner_id is None
    assert kinds(protector.errors) == ["duplicate_id", "unknown_wrapping", "several_owners"]
    assert protector.guardian_signature == "not_checked"


def test_an_owner_whose_number_another_wrapping_has_too() -> None:
    head, tail = replaced(BOTH, "<Id>2<", "<Id>1<").rsplit(b'ParentWrappingId="1"', 1)
    protector = parse_key_protector(head + b'ParentWrappingId="7"' + tail)
    assert [(w.id, w.parent_id) for w in protector.wrappings] == [(1, 1), (1, 7)]
    assert protector.owner_id is None
    assert kinds(protector.errors) == ["duplicate_id", "unknown_wrapping"]


def test_the_owner_need_not_come_first_nor_be_number_one() -> None:
    data = forge.write_key_protector(OWNER, [FABRIC, THIRD], first_id=40, last_wrapped_by=42)
    protector = parse_key_protector(data)
    assert (protector.owner_id, protector.last_wrapped_by, protector.guardian_signature) == (40, 42, "valid")
    start, end = data.index(b"<Wrapping><Id>40"), data.index(b"<Wrapping><Id>41")
    last = data.index(b"</Wrappings>")
    moved = parse_key_protector(data[:start] + data[end:last] + data[start:end] + data[last:])
    assert ([w.id for w in moved.wrappings], moved.owner_id) == ([41, 42, 40], 40)
    assert {w.signing_signature for w in moved.wrappings} == {"valid"}
    assert moved.guardian_signature == "invalid"


@pytest.mark.parametrize("signed", ["der", "base64", "element"])
def test_whatever_is_signed_of_a_certificate(signed: forge.Signed) -> None:
    protector = parse_key_protector(forge.write_key_protector(OWNER, [FABRIC], signed=signed))
    assert {(w.signing_signature, w.encryption_signature) for w in protector.wrappings} == {("valid", "valid")}


def with_signatures_of(data: bytes, text: bytes, signer: Certificate) -> bytes:
    """Put a signature of ``text`` in the place of that of the owner's encryption certificate."""
    old = base64.b64encode(forge.sign(OWNER.encryption.der, OWNER.signing))
    assert data.count(old) == 1
    return data.replace(old, base64.b64encode(forge.sign(text, signer)))


def test_a_sound_signature_over_something_unknown_is_not_called_wrong() -> None:
    protector = parse_key_protector(with_signatures_of(BOTH, b"something else", OWNER.signing))
    assert [w.encryption_signature for w in protector.wrappings] == ["not_checked", "valid"]


def test_a_signature_of_a_stranger_is_invalid() -> None:
    protector = parse_key_protector(with_signatures_of(BOTH, OWNER.encryption.der, THIRD.signing))
    assert [w.encryption_signature for w in protector.wrappings] == ["invalid", "valid"]
    assert [w.signing_signature for w in protector.wrappings] == ["valid", "valid"]


def test_a_signing_certificate_that_signs_itself_is_not_called_wrong() -> None:
    by_owner = base64.b64encode(forge.sign(FABRIC.signing.der, OWNER.signing))
    assert BOTH.count(by_owner) == 1
    data = BOTH.replace(by_owner, base64.b64encode(forge.sign(FABRIC.signing.der, FABRIC.signing)))
    assert [w.signing_signature for w in parse_key_protector(data).wrappings] == ["valid", "not_checked"]


def test_an_exchanged_certificate_is_seen() -> None:
    old, new = base64.b64encode(FABRIC.encryption.der), base64.b64encode(THIRD.encryption.der)
    protector = parse_key_protector(BOTH.replace(old, new))
    # The certificate's signature is sound and over other bytes, of which the schema does not say which they are.
    assert protector.wrappings[1].encryption_signature == "not_checked"
    assert protector.guardian_signature == "invalid"


def test_a_wrapping_that_was_taken_out_is_seen() -> None:
    start, end = BOTH.index(b"<Wrapping><Id>2"), BOTH.index(b"</Wrappings>")
    protector = parse_key_protector(BOTH[:start] + BOTH[end:])
    assert (len(protector.wrappings), protector.owner_id, protector.guardian_signature) == (1, 1, "invalid")


def test_white_space_does_not_break_the_guardian_signature() -> None:
    assert parse_key_protector(replaced(BOTH, "><", ">\r\n  <")).guardian_signature == "valid"


def test_comments_are_not_signed() -> None:
    assert parse_key_protector(replaced(BOTH, "<Wrapping>", "<!-- a --><Wrapping>")).guardian_signature == "valid"


def test_guardian_signature_of_another_guardian_is_invalid() -> None:
    protector = parse_key_protector(replaced(BOTH, ' WrappingId="1"', ' WrappingId="2"'))
    assert (protector.last_wrapped_by, protector.guardian_signature) == (2, "invalid")


@pytest.mark.parametrize("algorithm", ["urn:unknown", "", "rsa-sha256", forge.HMAC_SHA256])
def test_unknown_algorithms_are_not_checked(algorithm: str) -> None:
    protector = parse_key_protector(forge.write_key_protector(OWNER, algorithm=algorithm))
    assert protector.guardian_signature == "not_checked"
    assert protector.wrappings[0].signing_signature == "not_checked"
    assert protector.wrappings[0].encryption_signature == "not_checked"
    assert protector.errors == ()


def test_another_hash_than_the_algorithm_names_is_only_invalid_for_the_guardian() -> None:
    algorithm = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"
    protector = parse_key_protector(forge.write_key_protector(OWNER, algorithm=algorithm))
    assert protector.wrappings[0].signing_signature == "not_checked"
    assert protector.guardian_signature == "invalid"


def test_signatures_that_are_missing_or_broken_are_not_checked() -> None:
    value = base64.b64encode(forge.sign(OWNER.encryption.der, OWNER.signing)).decode()
    for new in ("", "!", value[:-1]):
        wrapping = parse_key_protector(replaced(BOTH, value, new)).wrappings[0]
        assert wrapping.encryption_signature == "not_checked"
    gone = replaced(replaced(BOTH, "<GuardianSignature", "<Other"), "</GuardianSignature", "</Other")
    protector = parse_key_protector(gone)
    assert (protector.guardian_signature, protector.last_wrapped_by) == ("not_checked", None)
    assert kinds(protector.errors) == ["bad_structure"]


def rsa_numbers(name: str) -> RsaPublicKey:
    numbers = rsa_key(name).public_key().public_numbers()
    return RsaPublicKey(numbers.n, numbers.e)


def test_signature_schemes() -> None:
    key, public = rsa_key("guardian-01-signing"), rsa_numbers("guardian-01-signing")
    other = rsa_numbers("guardian-02-signing")
    for bits, algorithm in (("256", hashes.SHA256()), ("384", hashes.SHA384()), ("512", hashes.SHA512())):
        uri = f"http://www.w3.org/2001/04/xmldsig-more#rsa-sha{bits}"
        value = key.sign(b"text", padding.PKCS1v15(), algorithm)
        assert check_signature(uri, value, public, [b"no", b"text"]) == "valid"
        assert check_signature(uri, value[::-1], public, [b"text"]) == "valid"
        assert check_signature(uri, value, public, [b"no"]) == "other_bytes"
        assert check_signature(uri, value, public, []) == "other_bytes"
        assert check_signature(uri, value, other, [b"text"]) == "other_key"
        assert check_signature(uri, value[:-1], public, [b"text"]) == "other_key"
        assert check_signature(uri, value, None, [b"text"]) == "not_checked"
        assert check_signature(uri + "x", value, public, [b"text"]) == "not_checked"
    pss = key.sign(b"text", padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    assert check_signature(PSS_SHA256, pss, public, [b"text"]) == "valid"
    assert check_signature(PSS_SHA256, pss, other, [b"text"]) == "other_bytes"


def test_elliptic_curve_signatures() -> None:
    key = ec_key("P-256", "guardian")
    point = key.public_key().public_numbers()
    public = EcPublicKey("P-256", point.x, point.y)
    der = key.sign(b"text", ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(der)
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert check_signature(ECDSA_SHA256, raw, public, [b"no", b"text"]) == "valid"
    assert check_signature(ECDSA_SHA256, der, public, [b"text"]) == "valid"
    assert check_signature(ECDSA_SHA256, raw, public, [b"no"]) == "other_bytes"
    assert check_signature(ECDSA_SHA256, raw, EcPublicKey("P-256", point.x, point.y + 1), [b"text"]) == "not_checked"
    assert check_signature(ECDSA_SHA256, raw, rsa_numbers("guardian-01-signing"), [b"text"]) == "not_checked"
    assert check_signature(forge.RSA_SHA256, raw, public, [b"text"]) == "not_checked"


@pytest.mark.parametrize(
    "public",
    [
        RsaPublicKey(0, 0),
        RsaPublicKey((1 << 8192) | 1, 65537),
        RsaPublicKey((1 << 2047) | 1, (1 << 2046) | 1),
    ],
    ids=["nothing", "too large", "slow exponent"],
)
def test_numbers_that_make_no_key_say_nothing_of_the_signature(public: RsaPublicKey) -> None:
    assert check_signature(forge.RSA_SHA256, bytes(256), public, [b"text"]) == "not_checked"


def test_the_forged_thumbprints_are_those_of_the_bytes() -> None:
    assert OWNER.signing.thumbprint == hashlib.sha1(OWNER.signing.der).hexdigest().upper()
    assert len({c.thumbprint for p in (OWNER, FABRIC, THIRD) for c in (p.signing, p.encryption)}) == 6
    again = forge.write_key_protector(forge.guardian_pair(), [forge.guardian_pair("Fabric (East)", "HV02", number=2)])
    assert again == BOTH
