"""Consumers nobody described: registry values of services and products that hold the hash of a certificate on the disk.

Only settings near the top are searched (a service's Parameters, the first keys of each product), since searching all of
SOFTWARE means reading all of it. What is found is certain as a reference, and only likely as a use.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator

from forensics.collectors.registry_view import RegistryView
from forensics.collectors.uses.consumers import Consumer
from forensics.collectors.uses.context import Provenance, UseContext
from forensics.language import sentence
from forensics.registry.hive import Key, Value
from forensics.tables.certificate import CertificateRow
from forensics.tables.use import CertificateUseRow

OTHER = Consumer(
    "other",
    None,
    sentence("what reads this registry value; its key and value name tell which product that is"),
    sentence("in that product's own settings, else write the new hash into the value"),
)
MAX_CERTIFICATES = 20_000
"""Evidence: certificates with a private key that are looked for in settings of other programs."""
MAX_SERVICES = 20_000
"""Evidence: services whose parameters are searched for certificates."""
MAX_KEYS = 10_000
"""Evidence: keys of products that are searched for certificates."""
MAX_CHILDREN = 5_000
"""Evidence: vendors, products of one vendor, or keys of one product that are searched for certificates."""
MAX_VALUE_SIZE = 1 << 20
"""Evidence: bytes of one value that are searched for certificates."""
MAX_SEARCHED = 32 << 20
"""Evidence: bytes of all values that are searched for certificates."""

_BINARY, _TEXTS = 3, (1, 2, 7)
_SIZES = (20, 32)  # of SHA-1 and SHA-256
_HEX = re.compile(r"(?<![0-9A-F])[0-9A-F]{40}(?![0-9A-F])|(?<![0-9A-F])[0-9A-F]{64}(?![0-9A-F])")
_NOT_HEX = re.compile(r"[^0-9A-Za-z;:,|\0\\]+")
_NOT_PRODUCTS = frozenset({"classes", "policies", "wow6432node", "clients", "registeredapplications"})
_NOT_SETTINGS = frozenset({"systemcertificates", "enterprisecertificates", "cryptography"})


def other_references(context: UseContext, known: Iterable[CertificateUseRow]) -> Iterator[CertificateUseRow]:
    """Yield each value that names a certificate with a private key and belongs to no consumer in ``known``."""
    hashes = _hashes(context)
    if not hashes:
        return
    # Bytes with which none of the hashes begins are passed over fast; one expression of all hashes would try each of
    # them at each byte.
    beginnings = re.compile(b"[" + b"".join(re.escape(digest[:1]) for digest in {d[:1] for d in hashes}) + b"]")
    told = {path.rpartition("!")[0] for row in known for path in (row.source_path, *row.also_set_at)}
    for view, key, value in _values(context, told):
        digests = _digests(value, beginnings)
        for row in {id(hashes[d]): hashes[d] for d in digests if d in hashes}.values():
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


def _values(context: UseContext, told: Container[str]) -> Iterator[tuple[RegistryView, Key, Value]]:
    """Yield the values of keys that no consumer in ``told`` was read from, so many bytes of them and no more."""
    left = MAX_SEARCHED
    for view, key in _settings(context):
        if view.where(key) in told:
            continue
        for value in key.values():
            left -= len(value.data)
            if left < 0:
                view.cut(
                    key,
                    sentence("only {most} bytes of settings were searched for certificates", most=MAX_SEARCHED),
                    "too_much_work",
                )
                return
            if len(value.data) > MAX_VALUE_SIZE:
                message = sentence(
                    "only the first {max_value_size} of {count} bytes were searched for certificates",
                    max_value_size=MAX_VALUE_SIZE,
                    count=len(value.data),
                )
                view.cut(key, message, "too_large", value.name or "(default)")
            yield view, key, value


def _hashes(context: UseContext) -> dict[bytes, CertificateRow]:
    found: dict[bytes, CertificateRow] = {}
    with_key = [row for row in context.certificates if row.has_key_link]
    for row in with_key[:MAX_CERTIFICATES]:
        for text in (row.thumbprint, row.sha256):
            if text:
                found.setdefault(bytes.fromhex(text), row)
    for row in with_key[MAX_CERTIFICATES : MAX_CERTIFICATES + 1]:
        _tell_bound(
            context,
            row.source_path,
            sentence(
                "the first {max_certificates} certificates were looked for in settings",
                max_certificates=MAX_CERTIFICATES,
            ),
        )
    return found


def _tell_bound(context: UseContext, path: str, what: str) -> None:
    context.installation.problem(path, "too_many", sentence("only {what}", what=what))


def _digests(value: Value, beginnings: re.Pattern[bytes]) -> Iterator[bytes]:
    """Yield what may be a hash in a value."""
    data = value.data[:MAX_VALUE_SIZE]
    if value.type in _TEXTS:
        text = _NOT_HEX.sub("", data.decode("utf-16-le", "ignore")).upper()
        yield from (bytes.fromhex(found) for found in _HEX.findall(text))
    elif value.type == _BINARY:
        for found in beginnings.finditer(data):
            yield from (data[found.start() : found.start() + size] for size in _SIZES)


def _settings(context: UseContext) -> Iterator[tuple[RegistryView, Key]]:
    for service in context.system.subkeys(context.services, MAX_SERVICES):
        parameters = service.subkey("Parameters")
        if parameters is not None:
            yield context.system, parameters
    for count, key in enumerate(_products(context)):
        if count == MAX_KEYS:
            _tell_bound(
                context,
                context.software.where(""),
                sentence("the first {max_keys} keys of products were searched", max_keys=MAX_KEYS),
            )
            return
        yield context.software, key


def _products(context: UseContext) -> Iterator[Key]:
    """Yield the keys of the first two levels below each vendor, Microsoft's last."""
    vendors = [v for v in _children(context, "") if v.name.lower() not in _NOT_PRODUCTS]
    for vendor in sorted(vendors, key=lambda v: v.name.lower() == "microsoft"):
        yield vendor
        for product in _children(context, vendor):
            if product.name.lower() in _NOT_SETTINGS:
                continue
            yield product
            yield from _children(context, product)


def _children(context: UseContext, parent: Key | str) -> Iterator[Key]:
    yield from context.software.subkeys(parent, MAX_CHILDREN)
