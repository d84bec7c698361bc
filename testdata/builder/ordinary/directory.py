"""Servers of a domain: a file server, a domain controller, an enterprise issuing authority.

References:
    Microsoft Learn: Configure server certificate auto-enrolment; LDAP over SSL certificates; Online Responder;
    KB842210.
"""

from __future__ import annotations

from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from testdata.builder import acl, certs
from testdata.builder.certs import CLIENT_AUTH, SERVER_AUTH
from testdata.builder.machine_hives import CONTROL_SET
from testdata.builder.ordinary.windows import SERVER_2019, SERVER_2022, SERVICES, Ordinary, Planted, Windows

KDC = ObjectIdentifier("1.3.6.1.5.2.3.5")
SMART_CARD_LOGON = ObjectIdentifier("1.3.6.1.4.1.311.20.2.2")
OCSP_SIGNING = ExtendedKeyUsageOID.OCSP_SIGNING
AUTHORITY = "Contoso Issuing CA"


def file_server(faulty: bool) -> Ordinary:
    """A member server that got a computer certificate; the fault: the domain's only recovery agent has ended."""
    windows = Windows("FS01", SERVER_2019, agent_until="2026-03-03" if faulty else "2124-02-09")
    windows.auto_enrolment("Machine")
    old = windows.enrolled("Machine", "2024-11-01", "2025-11-01", archived=True)
    windows.enrolled("Machine", "2025-09-20", "2026-09-20", archived=True, renewal_of=old.thumbprint)
    windows.enrolled("Machine", "2026-08-09", "2027-08-09")
    windows.service("LanmanServer")
    windows.config_mgr_client()
    planted = Planted("efs-recovery-agent-ended", "medium", windows.agent.thumbprint)
    return Ordinary("file server", windows.machine, planted if faulty else None)


def domain_controller(faulty: bool) -> Ordinary:
    """A domain controller with each generation of its certificates; the fault: the key file of today's is gone."""
    windows = Windows("DC01", SERVER_2022)
    windows.system.key(f"{CONTROL_SET}\\Control\\ProductOptions").sz("ProductType", "LanmanNT")
    windows.service("NTDS")
    windows.service("Kdc")
    windows.auto_enrolment("DomainControllerAuthentication", "KerberosAuthentication", "DirectoryEmailReplication")
    windows.enrolled("DomainController", "2024-03-05", "2025-03-05", archived=True, provider=certs.CAPI_SCHANNEL)
    usages = [CLIENT_AUTH, SERVER_AUTH, SMART_CARD_LOGON, KDC]
    windows.enrolled("KerberosAuthentication", "2025-03-01", "2026-03-01", eku=usages, archived=True, cng=True)
    today = windows.enrolled(
        "KerberosAuthentication", "2026-02-01", "2027-02-01", eku=usages, cng=True, written=not faulty
    )
    mail = ObjectIdentifier("1.3.6.1.4.1.311.21.19")
    windows.enrolled("DirectoryEmailReplication", "2026-02-01", "2027-02-01", eku=[mail], cng=True)
    planted = Planted("key-file-missing", "high", today.thumbprint, frozenset({"service-uses-dead-key"}))
    return Ordinary("domain controller", windows.machine, planted if faulty else None)


def issuing_authority(faulty: bool) -> Ordinary:
    """An authority in its third generation, with an online responder; the fault: its first one was deleted from My."""
    windows = Windows("CA01", SERVER_2019)
    dates = (("2014-06-01", "2022-06-01"), ("2018-06-01", "2026-06-01"), ("2022-06-01", "2030-06-01"))
    generations = [windows.issue(AUTHORITY, *span, eku=(), is_ca=True, template="SubCA") for span in dates]
    for number, certificate in enumerate(generations):
        element = certs.store_element(certificate)
        windows.machine.hives.add_certificate("CA", certificate.thumbprint, element)
        if not (faulty and number == 0):
            suffix = f"({number})" if number else ""
            windows.put(certificate, container=f"{AUTHORITY}{suffix}", cng=True)
    windows.service("CertSvc")
    configuration = windows.system.key(f"{SERVICES}\\CertSvc\\Configuration")
    configuration.sz("Active", AUTHORITY)
    listed = [bytes.fromhex(certificate.thumbprint).hex(" ") for certificate in generations]
    authority = windows.system.key(f"{SERVICES}\\CertSvc\\Configuration\\{AUTHORITY}")
    authority.sz("CommonName", AUTHORITY).dword("CAType", 1).multi_sz("CACertHash", listed)
    windows.auto_enrolment("Machine")
    windows.enrolled("Machine", "2026-08-09", "2027-08-09")
    exchange = ObjectIdentifier("1.3.6.1.4.1.311.21.5")
    for since, until in (("2026-10-02", "2026-10-09"), ("2026-11-16", "2026-11-23")):
        made = windows.issue(f"{AUTHORITY}-Xchg", since, until, eku=[exchange], template="CAExchange")
        windows.put(made, cng=True)
    windows.service("OCSPSvc", "NT AUTHORITY\\NetworkService")
    responder = windows.issue(
        windows.host, "2026-11-15", "2026-11-29", eku=[OCSP_SIGNING], template="OCSPResponseSigning"
    )
    # The template adds read for NETWORK SERVICE, as which the responder runs.
    windows.put(responder, cng=True, service="OCSPSvc", sd=acl.RDP_KEY_SD)
    planted = Planted("ca-certificate-missing", "critical", generations[0].thumbprint)
    return Ordinary("enterprise issuing CA", windows.machine, planted if faulty else None)
