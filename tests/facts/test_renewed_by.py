"""Which certificate can stand in for which: a key that opens, the same names and purposes, and no gap between them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from forensics.chain.undecided import REASONS
from forensics.facts import renewed_by
from forensics.facts.facts import with_facts
from forensics.tables.certificate import CertificateRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.row import Row
from forensics.tables.use import CertificateUseRow
from tests.time_bound import within

AS_OF = datetime(2025, 11, 1, tzinfo=UTC)
OPENS: dict[str, Any] = {"verdict": "usable", "key_file": "present", "public_key": "match", "private_key": "proved"}
IN_TPM: dict[str, Any] = {"verdict": "unknown", "key_file": "present", "private_key": "sealed_tpm"}
OF_USER: dict[str, Any] = {
    "verdict": "unknown",
    "key_file": "present",
    "public_key": "match",
    "master_key": "present",
    "unlocked_by": "not_tried",
    "private_key": "locked",
    "store_scope": "user",
}


def certificate(thumbprint: str, until: str | None, since: str | None = None, **values: Any) -> CertificateRow:
    given = {
        "machine_id": 1,
        "source_path": thumbprint,
        "thumbprint": thumbprint,
        "store": "MY",
        "store_scope": "machine",
        "owner_sid": "S-1-5-18",
        "subject": "CN=web",
        "eku": ["serverAuth"],
        "has_key_link": True,
        "not_before": since and datetime.fromisoformat(since).replace(tzinfo=UTC),
        "not_after": until and datetime.fromisoformat(until).replace(tzinfo=UTC),
    }
    return CertificateRow(**{**given, **values})


def chain(row: CertificateRow, **judged: Any) -> KeyChainRow:
    place = {"machine_id": row.machine_id, "source_path": row.source_path, "store_scope": row.store_scope}
    return KeyChainRow(thumbprint=row.thumbprint, **{**place, **OPENS, **judged})


def used(row: CertificateRow, consumer: Any = "http.sys", **values: Any) -> CertificateUseRow:
    given = {"machine_id": 1, "source_path": "x", "certainty": "proved", "store": row.store, "owner_sid": row.owner_sid}
    return CertificateUseRow(thumbprint=row.thumbprint, consumer=consumer, **{**given, **values})


def facts(*rows: Row) -> dict[str, CertificateRow]:
    found = with_facts(rows, AS_OF)
    return {row.thumbprint: row for row in found if isinstance(row, CertificateRow)}


def successor(row: CertificateRow, *others: CertificateRow, **judged: Any) -> str | None:
    return facts(row, *others, *(chain(other, **judged) for other in others))[row.thumbprint].successor


OLD = certificate("AA", "2026-01-01", "2024-01-01")
NEW = certificate("BB", "2028-01-01", "2025-10-01")


def test_the_longest_lived_of_several_is_the_successor() -> None:
    new = [certificate(name, f"{year}-01-01") for name, year in (("BB", 2027), ("CC", 2029), ("DD", 2028))]
    assert successor(OLD, *new) == "CC"


@pytest.mark.parametrize("judged", [IN_TPM, OF_USER], ids=["in a TPM", "of a user"])
@pytest.mark.parametrize("reason", sorted(REASONS))
def test_that_no_disk_tells_more_of_a_key_is_no_doubt_in_it(judged: dict[str, Any], reason: str) -> None:
    old = certificate("AA", "2026-01-01", "2024-01-01", store_scope=judged.get("store_scope", "machine"))
    new = certificate("BB", "2028-01-01", "2025-10-01", store_scope=old.store_scope)
    assert successor(old, new, **judged, reason=reason) == "BB"


def test_subjects_are_compared_without_regard_to_case() -> None:
    assert successor(OLD, certificate("BB", "2028-01-01", "2025-10-01", subject="CN=WEB")) == "BB"


@pytest.mark.parametrize(
    "other",
    [
        certificate("BB", "2025-12-01"),
        certificate("BB", "2026-01-01"),
        certificate("BB", None),
        certificate("BB", "2028-01-01", subject="CN=other"),
        certificate("BB", "2028-01-01", store="WebHosting"),
        certificate("BB", "2028-01-01", store="REQUEST"),
        certificate("BB", "2028-01-01", archived=True),
        certificate("BB", "2028-01-01", owner_sid="S-1-5-21-1"),
        certificate("BB", "2028-01-01", service="NTDS"),
        certificate("BB", "2028-01-01", machine_id=2),
        certificate("BB", "2028-01-01", eku=["clientAuth"]),
        certificate("BB", "2028-01-01", "2026-01-02"),
    ],
    ids=[
        "earlier",
        "same end",
        "no end",
        "subject",
        "store",
        "request",
        "archived",
        "account",
        "service",
        "machine",
        "purpose",
        "gap",
    ],
)
def test_another_certificate_is_no_successor(other: CertificateRow) -> None:
    assert successor(OLD, other) is None


@pytest.mark.parametrize(
    "judged",
    [
        {"verdict": "unusable", "key_file": "absent", "broken_at": "key_file"},
        {"verdict": "unknown", "key_file": "not_examined", "private_key": "not_examined"},
        {"verdict": "unknown", "unlocked_by": "not_tried", "private_key": "locked"},
        {**IN_TPM, "public_key": "mismatch"},
        {**IN_TPM, "key_file": "absent"},
        {**IN_TPM, "reason": "a torn hive names it"},
        {**OF_USER, "unlocked_by": "nothing"},
        {**OF_USER, "public_key": "not_examined"},
    ],
)
def test_a_key_that_does_not_open_silences_nothing(judged: dict[str, Any]) -> None:
    assert successor(OLD, NEW, **judged) is None


@pytest.mark.parametrize(
    "judged", [IN_TPM, {**IN_TPM, "private_key": "needs_pin", "key_file": "not_applicable"}, OF_USER]
)
def test_a_key_of_which_no_disk_tells_more_is_not_held_against_it(judged: dict[str, Any]) -> None:
    assert successor(OLD, NEW, **judged) == "BB"


def test_a_certificate_without_judged_key_is_no_successor() -> None:
    assert facts(OLD, NEW)["AA"].successor is None


def test_a_successor_that_begins_later_counts_once_it_is_valid() -> None:
    ended = certificate("AA", "2025-06-01", "2024-01-01")
    assert successor(ended, certificate("BB", "2028-01-01", "2025-10-31")) == "BB"
    assert successor(ended, certificate("BB", "2028-01-01", "2025-11-02")) is None


def test_a_successor_that_has_ended_itself_is_none() -> None:
    assert successor(certificate("AA", "2025-06-01"), certificate("BB", "2025-10-31")) is None


def test_a_successor_of_more_purposes_or_of_all_will_do() -> None:
    for usages in (["clientAuth", "serverAuth"], [], ["anyExtendedKeyUsage"]):
        assert successor(OLD, certificate("BB", "2028-01-01", eku=usages)) == "BB"


def test_a_certificate_for_all_purposes_needs_one_for_all() -> None:
    assert successor(certificate("AA", "2026-01-01", eku=[]), NEW) is None


def test_a_longer_lived_one_of_another_purpose_does_not_hide_the_successor() -> None:
    others = certificate("BB", "2030-01-01", eku=["clientAuth"]), certificate("CC", "2028-01-01")
    assert successor(OLD, *others) == "CC"


def test_without_a_name_or_an_end_nothing_is_a_successor() -> None:
    new = certificate("BB", "2028-01-01", subject=None)
    assert successor(certificate("AA", "2026-01-01", subject=None), new) is None
    assert successor(certificate("AA", None), NEW) is None


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (["DNS:a.test"], ["DNS:A.test", "DNS:b.test"], "BB"),
        (["DNS:a.test", "DNS:b.test"], ["DNS:a.test"], None),
        (["DNS:a.test", "DNS:b.test"], ["DNS:*.test"], "BB"),
        (["DNS:a.b.test"], ["DNS:*.test"], None),
        (["DNS:*.test"], ["DNS:a.test"], None),
        (["UPN:alice@corp.test"], ["UPN:bob@corp.test"], None),
        (["otherName:1.3.6.1.4.1.311.25.1", "DNS:a.test"], ["DNS:a.test"], "BB"),
    ],
)
def test_alternative_names_are_what_must_be_covered(old: list[str], new: list[str], expected: str | None) -> None:
    row = certificate("AA", "2026-01-01", san=old)
    assert successor(row, certificate("BB", "2028-01-01", san=new, subject="CN=renamed")) == expected


def test_a_host_in_the_subject_may_be_an_alternative_name_of_the_successor() -> None:
    row = certificate("AA", "2026-01-01", subject="CN=web.corp.test,O=Corp")
    assert successor(row, certificate("BB", "2028-01-01", subject=None, san=["DNS:*.corp.test"])) == "BB"


def test_what_a_service_still_names_is_not_renewed_by_what_lies_beside_it() -> None:
    found = facts(OLD, NEW, chain(NEW), used(OLD))["AA"]
    assert (found.successor, found.renewed_by, found.renewed_until, found.standing) == ("BB", None, None, "in_use")
    found = facts(OLD, NEW, chain(NEW), used(NEW))["AA"]
    assert (found.successor, found.renewed_by, found.renewed_until) == ("BB", "BB", NEW.not_after)
    assert found.standing == "superseded"


def test_one_of_each_day_is_so_unless_something_stops_with_it() -> None:
    peer = certificate("AA", "2025-10-02", "2025-10-01", issuer="CN=MS-Organization-P2P-Access [2025]")
    assert [facts(peer, *uses)["AA"].standing for uses in ((), (used(peer, "EFS"),), (used(peer, "RDP"),))] == [
        "daily",
        "daily",
        "in_use",
    ]


def test_nobody_misses_an_exchange_certificate_of_an_authority_once_it_has_ended() -> None:
    until = {"2025-10-31": "daily", "2025-11-02": "unused"}
    for end, standing in until.items():
        exchange = certificate("AA", end, "2025-10-25", eku=["msKeyExchange"], template="CAExchange")
        assert (facts(exchange)["AA"].renewer, facts(exchange)["AA"].standing) == ("AD CS", standing)


def test_a_store_into_which_a_service_looks_will_do() -> None:
    hosted = certificate("BB", "2028-01-01", store="WebHosting")
    assert facts(OLD, hosted, chain(hosted))["AA"].renewed_by is None
    assert facts(OLD, hosted, chain(hosted), used(hosted))["AA"].renewed_by == "BB"
    other = certificate("BB", "2028-01-01", store_scope="user", owner_sid="S-1-5-21-1")
    assert facts(OLD, other, chain(other), used(other))["AA"].renewed_by is None


def test_a_chain_stands_as_its_certificate_does() -> None:
    rows = with_facts([OLD, NEW, chain(OLD), chain(NEW), used(NEW)], AS_OF)
    standings = {row.thumbprint: row.standing for row in rows if isinstance(row, KeyChainRow)}
    assert standings == {"AA": "superseded", "BB": "in_use"}


def test_of_very_many_of_one_name_the_longest_lived_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewed_by, "MAX_CANDIDATES", 2)
    others = [certificate(f"B{n}", f"{2030 + n}-01-01", eku=[f"1.2.3.{n}"]) for n in range(2)]
    assert successor(OLD, *others, certificate("CC", "2028-01-01")) is None
    assert successor(OLD, others[0], certificate("CC", "2028-01-01")) == "CC"


def test_thousands_of_one_name_are_looked_through_in_time() -> None:
    rows: list[Row] = []
    for number in range(3000):
        until = "2028-01-01" if number % 2 else "2026-01-01"
        row = certificate(f"{number:040X}", until, "2024-01-01", san=["DNS:a.test"], eku=[f"1.2.{number}"])
        rows += [row, chain(row)]
    with within(2):
        found = with_facts(rows, AS_OF)
    assert [row.successor for row in found if isinstance(row, CertificateRow) and row.successor] == []
