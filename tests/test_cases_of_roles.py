"""Small inputs after what administrators reported of servers' roles, examined whole; ../shared/cases describes each."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import forensics
from forensics.tables.finding import Finding
from forensics.tables.use import CertificateUseRow
from tests.oracles import shared
from tests.paths import CASES

AS_OF = datetime(2026, 11, 29, tzinfo=UTC)
HARMFUL = ("-delstore", "-pulse")


@cache
def examined(name: str) -> forensics.Case:
    """Return the case of one zip; no test may change it."""
    path = shared(CASES / f"{name}.zip")
    return forensics.examine(path, as_of=AS_OF)


def alarms(case: forensics.Case) -> list[tuple[str, str, str, tuple[str, ...]]]:
    """Return rule, severity, confidence and subjects of what is more than information."""
    return [
        (f.rule, f.severity, f.confidence, tuple(s.id for s in f.subjects))
        for f in case.finding_list
        if f.severity != "info"
    ]


def words(finding: Finding) -> str:
    """Return everything that a finding says."""
    return "\n".join(block.text for block in (*finding.because, *finding.remedy))


def used(case: forensics.Case) -> list[tuple[str, str | None, str | None, bool | None]]:
    """Return consumer, thumbprint, certainty and presence of each use."""
    uses: list[CertificateUseRow] = case.rows("certificate_use")
    return [(u.consumer, u.thumbprint, u.certainty, u.present) for u in uses]


def test_an_earlier_generation_that_is_gone_stops_the_authority() -> None:
    case = examined("08-ca-old-generation-missing")
    first, second = "90AE6448AE8DF91ED848702D27B5EEF9BE6E94CA", "302549D03D7FB47F81F138677A0AE589ABD4BC69"
    assert used(case) == [
        ("AD CS (earlier generation)", first, "proved", False),
        ("AD CS", second, "proved", True),
    ]
    assert alarms(case) == [("ca-certificate-missing", "critical", "proved", (first,))]
    [finding] = [f for f in case.finding_list if f.rule == "ca-certificate-missing"]
    for told in ("CertEnroll", f'certutil -repairstore "My" {first}', "certutil -verifykeys", "CACertHash 0"):
        assert told in words(finding)
    assert not [word for word in HARMFUL if word in words(finding)]
    assert [c.used_by for c in case.rows("certificate") if c.thumbprint == second] == [["AD CS"]]


def test_an_authority_without_its_key_is_critical_and_nothing_is_deleted() -> None:
    case = examined("09-ca-key-missing")
    authority = "302549D03D7FB47F81F138677A0AE589ABD4BC69"
    assert used(case) == [("AD CS", authority, "proved", True)]
    assert alarms(case) == [("ca-key-dead", "critical", "proved", (authority,))]
    text = forensics.render(case, "text")
    assert "certutil -restoreKey" in text
    assert not [word for word in HARMFUL if word in text]
    assert not [word for word in HARMFUL if any(word in words(f) for f in case.finding_list)]


def test_the_oauth_certificate_of_exchange_is_renewed_in_its_own_way() -> None:
    case = examined("12-exchange-auth-certificate")
    auth, mail = "5FC5E5C48144D31EF4EAC6183FF3823D2DFF2FA1", "0552C08FF093857F559C81C0C27943A4CEAF8234"
    assert used(case) == [
        ("http.sys", mail, "proved", True),
        ("Exchange Auth", auth, "likely", True),
    ]
    assert alarms(case) == [("role-certificate-ending", "critical", "likely", (auth,))]
    [finding] = [f for f in case.finding_list if f.severity == "critical"]
    for told in ("2026-11-01", "New-ExchangeCertificate", "Set-AuthConfig", "MSExchangeServiceHost", "OWA"):
        assert told in words(finding)
    text = forensics.render(case, "text")
    assert not [word for word in (*HARMFUL, "certreq", "netsh") if word in text]


def test_applications_are_named_by_their_files() -> None:
    case = examined("13-thumbprint-in-config-files")
    signing, missing = "032E40A068868F1FE7660AFBF79BA71F9DFBB4F2", "00112233445566778899AABBCCDDEEFF00112233"
    assert used(case) == [
        ("application", signing, "likely", True),
        ("application", signing, "likely", True),
        ("application", missing, "likely", False),
    ]
    [certificate] = [c for c in case.rows("certificate") if c.thumbprint == signing]
    assert certificate.uses == [
        "application C:\\inetpub\\wwwroot\\api\\appsettings.json",
        "application C:\\inetpub\\wwwroot\\sts\\web.config",
    ]
    assert alarms(case) == [("binding-names-missing-certificate", "medium", "likely", (missing,))]
    [finding] = [f for f in case.finding_list if f.severity == "medium"]
    assert "application C:\\inetpub\\wwwroot\\sts\\web.config" in words(finding)
    assert "certificate-used-by-nothing" not in {f.rule for f in case.finding_list}


def test_nothing_is_said_of_the_signer_of_wsus_that_a_newer_one_replaced() -> None:
    case = examined("wsus-predecessor")
    old, new = "D9969D08DCA5F3347C8528FCA0DD4AD293158A2D", "AA152B8B4E6DD5AE4E370BB26278A6E1D46F6D98"
    assert sorted(used(case)) == [
        ("WSUS signing", new, "likely", True),
        ("earlier certificate", old, "likely", True),
    ]
    facts = {c.thumbprint: (c.used_by, c.end_stops, c.superseded) for c in case.rows("certificate")}
    assert facts == {new: (["WSUS signing"], ["WSUS signing"], "no"), old: ([], [], "replaced")}
    assert alarms(case) == []
    assert old not in {s.id for f in case.finding_list for s in f.subjects}
