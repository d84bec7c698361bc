"""Small inputs after what administrators reported of certificates, examined whole; ../shared/cases describes each."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import forensics
from forensics.tables.key_chain import KeyChainRow
from tests.oracles import shared
from tests.paths import CASES

AS_OF = datetime(2026, 11, 29, tzinfo=UTC)


@cache
def examined(name: str) -> forensics.Case:
    """Return the case of one zip; no test may change it."""
    return forensics.examine(shared(CASES / f"{name}.zip"), as_of=AS_OF)


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


def test_the_recovery_agent_by_policy_is_no_matter_of_the_member() -> None:
    case = examined("efs-agent-by-policy")
    agent = "40B117C17BAB73F7C732E065A420F19F8D0BEE70"
    assert [row.thumbprint for row in chains(case)] == ["0FA1D0D0C93E534A8BAD0EC9954E8304ECE98403"]
    assert rules_about(case, agent) == set()
    assert {f.severity for f in case.finding_list} == {"info"}
    text = forensics.render(case, "text")
    assert "Of 1 certificate that has or should have a private key: 0 broken, 1 usable" in text
    assert "fe87e47e" not in text


def test_the_certificate_of_a_partner_is_not_broken() -> None:
    case = examined("partner-certificate-in-my")
    partner = "1F46766B1F9101A29D91AB8EBD16DAFC722FEEBB"
    assert partner in {row.thumbprint for row in case.rows("certificate")}
    assert partner not in {row.thumbprint for row in chains(case)}
    assert {f.severity for f in case.finding_list} == {"info"}
    text = forensics.render(case, "text")
    assert "0 broken, 1 usable" in text
    assert "-delstore" not in text
