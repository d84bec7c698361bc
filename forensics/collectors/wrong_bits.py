"""Texts of hives that one wrong bit keeps from being what another place holds: told, and not taken for the truth.

A registry has no checksums over its values. That MachineGuid is one bit away from the suffix of key files, or the name
of a container or provider in a certificate's link from the name that it would lead to, is damage and no coincidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from forensics.collectors.evidence import CertificateEvidence, Evidence
from forensics.collectors.machine import CRYPTOGRAPHY
from forensics.collectors.registry_view import RegistryView

_KIND = "wrong_bit"


def tell_wrong_bits(evidence: Evidence) -> None:
    """Report texts that are one bit away from what another place holds; the key that held one was seen in part."""
    _tell_machine_guid(evidence)
    providers = {row.name.lower() for row in evidence.provider_rows}
    containers: dict[str, set[str]] = {}
    for file in evidence.key_files:
        if file.row.public_key_sha256 and file.row.container:
            containers.setdefault(file.row.public_key_sha256, set()).add(file.row.container)
    for certificate in evidence.certificates:
        link = certificate.link
        if link is None:
            continue
        _tell(evidence, certificate, "provider", link.provider.lower(), providers)
        registered = evidence.providers.capi_types.get(link.provider.lower())
        if registered is not None and (registered ^ link.provider_type).bit_count() == 1:
            message = (
                f"the type {link.provider_type} that the link names is one bit away from the provider's, {registered}"
            )
            evidence.installation.doubt(certificate.row.source_path, _KIND, message)
        own = containers.get(certificate.row.public_key_sha256 or "", ())
        _tell(evidence, certificate, "container", link.container, own)


def _tell_machine_guid(evidence: Evidence) -> None:
    guid = (evidence.machine.machine_guid or "").lower()
    suffixes = {file.row.name_guid.lower() for file in evidence.key_files if file.row.name_guid}
    for suffix in _one_bit_away(guid, suffixes):
        software = RegistryView.of_machine(evidence.installation, "SOFTWARE")
        message = f"MachineGuid {guid!r} is one bit away from {suffix}, for which key files are named"
        software.doubt(CRYPTOGRAPHY, "MachineGuid", _KIND, message)


def _tell(evidence: Evidence, certificate: CertificateEvidence, what: str, named: str, known: Iterable[str]) -> None:
    for name in _one_bit_away(named, known):
        message = f"the {what} {named!r} that the link names is one bit away from {name!r}"
        evidence.installation.doubt(certificate.row.source_path, _KIND, message)


def _one_bit_away(text: str, known: Iterable[str]) -> Iterator[str]:
    """Yield what is one bit away from a text, unless the text itself is known."""
    names = set(known)
    if not text or text in names:
        return
    raw = text.encode("utf-16-le", "surrogatepass")
    number = int.from_bytes(raw, "little")
    for name in sorted(names):
        other = name.encode("utf-16-le", "surrogatepass")
        if len(other) == len(raw) and (int.from_bytes(other, "little") ^ number).bit_count() == 1:
            yield name
