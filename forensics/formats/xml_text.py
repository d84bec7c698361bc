"""XML that a stranger may have written: no document type definition, no entities, nothing fetched, all bounded.

Nothing else in the program parses XML: a test sees to it. Expat is asked for names as they are written, and namespaces
are resolved here, since it would copy a namespace into each name that has its prefix: a megabyte became gigabytes.

References:
    https://docs.python.org/3/library/xml.html#xml-security
    https://www.w3.org/TR/xml-names/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from forensics.formats.errors import FormatError
from forensics.language import sentence

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_XML_SIZE = 4 << 20
"""Format: bytes of one XML file of settings."""
MAX_ELEMENTS = 200_000
"""Format: elements and attributes of one XML file, together."""
MAX_DEPTH = 64
"""Format: XML elements within elements."""
MAX_NAMES = 10_000
"""Format: different names of elements and attributes in one XML file."""
MAX_NAME = 1000
"""Format: characters of one name or namespace in XML."""
MAX_NAMESPACES = 100
"""Format: namespaces in force at one place of an XML file."""

_XML = "http://www.w3.org/XML/1998/namespace"
_DEFINITION = sentence(
    "the XML has a document type definition, by which a small file can be made to fill all memory: it is not read"
)


class XmlTarget(Protocol):
    """What makes something of a document: a ``TreeBuilder``, for example; ``start_ns`` and ``pi`` may be missing."""

    def start(self, tag: str, attrs: dict[str, str], /) -> Any:
        """An element begins; names are ``{namespace}local``."""

    def end(self, tag: str, /) -> Any:
        """It ends."""

    def data(self, data: str, /) -> Any:
        """Text."""

    def close(self) -> Any:
        """The document ends."""


def parse_xml(data: bytes, *, document_type: str | None = None) -> Element:
    """Parse XML to a tree.

    Args:
        data: The document.
        document_type: A document type that it may name, without defining anything; what that names is not fetched.

    Raises:
        FormatError: ``too_large``, ``too_deep``, ``too_many``, ``bad_xml``, or ``forbidden_xml`` for a document type
            definition.
    """
    # Imported here because most disks have no XML that is read.
    from xml.etree.ElementTree import TreeBuilder

    root: Element = feed_xml(data, TreeBuilder(), document_type=document_type)
    return root


def feed_xml(data: bytes, target: XmlTarget, *, encoding: str | None = None, document_type: str | None = None) -> Any:
    """Tell a target what a document holds.

    Args:
        data: The document.
        target: It is told of namespaces before the element that brings them, if it asks (``start_ns``), and of
            processing instructions (``pi``).
        encoding: How it is encoded, whatever it says itself.
        document_type: As for :func:`parse_xml`.

    Returns:
        What the target's ``close`` returns.

    Raises:
        FormatError: As for :func:`parse_xml`.
    """
    from xml.parsers.expat import ExpatError, ParserCreate

    if len(data) > MAX_XML_SIZE:
        raise FormatError(
            "too_large",
            0,
            sentence(
                "{count} bytes of XML; at most {max_xml_size} are read", count=len(data), max_xml_size=MAX_XML_SIZE
            ),
        )
    parser = ParserCreate(encoding)
    reader = _Reader(target, document_type)
    parser.buffer_text = True
    parser.ordered_attributes = True
    parser.StartDoctypeDeclHandler = reader.document_type
    parser.EntityDeclHandler = parser.UnparsedEntityDeclHandler = reader.forbidden
    parser.ExternalEntityRefHandler = parser.AttlistDeclHandler = reader.forbidden
    parser.SkippedEntityHandler = reader.undefined
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = target.data
    if (instruction := getattr(target, "pi", None)) is not None:
        parser.ProcessingInstructionHandler = instruction
    try:
        parser.Parse(data, True)
    except ExpatError as error:
        raise FormatError(
            "bad_xml",
            0,
            sentence("no well-formed XML: line {lineno}, column {offset}", lineno=error.lineno, offset=error.offset),
        ) from None
    except (ValueError, LookupError) as error:
        raise FormatError(
            "bad_xml", 0, sentence("the XML cannot be decoded ({error_type})", error_type=type(error).__name__)
        ) from None
    return target.close()


class _Reader:
    """Bounds what expat finds, and puts namespaces in the place of prefixes."""

    def __init__(self, target: XmlTarget, document_type: str | None) -> None:
        self._target = target
        self._document_type = document_type
        self._start_ns = getattr(target, "start_ns", None)
        self._scopes: list[dict[str, str]] = [{"": "", "xml": _XML}]
        self._tags: list[str] = []
        self._count = 0
        self._names: dict[tuple[str, str], str] = {}

    def document_type(self, name: str, system: str | None, public: str | None, has_definition: int) -> None:
        if has_definition or name != self._document_type:
            self.forbidden()

    def forbidden(self, *_: object) -> NoReturn:
        raise FormatError("forbidden_xml", 0, _DEFINITION)

    def undefined(self, name: str, is_parameter: bool) -> NoReturn:
        raise FormatError("bad_xml", 0, sentence("no well-formed XML: an entity that is not defined"))

    def start(self, name: str, attributes: list[str]) -> None:
        self._count += 1 + len(attributes) // 2
        if self._count > MAX_ELEMENTS:
            raise FormatError(
                "too_many",
                0,
                sentence("the XML has more than {max_elements} elements and attributes", max_elements=MAX_ELEMENTS),
            )
        if len(self._tags) == MAX_DEPTH:
            raise FormatError(
                "too_deep", 0, sentence("the XML has elements nested more than {max_depth} deep", max_depth=MAX_DEPTH)
            )
        pairs = list(zip(attributes[::2], attributes[1::2], strict=True))
        scope = self._scope(pairs)
        # An attribute without prefix has no namespace.
        named = [
            (self._expanded(key, scope if ":" in key else {"": ""}), value)
            for key, value in pairs
            if not _is_declaration(key)
        ]
        if len(values := dict(named)) < len(named):
            raise FormatError("bad_xml", 0, sentence("no well-formed XML: an element has an attribute twice"))
        self._scopes.append(scope)
        self._tags.append(self._expanded(name, scope))
        self._target.start(self._tags[-1], values)

    def end(self, name: str) -> None:
        self._scopes.pop()
        self._target.end(self._tags.pop())

    def _scope(self, attributes: list[tuple[str, str]]) -> dict[str, str]:
        """Return the namespaces by prefix inside an element."""
        declared = {key.partition(":")[2]: value for key, value in attributes if _is_declaration(key)}
        for prefix, namespace in declared.items():
            _bounded(namespace)
            if (not namespace and prefix) or prefix == "xmlns" or (prefix == "xml") != (namespace == _XML):
                raise FormatError("bad_xml", 0, sentence("no well-formed XML: a namespace that cannot be declared so"))
            if self._start_ns is not None:
                self._start_ns(prefix, namespace)
        scope = self._scopes[-1] | declared if declared else self._scopes[-1]
        if len(scope) > MAX_NAMESPACES:
            raise FormatError(
                "too_many",
                0,
                sentence(
                    "the XML has more than {max_namespaces} namespaces at one place", max_namespaces=MAX_NAMESPACES
                ),
            )
        return scope

    def _expanded(self, name: str, scope: dict[str, str]) -> str:
        prefix, colon, local = name.partition(":") if ":" in name else ("", "", name)
        if prefix not in scope or (colon and not prefix) or not local or ":" in local:
            raise FormatError("bad_xml", 0, sentence("no well-formed XML: a name with a prefix that was not declared"))
        namespace = scope[prefix]
        known = self._names.get((namespace, local))
        if known is None:
            if len(self._names) == MAX_NAMES:
                raise FormatError(
                    "too_many", 0, sentence("the XML has more than {max_names} different names", max_names=MAX_NAMES)
                )
            _bounded(local)
            known = self._names[namespace, local] = f"{{{namespace}}}{local}" if namespace else local
        return known


def _is_declaration(name: str) -> bool:
    return name == "xmlns" or name.startswith("xmlns:")


def _bounded(name: str) -> None:
    if len(name) > MAX_NAME:
        raise FormatError(
            "too_large",
            0,
            sentence(
                "a name in the XML has {count} characters; at most {max_name} are read",
                count=len(name),
                max_name=MAX_NAME,
            ),
        )


def local_name(element: Element) -> str:
    """Return an element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def named(element: Element, name: str) -> Iterator[Element]:
    """Yield the element itself and everything below it that has a local name."""
    return (e for e in element.iter() if isinstance(e.tag, str) and local_name(e) == name)


def at_path(parent: Element, *names: str) -> Iterator[Element]:
    """Yield what lies at exactly that path of local names; a search of nested elements would take forever."""
    for child in parent:
        if isinstance(child.tag, str) and local_name(child) == names[0]:
            if len(names) == 1:
                yield child
            else:
                yield from at_path(child, *names[1:])
