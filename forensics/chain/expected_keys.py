"""Whether a certificate without link to a key is one whose key should be on this machine.

Certificates of partners and of authorities lie in personal stores too, where somebody put them to be trusted or shown:
nothing is broken about them. One that the machine uses, asked for, or is named in should have its key there.
"""

from __future__ import annotations

from collections.abc import Iterator

from forensics.collectors.evidence import CertificateEvidence, Evidence
from forensics.formats.public_key import PublicKey
from forensics.tables.certificate import CertificateRow
from forensics.tables.key_chain import REQUEST

_OWN_STORES = frozenset({"remote desktop", "shielded vm local certificates"})
"""Stores, in lower case, into which Windows puts certificates that it made itself."""


class ExpectedKeys:
    """The certificates of one installation whose keys should be there.

    Args:
        evidence: What the collectors found.
    """

    def __init__(self, evidence: Evidence) -> None:
        machine = evidence.machine
        self._used = {use.thumbprint for use in evidence.certificate_uses if use.certainty != "candidate"}
        self._requested: set[PublicKey] = {
            c.public_key for c in evidence.certificates if c.row.store.upper() == REQUEST and c.public_key is not None
        }
        self._hosts = {name.lower() for name in (machine.computer_name, machine.host_name) if name}
        self._domain = machine.domain_name.lower() if machine.domain_name else None
        authorities = {ca.common_name or ca.name for ca in evidence.authorities}
        self._authorities = {f"CN={name}".lower() for name in authorities}

    def has(self, certificate: CertificateEvidence) -> bool:
        """Tell whether a certificate should have its key here; where its names are not known, it counts as such."""
        row = certificate.row
        if certificate.link_error is not None or row.store.lower() in _OWN_STORES:
            return True
        if row.thumbprint in self._used or certificate.public_key in self._requested:
            return True
        if row.request_originator or row.enrollment_server or row.renewal_of:
            return True
        if row.is_ca:
            return any(part.lower() in self._authorities for part in (row.subject or "").split(","))
        if row.store_scope == "user" or row.subject is None or not self._hosts:
            return True
        return any(self._is_ours(name) for name in _names(row))

    def _is_ours(self, name: str) -> bool:
        host, _, domain = name.partition(".")
        if host in self._hosts and (not domain or self._domain in (None, domain)):
            return True
        return self._domain is not None and f".{name}".endswith(f".{self._domain}")


def _names(row: CertificateRow) -> Iterator[str]:
    """Yield the DNS names and common names of a certificate, lower case."""
    for text in (*row.san, *(row.subject or "").split(",")):
        kind, _, name = text.replace("=", ":", 1).partition(":")
        if kind in ("DNS", "CN"):
            yield name.lower()
