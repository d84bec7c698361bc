"""Certificates of servers' roles: who has which, what of them serves, and what another one replaced."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from forensics.collectors.uses.bound_roles import federation_uses, gateway_uses, wsus_uses
from forensics.collectors.uses.by_store import store_uses
from forensics.collectors.uses.certificate_authority import certificate_authority_uses
from forensics.collectors.uses.consumers import MDM
from forensics.collectors.uses.context import Provenance, UseContext
from forensics.collectors.uses.directory_services import directory_service_uses
from forensics.collectors.uses.http_sys import read_bindings
from forensics.collectors.uses.recognised import recognised_uses
from forensics.tables.certificate import CertificateRow
from forensics.tables.use import CertificateUseRow
from testdata.builder.regf import HiveWriter
from tests.collectors.uses.forged import CONTROL, ONE, SERVICES, SYSTEM_SID, THREE, TWO, certificate, context
from tests.collectors.virtual import problems, software_hive, system_hive

NETWORK_SERVICE = "S-1-5-20"
AUTHORITY = f"{SERVICES}\\CertSvc\\Configuration\\Contoso CA"
FEDERATION_APP = "{5d89a20c-beab-4389-9447-324788eb944a}"

Told = list[tuple[str, str | None, str | None, str | None, str]]


def told(rows: Sequence[CertificateUseRow]) -> Told:
    """Consumer, thumbprint, detail, account and certainty of each row."""
    return [(r.consumer, r.thumbprint, r.detail, r.account, r.certainty) for r in rows]


def service(system: HiveWriter, name: str, account: str = "LocalSystem", start: int = 2) -> None:
    system.key(f"{SERVICES}\\{name}").dword("Start", start).sz("ObjectName", account)


def authority(hashes: list[str] | None, start: int = 2, active: str = "Contoso CA") -> HiveWriter:
    system = system_hive()
    service(system, "CertSvc", start=start)
    system.key(f"{SERVICES}\\CertSvc\\Configuration").sz("Active", active)
    key = system.key(AUTHORITY).sz("CommonName", "Contoso CA")
    if hashes is not None:
        key.multi_sz("CACertHash", hashes)
    return system


def of_authority(system: HiveWriter, *stored: CertificateRow) -> list[CertificateUseRow]:
    given = context({"SYSTEM": system, "SOFTWARE": software_hive()}, certificates=stored)
    return list(certificate_authority_uses(given))


# --- AD CS


def test_every_generation_of_an_authority_is_used_and_the_last_is_the_present_one() -> None:
    spaced = bytes.fromhex(TWO).hex(" ")
    rows = of_authority(authority([ONE.lower(), "-", spaced, THREE]), certificate(TWO), certificate(THREE))
    assert told(rows) == [
        ("AD CS (earlier generation)", ONE, "Contoso CA, CACertHash 0", SYSTEM_SID, "proved"),
        ("AD CS (earlier generation)", TWO, "Contoso CA, CACertHash 2", SYSTEM_SID, "proved"),
        ("AD CS", THREE, "Contoso CA, CACertHash 3", SYSTEM_SID, "proved"),
    ]
    assert [(r.present, r.service, r.store) for r in rows] == [
        (False, "CertSvc", "MY"),
        (True, "CertSvc", "MY"),
        (True, "CertSvc", "MY"),
    ]
    assert rows[0].source_path == f"Windows/System32/config/SYSTEM\\{AUTHORITY}!CACertHash"


def test_a_last_generation_without_hash_leaves_the_one_before_the_present_one() -> None:
    assert [(r.consumer, r.thumbprint) for r in of_authority(authority([ONE, "-"]))] == [("AD CS", ONE)]


@pytest.mark.parametrize(("start", "active"), [(4, "Contoso CA"), (2, "Another CA")])
def test_an_authority_that_does_not_start_only_may_use_them(start: int, active: str) -> None:
    assert [r.certainty for r in of_authority(authority([ONE], start, active))] == ["candidate"]


def test_what_is_no_hash_is_a_fault_and_more_generations_than_a_ca_can_have_are_told() -> None:
    (row,) = of_authority(authority(["nonsense"]))
    assert (row.thumbprint, row.fault) == (None, "no SHA-1 hash stands there but 'nonsense'")
    given = context({"SYSTEM": authority([ONE] * 501), "SOFTWARE": software_hive()})
    assert len(list(certificate_authority_uses(given))) == 500
    assert [kind for _, kind in problems(given.installation)] == ["too_many"]


def test_an_authority_without_list_is_found_by_its_name() -> None:
    old, new = datetime(2016, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    rows = of_authority(
        authority(None),
        certificate(ONE, subject="CN=Contoso CA,DC=contoso", is_ca=True, not_before=old),
        certificate(TWO, subject="CN=Contoso CA,DC=contoso", is_ca=True, not_before=new),
        certificate(THREE, subject="CN=Contoso CA", is_ca=False),
    )
    assert [(r.consumer, r.thumbprint, r.certainty) for r in rows] == [
        ("AD CS (earlier generation)", ONE, "likely"),
        ("AD CS", TWO, "likely"),
    ]
    assert of_authority(system_hive(), certificate(ONE, subject="CN=Contoso CA", is_ca=True)) == []


# --- certificates that tell their role


def recognised(
    *stored: CertificateRow, services: Sequence[tuple[str, str]] = (), keys: Sequence[str] = ()
) -> list[CertificateUseRow]:
    system, software = system_hive(), software_hive()
    for name, account in services:
        service(system, name, account)
    for key in keys:
        software.key(key).sz("x", "y")
    return list(recognised_uses(context({"SYSTEM": system, "SOFTWARE": software}, certificates=stored), ()))


@pytest.mark.parametrize(
    ("columns", "services", "keys", "expected"),
    [
        ({"subject": "CN=Microsoft Exchange Server Auth Certificate"}, [], [], ("Exchange Auth", SYSTEM_SID)),
        (
            {"subject": "CN=EX01", "friendly_name": "Microsoft Exchange"},
            [("MSExchangeTransport", "NT AUTHORITY\\NetworkService")],
            [],
            ("Exchange", NETWORK_SERVICE),
        ),
        ({"template": "CEPEncryption"}, [], ["Microsoft\\Cryptography\\MSCEP"], ("NDES", None)),
        (
            {"template": "1.3.6.1.4.1.311.21.8.1", "eku": ["msEnrollmentAgent"]},
            [],
            ["Microsoft\\Cryptography\\MSCEP"],
            ("NDES", None),
        ),
        ({"subject": "CN=ADFS Signing - sts.contoso.test"}, [("adfssrv", "LocalSystem")], [], ("AD FS", SYSTEM_SID)),
        (
            {"subject": "CN=ADFS ProxyTrust - WAP01"},
            [("appproxysvc", "NT AUTHORITY\\NetworkService")],
            [],
            ("Web Application Proxy", NETWORK_SERVICE),
        ),
        (
            {"subject": "CN=WMSvc-SHA2-WEB01"},
            [("WMSVC", "NT AUTHORITY\\LocalService")],
            [],
            ("IIS Web Management Service", SYSTEM_SID),
        ),
        (
            {"subject": "CN=WindowsAdminCenterSelfSigned"},
            [("WindowsAdminCenter", "NT AUTHORITY\\NetworkService")],
            [],
            ("Windows Admin Center", NETWORK_SERVICE),
        ),
        (
            {
                "subject": "DC=Windows Azure Service Management for Extensions",
                "issuer": "CN=Windows Azure CRP Certificate Generator",
            },
            [("RdAgent", "LocalSystem")],
            [],
            ("Azure guest agent", SYSTEM_SID),
        ),
        ({"subject": "CN=DSC-OaaS"}, [], [], ("DSC", SYSTEM_SID)),
        ({"issuer": "CN=MS-Organization-Access,DC=windows,DC=net"}, [], [], ("Entra join", SYSTEM_SID)),
        ({"issuer": "CN=Microsoft Intune MDM Device CA"}, [], [], ("MDM", SYSTEM_SID)),
        (
            {"store": "SMS", "friendly_name": "SMS Encryption Certificate"},
            [("CcmExec", "LocalSystem")],
            [],
            ("ConfigMgr client", SYSTEM_SID),
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_role_is_told_by_what_names_it(
    columns: dict[str, Any], services: list[tuple[str, str]], keys: list[str], expected: tuple[str, str | None]
) -> None:
    (row,) = recognised(certificate(ONE, **columns), services=services, keys=keys)
    assert (row.consumer, row.account) == expected
    # What a device was joined or enrolled with stands in settings: without them it may be left over. So may be what
    # AD FS keeps in its database, and what Azure names anew each time.
    may_be_left = ("Entra join", "MDM", "IIS Web Management Service", "AD FS", "Azure guest agent")
    certainty = "candidate" if row.consumer in may_be_left else "likely"
    assert (row.thumbprint, row.certainty, row.present, row.source_path) == (ONE, certainty, True, f"store {ONE}")
    if services or keys:
        assert recognised(certificate(ONE, **columns)) == [], "the role is not installed"


def test_a_role_of_two_certificates_says_which_is_which() -> None:
    pair = (certificate(ONE, template="CEPEncryption"), certificate(TWO, template="EnrollmentAgentOffline"))
    rows = recognised(*pair, keys=["Microsoft\\Cryptography\\MSCEP"])
    assert [(row.thumbprint, row.detail) for row in rows] == [(ONE, "CEPEncryption"), (TWO, "EnrollmentAgentOffline")]


@pytest.mark.parametrize(
    "columns",
    [
        {"subject": "CN=Microsoft Exchange Server Auth Certificate 2"},
        {"subject": "O=CN-less,CN=mail.contoso.test"},
        {"subject": "CN=Microsoft Exchange Server Auth Certificate", "has_key_link": False},
        {"subject": "CN=Microsoft Exchange Server Auth Certificate", "archived": True},
        {"subject": "CN=Microsoft Exchange Server Auth Certificate", "store": "CA"},
        {"subject": None, "issuer": None},
    ],
)
def test_another_name_another_store_or_no_key_is_no_role(columns: dict[str, Any]) -> None:
    assert recognised(certificate(ONE, **columns)) == []


def test_of_several_the_last_one_issued_serves() -> None:
    auth = {"subject": "CN=Microsoft Exchange Server Auth Certificate"}
    rows = recognised(
        certificate(ONE, not_before=datetime(2021, 1, 1, tzinfo=UTC), **auth),
        certificate(TWO, not_before=datetime(2026, 1, 1, tzinfo=UTC), **auth),
    )
    assert told(rows) == [
        ("earlier certificate", ONE, "Exchange Auth", None, "likely"),
        ("Exchange Auth", TWO, None, SYSTEM_SID, "likely"),
    ]


def test_each_of_the_pair_of_ndes_serves() -> None:
    stored = [
        certificate(ONE, template="CEPEncryption"),
        certificate(TWO, template="EnrollmentAgentOffline"),
        certificate(THREE, template="CEPEncryption", not_before=datetime(2020, 1, 1, tzinfo=UTC)),
    ]
    rows = recognised(*stored, keys=["Microsoft\\Cryptography\\MSCEP"])
    assert [(r.consumer, r.thumbprint) for r in rows] == [("earlier certificate", ONE), ("NDES", THREE), ("NDES", TWO)]


def test_where_a_setting_names_one_the_others_are_earlier_ones() -> None:
    device = {"issuer": "CN=Microsoft Intune MDM Device CA"}
    given = context(
        {"SYSTEM": system_hive(), "SOFTWARE": software_hive()},
        certificates=[
            certificate(ONE, not_before=datetime(2020, 1, 1, tzinfo=UTC), **device),
            certificate(TWO, not_before=datetime(2026, 1, 1, tzinfo=UTC), **device),
        ],
    )
    known = given.use(MDM, Provenance("x"), ONE)
    assert told(list(recognised_uses(given, [known]))) == [("earlier certificate", TWO, "MDM", None, "likely")]


def test_a_setting_that_names_another_one_altogether_leaves_none_of_them_in_use() -> None:
    device = certificate(ONE, issuer="CN=Microsoft Intune MDM Device CA")
    given = context({"SYSTEM": system_hive(), "SOFTWARE": software_hive()}, certificates=[device])
    known = given.use(MDM, Provenance("x"), TWO)
    assert [r.consumer for r in recognised_uses(given, [known])] == ["earlier certificate"]


# --- stores, bindings, AD LDS


def test_a_store_stands_for_the_newest_certificate_of_each_subject() -> None:
    old, new = datetime(2019, 6, 1, tzinfo=UTC), datetime(2024, 5, 20, tzinfo=UTC)
    stored = [
        certificate(ONE, store="WSUS", subject="CN=WSUS", not_before=old),
        certificate(TWO, store="WSUS", subject="CN=WSUS", not_before=new),
        certificate(THREE, store="EFS", store_scope="policy", subject="CN=DRA", not_before=old),
        certificate("CC" * 20, store="EFS", store_scope="policy", subject="CN=DRA", not_before=new),
    ]
    rows = list(store_uses(context({}, {}, stored)))
    assert [(r.consumer, r.thumbprint, r.detail) for r in rows] == [
        ("earlier certificate", ONE, "WSUS signing"),
        ("WSUS signing", TWO, None),
        ("EFS recovery agent", THREE, None),
        ("EFS recovery agent", "CC" * 20, None),
    ]


def test_a_newer_one_without_key_does_not_take_over() -> None:
    stored = [
        certificate(ONE, store="WSUS", subject="CN=WSUS", not_before=datetime(2019, 6, 1, tzinfo=UTC)),
        certificate(
            TWO, store="WSUS", subject="CN=WSUS", not_before=datetime(2024, 5, 20, tzinfo=UTC), has_key_link=False
        ),
    ]
    assert [r.consumer for r in store_uses(context({}, {}, stored))] == ["WSUS signing", "earlier certificate"]


def bound(system: HiveWriter, software: HiveWriter, *bindings: tuple[str, str, str | None]) -> UseContext:
    for name, thumbprint, application in bindings:
        key = system.key(f"{SERVICES}\\HTTP\\Parameters\\SslBindingInfo\\{name}")
        key.binary("SslCertHash", bytes.fromhex(thumbprint))
        if application:
            key.sz("AppId", application)
    return context({"SYSTEM": system, "SOFTWARE": software}, certificates=[certificate(ONE), certificate(TWO)])


def test_what_is_bound_for_ad_fs_is_read_by_its_service_too() -> None:
    system = system_hive()
    service(system, "adfssrv", "CONTOSO\\svc-adfs$")
    names = ("0.0.0.0:443", "0.0.0.0:49443", "0.0.0.0:8443")
    given = bound(
        system,
        software_hive(),
        (names[0], ONE, FEDERATION_APP),
        (names[1], ONE, FEDERATION_APP),
        (names[2], TWO, "{4dc3e181-e14b-4a21-b022-59fc669b0914}"),
    )
    (row,) = federation_uses(given, read_bindings(given))
    assert (row.consumer, row.thumbprint, row.detail) == ("AD FS", ONE, f"binding {names[0]}")
    assert (row.service, row.account_name, row.certainty) == ("adfssrv", "CONTOSO\\svc-adfs$", "likely")


def test_without_ad_fs_nothing_is_said_of_it() -> None:
    given = bound(system_hive(), software_hive(), ("0.0.0.0:443", ONE, FEDERATION_APP))
    assert list(federation_uses(given, read_bindings(given))) == []


@pytest.mark.parametrize(
    ("port", "using", "binding", "expected"),
    [
        (8530, 1, "0.0.0.0:8531", [ONE]),
        (8531, 1, "0.0.0.0:8531", [ONE]),
        (80, 1, "0.0.0.0:443", [ONE]),
        (8530, 1, "0.0.0.0:443", []),
        (8530, 0, "0.0.0.0:8531", []),
    ],
)
def test_wsus_serves_tls_beside_its_port(port: int, using: int, binding: str, expected: list[str]) -> None:
    software = software_hive()
    software.key("Microsoft\\Update Services\\Server\\Setup").dword("PortNumber", port).dword("UsingSSL", using)
    given = bound(system_hive(), software, (binding, ONE, None))
    rows = list(wsus_uses(given, read_bindings(given)))
    assert [r.thumbprint for r in rows] == expected
    assert {(r.consumer, r.account) for r in rows} <= {("WSUS", SYSTEM_SID)}


def test_the_first_admin_center_stands_behind_http_sys() -> None:
    system, software = system_hive(), software_hive()
    service(system, "ServerManagementGateway", "NT AUTHORITY\\NetworkService")
    software.key("Microsoft\\ServerManagementGateway").sz("SmePort", "6516")
    given = bound(system, software, ("0.0.0.0:6516", ONE, None), ("0.0.0.0:443", TWO, None))
    (row,) = gateway_uses(given, read_bindings(given))
    assert (row.consumer, row.thumbprint, row.account) == ("Windows Admin Center", ONE, SYSTEM_SID)
    # Its own cmdlet sets it, and the binding with it.
    assert row.set_with == ""


def of_instance(*stored: CertificateRow) -> list[CertificateUseRow]:
    system = system_hive()
    service(system, "ADAM_Partners", "NT AUTHORITY\\NetworkService")
    system.key(f"{SERVICES}\\ADAM_Partners\\Parameters").dword("Port SSL", 50001)
    system.key(f"{SERVICES}\\Tcpip\\Parameters").sz("Hostname", "LDS01").sz("Domain", "contoso.test")
    system.key(f"{CONTROL}\\x")
    given = context({"SYSTEM": system, "SOFTWARE": software_hive()}, certificates=stored)
    return list(directory_service_uses(given))


def test_an_instance_of_ad_lds_takes_what_is_in_its_own_store() -> None:
    own = {"store_scope": "service", "service": "ADAM_Partners", "owner_sid": None}
    named = {"san": ["DNS:lds01.contoso.test"], "eku": ["serverAuth"]}
    (row,) = of_instance(certificate(ONE, **own), certificate(TWO, **named))
    assert told([row]) == [("AD LDS", ONE, "instance Partners, port 50001", NETWORK_SERVICE, "proved")]
    assert (row.service, row.present) == ("ADAM_Partners", True)


def test_else_it_may_choose_what_names_the_host() -> None:
    named = {"san": ["DNS:lds01.contoso.test"], "eku": ["serverAuth"]}
    rows = of_instance(certificate(ONE, **named), certificate(TWO, san=["DNS:web.contoso.test"], eku=["serverAuth"]))
    assert told(rows) == [("AD LDS", ONE, "instance Partners, port 50001", NETWORK_SERVICE, "candidate")]
    assert of_instance() == [], "LDAP without TLS is no fault"
