"""Which certificate has taken over from which: same store and subject, its usages, a later end, and a key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from forensics.facts import renewed_by
from forensics.facts.renewed_by import Successors
from forensics.facts.tables import Tables
from forensics.tables.certificate import CertificateRow


def certificate(thumbprint: str, year: int | None, **values: Any) -> CertificateRow:
    given = {
        "machine_id": 1,
        "source_path": thumbprint,
        "thumbprint": thumbprint,
        "store": "MY",
        "store_scope": "machine",
        "owner_sid": "S-1-5-18",
        "subject": "CN=web",
        "has_key_link": True,
        "not_after": year and datetime(year, 1, 1, tzinfo=UTC),
    }
    return CertificateRow(**{**given, **values})


def successor(row: CertificateRow, *others: CertificateRow) -> str | None:
    found = Successors(Tables([row, *others])).of(row)
    return found.thumbprint if found else None


OLD = certificate("AA", 2026, eku=["serverAuth"])


def test_the_longest_lived_of_several_is_the_successor() -> None:
    new = [certificate(name, year, eku=["serverAuth"]) for name, year in (("BB", 2027), ("CC", 2029), ("DD", 2028))]
    assert successor(OLD, *new) == "CC"


@pytest.mark.parametrize(
    "other",
    [
        certificate("BB", 2025, eku=["serverAuth"]),
        certificate("BB", 2026, eku=["serverAuth"]),
        certificate("BB", None, eku=["serverAuth"]),
        certificate("BB", 2028, eku=["serverAuth"], has_key_link=False),
        certificate("BB", 2028, eku=["serverAuth"], subject="CN=other"),
        certificate("BB", 2028, eku=["serverAuth"], store="WebHosting"),
        certificate("BB", 2028, eku=["serverAuth"], owner_sid="S-1-5-21-1"),
        certificate("BB", 2028, eku=["serverAuth"], service="NTDS"),
        certificate("BB", 2028, eku=["serverAuth"], machine_id=2),
        certificate("BB", 2028, eku=["clientAuth"]),
    ],
    ids=["earlier", "same end", "no end", "no key", "subject", "store", "account", "service", "machine", "purpose"],
)
def test_another_certificate_is_no_successor(other: CertificateRow) -> None:
    assert successor(OLD, other) is None


def test_a_successor_of_more_purposes_or_of_all_will_do() -> None:
    assert successor(OLD, certificate("BB", 2028, eku=["clientAuth", "serverAuth"])) == "BB"
    assert successor(OLD, certificate("BB", 2028)) == "BB"


def test_a_certificate_for_all_purposes_needs_one_for_all() -> None:
    assert successor(certificate("AA", 2026), certificate("BB", 2028, eku=["serverAuth"])) is None


def test_a_longer_lived_one_of_another_purpose_does_not_hide_the_successor() -> None:
    others = certificate("BB", 2030, eku=["clientAuth"]), certificate("CC", 2028, eku=["serverAuth"])
    assert successor(OLD, *others) == "CC"


def test_without_a_subject_or_an_end_nothing_is_a_successor() -> None:
    new = certificate("BB", 2028, subject=None)
    assert successor(certificate("AA", 2026, subject=None), new) is None
    assert successor(certificate("AA", None), certificate("BB", 2028)) is None


def test_of_very_many_kinds_the_longest_lived_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewed_by, "MAX_KINDS", 2)
    others = [certificate(f"B{n}", 2030 + n, eku=[f"1.2.3.{n}"]) for n in range(2)]
    assert successor(OLD, *others, certificate("CC", 2028, eku=["serverAuth"])) is None
    assert successor(OLD, others[0], certificate("CC", 2028, eku=["serverAuth"])) == "CC"
