"""What ends next is one list, complete, the same in every output: days and names by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import lxml.html
import pytest

import forensics
from forensics.case import Case
from forensics.report.ending import ending
from forensics.tables.certificate import CertificateRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.source import SourceEntry
from tests.hand_made import AS_OF, chain, dead_chain, machine

NAMES = ("dead", "replaced", "undecided", "used")


def named(name: str, days: int, **values: object) -> KeyChainRow:
    given = {
        "thumbprint": name.upper().rjust(40, "0"),
        "subject": f"CN={name}",
        "not_after": AS_OF + timedelta(days=days),
    }
    return chain(**{**given, **values})


def row(name: str) -> CertificateRow:
    return CertificateRow(
        machine_id=1,
        source_path="certificate",
        thumbprint=name.upper().rjust(40, "0"),
        store="MY",
        store_scope="machine",
        owner_sid="S-1-5-18",
        uses=["http.sys 0.0.0.0:443 (IIS)", "SQL Server MSSQLSERVER"],
    )


@pytest.fixture(scope="module")
def case() -> Case:
    rows = [
        machine(),
        row("dead"),
        named("used", 179, standing="in_use"),
        named("replaced", 20, standing="superseded"),
        dead_chain(
            thumbprint="DEAD".rjust(40, "0"), subject="CN=dead", not_after=AS_OF + timedelta(days=3), standing="in_use"
        ),
        named("undecided", 90, verdict="unknown", private_key="sealed_tpm"),
        named("far", 181),
        named("daily", 1, standing="daily"),
        named("daily-dead", -1, standing="daily", verdict="unusable"),
        named("past", -5),
        named("gone", -9, verdict="unusable", key_file="absent", standing="superseded"),
    ]
    return Case(rows, [SourceEntry("disk.vhdx", "disk", [1])], AS_OF)


def test_the_soonest_first_whatever_else_is_said_of_them(case: Case) -> None:
    found = [c.subject for c in ending(case, timedelta(days=180))]
    assert found == ["CN=dead", "CN=replaced", "CN=undecided", "CN=used"]
    assert [c.subject for c in ending(case)] == [*found, "CN=far"]


def test_every_output_has_the_same(case: Case) -> None:
    ahead = forensics.expiring(case, timedelta(days=180)).chains
    assert [c.subject for c in ahead] == ["CN=gone", "CN=past", "CN=dead", "CN=replaced", "CN=undecided", "CN=used"]
    text = forensics.render(case, "text")
    section = text.split("EXPIRES NEXT: every certificate with a private key that ends within 180 days\n")[1].split(
        "\n\n"
    )[0]
    assert [line.split(",")[0:2] for line in section.splitlines()] == [
        ["  - 2026-11-25", " in 3 days: CN=dead"],
        ["  - 2026-12-12", " in 20 days: CN=replaced"],
        ["  - 2027-02-20", " in 90 days: CN=undecided"],
        ["  - 2027-05-20", " in 179 days: CN=used"],
    ]
    assert [line.partition("; ")[2] for line in section.splitlines()] == [
        "key dead, breaks at key_file",
        "replaced already",
        "key undecided",
        "",
    ]
    page = lxml.html.fromstring(forensics.render(case, "html"))
    items = page.xpath("//details[@id='next']//li")
    assert [item.xpath("string(.//bdi)") for item in items] == [f"CN={name}" for name in NAMES]
    calendar = forensics.render(case, "ics")
    assert [name for name in (*NAMES, "far", "daily", "past", "gone") if f"CN={name} on WEB01 expires" in calendar] == [
        *NAMES,
        "far",
    ]
    metrics = forensics.render(case, "prom")
    assert [name for name in (*NAMES, "far", "daily", "past", "gone") if f'subject="CN={name}"' in metrics] == [
        *NAMES,
        "far",
        "past",
        "gone",
    ]


def test_the_head_counts_what_is_in_force_and_the_services_on_it(case: Case) -> None:
    text = forensics.render(case, "text")
    assert (
        "Of 5 certificates that have or should have a private key: 1 broken, 3 usable, 1 undecided; 2 more expired. "
        "2 services use a broken one: http.sys 0.0.0.0:443 (IIS) and SQL Server MSSQLSERVER. "
        "The next to expire is CN=undecided, on 2027-02-20.\n"
    ) in text
    assert "daily" not in text.split("WELL")[0]
    page = lxml.html.fromstring(forensics.render(case, "html"))
    heading = page.xpath("string(//h1)")
    assert "1 of 5 private keys of WEB01 cannot be opened" in heading
    assert "cause: “The key file is named for MachineGuid" in heading
    services = page.xpath("string(//section[@id='first'])")
    assert "used by http.sys 0.0.0.0:443 (IIS) and 1 more" in services


def test_what_was_replaced_or_is_made_daily_is_no_finding() -> None:
    quiet = [
        machine(),
        named("gone", -9, verdict="unusable", key_file="absent", standing="superseded"),
        named("daily", -1, verdict="unusable", standing="daily"),
    ]
    assert not Case(quiet, [], AS_OF).has_findings
    assert Case([*quiet, named("past", -5)], [], AS_OF).has_findings


def test_an_ended_certificate_that_its_role_keeps_is_no_finding() -> None:
    generation = named("first generation", -5, standing="in_use")
    stored = row("first generation")
    assert Case([machine(), generation, stored], [], AS_OF).has_findings
    assert not Case([machine(), generation, replace(stored, kept=True)], [], AS_OF).has_findings


def test_in_each_list_what_is_in_use_and_in_force_comes_first() -> None:
    rows = [
        machine(),
        *(
            named(name, days, verdict="unusable", standing=standing, reason="dead", private_key="damaged")
            for name, days, standing in (
                ("e-superseded", 9, "superseded"),
                ("d-ended", -9, "unused"),
                ("c-idle", 9, "unused"),
                ("b-ended", -9, "in_use"),
                ("a-live", 9, "in_use"),
            )
        ),
    ]
    text = forensics.render(Case(rows, [SourceEntry("disk.vhdx", "disk", [1])], AS_OF), "text")
    broken = text.split("BROKEN: ")[1].split("\n\n")[0]
    found = [line.split("CN=")[1].split(",")[0] for line in broken.splitlines() if "CN=" in line]
    assert found == ["a-live", "b-ended", "c-idle", "d-ended", "e-superseded"]
