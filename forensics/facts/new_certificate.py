"""How a new certificate is had in the place of one, and by which command; and whether a PFX file brings it back.

A certificate that has ended, or whose key does not open, is not renewed: the request would be signed with that key.

References:
    MS-CRTD 2.28 (msPKI-Certificate-Name-Flag).
    Microsoft Learn, certreq -enroll; Microsoft Entra device management FAQ; Configure certificate auto-enrolment.
    https://learn.microsoft.com/exchange/plan-and-deploy/integration-with-sharepoint-and-skype/maintain-oauth-certificate
    https://learn.microsoft.com/windows-server/identity/ad-cs/network-device-enrollment-service-overview
    https://learn.microsoft.com/windows/security/operating-system-security/data-protection/bitlocker/network-unlock
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from forensics.facts.renewal import GUARDIANS
from forensics.facts.tables import Tables
from forensics.tables.certificate import CertificateRow, NewBy, Renewer
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.timestamps import as_utc
from forensics.tables.use import TemplateRow

_OID = re.compile(r"[0-9]+(?:\.[0-9]+)+")
_ENTRA = "cn=ms-organization-"
_ENROLLEE_SUPPLIES_SUBJECT = 1
# Templates that every enterprise authority has, and that take the subject from the request.
_WITHOUT_SUBJECT = frozenset({"WebServer", "OfflineRouter", "IPSECIntermediateOffline", "CEPEncryption"})
_COMMANDS: Mapping[NewBy, str] = {
    "auto_enrolment": "enrol-now",
    "renewal": "renew-certificate",
    "template": "request-certificate",
}
_OF_CONSUMER: tuple[tuple[str, NewBy], ...] = (
    ("AD CS", "own_authority"),
    ("AD CS (earlier generation)", "own_authority"),
    ("Exchange Auth", "exchange_auth"),
    ("NDES", "ndes"),
    ("BitLocker Network Unlock", "network_unlock"),
)
# What auto-enrolment and responders have comes from a template all the same.
_OF_RENEWER: Mapping[Renewer, NewBy] = {
    "Remote Desktop": "remote_desktop",
    "Intune": "mdm",
    "Entra ID": "entra",
    "ACME client": "acme",
    "ConfigMgr": "program",
    "Operations Manager": "program",
    "Web Application Proxy": "program",
    "Azure guest agent": "program",
    "Hyper-V": "program",
    "AD CS": "program",
    "development tools": "program",
}
_OF_DEVICE: Mapping[str, NewBy] = {"Entra join": "entra", "Workplace join": "entra", "MDM": "mdm"}
_UNLOCKS = "msBitLockerDriveEncryption"
_OPENS_OLD_DATA = frozenset(
    {
        *("msEFS", "msKeyRecovery", "msDocumentEncryption", "msBitLockerDataRecoveryAgent", "emailProtection"),
        _UNLOCKS,
        # Key recovery agent of an authority.
        "1.3.6.1.4.1.311.21.6",
    }
)
# What counts more than that it opens old data: who hands it out, what is to be set, and that its key opens.
_BEFORE_ENCRYPTION: frozenset[NewBy] = frozenset({"policy", "remote_desktop", "successor", "auto_enrolment", "renewal"})
# The key never was in a PFX file, or another one has taken over from it.
_WITHOUT_PFX: frozenset[NewBy] = frozenset({"guardian", "remote_desktop", "replaced", "entra"})


class NewCertificate(NamedTuple):
    """Columns of table ``certificate``."""

    template_name: str | None
    new_by: NewBy
    new_with: str
    import_with: str


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

    def of(self, row: CertificateRow, consumers: Collection[str]) -> NewCertificate:
        """Return how a new one is had.

        Args:
            row: The certificate, with who uses it, what renews it and what took over from it.
            consumers: Who names it or may choose it.
        """
        name = self._template_name(row)
        by = _of_role(row, consumers)
        command = ""
        if by is None:
            by = self._usual(row, name)
            # For what is encrypted from now on, another one is had as usual.
            command = _COMMANDS.get(by, "")
            by = "encryption" if self._is_for_old_data(row, by) else by
        return NewCertificate(name, by, command, "" if by in _WITHOUT_PFX else "import-pfx")

    def _is_for_old_data(self, row: CertificateRow, by: NewBy) -> bool:
        return (
            by not in _BEFORE_ENCRYPTION
            and not _OPENS_OLD_DATA.isdisjoint(row.eku)
            and not (by == "replaced" and self._opens(row))
        )

    def _usual(self, row: CertificateRow, name: str | None) -> NewBy:
        if row.store_scope in ("policy", "enterprise"):
            return "policy"
        if row.store == "Remote Desktop":
            return "remote_desktop"
        if row.renewed_by is not None or row.superseded == "replaced":
            return "replaced"
        maker = _of_maker(row)
        # A device, or a program, has one of its own, which nobody sets by hand.
        if row.successor is not None and maker not in ("mdm", "entra", "program"):
            return "successor"
        if maker is not None:
            return maker
        if row.store_scope == "service":
            return "service_store"
        if self._opens(row):
            if row.renewer == "auto-enrolment":
                return "auto_enrolment"
            if row.template and self._is_valid(row):
                return "renewal"
        if name is None:
            return "issuer"
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


def _of_role(row: CertificateRow, consumers: Collection[str]) -> NewBy | None:
    if row.store.lower() == GUARDIANS:
        return "guardian"
    for consumer, way in _OF_CONSUMER:
        if consumer in consumers:
            return way
    if row.is_ca:
        return "own_authority"
    if row.kept:
        return "role"
    if "msEFSRecovery" in row.eku:
        return "efs_agent"
    return "network_unlock" if _UNLOCKS in row.eku and row.store_scope == "machine" else None


def _of_maker(row: CertificateRow) -> NewBy | None:
    if row.renewer is not None and row.renewer in _OF_RENEWER:
        return _OF_RENEWER[row.renewer]
    if (row.issuer or "").lower().startswith(_ENTRA):
        return "entra"
    device = next((_OF_DEVICE[name] for name in row.used_by or () if name in _OF_DEVICE), None)
    return device or ("maker" if row.self_signed else None)
