"""What renews a certificate by itself, and from when on its end is worth an alarm.

References:
    MS-CRTD 2.6 (pKIOverlapPeriod, the renewal period of a template); Microsoft Learn, Configure server certificate
    auto-enrolment; gradenegger.eu, "Configuring a Certificate Template for Online Responders" (two weeks, two days);
    call4cloud.nl, "Intune device certificate renewal" (41 days); letsencrypt.org, Integration Guide (with a
    third left); MS-WCCE 3.2.1.4.3.2.15 (an authority makes another exchange certificate when one is asked for).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta

from forensics.facts.tables import Tables
from forensics.late_methods import dataclass
from forensics.tables.certificate import CertificateRow, Renewer
from forensics.tables.timestamps import as_utc
from forensics.tables.use import PolicyRow, TemplateRow

LAST = timedelta(days=90)
"""Before this span of its life no end is worth a warning, however long the certificate lasts."""
LAST_OF_AUTHORITY = timedelta(days=365)
"""The same for authorities and guardians, of which others depend for years."""
GRACE = timedelta(days=1)
"""What renews by itself looks at least once a day."""

_INTUNE = timedelta(days=41)
_OCSP = timedelta(days=2)
_AUTO_ENROLLMENT, _SWITCHED_OFF = 0x20, 0x8000
_DAILY = frozenset({"Entra ID", "Azure guest agent"})
GUARDIANS = "shielded vm local certificates"
"""Store of the guardians of Hyper-V, lower case."""


def _starts(text: str | None, *beginnings: str) -> bool:
    return (text or "").lower().startswith(beginnings)


def _is_acme(row: CertificateRow) -> bool:
    # Let's Encrypt hands out nothing by hand; the others are the names that Certify The Web and win-acme write.
    name = row.friendly_name or ""
    return bool(re.search(r"(?:^|,)O=Let's Encrypt(?:,|$)", row.issuer or "")) or bool(
        re.search(r"\[Certify\]|^\[(?:IIS|Manual|IISBinding)\] .* @ \d", name)
    )


_KNOWN: tuple[tuple[Renewer, Callable[[CertificateRow], bool]], ...] = (
    ("Entra ID", lambda row: _starts(row.issuer, "cn=ms-organization-p2p-access")),
    ("Azure guest agent", lambda row: _starts(row.issuer, "cn=windows azure crp certificate generator")),
    ("Intune", lambda row: _starts(row.issuer, "cn=microsoft intune mdm device ca")),
    ("Remote Desktop", lambda row: row.store == "Remote Desktop"),
    ("ConfigMgr", lambda row: row.store.upper() == "SMS" and row.self_signed is True),
    ("Operations Manager", lambda row: row.store.lower() == "microsoft monitoring agent" and row.self_signed is True),
    ("Web Application Proxy", lambda row: _starts(row.subject, "cn=adfs proxytrust") and row.self_signed is True),
    ("Hyper-V", lambda row: (row.service or "").lower() == "vmms" and row.self_signed is True),
    ("AD CS", lambda row: "msKeyExchange" in row.eku and not row.is_ca),
    ("OCSP responder", lambda row: row.eku == ["OCSPSigning"] and not row.is_ca),
    (
        "development tools",
        lambda row: _starts(row.friendly_name, "asp.net core https development", "iis express development"),
    ),
    ("ACME client", _is_acme),
)


@dataclass(frozen=True, slots=True)
class Renewal:
    """Columns of table ``certificate``."""

    renewer: Renewer | None = None
    renewal_due: datetime | None = None
    warn_from: datetime | None = None
    alarm_from: datetime | None = None

    def is_left_behind(self, ended: bool) -> bool:
        """Tell whether another one follows within days, or when it is needed, and nobody misses this one."""
        return self.renewer in _DAILY or (ended and self.renewer == "AD CS")


class Renewals:
    """Templates and policies of an examination, by machine.

    Args:
        tables: All rows.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._templates: dict[int, dict[tuple[str, str | None], TemplateRow]] = {}
        self._policies: dict[int, dict[tuple[str, str, str | None], str]] = {}

    def of(self, row: CertificateRow, last_seen_alive: datetime | None) -> Renewal:
        """Return what renews a certificate, and from when on its end is worth an alarm.

        Args:
            row: The certificate.
            last_seen_alive: When its Windows last ran; a renewal is not overdue that fell due later.
        """
        if row.not_after is None:
            return Renewal(self._renewer(row)[0])
        ends = as_utc(row.not_after)
        life = ends - as_utc(row.not_before) if row.not_before else None
        renewer, before = self._renewer(row)
        last = LAST_OF_AUTHORITY if row.is_ca or row.store.lower() == GUARDIANS else LAST
        warn, alarm = _earlier(ends, _part(life, 4, last)), _earlier(ends, _part(life, 8, last))
        if renewer is None:
            return Renewal(None, None, warn, alarm)
        if renewer == "ACME client" and life is not None:
            # Short-lived ones at half of their life, others with a third left; clients differ, so with a quarter left.
            due = _earlier(ends, life / 3 if life > timedelta(days=10) else life / 2)
            return Renewal(renewer, due, warn, alarm)
        due = _earlier(ends, before or timedelta())
        overdue = _earlier(due, -GRACE)
        was_running = last_seen_alive is None or as_utc(last_seen_alive) >= overdue
        warn = overdue if was_running else max(overdue, warn)
        return Renewal(renewer, due, warn, max(warn, alarm))

    def _renewer(self, row: CertificateRow) -> tuple[Renewer | None, timedelta | None]:
        """Return what renews a certificate, and how long before its end, where that is published."""
        template = self._template(row)
        overlap = timedelta(seconds=template.renewal_overlap_seconds or 0) if template else None
        known = next((name for name, is_one in _KNOWN if is_one(row)), None)
        if known == "Intune":
            return known, _INTUNE
        if known == "OCSP responder":
            return known, overlap or _OCSP
        if known is not None:
            return known, None
        if row.template and row.template == self._policy(row, "rdp_policy", "CertTemplateName"):
            return "Remote Desktop", overlap
        enrolls = template is not None and (template.enrollment_flags or 0) & _AUTO_ENROLLMENT
        return ("auto-enrolment", overlap) if enrolls and overlap and self._is_on(row) else (None, None)

    def _template(self, row: CertificateRow) -> TemplateRow | None:
        if row.template is None:
            return None
        if row.machine_id not in self._templates:
            rows = self._tables.of(TemplateRow, row.machine_id)
            self._templates[row.machine_id] = {
                (name, template.owner_sid): template
                for template in reversed(rows)
                for name in (template.name, template.oid)
                if name
            }
        return self._templates[row.machine_id].get((row.template, row.owner_sid))

    def _is_on(self, row: CertificateRow) -> bool:
        value = self._policy(row, "autoenrollment", "AEPolicy") or ""
        return value.isdecimal() and not int(value) & _SWITCHED_OFF

    def _policy(self, row: CertificateRow, area: str, name: str) -> str | None:
        if row.machine_id not in self._policies:
            rows = self._tables.of(PolicyRow, row.machine_id)
            self._policies[row.machine_id] = {(p.area, p.name, p.owner_sid): p.value for p in reversed(rows)}
        policies = self._policies[row.machine_id]
        return policies.get((area, name, row.owner_sid)) or policies.get((area, name, None))


def _part(life: timedelta | None, parts: int, last: timedelta) -> timedelta:
    """Return that part of a life, but never more than the last span that matters."""
    return last if life is None else min(max(life, timedelta()) / parts, last)


def _earlier(moment: datetime, span: timedelta) -> datetime:
    try:
        return moment - span
    except OverflowError:
        # Before the first year, or after the last.
        return moment
