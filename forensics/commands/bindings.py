"""Commands that give a service another certificate, in place: whatever else its binding says stays.

References:
    Microsoft Learn, netsh http (update sslcert, show sslcert); Set-WSManInstance; Set-AdfsSslCertificate;
    Set-WebApplicationProxySslCertificate; Set-RemoteAccess; Add a listener certificate (Remote Desktop).
"""

from __future__ import annotations

from forensics.commands import parameters as kind
from forensics.commands.command import Command, Parameter

NEW = "NEW-THUMBPRINT"
"""Stands for what no disk of today holds: the certificate that is to come."""

COMMANDS = (
    Command(
        "show-binding",
        ("netsh http show sslcert <endpoint>",),
        "shows what a binding of http.sys has: certificate, store, AppId and flags",
        {"endpoint": Parameter(kind.binding)},
        changes=False,
    ),
    Command(
        "set-binding",
        (f"netsh http update sslcert <endpoint> certhash={NEW} certstorename=<store> appid=<app_id>",),
        "gives a binding of http.sys another certificate and leaves the rest as it is",
        {
            "endpoint": Parameter(kind.binding),
            "store": Parameter(kind.store_of_computer),
            "app_id": Parameter(kind.app_id),
        },
    ),
    Command(
        "set-winrm-listener",
        (
            "Set-WSManInstance -ResourceURI winrm/config/Listener -SelectorSet <listener> "
            f"-ValueSet @{{CertificateThumbprint='{NEW}'}}",
        ),
        "gives a listener of WinRM another certificate and leaves the rest as it is",
        {"listener": Parameter(kind.listener_selectors)},
    ),
    Command(
        "set-adfs-certificate",
        (f"Set-AdfsSslCertificate -Thumbprint {NEW}",),
        "gives every TLS binding of AD FS another certificate",
    ),
    Command(
        "set-proxy-certificate",
        (f"Set-WebApplicationProxySslCertificate -Thumbprint {NEW}",),
        "gives the Web Application Proxy another TLS certificate",
    ),
    Command(
        "set-sstp-certificate",
        (
            f"Set-RemoteAccess -SslCertificate (Get-Item Cert:\\LocalMachine\\My\\{NEW})",
            "Restart-Service RemoteAccess",
        ),
        "gives SSTP another certificate; ends the tunnels that are open",
    ),
)
