"""Commands that give a service another certificate, in place: whatever else its binding says stays.

References:
    Microsoft Learn, netsh http (update sslcert, show sslcert); Set-WSManInstance; Set-AdfsSslCertificate;
    Set-WebApplicationProxySslCertificate; Set-RemoteAccess; Add a listener certificate (Remote Desktop).
"""

from __future__ import annotations

import re

from forensics.commands import parameters as kind
from forensics.commands.command import Command, Parameter

NEW = "NEW-THUMBPRINT"
"""Stands for what no disk of today holds: the certificate that is to come."""
NEW_CERTIFICATE = {"new": Parameter(kind.matching(re.compile(f"{kind.THUMBPRINT.pattern}|{NEW}")), NEW)}
"""The certificate that is to be set, where the disk holds it."""

COMMANDS = (
    Command(
        "set-binding",
        (
            "netsh http show sslcert <endpoint>",
            "netsh http update sslcert <endpoint> certhash=<new> certstorename=<store> appid=<app_id>",
        ),
        "shows what a binding of http.sys has, gives it another certificate and leaves the rest as it is",
        {
            "endpoint": Parameter(kind.binding),
            "store": Parameter(kind.store_of_computer),
            "app_id": Parameter(kind.app_id),
            **NEW_CERTIFICATE,
        },
    ),
    Command(
        "set-winrm-listener",
        (
            "Set-WSManInstance -ResourceURI winrm/config/Listener -SelectorSet <listener> "
            "-ValueSet @{CertificateThumbprint='<new>'}",
        ),
        "gives a listener of WinRM another certificate and leaves the rest as it is",
        {"listener": Parameter(kind.listener_selectors), **NEW_CERTIFICATE},
    ),
    Command(
        "set-adfs-certificate",
        ("Set-AdfsSslCertificate -Thumbprint <new>",),
        "gives every TLS binding of AD FS another certificate",
        NEW_CERTIFICATE,
    ),
    Command(
        "set-proxy-certificate",
        ("Set-WebApplicationProxySslCertificate -Thumbprint <new>",),
        "gives the Web Application Proxy another TLS certificate",
        NEW_CERTIFICATE,
    ),
    Command(
        "set-sstp-certificate",
        (
            "Set-RemoteAccess -SslCertificate (Get-Item Cert:\\LocalMachine\\My\\<new>)",
            "Restart-Service RemoteAccess",
        ),
        "gives SSTP another certificate; ends the tunnels that are open",
        NEW_CERTIFICATE,
    ),
)
