"""Small inputs after what administrators reported of certificates, examined whole; ../shared/cases describes each."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import pytest

import forensics
from forensics.tables.key_chain import KeyChainRow
from tests.paths import CASES

AS_OF = datetime(2026, 11, 29, tzinfo=UTC)


@cache
def examined(name: str) -> forensics.Case:
    """Return the case of one zip; no test may change it."""
    path = CASES / f"{name}.zip"
    if not path.is_file():
        pytest.skip("needs shared/cases (inputs after reported cases, beside the project)")
    return forensics.examine(path, as_of=AS_OF)


def chains(case: forensics.Case) -> list[KeyChainRow]:
    return [row for row in case.rows("key_chain") if row.thumbprint]


def rules_about(case: forensics.Case, thumbprint: str) -> set[tuple[str, str]]:
    """Return rule and severity of each finding with a certificate among its subjects."""
    findings = case.finding_list
    return {(f.rule, f.severity) for f in findings if thumbprint in {s.id for s in f.subjects}}


def test_a_certificate_that_the_library_refuses_is_judged_bound_and_expires() -> None:
    case = examined("R6-wildcard-printablestring")
    [certificate] = case.rows("certificate")
    assert (certificate.subject, certificate.issuer) == ("CN=*.contoso.com", "CN=Contoso Issuing CA 1")
    [chain] = chains(case)
    assert (chain.subject, chain.verdict, chain.public_key) == ("CN=*.contoso.com", "usable", "match")
    assert chain.not_after is not None
    assert (chain.not_after - AS_OF).days == 2
    assert certificate.used_by == ["http.sys"]
    assert ("certificate-expiring", "high") in rules_about(case, certificate.thumbprint)
    assert not case.rows("problem")
