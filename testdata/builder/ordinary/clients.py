"""Machines of people: a developer's workstation, and laptops of each kind of join.

References:
    Microsoft Learn: dsregcmd; Primary Refresh Token; dotnet dev-certs; IIS Express; MS-GPWL; Encrypting File System.
    call4cloud.nl, "DMPCertThumbPrint and SslClientCertReference".
"""

from __future__ import annotations

from testdata.builder import acl
from testdata.builder.certs import (
    CLIENT_AUTH,
    CNG_SMART_CARD,
    CODE_SIGNING,
    EFS,
    EMAIL,
    SERVER_AUTH,
    Certificate,
    store_element,
)
from testdata.builder.folders import Owner
from testdata.builder.machine_hives import CONTROL_SET
from testdata.builder.ordinary.directory import SMART_CARD_LOGON
from testdata.builder.ordinary.windows import WINDOWS_11, Ordinary, Planted, Windows, day
from testdata.builder.regf import HiveWriter

DEVICE = "3f0c7c1e-51a4-4f0e-9a53-0d6a5d1a7e11"
ENTRA_USER = "S-1-12-1-2164260864-1207959552-2550136832-3405691582"
DOMAIN_USER = "S-1-5-21-2052111302-1275210071-1644491937-1118"
ENROLMENT = "{0A1B2C3D-4E5F-4071-8293-A4B5C6D7E8F9}"
HELLO = "Microsoft Passport Key Storage Provider"
INTUNE = "Microsoft Intune MDM Device CA"
_WLAN = """<?xml version="1.0"?>
<WLANProfile xmlns="http://www.microsoft.com/networking/WLAN/profile/v1"><name>Office</name><MSM><security>
<OneX xmlns="http://www.microsoft.com/networking/OneX/v1"><authMode>machine</authMode><EAPConfig>
<EapHostConfig xmlns="http://www.microsoft.com/provisioning/EapHostConfig"><EapMethod>
<Type xmlns="http://www.microsoft.com/provisioning/EapCommon">13</Type></EapMethod>
</EapHostConfig></EAPConfig></OneX></security></MSM></WLANProfile>
"""


def developer(faulty: bool) -> Ordinary:
    """A workstation with certificates of development; the fault: the provider of the code signing token is gone."""
    windows = Windows("DEV01", WINDOWS_11, third_party_cng=() if faulty else ("eToken Key Storage Provider",))
    user = windows.machine.add_user(DOMAIN_USER, "dana", None, nt_hash=bytes(range(16)))
    http = {"self_signed": True, "eku": [SERVER_AUTH]}
    express = windows.put(
        windows.issue("localhost", "2025-03-04", "2030-03-04", **http),
        friendly_name="IIS Express Development Certificate",
    )
    windows.service("vmms")
    own = windows.issue(windows.host, "2024-03-04", "2034-03-02", self_signed=True)
    windows.put(own, cng=True, service="vmms")
    for port in range(44300, 44304):
        windows.bind(f"0.0.0.0:{port}", express.thumbprint)
    for since, until in (("2025-04-01", "2026-04-01"), ("2026-03-20", "2027-03-20")):
        made = windows.issue("localhost", since, until, **http)
        windows.put(made, owner=user, cng=True, friendly_name="ASP.NET Core HTTPS development certificate")
    for name, until in (("TestClient", "2025-09-01"), ("TestServer", "2025-10-01")):
        windows.put(windows.issue(name, "2024-09-01", until, self_signed=True, eku=[CLIENT_AUTH]), owner=user, cng=True)
    signer = windows.issue("Contoso GmbH", "2025-01-10", "2028-01-10", eku=[CODE_SIGNING])
    windows.put_elsewhere(signer, "eToken Key Storage Provider", "token-1", user)
    planted = Planted("provider-not-registered", "medium", signer.thumbprint)
    return Ordinary("developer workstation", windows.machine, planted if faulty else None)


def _device(windows: Windows, issued: str) -> Certificate:
    """The identity of a device that joined Entra ID, in its TPM, and what it gets each day."""
    windows.tpm()
    joined = windows.issue(
        DEVICE, issued, f"{int(issued[:4]) + 10}{issued[4:]}", eku=[CLIENT_AUTH], issuer="MS-Organization-Access"
    )
    windows.put_in_tpm(joined, "device-identity")
    join = windows.system.key(f"{CONTROL_SET}\\Control\\CloudDomainJoin\\JoinInfo\\{joined.thumbprint}")
    join.sz("TenantId", "72f988bf-86f1-41af-91ab-2d7cd011db47").sz("UserEmail", "frank@contoso.test")
    windows.daily(DEVICE, day("2026-11-21"), 40)
    return joined


def _enrolment(windows: Windows, certificate: Certificate, reference: str) -> None:
    """Say that Intune manages the device."""
    enrolment = windows.software.key(f"Microsoft\\Enrollments\\{ENROLMENT}")
    enrolment.sz("ProviderID", "MS DM Server").sz("UPN", "frank@contoso.test")
    enrolment.sz("DMPCertThumbPrint", certificate.thumbprint)
    account = windows.software.key(f"Microsoft\\Provisioning\\OMADM\\Accounts\\{ENROLMENT}")
    account.sz("SslClientCertReference", f"MY;System;{reference}")


def entra_laptop(faulty: bool) -> Ordinary:
    """Joined to Entra ID and managed by Intune; the fault: Intune should have renewed its certificate weeks ago."""
    windows = Windows(
        "LAP-31",
        WINDOWS_11,
        in_domain=False,
        takes_connections=False,
        clone_tag="Thu Feb 01 05:48:31 2024",
        third_party_cng=(HELLO,),
    )
    _device(windows, "2024-03-04")
    since, until = ("2025-12-08", "2026-12-08") if faulty else ("2026-06-08", "2027-06-08")
    managed = windows.issue("7f1f7c1e-0000-4f0e-9a53-0d6a5d1a7e12", since, until, eku=[CLIENT_AUTH], issuer=INTUNE)
    windows.put(managed, cng=True)
    _enrolment(windows, managed, managed.thumbprint)
    frank = windows.machine.add_user(ENTRA_USER, "frank", "unlocked-by-Hello-7")
    hello = windows.issue("S-1-12-1/login.windows.net/frank", "2024-03-04", "2054-03-04", self_signed=True)
    windows.put_elsewhere(hello, HELLO, "login.windows.net/frank", frank)
    planted = Planted(
        "certificate-expiring", "high", managed.thumbprint, frozenset({"service-uses-expiring-certificate"})
    )
    return Ordinary("laptop, Entra joined", windows.machine, planted if faulty else None)


def hybrid_laptop(faulty: bool) -> Ordinary:
    """Member of the domain, registered in Entra ID, managed by Intune; the fault: the reference names a deleted one."""
    windows = Windows("LAP-44", WINDOWS_11, takes_connections=False)
    _device(windows, "2024-05-02")
    windows.auto_enrolment("ContosoWorkstation")
    for since, until in (("2025-12-06", "2026-12-06"), ("2026-10-25", "2027-10-25")):
        client = windows.issue(windows.host, since, until, template="ContosoWorkstation", eku=[CLIENT_AUTH])
        windows.put_in_tpm(client, f"te-Workstation-{since}")
    wlan = "ProgramData/Microsoft/wlansvc/Profiles/Interfaces/{0a1b2c3d-0000-4000-8000-00000000abcd}"
    windows.machine.write(f"{wlan}/{{5e6f7081-0000-4000-8000-00000000dcba}}.xml", _WLAN.encode())
    names = "9c1f7c1e-0000-4f0e-9a53-0d6a5d1a7e13", [CLIENT_AUTH]
    deleted = windows.issue(names[0], "2025-06-08", "2026-06-08", eku=names[1], issuer=INTUNE)
    managed = windows.issue(names[0], "2026-05-01", "2027-05-01", eku=names[1], issuer=INTUNE)
    windows.put(managed, cng=True)
    _enrolment(windows, managed, (deleted if faulty else managed).thumbprint)
    frank = windows.machine.add_user(DOMAIN_USER, "frank.CONTOSO", None, nt_hash=bytes(range(16)))
    for since, until in (("2023-06-20", "2025-06-20"), ("2025-06-01", "2027-06-01")):
        card = windows.issue("Frank", since, until, eku=[CLIENT_AUTH, SMART_CARD_LOGON])
        windows.put_elsewhere(card, CNG_SMART_CARD, f"card {since}", frank)
    for since, until in (("2024-11-30", "2026-11-28"), ("2026-10-20", "2028-10-20")):
        mail = windows.issue("frank@contoso.test", since, until, template="User", eku=[CLIENT_AUTH, EMAIL])
        windows.put(mail, owner=frank, cng=True)
    network = windows.issue("Contoso recovery", "2024-01-01", "2034-01-01", key="ca", self_signed=True)
    for store in ("FVE", "FVE_NKP"):
        windows.machine.hives.add_policy_certificate(store, network.thumbprint, store_element(network))
    planted = Planted("binding-names-missing-certificate", "critical", deleted.thumbprint)
    return Ordinary("laptop, hybrid joined", windows.machine, planted if faulty else None)


def home_laptop(faulty: bool) -> Ordinary:
    """Of a workgroup, with encrypted files; the fault: the master key file of the user's EFS key is gone."""
    windows = Windows("HOME-PC", WINDOWS_11, in_domain=False, takes_connections=False)
    sid = f"{windows.machine.facts.machine_sid}-1001"
    user = windows.machine.add_user(sid, "erika", "correct horse")
    encrypts = windows.issue("erika", "2024-05-01", "2124-04-07", self_signed=True, eku=[EFS])
    windows.put(encrypts, owner=user)
    _encrypts_files(windows, user, encrypts)
    windows.put(windows.issue("erika@mail.test", "2024-06-01", "2025-06-01"), owner=user, cng=True)
    if faulty:
        windows.machine.remove(f"{user.protect_folder}/{windows.machine.keys[user].guid}")
    planted = Planted("master-key-missing", "critical", encrypts.thumbprint, frozenset({"service-uses-dead-key"}))
    return Ordinary("laptop, workgroup", windows.machine, planted if faulty else None)


def _encrypts_files(windows: Windows, user: Owner, certificate: Certificate) -> None:
    hive = HiveWriter(f"\\??\\C:\\{user.profile}\\ntuser.dat", day("2024-05-01"))
    keys = hive.key("Software\\Microsoft\\Windows NT\\CurrentVersion\\EFS\\CurrentKeys")
    keys.binary("CertificateHash", bytes.fromhex(certificate.thumbprint))
    windows.machine.write(f"{user.profile}/NTUSER.DAT", hive.build(), sd=acl.owner_file_sd(user.sid))
