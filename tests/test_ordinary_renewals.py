"""Machines on which certificates are renewed as they are everywhere: what is silent, and what is not."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509 import ObjectIdentifier

import forensics
from forensics.tables.finding import Finding, as_text
from testdata.builder import certs
from testdata.builder.certs import Certificate
from testdata.builder.keys import rsa_key
from testdata.builder.machine import ForgedMachine, machine
from testdata.builder.scenario import Script
from testdata.builder.scenarios.broken_files import ABSENT
from testdata.builder.scenarios.dated import issued, put
from testdata.builder.scenarios.golden_image import bind_http_sys

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
TEMPLATE = "ContosoWebServer"
TICKS_PER_DAY = 864_000_000_000
AUTO_ENROLLMENT = 0x20

EFS_RECOVERY = ObjectIdentifier("1.3.6.1.4.1.311.10.3.4.1")

Told = set[tuple[str, str]]
"""Rules with their severities."""


def written(forged: ForgedMachine, folder: Path) -> Path:
    """Write the files of a machine as a collection has them."""
    for file in forged.volume():
        if file.data is not None:
            (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
            (folder / file.path).write_bytes(file.data)
    return folder


class Shop:
    """A web server with a certificate and what shall have taken over from it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.script = Script(machine("shop"))

    def old(self, until: str = "2026-12-10", since: str = "2025-12-10", **options: Any) -> Certificate:
        """Put the certificate that ends."""
        return put(self.script, issued("shop.contoso.test", "2048-01", until, since, **options), "old")

    def new(
        self, until: str = "2027-11-01", since: str = "2026-11-01", store: str = "MY", **options: Any
    ) -> Certificate:
        """Put one that shall take over from it."""
        name = str(options.pop("host", "shop.contoso.test"))
        certificate = issued(name, "2048-02", until, since, **options)
        return put(self.script, certificate, "new", container="te-shop-new", store=store)

    def bind(self, certificate: Certificate, store: str = "MY") -> None:
        """Have http.sys serve a certificate."""
        bind_http_sys(self.script.machine, "0.0.0.0:443", certificate.thumbprint, store)

    def enrol(self, overlap: int = 42) -> None:
        """Have auto-enrolment renew what comes from the template."""
        software = self.script.machine.hives.software
        key = software.key(f"Microsoft\\Cryptography\\CertificateTemplateCache\\{TEMPLATE}")
        key.dword("msPKI-Enrollment-Flag", AUTO_ENROLLMENT)
        key.binary("RenewalOverlap", struct.pack("<q", -overlap * TICKS_PER_DAY))
        software.key("Policies\\Microsoft\\Cryptography\\AutoEnrollment").dword("AEPolicy", 7)

    def examined(self, as_of: datetime = AS_OF) -> forensics.Case:
        """Examine the machine."""
        return forensics.examine(written(self.script.machine, self.folder), as_of=as_of)

    def told(self, certificate: Certificate, as_of: datetime = AS_OF) -> Told:
        """Return rule and severity of what is told of a certificate, apart from that nothing is known to use it."""
        return told(self.examined(as_of), certificate.thumbprint)


def told(case: forensics.Case, thumbprint: str) -> Told:
    findings = (f for f in case.finding_list if thumbprint in {s.id for s in f.subjects})
    said: Told = {(f.rule, f.severity) for f in findings}
    return said - {("certificate-used-by-nothing", "info")}


def one(case: forensics.Case, rule: str) -> Finding:
    (finding,) = [f for f in case.finding_list if f.rule == rule]
    return finding


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_nobody_renewed_it(shop: Shop) -> None:
    assert shop.told(shop.old()) == {("certificate-expiring", "medium")}


def test_a_working_successor_silences(shop: Shop) -> None:
    old = shop.old()
    shop.new()
    assert shop.told(old) == set()


def test_a_successor_whose_key_file_is_gone_silences_nothing(shop: Shop) -> None:
    old = shop.old()
    dead = issued("shop.contoso.test", "2048-02", "2027-11-01", "2026-11-01")
    put(shop.script, dead, "dead successor", ABSENT, written=False, container="te-shop-new")
    case = shop.examined()
    assert told(case, old.thumbprint) == {("certificate-expiring", "medium")}
    assert told(case, dead.thumbprint) == {("key-file-missing", "high")}


def test_a_successor_that_begins_after_a_gap_silences_nothing_before_it_begins(shop: Shop) -> None:
    old = shop.old()
    shop.new(since="2026-12-20")
    assert shop.told(old) == {("certificate-expiring", "medium")}
    assert shop.told(old, datetime(2026, 12, 15, tzinfo=UTC)) == {("certificate-expired", "low")}
    assert shop.told(old, datetime(2026, 12, 21, tzinfo=UTC)) == {("certificate-expired", "info")}


def test_a_successor_for_another_purpose_or_fewer_names_silences_nothing(shop: Shop) -> None:
    old = shop.old(dns=["shop.contoso.test", "www.contoso.test"])
    shop.new(eku=[certs.CLIENT_AUTH])
    shop.new(dns=["shop.contoso.test"], until="2027-11-02")
    assert shop.told(old) == {("certificate-expiring", "medium")}


def test_a_wildcard_with_more_purposes_silences(shop: Shop) -> None:
    old = shop.old(dns=["shop.contoso.test", "www.contoso.test"])
    shop.new(host="*.contoso.test", dns=["*.contoso.test"], eku=[certs.CLIENT_AUTH, certs.SERVER_AUTH])
    assert shop.told(old) == set()


def test_a_successor_that_is_not_bound_silences_nothing_and_is_named(shop: Shop) -> None:
    old = shop.old()
    new = shop.new()
    shop.bind(old)
    case = shop.examined()
    assert told(case, old.thumbprint) == {
        ("certificate-expiring", "high"),
        ("service-uses-expiring-certificate", "high"),
    }
    beside = f"a working certificate with its names is there and not yet in its place: {new.thumbprint}"
    assert beside in as_text(one(case, "certificate-expiring").because)
    assert told(case, new.thumbprint) == set()


def test_a_successor_in_another_store_silences_once_it_is_bound(shop: Shop, tmp_path: Path) -> None:
    old = shop.old()
    new = shop.new(store="WebHosting")
    assert shop.told(old) == {("certificate-expiring", "medium")}
    bound = Shop(tmp_path / "bound")
    old, new = bound.old(), bound.new(store="WebHosting")
    bound.bind(new, "WebHosting")
    case = bound.examined()
    assert (told(case, old.thumbprint), told(case, new.thumbprint)) == (set(), set())


def test_what_ended_or_died_before_its_successor_took_over_is_information(shop: Shop) -> None:
    dead = issued("shop.contoso.test", "2048-01", "2026-06-01", "2025-06-01")
    put(shop.script, dead, "dead and ended", ABSENT, written=False)
    shop.bind(shop.new(since="2026-05-15"))
    case = shop.examined()
    assert told(case, dead.thumbprint) == {("certificate-expired", "info"), ("key-file-missing", "info")}
    assert {f.severity for f in case.finding_list} == {"info"}


def test_auto_enrolment_is_overdue_from_its_own_day_on(shop: Shop) -> None:
    # Due 42 days before the end, on 2026-10-24; the machine was last seen alive on 2026-10-30.
    shop.enrol()
    old = shop.old(until="2026-12-05", template=TEMPLATE)
    assert shop.told(old, datetime(2026, 10, 24, tzinfo=UTC)) == {("renewal-overdue", "low")}
    assert shop.told(old) == {("certificate-expiring", "medium"), ("renewal-overdue", "medium")}


def test_a_successor_from_another_template_is_no_overdue_renewal(shop: Shop) -> None:
    shop.enrol()
    old = shop.old(until="2026-12-05", template=TEMPLATE)
    shop.new(template="OtherTemplate", eku=[certs.CLIENT_AUTH, certs.SERVER_AUTH])
    assert shop.told(old) == set()


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("2026-11-19", "2027-02-17", set()),
        ("2026-11-19", "2026-11-25", set()),
        ("2026-09-12", "2026-12-11", {("certificate-expiring", "low"), ("service-uses-expiring-certificate", "low")}),
        ("2026-08-30", "2026-11-28", {("certificate-expiring", "high"), ("service-uses-expiring-certificate", "high")}),
        (
            "2026-11-17T06:00",
            "2026-11-23T06:00",
            {("certificate-expiring", "low"), ("service-uses-expiring-certificate", "low")},
        ),
    ],
    ids=[
        "90 days, just renewed",
        "6 days, just renewed",
        "19 of 90 days left",
        "6 of 90 days left",
        "30 hours of 6 days left",
    ],
)
def test_certificates_of_weeks_and_months(shop: Shop, since: str, until: str, expected: Told) -> None:
    bound = shop.old(until, since)
    shop.bind(bound)
    assert shop.told(bound) == expected


def test_members_of_one_domain_have_one_finding_about_its_recovery_agents(tmp_path: Path) -> None:
    ended, valid = (
        certs.make_certificate(
            "Administrator",
            rsa_key(key),
            not_before=datetime(2016, 1, 1, tzinfo=UTC),
            not_after=datetime(year, 1, 1, tzinfo=UTC),
            eku=[EFS_RECOVERY],
            self_signed=True,
        )
        for key, year in (("2048-01", 2026), ("2048-02", 2036))
    )
    for name, agents in (("PC01", [ended]), ("PC02", [ended]), ("PC03", [ended, valid])):
        member = machine(name, computer_name=name)
        for agent in agents:
            member.hives.add_policy_certificate("EFS", agent.thumbprint, certs.store_element(agent))
        written(member, tmp_path / name)
    case = forensics.examine(tmp_path / "PC01", tmp_path / "PC02", as_of=AS_OF)
    finding = one(case, "efs-recovery-agent-ended")
    assert (finding.severity, finding.machine_id) == ("medium", 0)
    assert [s.id for s in finding.subjects] == [ended.thumbprint]
    assert "seen on PC01, PC02" in as_text(finding.because)
    assert "Default Domain Policy" in as_text(finding.remedy)
    assert {f.rule for f in case.finding_list if f.severity != "info"} == {"efs-recovery-agent-ended"}
    with_valid = one(forensics.examine(tmp_path / "PC03", as_of=AS_OF), "efs-recovery-agent-ended")
    assert (with_valid.severity, [s.id for s in with_valid.subjects]) == ("low", [ended.thumbprint])
    assert "is valid until 2036-01-01" in as_text(with_valid.because)
