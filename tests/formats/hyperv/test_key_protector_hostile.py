"""Key protectors from strangers: nothing but FormatError is raised, nothing is fetched, nothing takes long."""

from __future__ import annotations

import base64
import re
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.formats import xml_text
from forensics.formats.errors import FormatError
from forensics.formats.hyperv.guardian_metadata import parse_guardian_metadata
from forensics.formats.hyperv.key_protector import find_key_protectors, parse_key_protector
from testdata.builder import key_protector as forge
from tests.time_bound import within

OWNER = forge.guardian_pair()
OTHER = forge.guardian_pair("Fabric", "HV02", number=2)
VALID = forge.write_key_protector(OWNER, [OTHER])
METADATA = forge.write_guardian_metadata(OWNER, other_signing=[OTHER.signing])
ROOT = f'<Protector xmlns="{forge.KPS}">'
BOMB = (
    '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefghi", "bcdefghij", strict=True))
    + "]>"
)
MEGABYTE = 1 << 20


@contextmanager
def bounded(seconds: float, megabytes: int) -> Iterator[None]:
    """Fail when the block takes longer or holds more memory than this."""
    tracemalloc.start()
    try:
        with within(seconds):
            yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < megabytes * MEGABYTE


def kind_of(parse: Callable[[bytes], object], data: bytes) -> str:
    with pytest.raises(FormatError) as caught:
        parse(data)
    return caught.value.kind


def protector_errors(data: bytes) -> list[str]:
    return sorted(error.kind for wrapping in parse_key_protector(data).wrappings for error in wrapping.errors)


@pytest.mark.parametrize(
    ("prolog", "content"),
    [
        (BOMB, "&j;"),
        ("<!DOCTYPE Protector>", ""),
        ('<!DOCTYPE Protector SYSTEM "file:///etc/hostname">', ""),
        ('<!DOCTYPE b [<!ENTITY % p SYSTEM "file:///etc/hostname"> %p;]>', ""),
        ('<!DOCTYPE b [<!ENTITY e SYSTEM "file:///etc/hostname">]>', "<Wrappings>&e;</Wrappings>"),
        ('<!DOCTYPE b [<!ATTLIST Protector MaxOfflineUnwraps CDATA "9">]>', ""),
    ],
    ids=["bomb", "doctype", "external subset", "parameter entity", "external entity", "default attribute"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_document_types_are_refused(prolog: str, content: str, encoding: str) -> None:
    data = f"{prolog}{ROOT}{content}</Protector>".encode(encoding)
    with bounded(1, 32):
        assert kind_of(parse_key_protector, data) == "forbidden_xml"
        # Cut out of a value it has lost its document type, and an entity is then nothing.
        (found,) = find_key_protectors(data)
        assert kind_of(parse_key_protector, found) in ("bad_xml", "bad_structure")


def test_nothing_is_read_from_outside(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("SECRET")
    include = f'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{secret.as_uri()}" parse="text"/>'
    data = VALID.replace(b"<Id>1</Id>", f"<Id>{include}</Id>".encode())
    protector = parse_key_protector(data)
    assert [wrapping.id for wrapping in protector.wrappings] == [None, 2]
    assert "SECRET" not in repr(protector)


def test_a_hundred_megabytes_of_nested_elements() -> None:
    huge = ROOT.encode() + b"<Wrappings>" * (100 * MEGABYTE // 11)
    with bounded(1, 64):
        assert kind_of(parse_key_protector, huge) == "too_large"
        (found,) = find_key_protectors(huge)
        assert len(found) == 4 * MEGABYTE
        assert kind_of(parse_key_protector, found) == "too_deep"


@pytest.mark.parametrize(("depth", "kind"), [(60, "bad_structure"), (100, "too_deep"), (300_000, "too_deep")])
def test_nesting(depth: int, kind: str) -> None:
    data = f"{ROOT}{'<a>' * depth}{'</a>' * depth}</Protector>".encode()
    with bounded(1, 32):
        assert kind_of(parse_key_protector, data) == kind


def wrappings(count: int) -> bytes:
    return f"{ROOT}<Wrappings>{'<Wrapping><Id>1</Id></Wrapping>' * count}</Wrappings></Protector>".encode()


def test_a_hundred_thousand_wrappings(monkeypatch: pytest.MonkeyPatch) -> None:
    with within(1):
        assert kind_of(parse_key_protector, wrappings(100_000)) == "too_many"
    # Memory grows with their number; to trace it takes seven times as long.
    monkeypatch.setattr(xml_text, "MAX_ELEMENTS", xml_text.MAX_ELEMENTS // 10)
    with bounded(1, 6):
        assert kind_of(parse_key_protector, wrappings(10_000)) == "too_many"


def test_more_wrappings_than_are_read() -> None:
    start, end = VALID.index(b"<Wrapping><Id>2"), VALID.index(b"</Wrappings>")
    more = b"".join(VALID[start:end].replace(b"<Id>2<", b"<Id>%d<" % number) for number in range(2, 300))
    data = VALID[:start] + more + VALID[end:]
    with bounded(2, 128):
        protector = parse_key_protector(data)
    assert ([wrapping.id for wrapping in protector.wrappings], protector.owner_id) == (list(range(1, 257)), 1)
    assert [error.kind for error in protector.errors] == ["too_many"]
    assert protector.guardian_signature == "invalid"
    assert {wrapping.signing_signature for wrapping in protector.wrappings} == {"valid"}


@pytest.mark.parametrize(
    "content",
    [
        "<a " + " ".join(f'b{number}="c"' for number in range(100_000)) + "/>",
        "<a>" + "x" * 3_000_000 + "</a>",
        "&#38;" * 500_000,
        "<![CDATA[x]]>" * 200_000,
        "<!---->" * 400_000,
        "<?a b?>" * 400_000,
        "<a " + " ".join(f'xmlns:p{number}="urn:{number}"' for number in range(50_000)) + "/>",
    ],
    ids=["attributes", "text", "references", "sections", "comments", "instructions", "namespaces"],
)
def test_large_documents_that_are_no_protector(content: str) -> None:
    data = f"{ROOT}{content}</Protector>".encode()
    with bounded(2, 256):
        assert kind_of(parse_key_protector, data) in ("bad_structure", "bad_xml", "too_many")


@pytest.mark.parametrize(
    "value",
    [
        ROOT.encode() * 20_000,
        ROOT.encode("utf-16-le") * 10_000,
        f'<Protector x="{forge.KPS}'.encode() * 20_000,
        (b"<" * 2000 + forge.KPS.encode()) * 1000,
        (b"\0<" * 2000 + forge.KPS.encode("utf-16-le")) * 500,
        ROOT.encode() + b"</Protector  \0" * 90_000,
    ],
    ids=["roots", "wide roots", "attributes", "brackets", "odd wide brackets", "ends"],
)
def test_values_full_of_what_is_searched_for(value: bytes) -> None:
    with bounded(1, 64):
        found = find_key_protectors(value)
    assert len(found) <= 64
    assert sum(map(len, found)) <= len(value)


def test_a_sound_protector_among_torn_ones() -> None:
    assert VALID in find_key_protectors(ROOT.encode() * 63 + VALID)


@pytest.mark.parametrize(
    ("old", "new", "kinds"),
    [
        (b"<SigningCertificate>", b"<SigningCertificate>!", ["bad_base64"]),
        (b"<SigningCertificate>", b"<SigningCertificate>A", ["bad_base64"]),
        (b"<SigningCertificate>", b"<SigningCertificate>\xc3\xa9", ["bad_base64"]),
        (b"<SigningCertificate>", b"<SigningCertificate>AAAA", ["bad_certificate"]),
        (b"<SigningCertificate>", b"<SigningCertificate><x/>", ["bad_structure"]),
        (b"<SigningCertificate>", b"<SigningCertificate xmlns='urn:x'>", ["bad_structure"]),
        (base64.b64encode(OWNER.signing.der), b"", ["bad_certificate"]),
        (base64.b64encode(OWNER.encryption.der), base64.b64encode(b"0\x84\xff\xff\xff\xff"), ["bad_certificate"]),
        (base64.b64encode(OWNER.encryption.der), base64.b64encode(OWNER.encryption.der * 2), ["bad_certificate"]),
        (b"<Id>1</Id>", b"", ["bad_number"]),
        (b"<Id>1</Id>", b"<Id>-1</Id>", ["bad_number"]),
        (b"<Id>1</Id>", b"<Id>4294967296</Id>", ["bad_number"]),
        (b"<Id>1</Id>", b"<Id>" + b"9" * 100_000 + b"</Id>", ["bad_number"]),
        (b"<Id>1</Id>", "<Id>\u0661</Id>".encode(), ["bad_number"]),
        (b"<Id>1</Id>", b"<Id> +01\n</Id>", []),
        (b' ParentWrappingId="1"', b"", ["bad_structure"]),
        (b' ParentWrappingId="1"', b' ParentWrappingId="one"', ["bad_number"]),
    ],
)
def test_broken_wrappings_leave_the_others_alone(old: bytes, new: bytes, kinds: list[str]) -> None:
    damaged = VALID.replace(old, new, 1)
    assert damaged != VALID
    assert protector_errors(damaged) == kinds
    second = parse_key_protector(damaged).wrappings[1]
    assert second.encryption is not None
    assert second.encryption.thumbprint == OTHER.encryption.thumbprint


def test_a_wrapping_without_numbers_owns_nothing() -> None:
    damaged = re.sub(rb'<Id>1</Id>| ParentWrappingId="1"', b"", VALID)
    protector = parse_key_protector(damaged)
    assert [(w.id, w.parent_id) for w in protector.wrappings] == [(None, None), (2, None)]
    assert protector.owner_id is None
    assert [error.kind for error in protector.errors] == ["unknown_wrapping", "no_owner"]
    assert [w.signing_signature for w in protector.wrappings] == ["not_checked", "not_checked"]
    assert [w.encryption_signature for w in protector.wrappings] == ["valid", "valid"]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (b"\0\0\0\4", "bad_xml"),
        (b"\4\0\0\0", "bad_xml"),
        (b"<", "bad_xml"),
        (f"{ROOT}</Protector>".encode(), "bad_structure"),
        (f"{ROOT}<Wrappings/></Protector>".encode(), "bad_structure"),
        (f'{ROOT}<Wrappings xmlns="urn:x"><Wrapping/></Wrappings></Protector>'.encode(), "bad_structure"),
        (VALID + b"<x/>", "bad_xml"),
        (VALID + VALID, "bad_xml"),
        (VALID.replace(b"<Id>1", b"<Id>\0"), "bad_xml"),
        (VALID.replace(b"<Id>1", b"<Id>&unknown;"), "bad_xml"),
        (VALID.replace(b"<Id>1", b"<Id>\xff"), "bad_text"),
        (VALID.replace(b"<Id>1", b"<x:Id>1"), "bad_xml"),
        (VALID.decode().encode("utf-16-be"), "bad_xml"),
        (VALID.decode().encode("utf-16-le")[:-1], "bad_text"),
        (METADATA, "bad_structure"),
    ],
)
def test_documents_that_are_no_protector(data: bytes, kind: str) -> None:
    assert kind_of(parse_key_protector, data) == kind


def test_the_declared_encoding_does_not_count() -> None:
    for name in ("utf-16", "utf-7", "no-such-encoding", "iso-8859-1"):
        data = f'<?xml version="1.0" encoding="{name}"?>'.encode() + VALID
        assert parse_key_protector(data) == parse_key_protector(VALID)


def test_messages_hold_nothing_of_the_document() -> None:
    damaged = VALID.replace(b"<Id>1</Id>", b"<Id>MARKER</Id>").replace(
        b"<SigningCertificate>", b"<SigningCertificate>#MARKER"
    )
    protector = parse_key_protector(damaged)
    told = [str(error) for w in protector.wrappings for error in w.errors] + [str(e) for e in protector.errors]
    assert len(told) >= 3
    assert "MARKER" not in " ".join(told)


def only_format_errors(data: bytes) -> None:
    for parse in (find_key_protectors, parse_key_protector, parse_guardian_metadata):
        caught: FormatError | None = None
        try:
            parse(data)
        except FormatError as error:
            caught = error
        assert caught is None or (caught.kind and caught.message and 0 <= caught.offset <= len(data)), caught


@settings(max_examples=100, deadline=None)
@given(noise=st.binary(max_size=400))
def test_noise(noise: bytes) -> None:
    only_format_errors(noise)
    only_format_errors(ROOT.encode() + noise)
    only_format_errors(f"{ROOT}<Wrappings><Wrapping>".encode() + noise + b"</Wrapping></Wrappings></Protector>")


PIECES = [
    b"",
    b"\0",
    b"<",
    b">",
    b"/",
    b'"',
    b"&",
    b"=",
    b"\xff",
    b"9" * 12,
    b"<x>",
    b"</Wrapping>",
    b"xmlns='urn:x' ",
    b"]]>",
]


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_damaged_documents(data: st.DataObject) -> None:
    changed = bytearray(data.draw(st.sampled_from([VALID, METADATA])))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed)))
        changed[at : at + data.draw(st.integers(0, 40))] = data.draw(st.sampled_from(PIECES))
    only_format_errors(bytes(changed))


BASE64 = re.compile(rb"[A-Za-z0-9+/]{200,}=*")


@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_damaged_certificates_and_signatures(data: st.DataObject) -> None:
    match = data.draw(st.sampled_from(list(BASE64.finditer(VALID))))
    inner = bytearray(base64.b64decode(match[0]))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(inner) - 1))
        inner[at] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF, inner[at] ^ 1]))
    damaged = VALID[: match.start()] + base64.b64encode(inner) + VALID[match.end() :]
    # Well-formed in any case, so whatever is wrong is told inside and the rest is read.
    protector = parse_key_protector(damaged)
    assert [wrapping.id for wrapping in protector.wrappings] == [1, 2]
    assert protector.owner_id == 1
