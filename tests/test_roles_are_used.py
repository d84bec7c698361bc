"""Of no certificate that a server's or device's role has is it said that nothing uses it; each role forged whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

import forensics
from testdata.builder.capi import Slot
from testdata.builder.certs import CLIENT_AUTH, SERVER_AUTH, Certificate
from testdata.builder.machine_hives import CONTROL_SET
from testdata.builder.ordinary.windows import SERVER_2022, SERVICES, Windows
from tests.ordinary import examined

RULE = "certificate-used-by-nothing"
BOTH = [CLIENT_AUTH, SERVER_AUTH]
SINCE, UNTIL = "2026-02-01", "2028-02-01"
META_CONFIG = "Windows/System32/Configuration/MetaConfig.mof"
AD_FS = UUID("5d89a20c-beab-4389-9447-324788eb944a")
ACCOUNT = "NT AUTHORITY\\NetworkService"

Made = Callable[[Windows], Certificate]


def put(windows: Windows, name: str | None = None, *, friendly_name: str | None = None, **options: Any) -> Certificate:
    """Put a certificate whose usages would do for any server or client."""
    issued = windows.issue(name or windows.host, SINCE, UNTIL, eku=BOTH, **options)
    return windows.put(issued, friendly_name=friendly_name)


def exchange(windows: Windows) -> None:
    windows.service("MSExchangeServiceHost")


def exchange_own(windows: Windows) -> Certificate:
    exchange(windows)
    return put(windows, "EX01", friendly_name="Microsoft Exchange", self_signed=True)


def exchange_auth(windows: Windows) -> Certificate:
    exchange(windows)
    return put(windows, "microsoft exchange server auth certificate", self_signed=True)


def exchange_federation(windows: Windows) -> Certificate:
    exchange(windows)
    return put(windows, "Federation", self_signed=True)


def exchange_federation_by_its_friendly_name(windows: Windows) -> Certificate:
    exchange(windows)
    return put(windows, "contoso.test", friendly_name="Exchange Delegation Federation")


def authority(windows: Windows) -> Certificate:
    made = put(windows, "Contoso CA")
    windows.service("CertSvc")
    windows.system.key(f"{SERVICES}\\CertSvc\\Configuration").sz("Active", "Contoso CA")
    key = windows.system.key(f"{SERVICES}\\CertSvc\\Configuration\\Contoso CA")
    key.multi_sz("CACertHash", [made.thumbprint.lower()])
    return made


def enrolment_agent(windows: Windows) -> Certificate:
    windows.software.key("Microsoft\\Cryptography\\MSCEP").sz("x", "y")
    return put(windows, "NDES01-MSCEP-RA", template="EnrollmentAgentOffline")


def scep_encryption(windows: Windows) -> Certificate:
    windows.software.key("Microsoft\\Cryptography\\MSCEP").sz("x", "y")
    return put(windows, "NDES01-MSCEP-RA", template="CEPEncryption")


def federation_tokens(windows: Windows) -> Certificate:
    windows.service("adfssrv", ACCOUNT)
    return put(windows, "ADFS Encryption - sts.contoso.test", self_signed=True)


def federation_service(windows: Windows) -> Certificate:
    windows.service("adfssrv", ACCOUNT)
    made = put(windows, "sts.contoso.test")
    windows.bind("sts.contoso.test:443", made.thumbprint, application=AD_FS, by_name=True)
    return made


def proxy(windows: Windows) -> Certificate:
    windows.service("appproxysvc", ACCOUNT)
    return put(windows, "ADFS ProxyTrust - WAP01", self_signed=True)


def directory_instance(windows: Windows) -> Certificate:
    windows.service("ADAM_Partners", ACCOUNT)
    windows.system.key(f"{SERVICES}\\ADAM_Partners\\Parameters").dword("Port SSL", 50001)
    return put(windows)


def domain_controller(windows: Windows) -> Certificate:
    windows.system.key(f"{CONTROL_SET}\\Control\\ProductOptions").sz("ProductType", "LanmanNT")
    return put(windows)


def network_policy(windows: Windows) -> Certificate:
    windows.service("IAS")
    made = put(windows)
    eap = (bytes([13]) + bytes(39) + bytes.fromhex(made.thumbprint) + bytes(16)).hex()
    policy = f'<Policy name="a"><Properties><msEAPConfiguration>{eap}</msEAPConfiguration></Properties></Policy>'
    windows.machine.write("Windows/System32/ias/ias.xml", f"<Root>{policy}</Root>".encode())
    return made


def update_service(windows: Windows) -> Certificate:
    setup = windows.software.key("Microsoft\\Update Services\\Server\\Setup")
    setup.dword("UsingSSL", 1).dword("PortNumber", 8530)
    made = put(windows)
    windows.bind("0.0.0.0:8531", made.thumbprint)
    return made


def web_management(windows: Windows) -> Certificate:
    windows.service("WMSVC", "NT AUTHORITY\\LocalService")
    return put(windows, "WMSvc-SHA2-WEB01", self_signed=True)


def admin_center(windows: Windows) -> Certificate:
    windows.service("WindowsAdminCenter", ACCOUNT)
    return put(windows, "WindowsAdminCenterSelfSigned", self_signed=True)


def first_admin_center(windows: Windows) -> Certificate:
    windows.service("ServerManagementGateway", ACCOUNT)
    return put(windows, "Windows Admin Center", self_signed=True)


def operations_manager(windows: Windows) -> Certificate:
    windows.service("HealthService")
    made = put(windows)
    settings = windows.software.key("Microsoft\\Microsoft Operations Manager\\3.0\\Machine Settings")
    settings.binary("ChannelCertificateSerialNumber", made.x509.serial_number.to_bytes(20, "big")[::-1])
    return made


def configuration_manager(windows: Windows) -> Certificate:
    windows.service("CcmExec")
    made = put(windows)
    windows.machine.write("Windows/SMSCFG.INI", f"[C]\r\nSMS Certificate Identifier=MY;{made.thumbprint}\r\n".encode())
    return made


def state_configuration(windows: Windows) -> Certificate:
    made = put(windows)
    text = f'instance of MSFT_DSCMetaConfiguration {{ CertificateID = "{made.thumbprint}"; }};'
    windows.machine.write(META_CONFIG, text.encode("utf-16"))
    return made


def state_configuration_from_azure(windows: Windows) -> Certificate:
    return put(windows, "DSC-OaaS", self_signed=True)


def guest_agent(windows: Windows) -> Certificate:
    windows.service("WindowsAzureGuestAgent")
    return put(windows, "Service Management for Extensions", issuer="Windows Azure CRP Certificate Generator")


def joined_device(windows: Windows) -> Certificate:
    return put(windows, "0f1e2d3c-0001-4a5b-8c7d-000000000001", issuer="MS-Organization-Access")


def managed_device(windows: Windows) -> Certificate:
    return put(windows, "0f1e2d3c-0002-4a5b-8c7d-000000000002", issuer="Microsoft Intune MDM Device CA")


ROLES: tuple[tuple[Made, str, bool], ...] = (
    (exchange_own, "Exchange", True),
    (exchange_auth, "Exchange Auth", True),
    (exchange_federation, "Exchange federation", False),
    (exchange_federation_by_its_friendly_name, "Exchange federation", False),
    (authority, "AD CS", True),
    (enrolment_agent, "NDES", True),
    (scep_encryption, "NDES", True),
    (federation_tokens, "AD FS", False),
    (federation_service, "AD FS", True),
    (proxy, "Web Application Proxy", True),
    (directory_instance, "AD LDS", False),
    (domain_controller, "LDAPS", False),
    (network_policy, "NPS", True),
    (update_service, "WSUS", True),
    (web_management, "IIS Web Management Service", False),
    (admin_center, "Windows Admin Center", True),
    (first_admin_center, "Windows Admin Center", True),
    (operations_manager, "SCOM agent", True),
    (configuration_manager, "ConfigMgr client", True),
    (state_configuration, "DSC", True),
    (state_configuration_from_azure, "DSC", True),
    (guest_agent, "Azure guest agent", False),
    (joined_device, "Entra join", False),
    (managed_device, "MDM", False),
)
"""How each role is forged, what it is called, and whether it uses the certificate or only may."""


def said_unused(case: forensics.Case) -> dict[str, str]:
    """Return verdict of the rule by subject."""
    return {s.id: f.verdict for f in case.finding_list if f.rule == RULE for s in f.subjects}


@pytest.mark.parametrize(("made", "role", "uses"), ROLES, ids=[made.__name__ for made, _, _ in ROLES])
def test_a_role_uses_its_certificate(made: Made, role: str, uses: bool) -> None:
    windows = Windows("SRV01", SERVER_2022)
    thumbprint = made(windows).thumbprint
    nobody_s = put(windows, "left.contoso.test").thumbprint
    case = examined(windows.machine)
    [row] = [c for c in case.rows("certificate") if c.thumbprint == thumbprint]
    assert role in (row.used_by if uses else row.may_be_used_by)
    assert said_unused(case) == {nobody_s: "match"}


def test_where_the_local_configuration_manager_s_document_is_encrypted_nothing_is_said() -> None:
    windows = Windows("SRV01", SERVER_2022)
    left = put(windows, "left.contoso.test")
    windows.machine.write(META_CONFIG, bytes.fromhex("01000000D08C9DDF0115D1118C7A00C04FC297EB") + bytes(range(200)))
    case = examined(windows.machine)
    assert [c.used_by for c in case.rows("certificate") if c.thumbprint == left.thumbprint] == [None]
    assert said_unused(case) == {}
    assert [(c.name, c.outcome) for c in case.rows("coverage") if c.area == "uses"] == [("DSC", "not_examined")]


def test_a_federation_certificate_that_ended_is_one_line_with_the_way_to_another() -> None:
    """Whether the organization still has the trust stands in Active Directory, so it is no alarm."""
    windows = Windows("EX01", SERVER_2022)
    exchange(windows)
    ended = windows.put(windows.issue("Federation", "2020-03-20", "2025-03-20", self_signed=True))
    case = examined(windows.machine)
    [found] = [f for f in case.finding_list if ended.thumbprint in {s.id for s in f.subjects}]
    assert (found.rule, found.severity, found.confidence) == ("role-certificate-ending", "low", "possible")
    text = "\n".join(block.text for block in (*found.because, *found.remedy))
    assert "sharing of calendars and free/busy times" in text
    assert "Set-FederationTrust -PublishFederationCertificate" in text
    assert "-delstore" not in text


def test_a_name_like_that_is_no_role_without_exchange_or_from_an_authority() -> None:
    for with_exchange, is_self_signed in ((False, True), (True, False)):
        windows = Windows("SRV01", SERVER_2022)
        if with_exchange:
            exchange(windows)
        made = put(windows, "Federation", self_signed=is_self_signed)
        assert said_unused(examined(windows.machine)) == {made.thumbprint: "match"}


def test_of_what_nothing_uses_only_keys_that_open_and_may_leave_are_to_be_exported() -> None:
    windows = Windows("SRV01", SERVER_2022)
    dead = windows.put(windows.issue("dead.contoso.test", SINCE, UNTIL), written=False)
    fixed = put(windows, "fixed.contoso.test")
    live = windows.put(windows.issue("live.contoso.test", SINCE, UNTIL), container="live", written=False)
    windows.machine.put_capi("live", exchange=Slot(live.key, exportable=True))  # type: ignore[arg-type]
    case = examined(windows.machine)
    [found] = [f for f in case.finding_list if f.rule == RULE]
    because = "\n".join(block.text for block in found.because)
    remedy = "\n".join(block.text for block in found.remedy)
    assert "with a private key" not in because
    assert f"thumbprint {dead.thumbprint}; Windows cannot open its private key" in because
    for certificate in (fixed, live):
        assert f"thumbprint {certificate.thumbprint}; Windows opens its private key" in because
    assert f'Export-PfxCertificate -Cert "Cert:\\LocalMachine\\MY\\{live.thumbprint}"' in remedy
    assert dead.thumbprint not in remedy
    assert fixed.thumbprint not in remedy
