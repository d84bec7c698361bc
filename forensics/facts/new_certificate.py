"""How a new certificate is had in the place of one, and by which command.

A certificate that has ended, or whose key does not open, is not renewed: the request would be signed with that key.

References:
    MS-CRTD 2.28 (msPKI-Certificate-Name-Flag).
    Microsoft Learn, certreq -enroll; Microsoft Entra device management FAQ; Configure certificate auto-enrolment.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

from forensics.facts.renewal import GUARDIANS
from forensics.facts.tables import Tables
from forensics.tables.certificate import CertificateRow, NewBy, Renewer
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.timestamps import as_utc
from forensics.tables.use import TemplateRow

_OID = re.compile(r"[0-9]+(?:\.[0-9]+)+")
_DEVICE: frozenset[Renewer] = frozenset({"Intune", "Entra ID", "ConfigMgr"})
# What auto-enrolment and responders have comes from a template all the same.
_ENROLLED: frozenset[Renewer | None] = frozenset({None, "auto-enrolment", "OCSP responder"})
_ENTRA = "cn=ms-organization-"
_ENROLLEE_SUPPLIES_SUBJECT = 1
# Templates that every enterprise authority has, and that take the subject from the request.
_WITHOUT_SUBJECT = frozenset({"WebServer", "OfflineRouter", "IPSECIntermediateOffline", "CEPEncryption"})
_COMMANDS: dict[NewBy, str] = {
    "auto_enrolment": "enrol-now",
    "renewal": "renew-certificate",
    "template": "request-certificate",
}


class NewCertificate(NamedTuple):
    """Columns of table ``certificate``."""

    template_name: str | None
    new_by: NewBy
    new_with: str


class NewCertificates:
    """Templates and judged keys of an examination, by machine.

    Args:
        tables: All rows.
        as_of: What "now" is.
    """

    def __init__(self, tables: Tables, as_of: datetime) -> None:
        self._tables = tables
        self._as_of = as_utc(as_of)
        self._names: dict[int, dict[str, str]] = {}
        self._opened: dict[int, frozenset[tuple[str | None, str]]] = {}

    def of(self, row: CertificateRow, renewer: Renewer | None, kept: bool) -> NewCertificate:
        """Return how a new one is had.

        Args:
            row: The certificate.
            renewer: What renews it by itself.
            kept: A role has it that replaces its certificates in its own way.
        """
        name = self._template_name(row)
        by = self._by(row, renewer, kept, name)
        return NewCertificate(name, by, _COMMANDS.get(by, ""))

    def _by(self, row: CertificateRow, renewer: Renewer | None, kept: bool, name: str | None) -> NewBy:
        if row.store.lower() == GUARDIANS:
            return "guardian"
        if kept or row.is_ca:
            return "role"
        if row.store_scope in ("policy", "enterprise"):
            return "policy"
        if renewer in _DEVICE or (row.issuer or "").lower().startswith(_ENTRA):
            return "device"
        if renewer not in _ENROLLED:
            return "program"
        if row.self_signed:
            return "maker"
        if row.store_scope == "service":
            return "service_store"
        if self._opens(row):
            if renewer == "auto-enrolment":
                return "auto_enrolment"
            if row.template and self._is_valid(row):
                return "renewal"
        if name is None:
            return "authority"
        return "names" if self._asks_for_names(row, name) else "template"

    def _is_valid(self, row: CertificateRow) -> bool:
        return row.not_after is not None and as_utc(row.not_after) >= self._as_of

    def _opens(self, row: CertificateRow) -> bool:
        if row.machine_id not in self._opened:
            chains = self._tables.of(KeyChainRow, row.machine_id)
            self._opened[row.machine_id] = frozenset(
                (chain.thumbprint, chain.source_path) for chain in chains if chain.verdict == "usable"
            )
        return (row.thumbprint, row.source_path) in self._opened[row.machine_id]

    def _asks_for_names(self, row: CertificateRow, name: str) -> bool:
        """Tell whether the template takes the subject from the request, which certreq -enroll does not give."""
        return name in _WITHOUT_SUBJECT or any(
            template.name == name and (template.name_flags or 0) & _ENROLLEE_SUPPLIES_SUBJECT
            for template in self._tables.of(TemplateRow, row.machine_id)
        )

    def _template_name(self, row: CertificateRow) -> str | None:
        if row.template is None or not _OID.fullmatch(row.template):
            return row.template
        if row.machine_id not in self._names:
            templates = self._tables.of(TemplateRow, row.machine_id)
            self._names[row.machine_id] = {template.oid: template.name for template in templates if template.oid}
        return self._names[row.machine_id].get(row.template)
