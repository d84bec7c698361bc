"""The certificates of certification authorities: CertSvc opens every generation that its configuration lists.

References:
    Microsoft KB842210, "You cannot start the Certificate Services service" (CACertHash).
"""

from __future__ import annotations

from collections.abc import Iterator

from forensics.collectors.uses.context import Provenance, UseContext
from forensics.collectors.uses.generations import newest
from forensics.collectors.uses.roles import AD_CS, AD_CS_EARLIER
from forensics.formats.thumbprint import thumbprint_of_text
from forensics.language import sentence
from forensics.registry.hive import Key
from forensics.tables.use import Certainty, CertificateUseRow

MAX_AUTHORITIES = 50
"""Evidence: certification authorities of one installation."""
MAX_GENERATIONS = 500
"""Evidence: certificates of one certification authority."""

_SERVICE, _HASHES = "CertSvc", "CACertHash"
_DISABLED = 4
_NONE = "-"
"""What stands for a generation without certificate; what CertSvc makes of it is not published."""


def certificate_authority_uses(context: UseContext) -> Iterator[CertificateUseRow]:
    """Yield a row for each certificate of each authority; those of one that does not start are candidates."""
    system = context.system
    service = f"{context.services}\\{_SERVICE}"
    configuration = system.key(f"{service}\\Configuration")
    if configuration is None:
        return
    active = (system.text(configuration, "Active") or "").lower()
    starts = system.number(service, "Start") not in (None, _DISABLED)
    for authority in system.subkeys(configuration, MAX_AUTHORITIES):
        serves = starts and authority.name.lower() == active
        yield from _generations(context, authority, "proved" if serves else "candidate")


def _generations(context: UseContext, authority: Key, certainty: Certainty) -> Iterator[CertificateUseRow]:
    system = context.system
    name = system.text(authority, "CommonName") or authority.name
    value = system.value(authority, _HASHES)
    if value is None:
        yield from _by_name(context, authority, name, certainty)
        return
    found = value.texts or ([value.text] if value.text else [])
    if len(found) > MAX_GENERATIONS:
        system.cut(
            authority,
            sentence("only the first {max_generations} certificates were read", max_generations=MAX_GENERATIONS),
            value=_HASHES,
        )
    listed = [(n, text) for n, text in enumerate(found[:MAX_GENERATIONS]) if text.strip() != _NONE]
    place = Provenance(system.where(authority, _HASHES), authority.timestamp)
    for number, text in listed:
        thumbprint, fault = thumbprint_of_text(text)
        yield context.use(
            AD_CS if number == listed[-1][0] else AD_CS_EARLIER,
            place,
            thumbprint,
            detail=f"{name}, {_HASHES} {number}",
            certainty=certainty,
            fault=fault,
        )


def _by_name(context: UseContext, authority: Key, name: str, certainty: Certainty) -> Iterator[CertificateUseRow]:
    """Yield what is likely the authority's where its configuration lists nothing: authorities of its name in My."""
    common_name = f"CN={name}".lower()
    found = [
        row
        for row in context.my_certificates()
        if row.is_ca and any(part.strip().lower() == common_name for part in (row.subject or "").split(","))
    ]
    place = Provenance(context.system.where(authority), authority.timestamp)
    present = newest(found, lambda row: None)
    for row in found:
        yield context.use(
            AD_CS if row in present else AD_CS_EARLIER,
            place,
            row.thumbprint,
            detail=name,
            certainty="likely" if certainty == "proved" else certainty,
        )
