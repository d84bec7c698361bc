"""Servers at the edge and above others: AD FS, RADIUS, a VPN server, one in Azure, one of administrators.

References:
    Microsoft Learn: Managing TLS certificates in AD FS and WAP; Network Policy Server, certificate requirements for
    PEAP; Always On VPN; Azure virtual machine agent; Windows Admin Center; Configure WinRM over HTTPS; MOMCertImport.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from uuid import UUID

from cryptography.x509 import ObjectIdentifier

from testdata.builder import acl
from testdata.builder.certs import CLIENT_AUTH, SERVER_AUTH, make_certificate
from testdata.builder.keys import rsa_key
from testdata.builder.ordinary.windows import SERVER_2019, SERVER_2022, SERVICES, Ordinary, Planted, Windows, day

AD_FS = UUID("5d89a20c-beab-4389-9447-324788eb944a")
SSTP = UUID("ba195980-cd49-458b-9e23-c84ee0adcd75")
WIN_RM = UUID("afebb9ad-9b97-4a91-9ab5-daf4d59122f6")
IKE_INTERMEDIATE = ObjectIdentifier("1.3.6.1.5.5.8.2.2")
PEAP = 0x19


def federation_server(faulty: bool) -> Ordinary:
    """AD FS with its three bindings; the fault: its certificate ends in ten days and the new one is not bound."""
    windows = Windows("ADFS01", SERVER_2019)
    windows.service("adfssrv", "CONTOSO\\gmsa-adfs$")
    windows.auto_enrolment("Machine")
    windows.enrolled("Machine", "2026-08-09", "2027-08-09")
    names = ["sts.contoso.test", "certauth.sts.contoso.test"]
    sd = acl.security_descriptor(
        [
            acl.Ace(acl.SYSTEM),
            acl.Ace(acl.ADMINISTRATORS),
            acl.Ace("S-1-5-21-2052111302-1275210071-1644491937-1500", acl.READ),
        ]
    )
    old = windows.put(windows.issue(names[0], "2025-11-20", "2026-12-02", dns=names), sd=sd)
    new = windows.put(windows.issue(names[0], "2026-11-02", "2027-05-20", dns=names), sd=sd)
    bound = old if faulty else new
    for endpoint in ("sts.contoso.test:443", "localhost:443", "sts.contoso.test:49443"):
        windows.bind(endpoint, bound.thumbprint, application=AD_FS, by_name=True)
    follows = frozenset({"service-uses-expiring-certificate"})
    planted = Planted("certificate-expiring", "high", old.thumbprint, follows)
    return Ordinary("AD FS", windows.machine, planted if faulty else None)


def policy_server(faulty: bool) -> Ordinary:
    """RADIUS for wireless and VPN; the fault: one policy still names last year's certificate, which was deleted."""
    windows = Windows("NPS01", SERVER_2019)
    windows.service("IAS")
    windows.auto_enrolment("RASAndIASServer")
    gone = windows.issue(windows.host, "2024-09-01", "2025-09-01", template="RASAndIASServer")
    windows.enrolled("RASAndIASServer", "2025-08-20", "2026-08-20", archived=True)
    present = windows.enrolled("RASAndIASServer", "2026-07-15", "2027-07-15")
    policies = (("Wireless", present), ("VPN", gone if faulty else present))
    text = "".join(
        f'<Policy name="{name}"><Properties><msEAPConfiguration dt:dt="bin.hex">'
        f"{(bytes([PEAP]) + bytes(35) + bytes.fromhex(used.thumbprint) + bytes(16)).hex()}</msEAPConfiguration>"
        f"</Properties></Policy>"
        for name, used in policies
    )
    root = f'<Root xmlns:dt="urn:schemas-microsoft-com:datatypes"><RadiusProfiles>{text}</RadiusProfiles></Root>'
    windows.machine.write("Windows/System32/ias/ias.xml", root.encode())
    planted = Planted("binding-names-missing-certificate", "critical", gone.thumbprint)
    return Ordinary("NPS", windows.machine, planted if faulty else None)


def vpn_server(faulty: bool) -> Ordinary:
    """SSTP and IKEv2; the fault: SSTP's certificate came without its private key."""
    windows = Windows("VPN01", SERVER_2022)
    windows.service("RemoteAccess")
    windows.service("SstpSvc", "NT Authority\\LocalService")
    public = windows.issue("vpn.contoso.test", "2026-06-20", "2027-01-05", issuer="DigiCert TLS RSA SHA256 2020 CA1")
    if faulty:
        windows.machine.put_certificate(public, link=None)
    else:
        windows.put(public)
    for endpoint in ("0.0.0.0:443", "[::]:443"):
        windows.bind(endpoint, public.thumbprint, application=SSTP)
    parameters = windows.system.key(f"{SERVICES}\\SstpSvc\\Parameters").dword("IsHashConfiguredByAdmin", 1)
    parameters.binary("SHA256CertificateHash", hashlib.sha256(public.der).digest())
    parameters.binary("SHA1CertificateHash", bytes.fromhex(public.thumbprint))
    windows.system.key(f"{SERVICES}\\RemoteAccess\\Parameters\\IKEV2").dword("idleTimeout", 300)
    tunnel = windows.issue("vpn.contoso.test", "2026-02-01", "2028-02-01", eku=[SERVER_AUTH, IKE_INTERMEDIATE])
    windows.put(tunnel, cng=True)
    planted = Planted("certificate-without-key", "critical", public.thumbprint, frozenset({"service-uses-dead-key"}))
    return Ordinary("RRAS", windows.machine, planted if faulty else None)


def cloud_server(faulty: bool) -> Ordinary:
    """A virtual machine in Azure with WinRM over TLS; the fault: WinRM names another certificate than http.sys has."""
    windows = Windows("AZVM01", SERVER_2022, in_domain=False)
    windows.service("WindowsAzureGuestAgent")
    windows.service("RdAgent")
    for number in range(30):
        begins = day("2026-11-20") - timedelta(days=number)
        protected = make_certificate(
            "Windows Azure CRP Certificate Generator",
            rsa_key(f"2048-{29 - number % 9}" if number else "2048-30"),
            not_before=begins,
            not_after=begins + timedelta(days=2),
            self_signed=True,
            eku=(),
        )
        windows.put(protected, friendly_name="TenantEncryptionCert", written=number < 1)
    own = windows.put(windows.issue("azvm01", "2025-03-04", "2030-03-04", self_signed=True))
    gone = windows.issue("azvm01", "2024-03-04", "2025-03-04", self_signed=True)
    windows.bind("0.0.0.0:5986", own.thumbprint, application=WIN_RM)
    listener = windows.software.key("Microsoft\\Windows\\CurrentVersion\\WSMAN\\Listener\\*+HTTPS")
    listener.sz("certThumbprint", (gone if faulty else own).thumbprint).dword("Port", 5986).sz("hostname", "azvm01")
    planted = Planted("binding-names-missing-certificate", "critical", gone.thumbprint)
    return Ordinary("virtual machine in Azure", windows.machine, planted if faulty else None)


def management_server(faulty: bool) -> Ordinary:
    """Windows Admin Center and an agent of Operations Manager; the fault: NETWORK SERVICE may not read its key."""
    windows = Windows("MGMT01", SERVER_2022)
    windows.service("WindowsAdminCenter", "NT AUTHORITY\\NetworkService")
    served = windows.issue("WindowsAdminCenterSelfSigned", "2026-11-01", "2026-12-31", self_signed=True)
    windows.put(served, sd=acl.KEY_FILE_SD if faulty else acl.RDP_KEY_SD)
    windows.service("HealthService")
    agent = windows.issue(windows.host, "2026-01-10", "2028-01-10", eku=[CLIENT_AUTH, SERVER_AUTH])
    windows.put(agent)
    settings = windows.software.key("Microsoft\\Microsoft Operations Manager\\3.0\\Machine Settings")
    serial = agent.x509.serial_number.to_bytes(16, "big")
    settings.sz("ChannelCertificateHash", agent.thumbprint).binary("ChannelCertificateSerialNumber", serial[::-1])
    own = windows.issue(windows.host, "2026-03-04", "2036-03-02", self_signed=True)
    windows.put(own, store="Microsoft Monitoring Agent", cng=True)
    planted = Planted("consumer-cannot-read-key", "critical", served.thumbprint)
    return Ordinary("Windows Admin Center", windows.machine, planted if faulty else None)
