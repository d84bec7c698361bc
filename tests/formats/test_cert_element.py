"""Store elements and KEY_PROV_INFO: every certificate of the real SOFTWARE hive."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import pytest

from forensics.formats.cert_element import PROPERTY_KEY_PROV_INFO, PROPERTY_SHA1, parse_cert_element
from forensics.formats.errors import FormatError
from forensics.formats.key_prov_info import KeyProvInfo, parse_key_prov_info
from testdata.builder import certs
from tests import student_pc8

LINK = certs.key_prov_info("Key", "Provider", type_=1, flags=0x20, key_spec=2)


def test_every_real_certificate(realdata: Path) -> None:
    truth = student_pc8.truth(realdata)
    software = student_pc8.hive(realdata, "SOFTWARE")
    assert len(truth["certificates"]) == 36
    links = []
    for expected in truth["certificates"]:
        key = software.open(f"{expected['store']}\\Certificates\\{expected['name']}")
        element = parse_cert_element(key.value("Blob").value)
        assert list(element.properties) == expected["property_ids"]
        assert element.kind == "certificate"
        assert element.certificate is not None
        assert hashlib.sha1(element.certificate).hexdigest() == expected["sha1"]
        assert hashlib.sha256(element.certificate).hexdigest() == expected["sha256"]
        assert element.properties[PROPERTY_SHA1].hex() == expected["sha1"]
        if PROPERTY_KEY_PROV_INFO in element.properties:
            links.append((expected["key_prov_info"], parse_key_prov_info(element.properties[PROPERTY_KEY_PROV_INFO])))
    ((told, link),) = links
    assert link == KeyProvInfo(told["container"], told["provider"], told["type"], told["flags"], told["key_spec"])
    assert link.container == "fe87e47e-c17f-4b4d-a81c-1fc8d24bcb44"
    assert not link.machine_keyset


@pytest.mark.parametrize(("part", "kind"), [("CA\\CRLs", "crl"), ("Disallowed\\CTLs", "ctl")])
def test_real_lists_that_are_no_certificates(realdata: Path, part: str, kind: str) -> None:
    store = student_pc8.hive(realdata, "SOFTWARE").open(f"Microsoft\\SystemCertificates\\{part}")
    elements = [parse_cert_element(key.value("Blob").value) for key in store.subkeys()]
    assert [(e.kind, e.certificate) for e in elements] == [(kind, None)]


def test_a_key_identifier_element_and_a_property_twice() -> None:
    data = struct.pack("<III", 2, 1, 1) + b"a" + struct.pack("<III", 2, 1, 1) + b"b" + struct.pack("<III", 35, 1, 0)
    element = parse_cert_element(data)
    assert (element.kind, element.certificate, element.properties) == ("keyid", None, {2: b"a", 35: b""})


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (bytes(11), "truncated"),
        (struct.pack("<III", 3, 1, 21) + bytes(20), "truncated"),
        (struct.pack("<III", 3, 1, 0) * 257, "too_many"),
    ],
)
def test_damaged_elements(data: bytes, kind: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_cert_element(data)
    assert caught.value.kind == kind


def test_machine_keyset() -> None:
    link = parse_key_prov_info(LINK)
    assert link == KeyProvInfo("Key", "Provider", 1, 0x20, 2)
    assert link.machine_keyset


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (LINK[:27], "truncated"),
        (LINK[:-2], "bad_text"),
        (struct.pack("<I", 12) + LINK[4:], "bad_offset"),
        (LINK[:4] + struct.pack("<I", len(LINK)) + LINK[8:], "bad_offset"),
        (LINK[:28] + b"\x00\xd8" + LINK[30:], "bad_text"),
    ],
)
def test_damaged_links(data: bytes, kind: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_key_prov_info(data)
    assert caught.value.kind == kind
