"""Consumers nobody described: registry values of services and products that hold the hash of a certificate on the disk.

Only settings near the top are searched (a service's Parameters, the first keys of each product), since searching all of
SOFTWARE means reading all of it. What is found is certain as a reference, and only likely as a use.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from itertools import islice

from forensics.collectors.registry_view import RegistryView
from forensics.collectors.uses.consumers import Consumer
from forensics.collectors.uses.context import Provenance, UseContext
from forensics.registry.hive import Key, Value
from forensics.tables.certificate import CertificateRow
from forensics.tables.use import CertificateUseRow

OTHER = Consumer(
    "other",
    None,
    "what reads this registry value; its key and value name tell which product that is",
    "in that product's own settings, else write the new hash into the value",
)
MAX_CERTIFICATES = 300
MAX_SERVICES = 2_000
MAX_KEYS = 2_500
MAX_CHILDREN = 300
MAX_VALUE_SIZE = 1 << 14

_BINARY, _TEXTS = 3, (1, 2, 7)
_SIZES = (20, 32)  # of SHA-1 and SHA-256
_HEX = re.compile(r"(?<![0-9A-F])[0-9A-F]{40}(?![0-9A-F])|(?<![0-9A-F])[0-9A-F]{64}(?![0-9A-F])")
_NOT_HEX = re.compile(r"[^0-9A-Za-z;:,|\0\\]+")
_NOT_PRODUCTS = frozenset({"classes", "policies", "wow6432node", "clients", "registeredapplications"})
_NOT_SETTINGS = frozenset({"systemcertificates", "enterprisecertificates", "cryptography"})


def other_references(context: UseContext, known: Iterable[CertificateUseRow]) -> Iterator[CertificateUseRow]:
    """Yield each value that names a certificate with a private key and belongs to no consumer in ``known``."""
    hashes = _hashes(context.certificates)
    if not hashes:
        return
    told = {row.source_path.rpartition("!")[0] for row in known}
    for view, key in _settings(context):
        where = view.where(key)
        if where in told:
            continue
        for value in key.values():
            for row in {id(hashes[d]): hashes[d] for d in _digests(value, hashes) if d in hashes}.values():
                place = Provenance(view.where(key, value.name), key.timestamp)
                yield context.use(
                    OTHER,
                    place,
                    row.thumbprint,
                    detail=f"{key.path}!{value.name or '(default)'}",
                    store=row.store,
                    owner_sid=row.owner_sid,
                    certainty="likely",
                )


def _hashes(certificates: Iterable[CertificateRow]) -> dict[bytes, CertificateRow]:
    found: dict[bytes, CertificateRow] = {}
    for row in islice((c for c in certificates if c.has_key_link), MAX_CERTIFICATES):
        for text in (row.thumbprint, row.sha256):
            if text:
                found.setdefault(bytes.fromhex(text), row)
    return found


def _digests(value: Value, wanted: Container[bytes]) -> list[bytes]:
    data = value.data[:MAX_VALUE_SIZE]
    if len(data) < 20:
        return []
    if value.type in _TEXTS:
        text = _NOT_HEX.sub("", data.decode("utf-16-le", "ignore")).upper()
        return [bytes.fromhex(found) for found in _HEX.findall(text)]
    if value.type != _BINARY:
        return []
    # One regular expression of all hashes takes long to compile, and tries each of them at each byte.
    parts = (data[at : at + size] for size in _SIZES for at in range(len(data) - size + 1))
    return [part for part in parts if part in wanted]


def _settings(context: UseContext) -> Iterator[tuple[RegistryView, Key]]:
    for service in context.system.subkeys(context.services, MAX_SERVICES):
        parameters = service.subkey("Parameters")
        if parameters is not None:
            yield context.system, parameters
    for key in islice(_products(context.software), MAX_KEYS):
        yield context.software, key


def _products(software: RegistryView) -> Iterator[Key]:
    """Yield the keys of the first two levels below each vendor, Microsoft's last."""
    vendors = [v for v in islice(_children(software, ""), MAX_CHILDREN) if v.name.lower() not in _NOT_PRODUCTS]
    for vendor in sorted(vendors, key=lambda v: v.name.lower() == "microsoft"):
        yield vendor
        for product in islice(_children(software, vendor), MAX_CHILDREN):
            if product.name.lower() in _NOT_SETTINGS:
                continue
            yield product
            yield from islice(_children(software, product), MAX_CHILDREN)


def _children(view: RegistryView, parent: Key | str) -> Iterator[Key]:
    key = view.key(parent) if isinstance(parent, str) else parent
    return key.subkeys() if key is not None else iter(())
