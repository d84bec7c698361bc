"""XML of strangers: local names, what is refused, and that nothing in the program reads it around the one module."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from forensics.formats.action_file import parse_action_file
from forensics.formats.bundles.utm import parse_utm
from forensics.formats.errors import FormatError
from forensics.formats.xml_text import (
    MAX_DEPTH,
    MAX_ELEMENTS,
    MAX_NAME,
    MAX_NAMES,
    MAX_NAMESPACES,
    MAX_XML_SIZE,
    at_path,
    feed_xml,
    local_name,
    named,
    parse_xml,
)
from tests.paths import PROJECT
from tests.time_bound import within

PACKAGE = PROJECT / "forensics"
LONG = "u" * 1_000_000
ATTRIBUTES = " ".join(f"c{n} CDATA ''" for n in range(20_000))
DEFAULTS = f"<!DOCTYPE a [<!ATTLIST b {ATTRIBUTES}>]><a>{'<b/>' * 150_000}</a>"
BY_NAMESPACE = f"<p:r xmlns:p='{LONG}'>{''.join(f'<p:a{n}/>' for n in range(1500))}</p:r>"
BY_ATTRIBUTES = f"<p:r xmlns:p='{LONG}' {' '.join(f'p:a{n}={chr(39) * 2}' for n in range(1500))}/>"


def kind_of(data: bytes | str, document_type: str | None = None) -> str:
    with pytest.raises(FormatError) as raised:
        parse_xml(data.encode() if isinstance(data, str) else data, document_type=document_type)
    return raised.value.kind


def test_xml_by_local_names() -> None:
    root = parse_xml(b"<a xmlns='urn:x'><b><c/></b><d><b><c/></b></d></a>")
    assert local_name(root) == "a"
    assert [local_name(e) for e in named(root, "c")] == ["c", "c"]
    assert len(list(at_path(root, "b", "c"))) == 1


@pytest.mark.parametrize(
    ("xml", "kind"),
    [
        ("<a>", "bad_xml"),
        ("<a></b>", "bad_xml"),
        ("", "bad_xml"),
        ("<?xml version='1.0' encoding='no-such'?><a/>", "bad_xml"),
        (" " * (MAX_XML_SIZE + 1), "too_large"),
        ("<a>" * (MAX_DEPTH + 1) + "</a>" * (MAX_DEPTH + 1), "too_deep"),
        (f"<a>{'<b/>' * MAX_ELEMENTS}</a>", "too_many"),
        (f"<a>{'<b c={0}{0}/>'.format(chr(39)) * (MAX_ELEMENTS // 2)}</a>", "too_many"),
        (f"<a>{''.join(f'<b{n}/>' for n in range(MAX_NAMES))}</a>", "too_many"),
        (f"<a {' '.join(f'xmlns:p{n}={chr(39)}u{chr(39)}' for n in range(MAX_NAMESPACES))}/>", "too_many"),
        (f"<{'a' * (MAX_NAME + 1)}/>", "too_large"),
        (BY_NAMESPACE, "too_large"),
        (BY_ATTRIBUTES, "too_large"),
    ],
    ids=lambda value: None if len(value) > 50 else value,
)
def test_xml_that_is_none_or_out_of_bounds(xml: str, kind: str) -> None:
    with within(2):
        assert kind_of(xml) == kind


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "iso-8859-1"])
@pytest.mark.parametrize(
    "xml",
    [
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a []><a/>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        "<!DOCTYPE a [<!ENTITY b 'c'><!ENTITY d '&b;&b;'>]><a e='&d;'/>",
        "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/hostname'>]><a>&b;</a>",
        "<!DOCTYPE a [<!ENTITY % b SYSTEM 'file:///etc/hostname'> %b;]><a/>",
        "<!DOCTYPE a SYSTEM 'http://127.0.0.1/x.dtd'><a/>",
        "<!DOCTYPE a PUBLIC '-//X//X' 'http://127.0.0.1/x.dtd' [<!ELEMENT a ANY>]><a/>",
        "<!DOCTYPE a [<!ATTLIST a b CDATA 'c'>]><a/>",
        "<!DOCTYPE a [<!NOTATION n SYSTEM 'x'><!ENTITY b SYSTEM 'c' NDATA n>]><a/>",
    ],
)
def test_document_types_are_refused_in_every_encoding(xml: str, encoding: str) -> None:
    declared = {"utf-8-sig": "utf-8", "utf-16-le": "utf-16", "utf-16-be": "utf-16"}.get(encoding, encoding)
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    assert kind_of(mark + xml.encode(encoding)) == "forbidden_xml"
    assert kind_of(mark + f"<?xml version='1.0' encoding='{declared}'?>{xml}".encode(encoding)) == "forbidden_xml"
    with pytest.raises(FormatError, match=r"^the XML has a document type definition, by which a small file can"):
        parse_xml(mark + xml.encode(encoding))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("<a>ä</a>".encode(), "ä"),
        ("<a>ä</a>".encode("utf-8-sig"), "ä"),
        ("<a>ä</a>".encode("utf-16"), "ä"),
        (b"\xfe\xff" + "<a>ä</a>".encode("utf-16-be"), "ä"),
        (b"<?xml version='1.0' encoding='utf-16'?><a>\xc3\xa4</a>", None),
        ("<?xml version='1.0' encoding='utf-8'?><a>ä</a>".encode("utf-16"), None),
        (b"<?xml version='1.0' encoding='windows-1252'?><a>\x80</a>", "€"),
        (b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xe4</a>", "ä"),
        (b"<?xml version='1.0' encoding='us-ascii'?><a>\xe4</a>", None),
        (b"<?xml version='1.0' encoding='utf-7'?><a>x</a>", None),
        (b"<?xml version='1.0' encoding='utf-32'?><a>x</a>", None),
        (b"<?xml version='1.0' encoding='shift_jis'?><a>\x83\x5c</a>", None),
        (b"<?xml version='1.0' encoding='idna'?><a>x</a>", None),
        (b"<a>\xff</a>", None),
        (b"<a>\0</a>", None),
    ],
)
def test_encodings(data: bytes, text: str | None) -> None:
    if text is None:
        assert kind_of(data) == "bad_xml"
    else:
        assert parse_xml(data).text == text


def test_a_document_type_may_be_named_where_its_writer_does_so_and_defines_nothing() -> None:
    named_only = "<!DOCTYPE plist PUBLIC '-//Apple//DTD PLIST 1.0//EN' 'http://127.0.0.1/x.dtd'><plist/>"
    assert local_name(parse_xml(named_only.encode(), document_type="plist")) == "plist"
    assert kind_of("<!DOCTYPE other SYSTEM 'http://127.0.0.1/x.dtd'><plist/>", "plist") == "forbidden_xml"
    assert kind_of("<!DOCTYPE plist [<!ENTITY b 'c'>]><plist>&b;</plist>", "plist") == "forbidden_xml"
    assert kind_of("<!DOCTYPE plist [<!ATTLIST plist b CDATA 'c'>]><plist/>", "plist") == "forbidden_xml"
    # An entity that only the document type elsewhere could define is told as such, not left out.
    assert kind_of("<!DOCTYPE plist SYSTEM 'x.dtd'><plist>&b;</plist>", "plist") == "bad_xml"
    assert parse_utm(named_only.encode()).current == ()


NAMESPACES = [
    "<a xmlns='u' xmlns:p='v'><p:b p:c='1' c='2' xmlns='w'><d/></p:b><e xmlns=''/></a>",
    "<p:a xmlns:p='u'><p:a xmlns:p='v' p:x=''/><p:a/></p:a>",
    "<a xml:lang='de'>t<b/>u<!-- c --><![CDATA[<x>]]>&lt;&#228;</a>",
    "<a xmlns:xml='http://www.w3.org/XML/1998/namespace'/>",
    "<p:a/>",
    "<a p:b=''/>",
    "<a xmlns:p=''/>",
    "<a xmlns:xmlns='u'/>",
    "<a xmlns:xml='u'/>",
    "<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
    "<a xmlns:p='u' xmlns:q='u' p:b='' q:b=''/>",
    "<p:q:a xmlns:p='u'/>",
    "<:a/>",
    "<a:/>",
]


def flat(root: Any) -> list[Any]:
    return [(e.tag, dict(e.attrib), e.text, e.tail) for e in root.iter()]


@pytest.mark.parametrize("xml", NAMESPACES)
def test_namespaces_are_those_of_another_reader(xml: str) -> None:
    try:
        theirs = flat(ET.fromstring(xml))
    except ET.ParseError:
        assert kind_of(xml) == "bad_xml"
    else:
        assert flat(parse_xml(xml.encode())) == theirs


def test_a_target_is_told_of_namespaces_before_their_element() -> None:
    class Told:
        def __init__(self) -> None:
            self.what: list[tuple[str, ...]] = []

        def start_ns(self, prefix: str, uri: str) -> None:
            self.what.append(("ns", prefix, uri))

        def start(self, name: str, attributes: dict[str, str], /) -> None:
            self.what.append(("start", name))

        def end(self, name: str, /) -> None:
            self.what.append(("end", name))

        def pi(self, name: str, text: str) -> None:
            self.what.append(("pi", name, text))

        def data(self, text: str, /) -> None:
            self.what.append(("data", text))

        def close(self) -> list[tuple[str, ...]]:
            return self.what

    assert feed_xml(b"<p:a xmlns:p='u'><?x y?>t</p:a>", Told()) == [
        ("ns", "p", "u"),
        ("start", "{u}a"),
        ("pi", "x", "y"),
        ("data", "t"),
        ("end", "{u}a"),
    ]


MEASURE = """
import resource, sys
from forensics.formats.errors import FormatError
from forensics.formats.xml_text import parse_xml
data = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    parse_xml(data)
except FormatError as error:
    print(error.kind, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss is that of Linux")
@pytest.mark.parametrize(
    ("xml", "kind"),
    [(DEFAULTS, "forbidden_xml"), (BY_NAMESPACE, "too_large"), (BY_ATTRIBUTES, "too_large")],
    ids=["attribute defaults", "names in a long namespace", "attributes in a long namespace"],
)
def test_a_megabyte_made_to_become_gigabytes_takes_a_few(xml: str, kind: str) -> None:
    assert 900_000 < len(xml) < 1_100_000
    told = subprocess.run(
        [sys.executable, "-c", MEASURE], input=xml.encode(), capture_output=True, timeout=60, cwd=PROJECT, check=True
    ).stdout.split()
    assert told[0].decode() == kind
    assert int(told[1]) < 50 * 1024


def test_an_action_file_with_attribute_defaults() -> None:
    with pytest.raises(FormatError, match="document type definition"):
        parse_action_file(DEFAULTS.encode())


# What makes a tree or takes one apart, and reads nothing.
HARMLESS = {"Element", "TreeBuilder", "C14NWriterTarget"}
PARSERS = ("xml", "pyexpat", "lxml", "defusedxml", "plistlib", "bs4", "html5lib", "xmltodict", "untangle", "xmlrpc")
READERS = {"read_xml", "read_html", "fromstring", "fromstringlist", "iterparse", "XMLParser", "XMLPullParser"}


_MAY_PARSE = re.compile("|".join((*PARSERS, *READERS, "import_module", "__import__")))


def around(source: str) -> list[str]:
    """Return what of a module's imports and calls parses XML."""
    found: list[str] = []
    if not _MAY_PARSE.search(source):
        return found
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in PARSERS]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PARSERS:
            found += [alias.name for alias in node.names if alias.name not in HARMLESS]
        elif isinstance(node, ast.Attribute) and node.attr in READERS:
            found.append(node.attr)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            arguments = [a.value for a in node.args if isinstance(a, ast.Constant)]
            found += [str(a) for a in arguments if str(a).split(".")[0] in PARSERS]
    return found


def test_nothing_parses_xml_around_the_one_module() -> None:
    modules = {path.relative_to(PACKAGE).as_posix(): path for path in PACKAGE.rglob("*.py")}
    assert len(modules) > 400
    found = {name: around(path.read_text(encoding="utf-8")) for name, path in modules.items()}
    assert {name: what for name, what in found.items() if what} == {
        "formats/xml_text.py": ["ExpatError", "ParserCreate"],
        # It has it imported before children are forked, and parses nothing.
        "examining/imported.py": ["xml.parsers.expat"],
    }


@pytest.mark.parametrize(
    "source",
    [
        "import xml.etree.ElementTree as ET",
        "from xml.etree import ElementTree",
        "from xml.dom.minidom import parseString",
        "from xml.parsers.expat import ParserCreate",
        "import pyexpat",
        "from lxml import etree",
        "from defusedxml.ElementTree import fromstring",
        "import plistlib",
        "pandas.read_xml(data)",
        "importlib.import_module('lxml.etree')",
    ],
)
def test_the_test_sees_each_way_around(source: str) -> None:
    assert around(source)
