"""Remote Desktop, SQL Server, IKEv2, NPS, LDAPS, agents of management, and stores with one purpose."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from forensics.collectors.uses.by_store import ldaps_uses, store_uses
from forensics.collectors.uses.management import config_mgr_uses, dsc_uses, scom_uses, web_management_uses
from forensics.collectors.uses.nps import nps_uses
from forensics.collectors.uses.remote_access import ikev2_uses
from forensics.collectors.uses.remote_desktop import remote_desktop_uses
from forensics.collectors.uses.sql_server import sql_server_uses
from forensics.tables.certificate import CertificateRow
from forensics.tables.use import CertificateUseRow
from tests.collectors.uses.forged import CONTROL, ONE, SERVICES, THREE, TWO, certificate, context, told
from tests.collectors.virtual import CONFIG, problems, software_hive, system_hive

WIN_STATIONS = f"{CONTROL}\\Terminal Server\\WinStations"
IAS = "Windows/System32/ias/ias.xml"


def test_a_bound_listener_does_not_use_the_self_signed_certificate() -> None:
    system = system_hive()
    system.key(f"{WIN_STATIONS}\\RDP-Tcp").binary("SSLCertificateSHA1Hash", bytes.fromhex(ONE))
    system.key(WIN_STATIONS).binary("SelfSignedCertificate", bytes.fromhex(TWO))
    given = context({"SYSTEM": system, "SOFTWARE": software_hive()})
    (row,) = remote_desktop_uses(given)
    assert (row.thumbprint, row.detail, row.store, row.present) == (ONE, "RDP-Tcp", "MY", False)
    assert (row.listener, row.set_with) == ("RDP-Tcp", "set-rdp-certificate")
    assert (row.account, row.certainty) == ("S-1-5-20", "proved")
    assert row.source_path == f"{CONFIG}/SYSTEM\\{WIN_STATIONS}\\RDP-Tcp!SSLCertificateSHA1Hash"


@pytest.mark.parametrize(
    ("name", "build", "account"),
    [
        ("LocalSystem", "3790", "S-1-5-18"),
        ("NT AUTHORITY\\NetworkService", "17763", "S-1-5-20"),
        (None, "2600", "S-1-5-18"),
        (None, "9600", "S-1-5-20"),
        (None, None, "S-1-5-20"),
    ],
)
def test_the_listener_opens_keys_as_its_service_runs(name: str | None, build: str | None, account: str) -> None:
    system = system_hive()
    system.key(f"{WIN_STATIONS}\\RDP-Tcp").binary("SSLCertificateSHA1Hash", bytes.fromhex(ONE))
    if name is not None:
        system.key(f"{SERVICES}\\TermService").sz("ObjectName", name)
    given = context({"SYSTEM": system, "SOFTWARE": software_hive()})
    given.machine.build = build
    (row,) = remote_desktop_uses(given)
    assert row.account == account


def test_a_listener_of_an_account_that_only_its_domain_knows() -> None:
    """NETWORK SERVICE would be judged in its place, and found to be shut out of a key that it never opens."""
    system = system_hive()
    system.key(f"{WIN_STATIONS}\\RDP-Tcp").binary("SSLCertificateSHA1Hash", bytes.fromhex(ONE))
    system.key(f"{SERVICES}\\TermService").sz("ObjectName", "CONTOSO\\svc-rdp")
    (row,) = remote_desktop_uses(context({"SYSTEM": system, "SOFTWARE": software_hive()}))
    assert (row.account, row.account_name, row.service) == (None, "CONTOSO\\svc-rdp", "TermService")


def test_an_unbound_listener_uses_the_self_signed_certificate_on_record() -> None:
    system = system_hive()
    system.key(f"{WIN_STATIONS}\\RDP-Tcp").dword("PortNumber", 3389)
    system.key(WIN_STATIONS).binary("SelfSignedCertificate", bytes.fromhex(TWO)).sz("SelfSignedCertStore", "Other")
    given = context(
        {"SYSTEM": system, "SOFTWARE": software_hive()},
        certificates=[certificate(TWO, store="other", has_key_link=False)],
    )
    (row,) = remote_desktop_uses(given)
    assert (row.thumbprint, row.detail, row.store, row.present) == (TWO, "RDP-Tcp (self-signed)", "Other", True)


def test_without_a_record_the_last_certificate_of_the_store_is_likely() -> None:
    system = system_hive()
    system.key(WIN_STATIONS)
    stored = [
        certificate(TWO, store="Remote Desktop", not_after=datetime(2027, 1, 1, tzinfo=UTC)),
        certificate(THREE, store="Remote Desktop", not_after=datetime(2026, 7, 1, tzinfo=UTC)),
        certificate(ONE),
    ]
    (row,) = remote_desktop_uses(context({"SYSTEM": system}, certificates=stored))
    assert (row.thumbprint, row.certainty, row.present) == (TWO, "likely", True)


SQL = "Microsoft\\Microsoft SQL Server"


def test_sql_server_instances_and_their_accounts() -> None:
    software, system = software_hive(), system_hive()
    names = software.key(f"{SQL}\\Instance Names\\SQL")
    names.sz("MSSQLSERVER", "MSSQL15.MSSQLSERVER").sz("OLD", "MSSQL.1")
    for key, text in (
        ("MSSQL15.MSSQLSERVER", ONE.lower()),
        ("MSSQL16.SHOP", "\u200e" + TWO),
        ("MSSQL.1", THREE),
        ("MSSQL16.SELFSIGNED", ""),
        ("160", ONE),
    ):
        software.key(f"{SQL}\\{key}\\MSSQLServer\\SuperSocketNetLib").sz("Certificate", text)
    system.key(f"{SERVICES}\\MSSQLSERVER").sz("ObjectName", "NT Service\\MSSQLSERVER")
    system.key(f"{SERVICES}\\MSSQL$SHOP").sz("ObjectName", "CONTOSO\\svc-sql")
    system.key(f"{SERVICES}\\MSSQL$OLD").sz("ObjectName", "LocalSystem")
    given = context({"SYSTEM": system, "SOFTWARE": software}, certificates=[certificate(ONE)])
    rows = sorted(sql_server_uses(given), key=lambda r: r.detail or "")
    assert [(r.thumbprint, r.detail, r.account, r.account_name, r.present, r.fault) for r in rows] == [
        (
            ONE,
            "instance MSSQLSERVER",
            "S-1-5-80-3880718306-3832830129-1677859214-2598158968-1052248003",
            "NT Service\\MSSQLSERVER",
            True,
            None,
        ),
        (THREE, "instance OLD", "S-1-5-18", "LocalSystem", False, None),
        (
            TWO,
            "instance SHOP",
            None,
            "CONTOSO\\svc-sql",
            False,
            "invisible characters were pasted into the hash: U+200E",
        ),
    ]


IKEV2 = f"{SERVICES}\\RemoteAccess\\Parameters\\IKEV2"
# SEQUENCE { SET { SEQUENCE { countryName "DE" } } SET { SEQUENCE { commonName "vpn, gate" } } }, by hand.
NAME = bytes.fromhex("3021 310b 3009 0603 550406 1302 4445 3112 3010 0603 550403 0c09") + b"vpn, gate"


def ikev2(name: bytes | None, start: int, certificates: list[CertificateRow]) -> list[CertificateUseRow]:
    system = system_hive()
    key = system.key(IKEV2)
    if name is not None:
        key.binary("MachineCertificateName", name)
    system.key(f"{SERVICES}\\RemoteAccess").dword("Start", start)
    return list(ikev2_uses(context({"SYSTEM": system, "SOFTWARE": software_hive()}, certificates=certificates)))


def test_ikev2_by_subject_name() -> None:
    stored = [certificate(ONE, subject="CN=vpn\\, gate,C=DE"), certificate(TWO, subject="CN=vpn")]
    (row,) = ikev2(NAME, 4, stored)
    assert (row.thumbprint, row.certainty, row.present) == (ONE, "likely", True)
    assert row.detail == "subject CN=vpn\\, gate,C=DE"


def test_ikev2_name_that_no_certificate_has() -> None:
    (row,) = ikev2(NAME, 4, [])
    assert (row.thumbprint, row.certainty, row.present) == (None, "candidate", False)


@pytest.mark.parametrize("name", [b"\x30", b"vpn.contoso.com", b"\x30\x80", NAME[:-1], b"\x30\x84\xff\xff\xff\xff"])
def test_ikev2_name_that_is_none(name: bytes) -> None:
    (row,) = ikev2(name, 4, [])
    assert row.thumbprint is None
    assert row.fault is not None
    assert row.fault.startswith("the subject name cannot be read: ")


def test_ikev2_by_purpose_only_where_the_server_runs() -> None:
    stored = [
        certificate(ONE, eku=["serverAuth", "ipsecIKEIntermediate"]),
        certificate(TWO, eku=["serverAuth"]),
        certificate(THREE, eku=["serverAuth", "ipsecIKEIntermediate"], has_key_link=False),
    ]
    assert ikev2(None, 4, stored) == []
    assert [(r.thumbprint, r.certainty) for r in ikev2(None, 2, stored)] == [(ONE, "candidate")]


def eap(method: int, thumbprint: str, at: int) -> str:
    return (bytes([method]) + bytes(at - 1) + bytes.fromhex(thumbprint) + bytes(8)).hex()


def policy(name: str, *texts: str) -> str:
    values = "".join(f'<msEAPConfiguration dt:dt="bin.hex">{text}</msEAPConfiguration>' for text in texts)
    return f'<Rule name="{name}"><Properties><Other>1</Other>{values}</Properties></Rule>'


def nps(*policies: str) -> tuple[list[CertificateUseRow], list[tuple[str, str]]]:
    body = "".join(policies)
    text = (
        '<Root xmlns:dt="urn:schemas-microsoft-com:datatypes"><Children><RadiusProfiles name="RadiusProfiles">'
        f"<Children>{body}</Children></RadiusProfiles></Children></Root>"
    )
    given = context({"SOFTWARE": software_hive()}, {IAS: text.encode()}, [certificate(ONE)])
    return list(nps_uses(given)), problems(given.installation)


def test_nps_policies() -> None:
    rows, found = nps(
        policy("Wireless", eap(0x19, ONE, 36), eap(0x0D, TWO, 40)),
        policy("MS-CHAP", "1a" + "00" * 60),
        policy("None chosen", eap(0x19, "00" * 20, 36)),
    )
    assert [(r.thumbprint, r.detail, r.present) for r in rows] == [
        (ONE, "policy Wireless (PEAP)", True),
        (TWO, "policy Wireless (EAP-TLS)", False),
    ]
    assert found == []


def test_a_broken_nps_policy_does_not_hide_the_next() -> None:
    rows, found = nps(policy("A", "zz"), policy("B", "19" + "00" * 30), policy("C", eap(0x19, ONE, 36)))
    assert [r.detail for r in rows] == ["policy C (PEAP)"]
    assert found == [(IAS, "bad_hex"), (IAS, "truncated")]


def ldaps(product: str, certificates: list[CertificateRow]) -> list[CertificateUseRow]:
    system = system_hive()
    system.key(f"{CONTROL}\\ProductOptions").sz("ProductType", product)
    system.key(f"{SERVICES}\\Tcpip\\Parameters").sz("Hostname", "DC01").sz("Domain", "contoso.com")
    given = context({"SYSTEM": system, "SOFTWARE": software_hive()}, certificates=certificates)
    return list(ldaps_uses(given))


OF_DC = {"eku": ["serverAuth"], "san": ["DNS:dc01.contoso.com"]}


def test_ldaps_takes_the_ntds_store_before_my() -> None:
    ntds = certificate(ONE, store="MY", store_scope="service", service="NTDS")
    (row,) = ldaps("LanmanNT", [ntds, certificate(TWO, **OF_DC)])
    assert (row.thumbprint, row.detail, row.certainty, row.present) == (
        ONE,
        "store MY of service NTDS",
        "proved",
        True,
    )


def test_ldaps_candidates_by_name_and_purpose_the_longest_lived_first() -> None:
    stored = [
        certificate(ONE, **OF_DC),
        certificate(TWO, eku=["serverAuth"], subject="CN=dc01.contoso.com", not_after=datetime(2030, 1, 1, tzinfo=UTC)),
        certificate(THREE, eku=["serverAuth"], san=["DNS:dc02.contoso.com"]),
        certificate("CC" * 20, eku=["clientAuth"], san=["DNS:dc01.contoso.com"]),
        certificate("DD" * 20, archived=True, **OF_DC),
    ]
    rows = ldaps("LanmanNT", stored)
    assert [(r.thumbprint, r.certainty, r.detail) for r in rows] == [
        (TWO, "candidate", "domain controller dc01.contoso.com"),
        (ONE, "candidate", "domain controller dc01.contoso.com"),
    ]


def test_ldaps_without_any_candidate_is_told_and_members_serve_none() -> None:
    assert [(r.thumbprint, r.present) for r in ldaps("LanmanNT", [])] == [(None, False)]
    assert ldaps("ServerNT", [certificate(ONE, **OF_DC)]) == []


def test_candidates_are_bounded() -> None:
    many = [certificate(f"{n:040X}", **OF_DC) for n in range(60)]
    system = system_hive()
    system.key(f"{CONTROL}\\ProductOptions").sz("ProductType", "LanmanNT")
    system.key(f"{SERVICES}\\Tcpip\\Parameters").sz("Hostname", "DC01").sz("Domain", "contoso.com")
    given = context({"SYSTEM": system, "SOFTWARE": software_hive()}, certificates=many)
    assert len(list(ldaps_uses(given))) == 50
    assert [kind for _, kind in problems(given.installation)] == ["too_many"]


def test_config_mgr() -> None:
    text = f"[Configuration - Client Properties]\r\nSMS Unique Identifier=1\r\nSMS Certificate Identifier=SMS;{ONE}\r\n"
    for data in (text.encode(), text.encode("utf-16")):
        given = context({"SOFTWARE": software_hive()}, {"Windows/smscfg.ini": data}, [certificate(ONE, store="SMS")])
        (row,) = config_mgr_uses(given)
        assert (row.consumer, row.thumbprint, row.store, row.present) == ("ConfigMgr client", ONE, "SMS", True)
        assert row.source_path == "Windows/smscfg.ini"
    assert list(config_mgr_uses(context({}, {"Windows/SMSCFG.INI": b"[x]\nSMS Certificate Identifier=\n"}))) == []


SCOM = "Microsoft\\Microsoft Operations Manager\\3.0\\Machine Settings"


def scom(values: dict[str, bytes | str]) -> list[CertificateUseRow]:
    software, system = software_hive(), system_hive()
    key = software.key(SCOM)
    for name, value in values.items():
        if isinstance(value, bytes):
            key.binary(name, value)
        else:
            key.sz(name, value)
    system.key(f"{SERVICES}\\HealthService").sz("ObjectName", "LocalSystem")
    stored = [certificate(ONE, serial="610203040506"), certificate(TWO, serial="99")]
    return list(scom_uses(context({"SYSTEM": system, "SOFTWARE": software}, certificates=stored)))


def test_scom_by_serial_number_which_stands_reversed() -> None:
    (row,) = scom({"ChannelCertificateSerialNumber": bytes.fromhex("060504030261")})
    assert (row.thumbprint, row.detail, row.account, row.fault) == (
        ONE,
        "serial number 610203040506",
        "S-1-5-18",
        None,
    )


def test_scom_hash_and_serial_number_that_disagree() -> None:
    (row,) = scom(
        {"ChannelCertificateSerialNumber": bytes.fromhex("060504030261"), "ChannelCertificateHash": TWO.lower()}
    )
    assert (row.thumbprint, row.fault) == (TWO, f"ChannelCertificateSerialNumber belongs to {ONE}")
    assert scom({}) == []


def test_scom_hash_of_a_certificate_that_is_gone() -> None:
    """The serial number, which earlier agents have alone, still leads to one that is there."""
    (row,) = scom(
        {"ChannelCertificateSerialNumber": bytes.fromhex("060504030261"), "ChannelCertificateHash": THREE.lower()}
    )
    assert (row.thumbprint, row.present, row.fault) == (ONE, True, f"ChannelCertificateHash names {THREE}")


def test_web_management_and_dsc() -> None:
    software = software_hive()
    software.key("Microsoft\\WebManagement\\Server").binary("SslCertificateHash", bytes.fromhex(TWO))
    mof = f'instance of MSFT_DSCMetaConfiguration\n{{\n  CertificateID = "{ONE.lower()}";\n}};'
    path = "Windows/System32/Configuration/MetaConfig.mof"
    given = context({"SOFTWARE": software}, {path: mof.encode("utf-16")}, [certificate(ONE)])
    assert told(list(web_management_uses(given))) == [("IIS Web Management Service", TWO, None)]
    (row,) = dsc_uses(given)
    assert (row.thumbprint, row.certainty, row.present) == (ONE, "likely", True)
    assert list(dsc_uses(context({}, {path: bytes(range(256)) * 10}))) == []


def test_stores_that_stand_for_one_purpose() -> None:
    stored = [
        certificate(ONE, store="FVE_NKP", store_scope="policy"),
        certificate(TWO, store="EFS", store_scope="policy", owner_sid="S-1-5-21-1-2-3-1001"),
        certificate(THREE, store="WSUS"),
        certificate("CC" * 20, store="EFS", store_scope="machine"),
        certificate("DD" * 20),
    ]
    rows = list(store_uses(context({}, {}, stored)))
    assert [(r.consumer, r.thumbprint, r.owner_sid, r.certainty, r.present) for r in rows] == [
        ("BitLocker Network Unlock", ONE, "S-1-5-18", "proved", True),
        ("EFS recovery agent", TWO, "S-1-5-21-1-2-3-1001", "proved", True),
        ("WSUS signing", THREE, "S-1-5-18", "likely", True),
    ]


def test_a_store_stands_for_a_use_with_its_newest_certificate_and_all_recovery_agents() -> None:
    newer = {"not_after": datetime(2032, 1, 1, tzinfo=UTC)}
    for store, scope in (("WSUS", "machine"), ("FVE", "policy"), ("FVE_NKP", "policy")):
        stored = [
            certificate(ONE, store=store, store_scope=scope, **newer),
            certificate(TWO, store=store, store_scope=scope),
        ]
        uses = {r.thumbprint: r.consumer for r in store_uses(context({}, {}, stored))}
        assert [t for t, consumer in uses.items() if consumer != "earlier certificate"] == [ONE]
    agents = [
        certificate(ONE, store="EFS", store_scope="policy", **newer),
        certificate(TWO, store="EFS", store_scope="policy"),
    ]
    assert [r.thumbprint for r in store_uses(context({}, {}, agents))] == [ONE, TWO]
    ntds = [
        certificate(ONE, store_scope="service", service="NTDS"),
        certificate(TWO, store_scope="service", service="NTDS", **newer),
    ]
    assert [r.thumbprint for r in ldaps("LanmanNT", ntds)] == [TWO]
