"""XML of strangers: local names, and what only an attack would contain."""

from __future__ import annotations

import pytest

from forensics.formats.errors import FormatError
from forensics.formats.xml_text import MAX_XML_SIZE, at_path, local_name, named, parse_xml


def test_xml_by_local_names() -> None:
    root = parse_xml(b"<a xmlns='urn:x'><b><c/></b><d><b><c/></b></d></a>")
    assert local_name(root) == "a"
    assert [local_name(e) for e in named(root, "c")] == ["c", "c"]
    assert len(list(at_path(root, "b", "c"))) == 1


@pytest.mark.parametrize(
    ("xml", "kind"),
    [
        (b"<a>", "bad_xml"),
        (b"<?xml version='1.0' encoding='no-such'?><a/>", "bad_xml"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "forbidden_xml"),
        (b"<!DOCTYPE a><a/>", "forbidden_xml"),
        (b" " * (MAX_XML_SIZE + 1), "too_large"),
    ],
)
def test_xml_that_is_none_or_an_attack(xml: bytes, kind: str) -> None:
    with pytest.raises(FormatError) as raised:
        parse_xml(xml)
    assert raised.value.kind == kind


def test_a_document_type_may_be_allowed_and_entities_not() -> None:
    assert local_name(parse_xml(b"<!DOCTYPE a SYSTEM 'http://127.0.0.1/x.dtd'><a/>", doctype=True)) == "a"
    with pytest.raises(FormatError, match="what only an attack needs"):
        parse_xml(b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", doctype=True)
