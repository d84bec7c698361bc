"""The configuration of a virtual machine as Windows Server 2012 and 2012 R2 keep it: the tree of a .vmcx, in XML.

References:
    Two configurations of version 5.0; dissect.hypervisor, descriptor/hyperv.py.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from forensics.formats.errors import FormatError
from forensics.formats.hyperv.storage import HyperVStorage, StorageValue, Value
from forensics.formats.hyperv.storage_tree import names_by_node
from forensics.formats.xml_text import parse_xml
from forensics.language import sentence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

HEAD_SIZE = 512
"""Bytes of a file that tell whether it may be such a configuration."""

_ROOT = "configuration"
_KINDS = {"string": "string", "integer": "int64", "bool": "bool", "bytes": "array", "double": "double"}


def may_be_vm_xml(head: bytes) -> bool:
    """Tell whether a file with this head may be the XML configuration of a virtual machine."""
    return any(f"<{_ROOT}>".encode(encoding) in head for encoding in ("utf-8", "utf-16-le", "utf-16-be"))


def parse_vm_xml(data: bytes) -> HyperVStorage:
    """Read a configuration as the tree that a .vmcx holds.

    Args:
        data: The file.

    Raises:
        FormatError: As :func:`~forensics.formats.xml_text.parse_xml`; ``bad_xml`` for another topmost element,
            ``bad_value`` for what is no value of its type.
    """
    root = parse_xml(data)
    if root.tag != _ROOT:
        raise FormatError(
            "bad_xml", 0, sentence("the XML is no configuration of a virtual machine: no element {root}", root=_ROOT)
        )
    values: dict[str, StorageValue] = {}
    paths: list[str] = []
    for path, element in _elements(root):
        paths.append(path)
        kind = _KINDS.get(element.get("type", ""))
        if kind is not None:
            values[path] = _value(path, kind, element.text or "")
    return HyperVStorage(
        version=0,
        data_version=0,
        sequence=0,
        replayed=0,
        values=values,
        superseded=(),
        errors=(),
        log_damaged=False,
        _names=names_by_node(paths),
    )


def _elements(root: Element) -> Iterator[tuple[str, Element]]:
    """Yield every element with its path, in the order of the document."""
    pending = [(_ROOT, root)]
    while pending:
        path, element = pending.pop()
        yield path, element
        pending += [(f"{path}/{child.tag}", child) for child in reversed(element)]


def _value(path: str, kind: str, text: str) -> StorageValue:
    try:
        value = _typed(kind, text)
    except (ValueError, binascii.Error):
        raise FormatError(
            "bad_value", 0, sentence("the value {path} is no {kind}", path=path[:200], kind=kind)
        ) from None
    return StorageValue(path, kind, value, len(value) if isinstance(value, str | bytes) else 8)


def _typed(kind: str, text: str) -> Value:
    if kind == "string":
        return text
    if kind == "array":
        return base64.b64decode("".join(text.split()), validate=True)
    if kind == "bool":
        if text.strip().lower() not in ("true", "false"):
            raise ValueError
        return text.strip().lower() == "true"
    if kind == "double":
        return float(text)
    # Longer ones are no integer of Windows, and take long to read.
    return int(text.strip()[:32])
