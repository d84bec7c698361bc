"""IIS sites: the names behind the bindings of http.sys, and the old hashes that can undo them.

References:
    Microsoft Learn, IIS <binding> (sslFlags); IIS Support Blog, "SSL binding lost" (customMetadata, property 5506).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forensics.collectors.guard import guard
from forensics.collectors.uses.consumers import IIS, IIS_METABASE
from forensics.collectors.uses.context import Provenance, UseContext
from forensics.collectors.uses.http_sys import HttpBinding
from forensics.collectors.uses.text_file import MAX_XML_SIZE, local_name, named, parse_xml
from forensics.collectors.uses.thumbprint import SHA1_SIZE
from forensics.formats.errors import FormatError
from forensics.tables.use import CertificateUseRow

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_SITES = 5_000

_CONFIG = "System32/inetsrv/config/applicationHost.config"
_SNI, _CENTRAL_STORE = 1, 2
_HASH_PROPERTY = "5506"
_SITE_PATH = re.compile(r"/?LM/W3SVC/(\d{1,10})(?:/.*)?", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class _Site:
    """An https binding of a site, and the bindings of http.sys that serve it."""

    number: str
    name: str
    binding: str
    central: bool
    served_by: tuple[HttpBinding, ...]


def iis_uses(context: UseContext, bindings: Sequence[HttpBinding]) -> Iterator[CertificateUseRow]:
    """Yield a row for each https binding of each site and the certificate http.sys has for it."""
    installation = context.installation
    path = installation.in_windows(_CONFIG)
    found = context.file(path, MAX_XML_SIZE, "applicationHost.config")
    if found is None:
        return
    with guard(installation, path):
        place, data = found
        root = parse_xml(data)
        sites = list(_sites(context, root, bindings, place))
        for site in sites:
            yield from _site_uses(context, site, place)
        yield from _metabase_uses(context, root, sites, place)


def _sites(context: UseContext, root: Element, bindings: Sequence[HttpBinding], place: Provenance) -> Iterator[_Site]:
    by_name: dict[tuple[str, str], list[HttpBinding]] = {}
    for binding in bindings:
        by_name.setdefault((binding.kind, binding.name.lower()), []).append(binding)
    count = 0
    for site in named(root, "site"):
        for element in _children(site, "bindings", "binding"):
            if element.get("protocol", "").lower() != "https":
                continue
            count += 1
            if count > MAX_SITES:
                message = f"only the first {MAX_SITES} https bindings were read"
                context.installation.problem(place.path, "too_many", message)
                return
            information, flags = element.get("bindingInformation", ""), _number(element.get("sslFlags"))
            served_by = tuple(b for key in _keys(information, flags) for b in by_name.get(key, ()))
            name, number = site.get("name", ""), site.get("id", "")
            yield _Site(number, name, information, bool(flags & _CENTRAL_STORE), served_by)


def _children(parent: Element, *names: str) -> Iterator[Element]:
    """Yield what lies at exactly that path; deeper searches of nested elements would take forever."""
    for child in parent:
        if isinstance(child.tag, str) and local_name(child) == names[0]:
            if len(names) == 1:
                yield child
            else:
                yield from _children(child, *names[1:])


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0


def _keys(information: str, flags: int) -> list[tuple[str, str]]:
    """Return under which names http.sys keeps the certificate of a binding ``IP:port:host``."""
    address_port, _, host = information.rpartition(":")
    address, _, port = address_port.rpartition(":")
    if flags & _SNI:
        return [("sni", f"{host}:{port}".lower())]
    addresses = ["0.0.0.0", "[::]"] if address in ("*", "") else [address.lower()]
    return [("address", f"{a}:{port}") for a in addresses]


def _site_uses(context: UseContext, site: _Site, place: Provenance) -> Iterator[CertificateUseRow]:
    detail = f"{site.name} {site.binding}"
    for binding in site.served_by:
        yield context.use(
            IIS,
            place,
            binding.thumbprint,
            detail=detail,
            store=binding.store,
            fault=None if binding.thumbprint else f"the http.sys binding {binding.name} has no certificate hash",
        )
    if site.central:
        detail += " (central certificate store: PFX files on a share)"
        yield context.use(IIS, place, None, detail=detail, store=None)
    elif not site.served_by:
        fault = "http.sys has no certificate for this binding"
        yield context.use(IIS, place, None, detail=detail, store=None, fault=fault)


def _metabase_uses(
    context: UseContext, root: Element, sites: Sequence[_Site], place: Provenance
) -> Iterator[CertificateUseRow]:
    by_number: dict[str, list[_Site]] = {}
    for site in sites:
        by_number.setdefault(site.number, []).append(site)
    found = (
        (number[1], element.get("value", ""))
        for metadata in named(root, "customMetadata")
        for key in _children(metadata, "key")
        if (number := _SITE_PATH.fullmatch(key.get("path", "")))
        for element in _children(key, "property")
        if element.get("id") == _HASH_PROPERTY
    )
    for count, (owner, value) in enumerate(found):
        if count == MAX_SITES:
            context.installation.problem(place.path, "too_many", f"only the first {MAX_SITES} old hashes were read")
            return
        with guard(context.installation, place.path):
            yield _metabase_use(context, owner, value, by_number.get(owner, ()), place)


def _metabase_use(
    context: UseContext, number: str, value: str, sites: Sequence[_Site], place: Provenance
) -> CertificateUseRow:
    try:
        data = base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise FormatError("bad_base64", 0, f"property {_HASH_PROPERTY} of site {number} is no base64") from None
    if len(data) != SHA1_SIZE:
        raise FormatError("bad_length", 0, f"property {_HASH_PROPERTY} of site {number} has {len(data)} bytes, not 20")
    thumbprint = data.hex().upper()
    served = sorted({b.thumbprint for site in sites for b in site.served_by if b.thumbprint})
    name = sites[0].name if sites else "no https binding"
    fault = None
    if thumbprint not in served:
        fault = f"http.sys has {', '.join(served) or 'no certificate'} for this site, the metabase keeps another hash"
    detail = f"customMetadata LM/W3SVC/{number} property {_HASH_PROPERTY} ({name})"
    return context.use(IIS_METABASE, place, thumbprint, detail=detail, fault=fault)
