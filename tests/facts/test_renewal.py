"""What renews a certificate by itself, and from when on its end is worth an alarm; the days are counted by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from forensics.facts.renewal import Renewal, Renewals
from forensics.facts.tables import Tables
from forensics.tables.certificate import CertificateRow
from forensics.tables.use import PolicyRow, TemplateRow

ENDS = datetime(2026, 12, 31, tzinfo=UTC)
DAY = 86_400


def certificate(days: int | None, **values: Any) -> CertificateRow:
    """Return one that ends with 2026 and lasts so many days; None: it is not known since when."""
    begins = None if days is None else datetime.fromtimestamp(ENDS.timestamp() - days * DAY, UTC)
    given = {"store": "MY", "store_scope": "machine", "owner_sid": "S-1-5-18", "not_before": begins, "not_after": ENDS}
    return CertificateRow(machine_id=1, source_path="c", thumbprint="AA", **{**given, **values})


def renewal(row: CertificateRow, *rows: Any, seen: datetime | None = None) -> Renewal:
    return Renewals(Tables([row, *rows])).of(row, seen)


def days_before(moment: datetime | None) -> float | None:
    return (ENDS - moment).total_seconds() / DAY if moment else None


@pytest.mark.parametrize(
    ("days", "warn", "alarm"),
    [
        (365, 90, 45.625),
        (200, 50, 25),
        (90, 22.5, 11.25),
        (47, 11.75, 5.875),
        (6, 1.5, 0.75),
        (3650, 90, 90),
        (None, 90, 90),
    ],
)
def test_without_a_renewer_the_last_quarter_and_eighth_of_life_count(days: int, warn: float, alarm: float) -> None:
    found = renewal(certificate(days))
    assert (found.renewer, found.renewal_due) == (None, None)
    assert (days_before(found.warn_from), days_before(found.alarm_from)) == (warn, alarm)


def test_the_last_year_of_an_authority_and_of_a_guardian_counts() -> None:
    for values in ({"is_ca": True}, {"store": "Shielded VM Local Certificates"}):
        found = renewal(certificate(3650, **values))
        assert (days_before(found.warn_from), days_before(found.alarm_from)) == (365, 365)
    assert days_before(renewal(certificate(1000, is_ca=True)).alarm_from) == 125


@pytest.mark.parametrize(
    ("renewer", "values", "due"),
    [
        ("Intune", {"issuer": "CN=Microsoft Intune MDM Device CA"}, 41),
        ("Entra ID", {"issuer": "CN=MS-Organization-P2P-Access [2026]"}, 0),
        ("Azure guest agent", {"issuer": "CN=Windows Azure CRP Certificate Generator"}, 0),
        ("Remote Desktop", {"store": "Remote Desktop"}, 0),
        ("ConfigMgr", {"store": "SMS", "self_signed": True}, 0),
        ("Operations Manager", {"store": "Microsoft Monitoring Agent", "self_signed": True}, 0),
        ("Web Application Proxy", {"subject": "CN=ADFS ProxyTrust - WAP01", "self_signed": True}, 0),
        ("Hyper-V", {"store_scope": "service", "service": "vmms", "self_signed": True}, 0),
        ("AD CS", {"eku": ["msKeyExchange"]}, 0),
        ("OCSP responder", {"eku": ["OCSPSigning"]}, 2),
        ("development tools", {"friendly_name": "ASP.NET Core HTTPS development certificate"}, 0),
    ],
)
def test_the_alarm_begins_a_day_after_a_known_renewer_should_have_done_it(
    renewer: str, values: dict[str, Any], due: int
) -> None:
    found = renewal(certificate(14, **values))
    assert (found.renewer, days_before(found.renewal_due)) == (renewer, due)
    assert days_before(found.warn_from) == due - 1


@pytest.mark.parametrize(
    "values",
    [
        {"issuer": "CN=R11,O=Let's Encrypt,C=US"},
        {"friendly_name": "[Manual] www.contoso.com @ 2026/11/18 9:00:00"},
        {"friendly_name": "www.contoso.com [Certify] - 18/11/2026 to 16/02/2027"},
    ],
)
def test_acme_clients_renew_with_a_third_left_and_short_lived_ones_at_half(values: dict[str, Any]) -> None:
    found = renewal(certificate(90, **values))
    assert (found.renewer, days_before(found.renewal_due), days_before(found.warn_from)) == ("ACME client", 30, 22.5)
    found = renewal(certificate(6, **values))
    assert (days_before(found.renewal_due), days_before(found.warn_from)) == (3, 1.5)


TEMPLATE = TemplateRow(
    machine_id=1,
    source_path="t",
    name="WebServer2",
    oid="1.2.3",
    owner_sid="S-1-5-18",
    enrollment_flags=0x20,
    renewal_overlap_seconds=42 * DAY,
)


def policy(value: str, area: Any = "autoenrollment", name: str = "AEPolicy") -> PolicyRow:
    return PolicyRow(machine_id=1, source_path="p", area=area, name=name, value=value, owner_sid="S-1-5-18")


def test_auto_enrolment_renews_by_the_overlap_of_its_template() -> None:
    for template in ("WebServer2", "1.2.3"):
        found = renewal(certificate(730, template=template), TEMPLATE, policy("7"))
        assert (found.renewer, days_before(found.renewal_due)) == ("auto-enrolment", 42)
        assert (days_before(found.warn_from), days_before(found.alarm_from)) == (41, 41)


def test_the_urgent_alarm_waits_for_the_last_eighth() -> None:
    found = renewal(certificate(200, template="WebServer2"), TEMPLATE, policy("7"))
    assert (days_before(found.warn_from), days_before(found.alarm_from)) == (41, 25)


@pytest.mark.parametrize("value", ["32768", "32775", "-", ""])
def test_auto_enrolment_that_is_off_renews_nothing(value: str) -> None:
    assert renewal(certificate(365, template="WebServer2"), TEMPLATE, policy(value)).renewer is None


def test_a_template_that_nobody_enrols_by_himself_is_renewed_by_nobody() -> None:
    by_hand = TemplateRow(**{n: getattr(TEMPLATE, n) for n in ("machine_id", "source_path", "name", "owner_sid")})
    assert renewal(certificate(365, template="WebServer2"), by_hand, policy("7")).renewer is None
    assert renewal(certificate(365, template="WebServer2"), TEMPLATE).renewer is None


def test_the_template_of_remote_desktop_is_renewed_by_it() -> None:
    asked = policy("WebServer2", "rdp_policy", "CertTemplateName")
    found = renewal(certificate(365, template="WebServer2"), TEMPLATE, asked)
    assert (found.renewer, days_before(found.renewal_due)) == ("Remote Desktop", 42)


def test_no_renewal_is_overdue_of_a_machine_that_was_off() -> None:
    row = certificate(365, issuer="CN=Microsoft Intune MDM Device CA")
    on = renewal(row, seen=datetime(2026, 11, 22, tzinfo=UTC))
    assert (days_before(on.warn_from), days_before(on.alarm_from)) == (40, 40)
    off = renewal(row, seen=datetime(2026, 11, 1, tzinfo=UTC))
    assert (days_before(off.warn_from), days_before(off.alarm_from)) == (40, 40)


def test_first_and_last_days_of_the_calendar_are_no_error() -> None:
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    row = certificate(None, not_after=last, store="Remote Desktop")
    assert renewal(row).warn_from == last
    first = datetime(1, 1, 1, tzinfo=UTC)
    assert renewal(certificate(None, not_after=first)).warn_from == first


def test_without_an_end_there_is_no_alarm() -> None:
    assert renewal(certificate(None, not_after=None)) == Renewal()
