"""Servers that others reach over TLS: IIS with an ACME client, Exchange, WSUS, SQL Server.

References:
    Microsoft Learn: Digital certificates and encryption in Exchange Server; Maintain the Exchange Server OAuth
    certificate; Configure WSUS to use TLS; Configure SQL Server Database Engine for encrypting connections.
    letsencrypt.org, Integration Guide.
"""

from __future__ import annotations

from testdata.builder import acl
from testdata.builder.certs import CAPI_SCHANNEL, CODE_SIGNING, SERVER_AUTH
from testdata.builder.ordinary.iis import administer_remotely, install_iis
from testdata.builder.ordinary.windows import SERVER_2019, SERVER_2022, Ordinary, Planted, Windows

SQL_ACCOUNT = "S-1-5-80-3880718306-3832830129-1677859214-2598158968-1052248003"
"""NT SERVICE\\MSSQLSERVER."""
_LETS_ENCRYPT = "R11"


def web_server(faulty: bool) -> Ordinary:
    """Sites whose certificates an ACME client renews; the fault: one site is bound to what the client cleaned away."""
    windows = Windows("WEB01", SERVER_2022)
    administer_remotely(windows, "2024-03-04", "2034-03-02")
    install_iis(
        windows, ("Shop", "*:443:shop.contoso.test"), ("Blog", "*:443:blog.contoso.test"), ("Default", "*:443:")
    )
    present = {}
    for host, since, until in (
        ("shop.contoso.test", "2026-09-10", "2026-12-09"),
        ("shop.contoso.test", "2026-11-10", "2027-02-08"),
        ("blog.contoso.test", "2026-10-30", "2027-01-28"),
    ):
        made = windows.issue(host, since, until, issuer=_LETS_ENCRYPT)
        name = f"[IIS] {host}, (any host) @ {since.replace('-', '.')}"
        present[host] = windows.put(made, store="WebHosting", provider=CAPI_SCHANNEL, friendly_name=name)
    gone = windows.issue("blog.contoso.test", "2026-08-31", "2026-11-29", issuer=_LETS_ENCRYPT)
    for host, made in present.items():
        bound = gone if faulty and host.startswith("blog") else made
        windows.bind(f"{host}:443", bound.thumbprint, store="WebHosting", by_name=True)
    windows.bind("0.0.0.0:443", present["shop.contoso.test"].thumbprint, store="WebHosting")
    pending = windows.issue("intranet.contoso.test", "2026-11-18", "2027-11-18", self_signed=True)
    windows.put(pending, store="REQUEST")
    planted = Planted("binding-names-missing-certificate", "critical", gone.thumbprint)
    return Ordinary("IIS with ACME", windows.machine, planted if faulty else None)


def exchange(faulty: bool) -> Ordinary:
    """A mailbox server with its own certificates and a public one; the fault: the OAuth certificate has ended."""
    windows = Windows("EX01", SERVER_2019)
    administer_remotely(windows, "2024-03-04", "2034-03-02")
    own = windows.issue("EX01", "2024-03-05", "2029-03-05", self_signed=True, dns=["EX01", windows.host])
    windows.put(own, friendly_name="Microsoft Exchange", sd=acl.RDP_KEY_SD)
    until = "2026-10-25" if faulty else "2029-02-06"
    oauth = windows.issue("Microsoft Exchange Server Auth Certificate", "2021-11-20", until, self_signed=True)
    windows.put(oauth, friendly_name="Microsoft Exchange Server Auth Certificate", sd=acl.RDP_KEY_SD)
    names = ["mail.contoso.test", "autodiscover.contoso.test"]
    for since, ends in (("2025-08-01", "2026-08-16"), ("2026-08-01", "2027-02-15")):
        public = windows.issue("mail.contoso.test", since, ends, dns=names, issuer="DigiCert TLS RSA SHA256 2020 CA1")
        windows.put(public, friendly_name=f"mail {since[:4]}", sd=acl.RDP_KEY_SD)
    delegation = windows.issue("Federation", "2024-03-20", "2029-03-20", self_signed=True, dns=["Federation"])
    windows.put(delegation, friendly_name="Exchange Delegation Federation", sd=acl.RDP_KEY_SD)
    install_iis(windows, ("Default Web Site", "*:443:"), ("Exchange Back End", "*:444:"))
    windows.bind("0.0.0.0:443", public.thumbprint)
    windows.bind("127.0.0.1:443", public.thumbprint)
    windows.bind("0.0.0.0:444", own.thumbprint)
    for service in ("MSExchangeServiceHost", "MSExchangeIS", "MSExchangeADTopology"):
        windows.service(service)
    windows.service("MSExchangeTransport", "NT AUTHORITY\\NetworkService")
    planted = Planted("role-certificate-ending", "critical", oauth.thumbprint)
    return Ordinary("Exchange", windows.machine, planted if faulty else None)


def update_server(faulty: bool) -> Ordinary:
    """WSUS with TLS and a signer of local updates; the fault: what its port serves ended three days ago."""
    windows = Windows("WSUS01", SERVER_2019)
    windows.service("WsusService", "NT AUTHORITY\\NetworkService")
    setup = windows.software.key("Microsoft\\Update Services\\Server\\Setup")
    setup.dword("UsingSSL", 1).dword("PortNumber", 8530).sz("ServerCertificateName", windows.host)
    for since, until in (("2019-02-01", "2024-02-01"), ("2024-01-20", "2029-01-20")):
        signer = windows.issue("WSUS Publishers Self-signed", since, until, self_signed=True, eku=[CODE_SIGNING])
        windows.put(signer, store="WSUS")
    since, until = ("2024-11-19", "2026-11-19") if faulty else ("2026-02-01", "2028-02-01")
    served = windows.put(windows.issue(windows.host, since, until, template="WebServer"))
    install_iis(windows, ("WSUS Administration", "*:8531:"))
    windows.bind("0.0.0.0:8531", served.thumbprint)
    planted = Planted(
        "certificate-expired", "high", served.thumbprint, frozenset({"service-uses-expiring-certificate"})
    )
    return Ordinary("WSUS", windows.machine, planted if faulty else None)


def database_server(faulty: bool) -> Ordinary:
    """SQL Server with a certificate of the domain's authority; the fault: its account may not read the key."""
    windows = Windows("SQL01", SERVER_2022)
    windows.auto_enrolment("Machine")
    windows.enrolled("Machine", "2026-08-09", "2027-08-09", cng=True)
    entries = [acl.Ace(acl.SYSTEM), acl.Ace(acl.ADMINISTRATORS)]
    admitted = acl.security_descriptor(entries if faulty else [*entries, acl.Ace(SQL_ACCOUNT, acl.READ)])
    served = windows.issue("sql.contoso.test", "2025-11-03", "2027-11-03", template="WebServer", eku=[SERVER_AUTH])
    windows.put(served, sd=admitted, provider=CAPI_SCHANNEL)
    root = "Microsoft\\Microsoft SQL Server"
    windows.software.key(f"{root}\\Instance Names\\SQL").sz("MSSQLSERVER", "MSSQL15.MSSQLSERVER")
    network = windows.software.key(f"{root}\\MSSQL15.MSSQLSERVER\\MSSQLServer\\SuperSocketNetLib")
    network.sz("Certificate", served.thumbprint.lower()).dword("ForceEncryption", 1)
    windows.service("MSSQLSERVER", "NT Service\\MSSQLSERVER")
    windows.service("SQLSERVERAGENT", "NT Service\\SQLSERVERAGENT")
    planted = Planted("consumer-cannot-read-key", "critical", served.thumbprint)
    return Ordinary("SQL Server", windows.machine, planted if faulty else None)
