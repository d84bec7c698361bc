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


def test_a_successor_that_is_not_known_to_work_silences_nothing() -> None:
    case = examined("R1-successor-is-dead")
    old, new = sorted(case.rows("certificate"), key=lambda row: row.not_after)
    assert (old.thumbprint[:8], new.thumbprint[:8]) == ("181214C5", "F6FAE27E")
    assert (old.subject, new.subject) == ("CN=api.contoso.com", "CN=api.contoso.com")
    verdicts = {row.thumbprint: (row.verdict, row.key_file) for row in chains(case)}
    assert verdicts[new.thumbprint] == ("unknown", "not_examined")
    assert (old.successor, old.renewed_by, old.standing) == (None, None, "unused")
    # 357 days of life: the last eighth begins 44 days and 15 hours before the end, 2026-12-12.
    assert (str(old.warn_from), str(old.alarm_from)) == ("2026-09-13 18:00:00+00:00", "2026-10-28 09:00:00+00:00")
    assert ("certificate-expiring", "medium") in rules_about(case, old.thumbprint)


def test_a_certificate_for_clients_does_not_renew_a_server_of_the_same_name() -> None:
    case = examined("same-subject-other-purpose")
    server, client = "31BACBD5B6A8885B1E034D428A1A4541ED129707", "FA312CBB00F052B7EBD07BCEB1EDE6F465B1D7E6"
    usages = {row.thumbprint: row.eku for row in case.rows("certificate")}
    assert (usages[server], usages[client]) == (["serverAuth"], ["clientAuth"])
    assert rules_about(case, server) == {("certificate-expiring", "medium"), ("certificate-used-by-nothing", "info")}
    assert rules_about(case, client) == {("certificate-used-by-nothing", "info")}


def test_the_ended_signer_of_wsus_is_silent_beside_its_successor() -> None:
    case = examined("wsus-predecessor")
    old, new = "D9969D08DCA5F3347C8528FCA0DD4AD293158A2D", "AA152B8B4E6DD5AE4E370BB26278A6E1D46F6D98"
    standings = {row.thumbprint: (row.standing, row.renewed_by, row.used_by) for row in case.rows("certificate")}
    assert standings == {old: ("superseded", new, []), new: ("in_use", None, ["WSUS signing"])}
    assert (rules_about(case, old), rules_about(case, new)) == (set(), set())
    assert not case.has_findings


def test_a_certificate_of_90_days_that_is_young_is_silent() -> None:
    case = examined("acme-three-days-old")
    [chain] = chains(case)
    assert (chain.subject, chain.standing) == ("CN=www.contoso.com", "in_use")
    assert {f.severity for f in case.finding_list} == {"info"}
    assert not case.has_findings
    text = forensics.render(case, "text")
    assert (
        "EXPIRES NEXT: every certificate with a private key that ends within 180 days\n  - 2027-02-16, in 79 days"
        in text
    )


def test_one_dead_key_is_found_among_the_left_overs_of_each_day() -> None:
    case = examined("needle-among-p2p")
    needle = "A9C9D00A1BC1C9AAA9FC2CE6ABA5E31976D55C8F"
    daily = [row for row in case.rows("certificate") if row.renewer == "Entra ID"]
    assert (len(daily), {row.standing for row in daily}) == (40, {"daily"})
    first, *others = case.finding_list
    assert (first.rule, first.severity, [s.id for s in first.subjects]) == ("key-file-missing", "high", [needle])
    assert {f.severity for f in others} == {"info"}
    [told] = [f for f in others if f.rule == "daily-certificates"]
    assert {s.id for s in told.subjects} == {row.thumbprint for row in daily}
    text = forensics.render(case, "text")
    assert "Of 1 certificate that has or should have a private key: 1 broken, 0 usable, 0 undecided, 0 expired." in text
    assert sum("5f0e7a31-6c2b-4d9e-8a17-2b3c4d5e6f71" in line for line in text.splitlines()) == 1
    assert "CN=5f0e7a31" not in forensics.render(case, "ics")
