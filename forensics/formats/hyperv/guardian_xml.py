"""The XML of the key protection service, read as what a stranger wrote: bounded, without DTD, entities or network.

References:
    [MS-KPS] 2.2.2, https://learn.microsoft.com/openspecs/windows_protocols/ms-kps/
    https://www.w3.org/TR/xml-exc-c14n/
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Callable, Collection
from dataclasses import field
from typing import Any, Literal
from xml.etree.ElementTree import C14NWriterTarget, Element, TreeBuilder

from forensics.formats.errors import FormatError
from forensics.formats.xml_text import MAX_XML_SIZE, XmlTarget, feed_xml
from forensics.language import sentence
from forensics.late_methods import dataclass

NAMESPACE = "http://schemas.microsoft.com/kps/2014/07"

Encoding = Literal["utf-8", "utf-16-le"]

_UNSIGNED = re.compile(r"\+?0*[0-9]{1,10}")
_BLANKS = re.compile(rb"[ \t\r\n]+")


@dataclass(frozen=True, slots=True)
class GuardianXml:
    """A parsed document.

    Attributes:
        root: The document element.
        encoding: How the bytes were encoded.
        utf8: The document again, in UTF-8.
        plain_prefixes: Each namespace has one prefix and each prefix one namespace throughout.
    """

    root: Element = field(repr=False)
    encoding: Encoding
    utf8: bytes = field(repr=False)
    plain_prefixes: bool


def tag(name: str) -> str:
    """Return ``name`` in the service's namespace, as ElementTree writes it."""
    return f"{{{NAMESPACE}}}{name}"


def parse_guardian_xml(data: bytes, root_name: str) -> GuardianXml:
    """Parse a document whose root is ``root_name`` in the service's namespace.

    Args:
        data: UTF-8 or UTF-16LE, with or without byte order mark; zeros and blanks around it are left out.
        root_name: Local name of the root.

    Raises:
        FormatError: ``empty``, ``too_large``, ``bad_text`` (not in that encoding), ``bad_structure`` (another root), or
            as :func:`~forensics.formats.xml_text.parse_xml`.
    """
    text, encoding = _decode(data)
    utf8 = text.encode()
    builder = _PrefixedBuilder()
    root = _feed(utf8, builder)
    if not isinstance(root, Element) or root.tag != tag(root_name):
        raise FormatError(
            "bad_structure",
            0,
            sentence(
                "the root of the document is no {root_name} of {namespace}", root_name=root_name, namespace=NAMESPACE
            ),
        )
    return GuardianXml(root, encoding, utf8, builder.prefixes_are_plain())


def _decode(data: bytes) -> tuple[str, Encoding]:
    if len(data) > MAX_XML_SIZE:
        raise FormatError(
            "too_large",
            0,
            sentence(
                "{count} bytes of XML; at most {max_xml_size} are read", count=len(data), max_xml_size=MAX_XML_SIZE
            ),
        )
    wide = data.startswith(codecs.BOM_UTF16_LE) or data[1:2] == b"\0"
    encoding: Encoding = "utf-16-le" if wide else "utf-8"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise FormatError(
            "bad_text", error.start, sentence("the document is not {encoding}", encoding=encoding)
        ) from error
    text = text.removeprefix("\ufeff").strip("\0 \t\r\n")
    if not text:
        raise FormatError("empty", 0, sentence("the document is empty"))
    return text, encoding


def _feed(utf8: bytes, target: XmlTarget) -> Any:
    # The encoding given here overrides the one in the XML declaration, which spoke of the bytes before decoding.
    return feed_xml(utf8, target, encoding="utf-8")


class _PrefixedBuilder:
    """Builds the tree and remembers which prefixes stand for which namespaces."""

    def __init__(self) -> None:
        self._tree = TreeBuilder()
        self._namespaces: set[tuple[str, str]] = set()

    def prefixes_are_plain(self) -> bool:
        prefixes, uris = {prefix for prefix, _ in self._namespaces}, {uri for _, uri in self._namespaces}
        return len(prefixes) == len(self._namespaces) == len(uris)

    def start_ns(self, prefix: str, uri: str) -> None:
        self._namespaces.add((prefix, uri))

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._tree.start(name, attributes)

    def end(self, name: str) -> None:
        self._tree.end(name)

    def data(self, text: str) -> None:
        self._tree.data(text)

    def close(self) -> Element:
        return self._tree.close()


def unsigned_int(text: str | None, what: str) -> int:
    """Return an ``xs:unsignedInt``.

    Raises:
        FormatError: ``bad_number``.
    """
    stripped = (text or "").strip(" \t\r\n")
    number = int(stripped) if len(stripped) <= 64 and _UNSIGNED.fullmatch(stripped) else -1
    if not 0 <= number <= 0xFFFFFFFF:
        raise FormatError("bad_number", 0, sentence("{what} is no unsigned 32-bit integer", what=what))
    return number


def base64_content(element: Element | None, what: str) -> bytes:
    """Return the bytes of an ``xs:base64Binary`` element.

    Raises:
        FormatError: ``bad_structure`` where it is missing, ``bad_base64``.
    """
    if element is None:
        raise FormatError("bad_structure", 0, sentence("{what} is missing", what=what))
    if len(element):
        raise FormatError("bad_structure", 0, sentence("{what} holds elements instead of base64 text", what=what))
    try:
        return base64.b64decode(_BLANKS.sub(b"", (element.text or "").encode()), validate=True)
    except binascii.Error as error:
        raise FormatError("bad_base64", 0, sentence("{what} is no base64", what=what)) from error


def exclusive_c14n(document: GuardianXml, wanted: Collection[Element], *, strip: bool = False) -> list[bytes] | None:
    """Return the exclusive canonical form, without comments, of elements of the document.

    C14N 2.0, which the standard library writes, treats namespaces as exclusive canonicalization does. Its one weakness
    is that it sees namespaces and not prefixes, hence the condition below.

    Args:
        document: The document that holds them.
        wanted: Elements of its tree.
        strip: Leave out the blanks around text, as readers do that drop insignificant white space.

    Returns:
        In the order of ``wanted``; None where prefixes are used in a way that cannot be canonicalized here.
    """
    if not document.plain_prefixes:
        return None
    numbers = {element: number for number, element in enumerate(document.root.iter())}
    target = _Subtrees({numbers[element] for element in wanted}, strip)
    _feed(document.utf8, target)
    return ["".join(target.forms[numbers[element]]).encode() for element in wanted]


class _Subtrees:
    """Hands the events of some elements, known by their number in the document, to a canonical writer for each."""

    def __init__(self, wanted: Collection[int], strip: bool) -> None:
        self.forms: dict[int, list[str]] = {number: [] for number in wanted}
        self._strip = strip
        self._count = 0
        self._depth = 0
        self._namespaces: set[tuple[str, str]] = set()
        self._writers: list[tuple[int, C14NWriterTarget]] = []

    def start_ns(self, prefix: str, uri: str) -> None:
        self._namespaces.add((prefix, uri))
        self._each(lambda writer: writer.start_ns(prefix, uri))

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self._count in self.forms:
            writer = C14NWriterTarget(self.forms[self._count].append, strip_text=self._strip)
            for prefix, uri in self._namespaces:
                writer.start_ns(prefix, uri)
            self._writers.append((self._depth, writer))
        self._count += 1
        self._depth += 1
        self._each(lambda writer: writer.start(name, attributes))

    def end(self, name: str) -> None:
        self._each(lambda writer: writer.end(name))
        self._depth -= 1
        if self._writers and self._writers[-1][0] == self._depth:
            self._writers.pop()

    def data(self, text: str) -> None:
        self._each(lambda writer: writer.data(text))

    def pi(self, name: str, text: str) -> None:
        self._each(lambda writer: writer.pi(name, text))

    def _each(self, act: Callable[[C14NWriterTarget], None]) -> None:
        for _, writer in self._writers:
            act(writer)

    def close(self) -> None:
        """Nothing is returned: the forms are the result."""
