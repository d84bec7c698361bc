"""Entra join, MDM, EFS, network profiles, references of unknown consumers, and all of them together."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from forensics.collectors.collect import collect
from forensics.collectors.uses.collect import collect_certificate_uses
from forensics.collectors.uses.efs import efs_uses
from forensics.collectors.uses.enrollment import entra_uses, mdm_uses
from forensics.collectors.uses.network_profiles import network_uses
from forensics.collectors.uses.references import other_references
from forensics.sources.open import open_source
from forensics.tables.certificate import CertificateRow
from forensics.tables.use import CertificateUseRow
from testdata.builder.regf import HiveWriter
from tests.collectors.uses.forged import (
    CONTROL,
    ONE,
    SERVICES,
    SYSTEM_SID,
    THREE,
    TWO,
    certificate,
    context,
    context_of,
    told,
)
from tests.collectors.virtual import (
    CONFIG,
    USER_SID,
    add_profile,
    installation,
    problems,
    software_hive,
    system_hive,
)

NTUSER = "Users/alice/NTUSER.DAT"
WLAN = "ProgramData/Microsoft/wlansvc/Profiles/Interfaces/{0F0F}/{1111}.xml"
ENROLLMENT = "0a0a0a0a-1111-2222-3333-444444444444"


def of_alice() -> HiveWriter:
    software = software_hive()
    add_profile(software, USER_SID, "C:\\Users\\alice")
    return software


def in_my_of_alice(thumbprint: str, **columns: Any) -> CertificateRow:
    return certificate(thumbprint, store="My", store_scope="user", owner_sid=USER_SID, **columns)


def test_entra_join_of_device_and_user() -> None:
    system, user = system_hive(), HiveWriter("NTUSER.DAT")
    key = system.key(f"{CONTROL}\\CloudDomainJoin\\JoinInfo\\{ONE}")
    key.sz("TenantId", "72f988bf-86f1-41af-91ab-2d7cd011db47").sz("UserEmail", "alice@contoso.com")
    user.key(f"Software\\Microsoft\\Windows NT\\CurrentVersion\\WorkplaceJoin\\JoinInfo\\{TWO}")
    hives = {"SYSTEM": system, "SOFTWARE": of_alice(), NTUSER: user}
    rows = list(entra_uses(context(hives, certificates=[certificate(ONE)])))
    assert [(r.consumer, r.thumbprint, r.owner_sid, r.account, r.certainty, r.present) for r in rows] == [
        ("Entra join", ONE, SYSTEM_SID, SYSTEM_SID, "likely", True),
        ("Workplace join", TWO, USER_SID, USER_SID, "likely", False),
    ]
    assert rows[0].detail == "tenant 72f988bf-86f1-41af-91ab-2d7cd011db47, user alice@contoso.com"


def mdm(enrolled: str | None, reference: str | None) -> list[CertificateUseRow]:
    software = software_hive()
    key = software.key(f"Microsoft\\Enrollments\\{ENROLLMENT}").sz("ProviderID", "MS DM Server")
    if enrolled is not None:
        key.sz("DMPCertThumbPrint", enrolled)
    if reference is not None:
        account = software.key(f"Microsoft\\Provisioning\\OMADM\\Accounts\\{ENROLLMENT.upper()}")
        account.sz("SslClientCertReference", reference)
    software.key("Microsoft\\Enrollments\\Context")
    return list(mdm_uses(context({"SOFTWARE": software}, certificates=[certificate(ONE)])))


@pytest.mark.parametrize(
    ("enrolled", "reference", "expected"),
    [
        (None, None, []),
        (ONE, None, [(ONE, False, SYSTEM_SID, True)]),
        (ONE.lower(), f"MY;System;{ONE}", [(ONE, False, SYSTEM_SID, True)]),
        ("0" * 40, f"MY;System;{'0' * 40}", []),
        (ONE, f"MY;User;{TWO}", [(ONE, True, SYSTEM_SID, True), (TWO, True, None, None)]),
        (None, "MY;System", []),
    ],
    ids=["none", "enrolment", "both", "faked", "disagreement", "malformed"],
)
def test_mdm(enrolled: str | None, reference: str | None, expected: list[tuple[object, ...]]) -> None:
    rows = mdm(enrolled, reference)
    assert [(r.thumbprint, r.fault is not None, r.owner_sid, r.present) for r in rows] == expected
    assert {r.detail for r in rows} <= {f"MS DM Server, enrolment {ENROLLMENT}"}


def test_mdm_account_without_enrolment() -> None:
    software = software_hive()
    software.key("Microsoft\\Provisioning\\OMADM\\Accounts\\X").sz("SslClientCertReference", f"MY;System;{ONE}")
    rows = list(mdm_uses(context({"SOFTWARE": software})))
    assert told(rows) == [("MDM", ONE, "OMA-DM account x, no enrolment of that name")]


def test_efs_of_each_user() -> None:
    user = HiveWriter("NTUSER.DAT")
    key = "Software\\Microsoft\\Windows NT\\CurrentVersion\\EFS\\CurrentKeys"
    user.key(key).binary("CertificateHash", bytes.fromhex(TWO))
    given = context({"SOFTWARE": of_alice(), NTUSER: user}, certificates=[in_my_of_alice(TWO)])
    (row,) = efs_uses(given)
    assert (row.consumer, row.thumbprint, row.owner_sid, row.account) == ("EFS", TWO, USER_SID, USER_SID)
    assert (row.detail, row.present) == ("new files of alice", True)
    assert row.source_path == f"{NTUSER}\\{key}!CertificateHash"


def wlan(mode: str | None, kind: str = "13", source: str = "<CertificateStore/>") -> str:
    auth = f"<authMode>{mode}</authMode>" if mode else ""
    return (
        '<?xml version="1.0"?><WLANProfile xmlns="http://www.microsoft.com/networking/WLAN/profile/v1">'
        f"<name>Office</name><MSM><security><OneX>{auth}<EAPConfig><EapHostConfig><EapMethod>"
        f'<Type xmlns="http://www.microsoft.com/provisioning/EapCommon">{kind}</Type></EapMethod>'
        f"<Config><Eap><EapType><CredentialsSource>{source}</CredentialsSource></EapType></Eap></Config>"
        "</EapHostConfig></EAPConfig></OneX></security></MSM></WLANProfile>"
    )


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        (wlan("machine"), [(ONE, "profile Office, computer logon", SYSTEM_SID)]),
        (wlan("user"), [(TWO, "profile Office, user logon", USER_SID)]),
        (
            wlan(None),
            [(ONE, "profile Office, computer logon", SYSTEM_SID), (TWO, "profile Office, user logon", USER_SID)],
        ),
        (wlan("machine", kind="26"), []),
        (wlan("machine", source="<SmartCard/>"), []),
    ],
    ids=["machine", "user", "either", "password", "smart card"],
)
def test_wireless_profiles_have_candidates(profile: str, expected: list[tuple[str, str, str]]) -> None:
    stored = [
        certificate(ONE, eku=["clientAuth"]),
        in_my_of_alice(TWO, eku=["clientAuth"]),
        certificate(THREE, eku=["serverAuth"]),
    ]
    given = context({"SOFTWARE": of_alice()}, {WLAN: profile.encode(), "Users/alice/x": b""}, stored)
    rows = list(network_uses(given))
    assert [(r.thumbprint, r.detail, r.account) for r in rows] == expected
    assert {(r.consumer, r.certainty, r.present) for r in rows} <= {("WLAN", "candidate", True)}
    assert problems(given.installation) == []


def test_a_profile_that_finds_no_certificate_and_one_that_is_no_xml() -> None:
    lan = "ProgramData/Microsoft/dot3svc/Profiles/Interfaces/{0F0F}/{2222}.xml"
    given = context({"SOFTWARE": software_hive()}, {WLAN: b"\0", lan: wlan("machine").encode()})
    (row,) = network_uses(given)
    assert (row.consumer, row.thumbprint, row.present, row.account) == ("LAN", None, False, SYSTEM_SID)
    assert problems(given.installation) == [(WLAN, "bad_xml")]


def test_vpn_connections_of_a_user() -> None:
    book = "Users/alice/AppData/Roaming/Microsoft/Network/Connections/Pbk/rasphone.pbk"
    text = "[Head office]\r\nCustomAuthKey=13\r\n\r\n[Home]\r\nCustomAuthKey=26\r\n"
    stored = [in_my_of_alice(TWO, eku=["clientAuth"]), certificate(ONE, eku=["clientAuth"])]
    given = context({"SOFTWARE": of_alice()}, {book: text.encode()}, stored)
    rows = list(network_uses(given))
    assert told(rows) == [("VPN", TWO, "connection Head office")]
    assert rows[0].source_path == book


@pytest.mark.parametrize(("data", "told"), [(b"", False), (bytes(300), True), (b"CustomAuthKey=13\r\n", True)])
def test_a_phone_book_in_which_there_is_nothing(data: bytes, told: bool) -> None:
    book = "ProgramData/Microsoft/Network/Connections/Pbk/rasphone.pbk"
    given = context({"SOFTWARE": software_hive()}, {book: data})
    assert list(network_uses(given)) == []
    assert problems(given.installation) == [(book, "no_connection")] * told


def test_unknown_consumers_are_found_by_the_hash() -> None:
    system, software = system_hive(), software_hive()
    system.key(f"{SERVICES}\\Agent\\Parameters").binary("Config", b"head" + bytes.fromhex(ONE) + b"tail")
    system.key(f"{SERVICES}\\Other\\Parameters").binary("Config", bytes.fromhex(TWO))
    software.key("Veeam\\Veeam Backup").sz("CertThumbprint", "11 " * 20)
    software.key("Vendor").binary("Sha256", b"\x0a" * 32)
    software.key("Microsoft\\Product\\Setting").multi_sz("Hashes", ["x", f"MY;{ONE}"])
    software.key("Microsoft\\SystemCertificates\\MY").sz("Hash", ONE)
    software.key("Vendor2").sz("Long", ONE + "00").sz("Short", ONE[:-1])
    stored = [certificate(ONE, sha256="0a" * 32), certificate(TWO, has_key_link=False)]
    given = context({"SYSTEM": system, "SOFTWARE": software}, certificates=stored)
    rows = list(other_references(given, ()))
    assert {r.detail for r in rows} == {
        f"{SERVICES}\\Agent\\Parameters!Config",
        "Veeam\\Veeam Backup!CertThumbprint",
        "Vendor!Sha256",
        "Microsoft\\Product\\Setting!Hashes",
    }
    assert {(r.consumer, r.thumbprint, r.certainty, r.present) for r in rows} == {("other", ONE, "likely", True)}
    known = [dataclasses.replace(r, consumer="DSC") for r in rows if (r.detail or "").startswith("Veeam")]
    assert len(list(other_references(given, known))) == 3


def test_a_consumer_that_is_known_is_not_told_twice() -> None:
    software = software_hive()
    software.key("Microsoft\\WebManagement\\Server").binary("SslCertificateHash", bytes.fromhex(ONE))
    given = context({"SOFTWARE": software}, certificates=[certificate(ONE)])
    assert [r.consumer for r in collect_certificate_uses(given)] == ["IIS Web Management Service"]


def test_one_reader_that_fails_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    software = software_hive()
    software.key("Microsoft\\WebManagement\\Server").binary("SslCertificateHash", bytes.fromhex(ONE))
    monkeypatch.setattr("forensics.collectors.uses.nps.eap_configurations", lambda data: 1 / 0)
    examined = installation({"Windows/System32/ias/ias.xml": b"<a/>"}, {"SOFTWARE": software})
    rows = collect_certificate_uses(context_of(examined))
    assert [r.consumer for r in rows] == ["IIS Web Management Service"]
    assert problems(examined) == [("Windows/System32/ias/ias.xml", "unexpected")]


def test_an_installation_without_anything_tells_nothing() -> None:
    examined = installation({"Windows/notepad.exe": b"MZ"}, complete=False)
    evidence = collect(examined)
    tables = (evidence.certificate_uses, evidence.templates, evidence.policies, evidence.provider_rows)
    assert tables == ([], [], [], [])
    assert problems(examined) == []


def test_the_real_windows_81(realdata: Path) -> None:
    with open_source(realdata / "student-pc8-win81.zip") as source:
        evidence = collect(source.installations[0])
    # libregf: http.sys has no binding, RDP-Tcp no hash, no self-signed certificate on record; one EFS recovery agent.
    (row,) = evidence.certificate_uses
    assert (row.consumer, row.thumbprint) == ("EFS recovery agent", "AA6865D27DF4252814F7D236FCCBF810F28F4B7E")
    assert row.source_time is not None
    assert row.source_time.isoformat() == "2016-10-18T22:31:52.181976+00:00"
    software = "Windows/System32/config/SOFTWARE\\Policies\\Microsoft\\SystemCertificates\\EFS\\Certificates"
    assert row.source_path == f"{software}\\AA6865D27DF4252814F7D236FCCBF810F28F4B7E!Blob"
    assert CONFIG in row.source_path
    assert [(p.area, p.name, p.value) for p in evidence.policies] == [
        ("rdp", "fDenyTSConnections", "1"),
        ("rdp", "SelfSignedCertStore", "Remote Desktop"),
        ("rdp_listener", "fEnableWinStation", "1"),
        ("rdp_listener", "SecurityLayer", "1"),
        ("rdp_listener", "UserAuthentication", "1"),
        ("rdp_listener", "MinEncryptionLevel", "2"),
        ("rdp_listener", "PortNumber", "3389"),
    ]
    assert evidence.templates == []
    assert evidence.folder_acls == []
    capi = {p.name: (p.image, p.type) for p in evidence.provider_rows if p.kind == "capi"}
    assert len(capi) == 10
    assert capi["Microsoft RSA SChannel Cryptographic Provider"] == ("%SystemRoot%\\system32\\rsaenh.dll", 12)
    cng = {p.name: p.image for p in evidence.provider_rows if p.kind == "cng"}
    assert cng == {
        "Microsoft Key Protection Provider": "mskeyprotect.dll",
        "Microsoft Platform Crypto Provider": "PCPKsp.dll",
        "Microsoft Primitive Provider": "bcryptprimitives.dll",
        "Microsoft Smart Card Key Storage Provider": "scksp.dll",
        "Microsoft Software Key Storage Provider": "ncryptprov.dll",
        "Microsoft SSL Protocol Provider": "ncryptsslp.dll",
        "Windows Client Key Protection Provider": "mskeyprotcli.dll",
    }
