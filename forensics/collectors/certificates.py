"""Table certificate: every certificate of every store, with what the store says of its private key."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence

from forensics.collectors.certificate_stores import (
    UNREADABLE_AREA,
    Element,
    collect_elements,
    cover_unreadable,
)
from forensics.collectors.evidence import CertificateEvidence
from forensics.collectors.guard import guard
from forensics.collectors.profiles import Profile
from forensics.formats.cert_element import parse_cert_element
from forensics.formats.certificate import Certificate, CertificateParser
from forensics.formats.errors import FormatError
from forensics.formats.key_prov_info import parse_key_prov_info
from forensics.language import sentence
from forensics.sources.installation import CUTS, Installation
from forensics.tables.certificate import CertificateRow

_KEY_PROV_INFO, _FRIENDLY_NAME, _ARCHIVED, _RENEWAL, _REQUEST_ORIGINATOR, _CEP = 2, 11, 19, 64, 71, 87

_EK_STORES = frozenset({"ekroot", "ekca", "ekcertstore", "ekcertstoreecc"})

_UTF16_RUN = re.compile(rb"(?:[\x20-\x7e]\x00){4,}")
_SHA1_NAME = re.compile(r"[0-9a-f]{40}", re.IGNORECASE)


def collect_certificates(installation: Installation, profiles: Sequence[Profile]) -> list[CertificateEvidence]:
    """Read every certificate; an element that holds none, or a broken one, is a problem."""
    parser = CertificateParser()
    found: list[CertificateEvidence] = []
    for element in collect_elements(installation, profiles):
        certificate: CertificateEvidence | None = None
        with guard(installation, element.source_path):
            certificate = _read(installation, parser, element)
            found.append(certificate)
        if certificate is None or certificate.row.thumbprint != element.name.upper():
            cover_unreadable(installation, element.name, element.store, element.source_path)
    return found


def _read(installation: Installation, parser: CertificateParser, element: Element) -> CertificateEvidence:
    if not element.data:
        raise FormatError("empty", 0, sentence("the store element has no content"))
    parsed = parse_cert_element(element.data)
    der = parsed.certificate
    if der is None:
        raise FormatError("no_certificate", len(element.data), sentence("the store element holds no certificate"))
    row = CertificateRow(
        machine_id=installation.machine_id,
        thumbprint=hashlib.sha1(der, usedforsecurity=False).hexdigest().upper(),
        sha256=hashlib.sha256(der).hexdigest(),
        store=element.store,
        store_scope=element.scope,
        owner_sid=element.owner_sid,
        service=element.service,
        source_path=element.source_path,
        source_time=element.source_time,
    )
    if _SHA1_NAME.fullmatch(element.name) and element.name.upper() != row.thumbprint:
        message = sentence(
            "named {upper}, but the certificate inside has the SHA-1 {thumbprint}",
            upper=element.name.upper(),
            thumbprint=row.thumbprint,
        )
        installation.doubt(element.source_path, "other_thumbprint", message)
    if element.store.lower() in _EK_STORES:
        row.der = base64.b64encode(der).decode("ascii")
    evidence = CertificateEvidence(row, der=der)
    _add_properties(row, parsed.properties)
    _add_link(installation, evidence, parsed.properties.get(_KEY_PROV_INFO))
    certificate = parser.parse(der)
    _add_content(row, certificate)
    evidence.public_key = certificate.public_key
    for error in certificate.problems:
        if error.kind in CUTS:
            installation.cut(UNREADABLE_AREA, row.thumbprint, element.source_path, error.message, error.kind)
        else:
            installation.problem(element.source_path, error.kind, error.message)
    return evidence


def _add_content(row: CertificateRow, certificate: Certificate) -> None:
    """Fill a row with what the certificate says itself."""
    row.subject, row.issuer, row.serial = certificate.subject, certificate.issuer, certificate.serial
    row.self_signed, row.is_ca = certificate.self_signed, certificate.is_ca
    row.not_before, row.not_after = certificate.not_before, certificate.not_after
    row.signature_algorithm = certificate.signature_algorithm
    row.key_algorithm, row.key_bits = certificate.key_algorithm, certificate.key_bits
    row.public_key_sha256 = certificate.public_key_sha256
    row.eku, row.san, row.policies = list(certificate.eku), list(certificate.san), list(certificate.policies)
    row.template = certificate.template


def _add_properties(row: CertificateRow, properties: dict[int, bytes]) -> None:
    row.archived = _ARCHIVED in properties
    row.friendly_name = _text(properties.get(_FRIENDLY_NAME))
    row.request_originator = _text(properties.get(_REQUEST_ORIGINATOR))
    renewal = properties.get(_RENEWAL)
    row.renewal_of = renewal.hex().upper() if renewal else None
    policy = properties.get(_CEP)
    if policy:
        # Its binary frame is not documented, so only the texts in it are taken.
        runs = [run.decode("utf-16-le") for run in _UTF16_RUN.findall(policy)]
        row.enrollment_server = " ".join(runs) or None


def _text(data: bytes | None) -> str | None:
    if data is None:
        return None
    return data[: len(data) & ~1].decode("utf-16-le", "replace").split("\0", 1)[0] or None


def _add_link(installation: Installation, evidence: CertificateEvidence, data: bytes | None) -> None:
    row = evidence.row
    row.has_key_link = data is not None
    if data is None:
        return
    try:
        link = parse_key_prov_info(data)
    except FormatError as error:
        evidence.link_error = error
        installation.problem(
            row.source_path, error.kind, sentence("KEY_PROV_INFO: {message}", message=error.message), error.offset
        )
        return
    evidence.link = link
    row.container, row.provider = link.container, link.provider
    row.provider_type, row.key_flags, row.key_spec = link.provider_type, link.flags, link.key_spec
