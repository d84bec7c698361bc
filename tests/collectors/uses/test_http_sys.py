"""Bindings of http.sys, and the sites of IIS, WinRM and SSTP that lean on them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from uuid import UUID

import pytest

from forensics.collectors.uses.http_sys import http_sys_uses, read_bindings
from forensics.collectors.uses.iis import iis_uses
from forensics.collectors.uses.remote_access import sstp_uses
from forensics.collectors.uses.winrm import winrm_uses
from forensics.tables.use import CertificateUseRow
from testdata.builder.regf import HiveWriter
from tests.collectors.uses.forged import HIVE_TIME, ONE, SERVICES, THREE, TWO, certificate, context, told
from tests.collectors.virtual import CONFIG, problems, software_hive, system_hive

HTTP = f"{SERVICES}\\HTTP\\Parameters"
# The GUID 4dc3e181-e14b-4a21-b022-59fc669b0914 as the spec of the registry shows its bytes.
IIS_APP_ID = bytes.fromhex("81E1C34D4BE1214AB02259FC669B0914")
CONFIG_FILE = "Windows/System32/inetsrv/config/applicationHost.config"
WRITTEN = datetime(2025, 2, 3, 4, 5, 6, tzinfo=UTC)


def bind(system: HiveWriter, name: str, thumbprint: str, parent: str = "SslBindingInfo") -> None:
    key = system.key(f"{HTTP}\\{parent}\\{name}")
    key.binary("SslCertHash", bytes.fromhex(thumbprint)).binary("AppId", IIS_APP_ID)


def test_every_kind_of_binding() -> None:
    system = system_hive()
    bind(system, "0.0.0.0:443", ONE)
    system.key(f"{HTTP}\\SslBindingInfo\\[::]:8443").binary("SslCertHash", bytes.fromhex(TWO)).sz(
        "SslCertStoreName", "WebHosting"
    ).binary("AppId", bytes(range(16)))
    system.key(f"{HTTP}\\SslBindingInfo\\0.0.0.0:9999")
    system.key(f"{HTTP}\\SslSniBindingInfo\\www.contoso.com:443").binary("SslCertHash", bytes.fromhex(ONE))
    guid = system.key(f"{HTTP}\\SslSniBindingInfo\\{{0f0f0f0f-1111-2222-3333-444444444444}}")
    guid.sz("HostnamePort", "shop.contoso.com:443").binary("SslCertHash", bytes.fromhex(THREE))
    system.key(f"{HTTP}\\SslCcsBindingInfo\\443").dword("DefaultFlags", 0)
    given = context({"SYSTEM": system, "SOFTWARE": software_hive()}, certificates=[certificate(ONE)])
    rows = list(http_sys_uses(given, read_bindings(given)))
    assert [(r.thumbprint, r.detail, r.store, r.present, r.fault) for r in rows] == [
        (ONE, "0.0.0.0:443 (IIS)", "MY", True, None),
        (TWO, "[::]:8443 (03020100-0504-0706-0809-0a0b0c0d0e0f)", "WebHosting", False, None),
        (ONE, "www.contoso.com:443", "MY", True, None),
        (THREE, "shop.contoso.com:443", "MY", False, None),
        (None, "443 (central certificate store: PFX files on a share)", None, None, None),
    ]
    assert {(r.consumer, r.account, r.certainty, r.owner_sid) for r in rows} == {
        ("http.sys", "S-1-5-18", "proved", "S-1-5-18")
    }
    assert [(r.endpoint, r.app_id, r.binding_owner, r.set_with) for r in rows] == [
        ("ipport=0.0.0.0:443", "{4dc3e181-e14b-4a21-b022-59fc669b0914}", "IIS", "set-binding"),
        ("ipport=[::]:8443", "{03020100-0504-0706-0809-0a0b0c0d0e0f}", "other", "set-binding"),
        ("hostnameport=www.contoso.com:443", None, None, "set-binding"),
        ("hostnameport=shop.contoso.com:443", None, None, "set-binding"),
        ("ccs=443", None, None, ""),
    ]
    assert rows[0].source_path == f"{CONFIG}/SYSTEM\\{HTTP}\\SslBindingInfo\\0.0.0.0:443!SslCertHash"
    assert rows[0].source_time == HIVE_TIME
    assert problems(given.installation) == []


@pytest.mark.parametrize(
    ("app_id", "label", "owner", "set_with", "repair"),
    [
        ("afebb9ad-9b97-4a91-9ab5-daf4d59122f6", "WinRM", "WinRM", "", "nothing here: WinRM writes this binding"),
        ("ba195980-cd49-458b-9e23-c84ee0adcd75", "SSTP", "SSTP", "set-sstp-certificate", "Set-RemoteAccess"),
        ("5d89a20c-beab-4389-9447-324788eb944a", "AD FS", "AD FS", "set-adfs-certificate", "Set-AdfsSslCertificate"),
        (
            "f955c070-e044-456c-ac00-e9e4275b3f04",
            "Web Application Proxy",
            "Web Application Proxy",
            "set-proxy-certificate",
            "Set-WebApplicationProxySslCertificate",
        ),
        (
            "1d40ebc7-1983-4ac5-82aa-1e17a7ae9a0e",
            "likely Reporting Services",
            "Reporting Services",
            "",
            "Report Server Configuration Manager",
        ),
        (
            "d7d72267-fcf9-4424-9eec-7e1d8dcec9a9",
            "IIS Web Management Service",
            "IIS Web Management Service",
            "",
            "select the certificate in IIS Manager > Management Service",
        ),
    ],
)
def test_who_writes_a_binding_sets_it(app_id: str, label: str, owner: str, set_with: str, repair: str) -> None:
    system = system_hive()
    key = system.key(f"{HTTP}\\SslBindingInfo\\0.0.0.0:443").binary("SslCertHash", bytes.fromhex(ONE))
    key.binary("AppId", UUID(app_id).bytes_le)
    given = context({"SYSTEM": system, "SOFTWARE": software_hive()})
    (row,) = http_sys_uses(given, read_bindings(given))
    assert (row.detail, row.binding_owner, row.set_with) == (f"0.0.0.0:443 ({label})", owner, set_with)
    assert str(row.repair).startswith(repair)


def test_a_hash_of_another_length_is_a_problem_and_the_binding_has_none() -> None:
    system = system_hive()
    bind(system, "0.0.0.0:443", "22" * 19)
    given = context({"SYSTEM": system, "SOFTWARE": software_hive()})
    rows = list(http_sys_uses(given, read_bindings(given)))
    assert [(r.thumbprint, r.present, r.fault) for r in rows] == [(None, None, "the binding has no certificate hash")]
    assert problems(given.installation) == [(rows[0].source_path, "bad_length")]


def test_present_is_unknown_without_the_hive_of_the_stores() -> None:
    system = system_hive()
    bind(system, "0.0.0.0:443", ONE)
    given = context({"SYSTEM": system}, complete=False)
    assert [r.present for r in http_sys_uses(given, read_bindings(given))] == [None]


@pytest.mark.parametrize(
    ("other", "present"),
    [
        ({"store": "My", "store_scope": "user", "owner_sid": "S-1-5-21-1-2-3-1001"}, False),
        ({"store": "WebHosting"}, False),
        ({"store": "My", "store_scope": "enterprise"}, True),
    ],
)
def test_present_means_in_the_store_that_is_asked_for(other: dict[str, str], present: bool) -> None:
    system = system_hive()
    bind(system, "0.0.0.0:443", ONE)
    given = context({"SYSTEM": system, "SOFTWARE": software_hive()}, certificates=[certificate(ONE, **other)])
    assert [r.present for r in http_sys_uses(given, read_bindings(given))] == [present]


def iis(config: str | bytes, *bindings: tuple[str, str, str]) -> tuple[list[CertificateUseRow], list[tuple[str, str]]]:
    system = system_hive()
    for parent, name, thumbprint in bindings:
        bind(system, name, thumbprint, parent)
    data = config.encode() if isinstance(config, str) else config
    given = context(
        {"SYSTEM": system, "SOFTWARE": software_hive()},
        {CONFIG_FILE: data},
        [certificate(ONE)],
        modified={CONFIG_FILE: WRITTEN},
    )
    rows = list(iis_uses(given, read_bindings(given)))
    return rows, problems(given.installation)


SITES = """<?xml version="1.0" encoding="UTF-8"?>
<configuration>
  <system.applicationHost>
    <sites>
      <site name="Default Web Site" id="1">
        <bindings>
          <binding protocol="http" bindingInformation="*:80:" />
          <binding protocol="https" bindingInformation="*:443:" sslFlags="0" />
          <binding protocol="https" bindingInformation="*:443:Shop.contoso.com" sslFlags="1" />
          <binding protocol="https" bindingInformation="[2001:db8::1]:443:" />
          <binding protocol="https" bindingInformation="10.0.0.5:444:" />
          <binding protocol="https" bindingInformation="*:445:" sslFlags="3" />
        </bindings>
      </site>
    </sites>
    %s
  </system.applicationHost>
</configuration>"""


def test_sites_are_joined_to_bindings_by_address_and_by_name() -> None:
    rows, found = iis(
        SITES % "",
        ("SslBindingInfo", "0.0.0.0:443", ONE),
        ("SslBindingInfo", "[2001:db8::1]:443", TWO),
        ("SslSniBindingInfo", "shop.contoso.com:443", THREE),
    )
    assert [(r.thumbprint, r.detail, r.present, r.fault) for r in rows] == [
        (ONE, "Default Web Site *:443:", True, None),
        (THREE, "Default Web Site *:443:Shop.contoso.com", False, None),
        (TWO, "Default Web Site [2001:db8::1]:443:", False, None),
        (None, "Default Web Site 10.0.0.5:444:", None, "http.sys has no certificate for this binding"),
        (None, "Default Web Site *:445: (central certificate store: PFX files on a share)", None, None),
    ]
    assert {(r.source_path, r.source_time) for r in rows} == {(CONFIG_FILE, WRITTEN)}
    assert found == []


def metabase(value: str, site: str = "1") -> str:
    return (
        SITES
        % f'<customMetadata><key path="LM/W3SVC/{site}"><property id="5506" value="{value}" /></key></customMetadata>'
    )


def test_an_old_hash_in_the_metabase_is_a_trap() -> None:
    old = base64.b64encode(bytes.fromhex(TWO)).decode()
    rows, found = iis(metabase(old), ("SslBindingInfo", "0.0.0.0:443", ONE))
    assert [(r.thumbprint, r.detail, r.fault) for r in rows if r.consumer == "IIS metabase"] == [
        (
            TWO,
            "customMetadata LM/W3SVC/1 property 5506 (Default Web Site)",
            f"http.sys has {ONE} for this site, the metabase keeps another hash",
        )
    ]
    assert found == []


def test_the_same_hash_in_the_metabase_is_no_fault() -> None:
    same = base64.b64encode(bytes.fromhex(ONE)).decode()
    rows, _ = iis(metabase(same), ("SslBindingInfo", "0.0.0.0:443", ONE))
    assert [(r.thumbprint, r.fault) for r in rows if r.consumer == "IIS metabase"] == [(ONE, None)]


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (metabase("!!!"), "bad_base64"),
        (metabase("AAAA"), "bad_length"),
        ("<configuration>", "bad_xml"),
        ("", "bad_xml"),
        (b"\xff\xfe\x00", "bad_xml"),
        ('<?xml version="1.0" encoding="no-such"?><a/>', "bad_xml"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "forbidden_xml"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "forbidden_xml"),
        (b"<a>" + b"x" * (4 << 20) + b"</a>", "too_large"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)
def test_hostile_configurations_are_one_problem(config: str | bytes, kind: str) -> None:
    rows, found = iis(config)
    assert found == [(CONFIG_FILE, kind)]
    assert all(r.thumbprint is None for r in rows)


def test_deep_xml_neither_recurses_nor_crashes() -> None:
    depth = 500_000
    rows, found = iis(b"<a>" * depth + b"</a>" * depth)
    assert (rows, found) == ([], [(CONFIG_FILE, "too_deep")])


def test_winrm_listeners_and_their_binding() -> None:
    system, software = system_hive(), software_hive()
    bind(system, "0.0.0.0:5986", ONE)
    listeners = "Microsoft\\Windows\\CurrentVersion\\WSMAN\\Listener"
    software.key(f"{listeners}\\*+HTTP").sz("certThumbprint", "")
    software.key(f"{listeners}\\*+HTTPS").sz("certThumbprint", ONE.lower())
    software.key(f"{listeners}\\IP:10.0.0.5+HTTPS").sz("certThumbprint", TWO)
    software.key(f"{listeners}\\IP:10.0.0.6+HTTPS").sz("certThumbprint", TWO).dword("Port", 6000)
    given = context({"SYSTEM": system, "SOFTWARE": software}, certificates=[certificate(ONE)])
    rows = list(winrm_uses(given, read_bindings(given)))
    assert [(r.thumbprint, r.detail, r.present, r.fault) for r in rows] == [
        (ONE, "*+HTTPS port 5986", True, None),
        (TWO, "IP:10.0.0.5+HTTPS port 5986", False, f"http.sys has {ONE} on port 5986"),
        (TWO, "IP:10.0.0.6+HTTPS port 6000", False, None),
    ]
    assert [(r.listener, r.set_with) for r in rows] == [
        ("Address=*+Transport=HTTPS", "set-winrm-listener"),
        ("Address=IP:10.0.0.5+Transport=HTTPS", "set-winrm-listener"),
        ("Address=IP:10.0.0.6+Transport=HTTPS", "set-winrm-listener"),
    ]
    assert rows[0].source_path == f"{CONFIG}/SOFTWARE\\{listeners}\\*+HTTPS!certThumbprint"


def sstp(system: HiveWriter) -> list[CertificateUseRow]:
    known = [certificate(ONE, sha256="0a" * 32), certificate(TWO, sha256="0b" * 32)]
    given = context({"SYSTEM": system, "SOFTWARE": software_hive()}, certificates=known)
    return list(sstp_uses(given, read_bindings(given)))


def test_sstp_names_its_certificate_by_sha256() -> None:
    system = system_hive()
    bind(system, "0.0.0.0:443", TWO)
    key = system.key(f"{SERVICES}\\SstpSvc\\Parameters")
    key.binary("SHA256CertificateHash", b"\x0a" * 32).dword("IsHashConfiguredByAdmin", 1)
    (row,) = sstp(system)
    assert (row.thumbprint, row.sha256, row.present, row.certainty) == (ONE, "0a" * 32, True, "proved")
    assert row.fault == f"http.sys has {TWO} on port 443"
    assert row.detail == "chosen by an administrator"


def test_sstp_with_a_certificate_that_is_not_there() -> None:
    system = system_hive()
    system.key(f"{SERVICES}\\SstpSvc\\Parameters").binary("SHA256CertificateHash", b"\x0c" * 32)
    (row,) = sstp(system)
    assert (row.thumbprint, row.sha256, row.present, row.fault) == (None, "0c" * 32, False, None)


def test_sstp_with_the_older_hash_only_is_likely() -> None:
    system = system_hive()
    system.key(f"{SERVICES}\\SstpSvc\\Parameters").binary("SHA1CertificateHash", bytes.fromhex(TWO))
    (row,) = sstp(system)
    assert (row.thumbprint, row.certainty, row.present) == (TWO, "likely", True)


def test_sstp_as_every_windows_has_it_uses_none() -> None:
    system = system_hive()
    system.key(f"{SERVICES}\\SstpSvc\\Parameters").dword("UseHttps", 1)
    assert told(sstp(system)) == []


def test_nested_sites_and_endless_names_take_no_time_and_no_room() -> None:
    for depth, told_of in ((60, []), (150_000, [(CONFIG_FILE, "too_deep")])):
        nested = b"<site>" * depth + b"</site>" * depth
        assert iis(b"<sites>" + nested + b"</sites>") == ([], told_of)
    name = "n" * 1_000_000
    bindings = '<binding protocol="https" bindingInformation="*:443:" />' * 6_000
    rows, found = iis(f'<sites><site name="{name}" id="1"><bindings>{bindings}</bindings></site></sites>')
    assert len(rows) == 5_000
    assert {r.detail for r in rows} == {"n" * 399 + "…"}
    assert found == [(CONFIG_FILE, "too_many")]


@pytest.mark.parametrize(
    ("files", "complete", "outcome"),
    [({CONFIG_FILE: b"<a/>"}, True, "present"), ({}, True, "absent"), ({}, False, "not_examined")],
)
def test_coverage_tells_whether_the_configuration_was_there(
    files: dict[str, bytes | None], complete: bool, outcome: str
) -> None:
    given = context({}, {"Windows/x": b"", **files}, complete=complete)
    assert list(iis_uses(given, ())) == []
    told_of = {c.name: c.outcome for c in given.installation.coverage if c.area == "file"}
    assert told_of == {"applicationHost.config": outcome}
