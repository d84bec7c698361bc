"""Values of hives that one wrong bit keeps from being what another place holds: told, and not taken for the truth.

A registry has no checksums over its values. A value is doubted only where it cannot be meant as it was read: another
place holds what is one bit away from it, none confirms it, and it is neither documented nor of the kind of names that
come in such neighbours. What can be meant is judged as it stands: a link that leads nowhere is a dead key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from unicodedata import category

from forensics.collectors.evidence import CertificateEvidence, Evidence
from forensics.collectors.machine import CRYPTOGRAPHY, CRYPTOGRAPHY_32
from forensics.collectors.registry_view import RegistryView
from forensics.formats.key_file_name import capi_name_hashes, cng_name_hashes, tpm_name_hash
from forensics.formats.provider_names import BUILT_IN, PROVIDER_TYPES
from forensics.language import sentence
from forensics.registry.one_bit import is_likely_damage, one_bit_apart

_KIND = "wrong_bit"
_NO_CHARACTERS = ("Cc", "Cn", "Cs")
"""Categories of Unicode of which no name has characters: control codes, none at all, halves of pairs."""


def tell_wrong_bits(evidence: Evidence) -> None:
    """Report values that one wrong bit keeps from what another place holds; the key that held one was seen in part."""
    _tell_machine_guid(evidence)
    providers = {row.name.lower() for row in evidence.provider_rows}
    types = PROVIDER_TYPES | {row.type for row in evidence.provider_rows if row.type is not None}
    links = [(c, c.link, c.link.provider.lower()) for c in evidence.certificates if c.link is not None]
    named = Counter(provider for _, _, provider in links)
    containers = _Containers(evidence)
    for certificate, link, provider in links:
        for what, name in (("provider", link.provider), ("container", link.container)):
            if any(category(character) in _NO_CHARACTERS for character in name):
                message = sentence(
                    "the {what} {name!r} that the link names has characters that do not exist", what=what, name=name
                )
                evidence.installation.doubt(certificate.row.source_path, "bad_text", message)
        if provider not in providers and named[provider] == 1:
            _tell_name(evidence, certificate, "provider", provider, providers)
        registered = evidence.providers.capi_types.get(provider)
        if registered is not None and link.provider_type not in types and _one_bit(registered, link.provider_type):
            message = sentence(
                "the type {provider_type} that the link names is one bit away from the provider's, {registered}",
                provider_type=link.provider_type,
                registered=registered,
            )
            evidence.installation.doubt(certificate.row.source_path, _KIND, message)
        if not containers.confirm(link.container):
            own = containers.of_key.get(certificate.row.public_key_sha256 or "", ())
            _tell_name(evidence, certificate, "container", link.container, own)


class _Containers:
    """The containers that key files and links name.

    Attributes:
        of_key: Those that hold a key, by the SHA-256 of its public half.
    """

    def __init__(self, evidence: Evidence) -> None:
        self.of_key: dict[str, set[str]] = {}
        self._of_files: set[str | None] = set()
        self._code_page = evidence.machine.ansi_code_page
        for row in (file.row for file in evidence.key_files):
            self._of_files |= {row.file_name.lower(), row.name_hash}
            for public in (row.public_key_sha256, row.second_public_key_sha256):
                if public and row.container:
                    self.of_key.setdefault(public, set()).add(row.container)
        self._named = Counter(c.link.container.lower() for c in evidence.certificates if c.link is not None)

    def confirm(self, container: str) -> bool:
        """Tell whether a container is there, or is named more than once."""
        hashes = {*capi_name_hashes(container, self._code_page), *cng_name_hashes(container), tpm_name_hash(container)}
        is_there = container.lower() in self._of_files or not self._of_files.isdisjoint(hashes)
        return is_there or self._named[container.lower()] > 1


def _tell_machine_guid(evidence: Evidence) -> None:
    guid = evidence.machine.key_suffix
    suffixes = {file.row.name_guid.lower() for file in evidence.key_files if file.row.name_guid}
    if guid is None or guid in suffixes or guid in _told_elsewhere(evidence):
        return
    for suffix in _neighbours(guid, suffixes):
        software = RegistryView.of_machine(evidence.installation, "SOFTWARE")
        message = sentence(
            "MachineGuid {guid!r} is one bit away from {suffix}, for which key files are named",
            guid=guid,
            suffix=suffix,
        )
        software.doubt(CRYPTOGRAPHY, "MachineGuid", _KIND, message)


def _told_elsewhere(evidence: Evidence) -> Iterator[str]:
    """Yield MachineGuid as logs and the 32-bit view of the registry tell it, lower case."""
    yield from (row.machine_guid.lower() for row in evidence.setup_events if row.machine_guid)
    yield from (row.machine_guid.lower() for row in evidence.events if row.machine_guid)
    software = RegistryView.of_machine(evidence.installation, "SOFTWARE")
    yield (software.text(CRYPTOGRAPHY_32, "MachineGuid") or "").strip().strip("{}").lower()


def _tell_name(
    evidence: Evidence, certificate: CertificateEvidence, what: str, named: str, known: Iterable[str]
) -> None:
    for name in _neighbours(named, known):
        message = sentence(
            "the {what} {named!r} that the link names is one bit away from {name!r}", what=what, named=named, name=name
        )
        evidence.installation.doubt(certificate.row.source_path, _KIND, message)


def _neighbours(text: str, known: Iterable[str]) -> Iterator[str]:
    """Yield the known names that a text likely is, but for one bit; none of Microsoft's is near another of them."""
    for name in sorted(known):
        at = one_bit_apart(text, name)
        if at is not None and (name in BUILT_IN or is_likely_damage(text, name, at)):
            yield name


def _one_bit(number: int, other: int) -> bool:
    return (number ^ other).bit_count() == 1
