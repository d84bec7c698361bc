"""The packs rdp, expiry and use over every forged disk, and over real logs and hives: exactly these findings.

What is expected was stated by hand from the scenarios: most of their certificates end on 2027-03-04, 102 days after the
moment of the examination, which is no alarm yet, and no service is bound to them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

import forensics
from forensics.case_tables import CaseTables
from forensics.engine.loader import load_packs
from forensics.engine.run import run
from forensics.tables.finding_json import FindingJson, as_json
from forensics.tables.registry import ROW_CLASSES
from tests.examined import examined
from tests.paths import IMAGES, PROJECT

NAMES = sorted(path.name.removesuffix(".truth.json") for path in IMAGES.glob("*.truth.json"))
PACKS = load_packs([PROJECT / "rules" / pack for pack in ("rdp", "expiry", "use")], built_in=False)
AS_OF = datetime(2026, 11, 22, tzinfo=UTC)

HARMFUL = re.compile(
    r"not checked|delstore|\bdelete\b|shutdown|Remove-Item .*Cert:|\breg add\b|takeown /r", re.IGNORECASE
)
"""What no repair of a use, of Remote Desktop or of an end types."""

Stated = tuple[str, str, str, frozenset[str]]

# computer, severity, rule: common names without .contoso.test, blanks as underscores; a thumbprint for what is missing
EXPECTED = {
    "attest-ca": "",
    "attest-ca-bare": "",
    "tpm-laptop": """
        LAP-77 info certificate-used-by-nothing: ecc pin soft stranger vbs wifi
        """,
    "tpm-replaced": """
        VM-12 info certificate-used-by-nothing: odd torn
        """,
    "before-sysprep": """
        WEB01 info certificate-used-by-nothing: api kept-name ldap mail web
        """,
    "bound": """
        WEB01 info certificate-used-by-nothing: hello tpm-dpapi tpm-ecc tpm-gone tpm-other tpm-rsa ui-policy vbs
            vbs-per-boot
        """,
    "broken-access": """
        WEB01 critical rdp-key-not-readable-by-network-service: WEB01
        WEB01 critical rdp-key-unusable: WEB01
        WEB01 info certificate-used-by-nothing: admins-only attributes authenticated deny-admins deny-system empty-dacl
            everyone everyone-attributes inherit-only inherit-only-deny late-deny null-dacl owner-only plain system-only
            users
        """,
    "broken-claim": """
        WEB01 info certificate-used-by-nothing: bad-link bad-offset card-capi card-cng empty-slot exchange-of-two
            gone-hsm hsm legacy personal signature-of-two unique-cng unique-now unique-then wrong-of-two
        """,
    "broken-files": """
        WEB01 info certificate-used-by-nothing: absent-capi absent-cng bad-middle-capi bad-middle-cng bad-properties
            bad-sign-capi bad-sign-cng bad-tail-capi lying no-public-half old-guid-capi old-guid-cng old-guid-lost
            recreated-capi recreated-cng recreated-lost truncated truncated-cng wrong-public-half zero zeroed
        """,
    "broken-secrets": """
        WEB01 info certificate-used-by-nothing: both-sections cng-gone cng-no-secret cng-old-secret cut empty fine gone
            no-secret old-secret old-secret-3des other-guid system-old-secret
        """,
    "chain": """
        WEB01 info certificate-used-by-nothing: dies-first dies-later stays
        """,
    "cleaned-up": """
        WEB01 info certificate-used-by-nothing: api early locked sound web
        """,
    "clone-one": """
        CLONE-1 info certificate-used-by-nothing: shared
        """,
    "clone-two": """
        CLONE-2 info certificate-used-by-nothing: own shared
        """,
    "copies-healthy": """
        WEB01 info certificate-used-by-nothing: joins latest stays
        """,
    "copies-master-key": """
        WEB01 info certificate-used-by-nothing: early locked sound web
        """,
    "copies-sysprep": """
        WEB01 info certificate-used-by-nothing: api intranet late mail web
        """,
    "dirty-disk": """
        WEB01 info certificate-used-by-nothing: api web
        """,
    "dirty-registry": """
        WEB01 info certificate-used-by-nothing: early late-0 late-1 late-2 late-3
        """,
    "expiring": """
        WEB01 high rdp-listener-certificate-missing: FFEEDDCCBBAA99887766554433221100FFEEDDCC
        WEB01 medium certificate-expiring: auto auto-later server
        WEB01 medium certificate-expiring: mail
        WEB01 medium certificate-expiring: ca
        WEB01 medium certificate-expiring: desktop
        WEB01 medium certificate-expiring: client
        WEB01 medium issuer-expires-first: outlives
        WEB01 medium renewal-overdue: auto
        WEB01 low weak-signature-or-key: sha1 short
        WEB01 low certificate-expired: long-ago
        WEB01 low not-yet-valid: early
        WEB01 info certificate-expired: renewed
        WEB01 info certificate-used-by-nothing: auto auto-later client desktop early lasting long-ago
            outlives renewed server sha1 short vpn
        """,
    "failed-generalize": """
        GOLD-22 info certificate-used-by-nothing: agent farm gone
        """,
    "generalized-not-booted": """
        GOLD info certificate-used-by-nothing: gone left
        """,
    "golden-image": """
        GOLD info certificate-used-by-nothing: agent device gone
        """,
    "healthy": """
        WEB01 info certificate-used-by-nothing: capi-2048-3des capi-2048-aes capi-3072-aes capi-4096-aes capi-signature
            cng-ecdh-256 cng-ecdsa-256 cng-ecdsa-384 cng-ecdsa-521 cng-rsa-2048 cng-rsa-3072 cng-rsa-3des cng-rsa-4096
            system-own
        """,
    "hyperv-hgs": "",
    "hyperv-source": "",
    "hyperv-target": "",
    "keyiso-disabled": """
        WEB01 high keyiso-disabled-blocks-rdp-certificate: WEB01
        WEB01 info certificate-used-by-nothing: capi cng cng-system
        """,
    "laptop": """
        LAP-31 medium certificate-expiring: lap-31
        LAP-31 low service-uses-expiring-certificate: lap-31
        LAP-31 low certificate-expired: frank@code
        LAP-31 low certificate-expired: frank@files
        LAP-31 low certificate-expired: frank@mail
        LAP-31 info certificate-used-by-nothing: imported
        LAP-31 info daily-certificates: 3f0c7c1e-51a4-4f0e-9a53-0d6a5d1a7e11
        """,
    "mbr": """
        WEB01 info certificate-used-by-nothing: legacy
        """,
    "mixed": """
        WEB01 high keyiso-disabled-blocks-rdp-certificate: WEB01
        WEB01 low certificate-expiring: renewed
        WEB01 info certificate-used-by-nothing: case denied-and-old deny-everyone deny-service flag-says-system
            foreign-and-denied old-and-service open-and-service open-only renewed replaced-and-denied torn-today
            two-lives wrong-life
        """,
    "no-security": """
        WEB01 info certificate-used-by-nothing: capi cng
        """,
    "odd-server": """
        SRV-07 critical rdp-key-not-readable-by-network-service: shared
        SRV-07 critical rdp-key-unusable: shared
        SRV-07 info certificate-used-by-nothing: strong
        """,
    "rdp-2012-r2": """
        APP12 critical keyiso-disabled-blocks-rdp-certificate: APP12
        APP12 medium rdp-certificate-expired: APP12
        APP12 medium schannel-credential-errors: APP12
        """,
    "rdp-2019": """
        APP19 high keyiso-disabled-rdp-will-break: APP19
        """,
    "restored-secrets": """
        WEB01 info certificate-used-by-nothing: early late-capi late-cng
        """,
    "sample": """
        WEB01 medium certificate-expiring: vpn
        WEB01 info certificate-used-by-nothing: api device intranet ldap mail shop vpn web
        """,
    "sectors-4096": """
        FOURK info certificate-used-by-nothing: fourk fourk-denied
        """,
    "secure-boot": """
        PC-SB info certificate-used-by-nothing: pc-sb
        """,
    "server-2003": """
        OLD2003 info certificate-used-by-nothing: old-guid old-secret sound
        """,
    "server-roles": """
        ROLES1 critical ca-certificate-missing: 0123456789ABCDEF0123456789ABCDEF01234567
        ROLES1 critical ca-key-dead: Contoso_Issuing_CA_9
        ROLES1 critical iis-configuration-key-dead: iisWasKey
        ROLES1 critical role-certificate-ending: Microsoft_Exchange_Server_Auth_Certificate
        ROLES1 critical role-key-dead: ROLES1-MSCEP-RA
        ROLES1 medium scom-key-in-storage-provider: scom
        """,
    "sid-changed": """
        PC-22 info certificate-used-by-nothing: machine
        """,
    "specialize-skips-crypto": """
        AVD-7 info certificate-used-by-nothing: avd
        """,
    "sysprepped": """
        WEB01 info certificate-used-by-nothing: api intranet kept-name ldap mail web
        """,
    "two-windows": """
        LEFT info certificate-used-by-nothing: left
        RIGHT critical rdp-key-not-readable-by-network-service: rdp-right
        RIGHT critical rdp-key-unusable: rdp-right
        RIGHT info certificate-used-by-nothing: right right-old
        """,
    "upgraded": """
        PC-21 info certificate-used-by-nothing: gone vpn
        """,
    "web-server": """
        WEB01 critical binding-names-missing-certificate: 00112233445566778899AABBCCDDEEFF00112233
        WEB01 critical consumer-cannot-read-key: sql
        WEB01 critical service-uses-dead-key: shop
        WEB01 critical service-uses-expiring-certificate: remoting
        WEB01 high service-uses-expiring-certificate: api
        WEB01 high rdp-certificate-expired: rdp
        WEB01 high certificate-expired: remoting
        WEB01 high certificate-expired: rdp
        WEB01 high certificate-expiring: api
        WEB01 info certificate-used-by-nothing: idle
        """,
}


def _stated(text: str) -> list[Stated]:
    lines: list[str] = []
    for line in text.strip().splitlines():
        if ":" in line:
            lines.append(line)
        else:
            lines[-1] += line
    heads = [line.partition(":") for line in lines]
    stated: list[Stated] = [(*head.split(), frozenset(names.split())) for head, _, names in heads]  # type: ignore[misc]
    return sorted(stated, key=_place)


def _place(stated: Stated) -> tuple[object, ...]:
    """Sets are only in part in an order."""
    return (*stated[:3], sorted(stated[3]))


def _findings(case: CaseTables) -> list[FindingJson]:
    result = run(PACKS, {table: case.rows(table) for table in ROW_CLASSES}, AS_OF)
    assert [p.message for p in result.problems] == []
    return list(map(as_json, result.findings))


def _found(case: CaseTables, findings: list[FindingJson]) -> list[Stated]:
    computers = {m.machine_id: m.computer_name for m in case.rows("machine")}
    names = {
        c.thumbprint: c.subject.removeprefix("CN=").removesuffix(".contoso.test").replace(" ", "_")
        for c in case.rows("certificate")
        if c.subject
    }
    found = [
        (
            computers[f["machine_id"]],
            f["severity"],
            f["rule"],
            frozenset(names.get(s["id"], s["id"]) for s in f["subjects"]),
        )
        for f in findings
    ]
    return sorted(found, key=_place)


def _one(findings: list[FindingJson], rule: str) -> FindingJson:
    found = [f for f in findings if f["rule"] == rule]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("name", NAMES)
def test_exactly_these_findings(name: str) -> None:
    case = examined(name)
    assert _found(case, _findings(case)) == _stated(EXPECTED[name])


def test_the_healthy_disk_has_information_only() -> None:
    assert {severity for _, severity, _, _ in _stated(EXPECTED["healthy"])} == {"info"}


def test_some_disk_shows_every_rule() -> None:
    shown = {rule for text in EXPECTED.values() for _, _, rule, _ in _stated(text)}
    # tests/test_requests.py, tests/test_ordinary_renewals.py, tests/test_uses_by_account.py and
    # tests/test_references_at_odds.py make machines for these.
    made_there = {"request-without-answer", "efs-recovery-agent-ended", "reference-at-odds"}
    made_there |= {"consumer-looks-in-another-key-set", "consumer-refuses-kind-of-key"}
    assert shown == {rule.id for rule in PACKS.rules} - made_there
    assert len(shown) == 25


def test_keyiso_on_2012_r2_is_proved_by_the_status_of_event_1057() -> None:
    findings = _findings(examined("rdp-2012-r2"))
    finding = _one(findings, "keyiso-disabled-blocks-rdp-certificate")
    assert finding["confidence"] == "proved"
    assert {c["name"]: c["value"] for c in finding["conditions"]} == {
        "the service CNG Key Isolation (KeyIso) is disabled": "yes",
        "Windows Server 2016, Windows 10 or later: new certificates are made through CNG": "no",
        "this is Windows Server 2012 R2": "yes",
        "KB4012219 or a later monthly rollup is installed": "yes",
        "no policy has the listener take its certificate from a template of a CA": "yes",
        "no certificate was bound to the listener by hand": "yes",
        "no unexpired Remote Desktop certificate whose key CryptoAPI opens without the service": "yes",
        'event 1057 says "There are no more endpoints available from the endpoint mapper"': "yes",
        "Schannel 36870 says that the key of a server certificate cannot be used (0x8009030D)": "yes",
        "event 7040 says when the start type of KeyIso was changed": "yes",
    }
    assert "ended on 2026-09-14" in finding["because"]
    assert "last changed on 2026-09-01 (event 7040)" in finding["because"]
    assert "last on 2026-10-29" in finding["because"]
    assert "\n    sc.exe config KeyIso start= demand\n" in finding["remedy"]
    consequences = {_one(findings, rule)["id"] for rule in ("rdp-certificate-expired", "schannel-credential-errors")}
    assert set(finding["consequences"]) == consequences


def test_keyiso_without_that_event_is_likely() -> None:
    finding = _one(_findings(examined("keyiso-disabled")), "keyiso-disabled-blocks-rdp-certificate")
    assert finding["confidence"] == "likely"
    assert "so this is likely, not proved" in finding["because"]


def test_the_forecast_names_the_day() -> None:
    finding = _one(_findings(examined("rdp-2019")), "keyiso-disabled-rdp-will-break")
    assert finding["confidence"] == "likely"
    assert "is valid until 2027-01-20" in finding["because"]
    assert "Before 2027-01-20, set the service back" in finding["remedy"]


def test_a_dead_key_names_every_service_that_uses_it() -> None:
    findings = _findings(examined("web-server"))
    dead = _one(findings, "service-uses-dead-key")
    assert "- http.sys shop.contoso.test:443 (IIS) (proved)" in dead["because"]
    assert "- IIS Shop *:443:shop.contoso.test (proved)" in dead["because"]
    # Of the bindings of this server only the one with the dead key is touched, and that in place.
    assert [line for line in dead["remedy"].split("\n") if "netsh" in line and line.startswith(" ")] == [
        "    netsh http show sslcert hostnameport=shop.contoso.test:443",
        "    netsh http update sslcert hostnameport=shop.contoso.test:443 certhash=NEW-THUMBPRINT "
        'certstorename="MY" appid="{4dc3e181-e14b-4a21-b022-59fc669b0914}"',
    ]
    denied = _one(findings, "consumer-cannot-read-key")
    # The SID that Windows itself gives NT SERVICE\MSSQLSERVER, as Microsoft documents it.
    assert 'S-1-5-80-3880718306-3832830129-1677859214-2598158968-1052248003:R"\n' in denied["remedy"]


@pytest.mark.parametrize("name", NAMES)
def test_no_repair_deletes_or_unbinds_and_each_names_what_is_there(name: str) -> None:
    case = examined(name)
    uses = case.rows("certificate_use")
    there = {row.thumbprint for row in (*case.rows("certificate"), *uses)}
    bound = {row.endpoint for row in uses}
    for finding in _findings(case):
        typed = [line.strip() for line in finding["remedy"].split("\n") if line.startswith("    ")]
        assert not [line for line in typed if HARMFUL.search(line)], finding["rule"]
        for line in typed:
            assert set(re.findall(r"\b[0-9A-F]{40}\b", line)) <= there
            assert set(re.findall(r"\b(?:ipport|hostnameport|ccs)=\S+", line)) <= bound
        # The self-signed one instead of another is a way of its own, which begins with its condition.
        if any("Remove-ItemProperty" in line for line in typed):
            assert "Where the self-signed one of Windows will do" in finding["remedy"]
        if any("'TermService'" in line for line in typed):
            assert "Every session ends then" in finding["remedy"]


def test_expiry_explains_what_the_services_lose() -> None:
    findings = {f["id"]: f for f in _findings(examined("web-server"))}
    explained = {
        f["subjects"][0]["label"]: {findings[c]["rule"] for c in f["consequences"]}
        for f in findings.values()
        if f["rule"] in ("certificate-expired", "certificate-expiring")
    }
    assert explained == {
        "CN=remoting.contoso.test": {"service-uses-expiring-certificate"},
        "CN=rdp.contoso.test": {"rdp-certificate-expired"},
        "CN=api.contoso.test": {"service-uses-expiring-certificate"},
    }


def test_purposes_are_told_apart_on_a_laptop() -> None:
    findings = _findings(examined("laptop"))
    told = {
        (f["rule"], f["because"].split(" for ", 1)[1].split(" end", 1)[0])
        for f in findings
        if f["rule"] in ("certificate-expired", "certificate-expiring")
    }
    assert told == {
        ("certificate-expired", "S/MIME"),
        ("certificate-expired", "code signing"),
        ("certificate-expired", "file encryption (EFS)"),
        ("certificate-expiring", "network logon (EAP-TLS)"),
    }
    remedies = "".join(f["remedy"] for f in findings if f["rule"] == "certificate-expired")
    # Nothing that has ended can be renewed, and no template is known of these.
    assert remedies.count("this disk tells no template by which it could be requested") == 1
    # S/MIME and EFS: what was encrypted before opens with the old key only.
    assert remedies.count("the old one stays, with its key, for what was encrypted before") == 2
    assert remedies.count("what was encrypted with its key opens with no other") == 3
    assert "-delstore" not in remedies
    assert " renew\n" not in remedies


def test_a_key_that_only_network_service_cannot_read_is_not_dead_for_iis() -> None:
    case = examined("odd-server")
    (shared,) = [c for c in case.rows("key_chain") if c.subject == "CN=shared.contoso.test"]
    assert {u.consumer for u in case.rows("certificate_use") if u.thumbprint == shared.thumbprint} == {
        "http.sys",
        "RDP",
    }
    assert (shared.verdict, shared.broken_at) == ("unusable", "access")
    rules = {f["rule"] for f in _findings(case)}
    assert rules.isdisjoint({"service-uses-dead-key", "consumer-cannot-read-key"})


@pytest.mark.parametrize(
    ("archive", "listener_events"), [("aptsim-server2022.zip", 0), ("belkasoft-win10.zip", 9)], ids=["2022", "win10"]
)
def test_real_event_logs_give_no_finding(realdata: Path, archive: str, listener_events: int) -> None:
    """New listener certificates (1056) and keys that are looked for in vain (0x80090016) are everyday."""
    case = forensics.examine(realdata / "event-logs" / archive)
    assert sum(e.event_id == 1056 for e in case.rows("event")) == listener_events
    assert any(e.event_id == 5061 and e.error_code == "0x80090016" for e in case.rows("event"))
    assert _findings(case) == []


def test_a_real_windows_gives_no_finding(realdata: Path) -> None:
    """17 trusted certificates have expired there; the only one with a key link, of an EFS agent, lasts until 2115."""
    case = forensics.examine(realdata / "student-pc8-win81.zip")
    expired = {c.thumbprint for c in case.rows("certificate") if c.not_after and c.not_after < AS_OF}
    assert len(expired) == 17
    assert _findings(case) == []
