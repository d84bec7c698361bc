"""What is looked at before a runbook acts: expressions of PowerShell that are true where the disk was as it is now.

References:
    Microsoft Learn, Test-Path; netsh http show sslcert; Get-WSManInstance; Win32_TSGeneralSetting; Win32_Service.
"""

from __future__ import annotations

from forensics.commands import parameters as kind
from forensics.commands.command import Command, Parameter

_PATH = {"path": Parameter(kind.path)}
_THUMBPRINT = Parameter(kind.thumbprint)
_STORE = Parameter(kind.inside_quotes)

COMMANDS = (
    Command(
        "has-certificate",
        ('Test-Path -LiteralPath "Cert:\\LocalMachine\\<store>\\<thumbprint>"',),
        "true where a store of the computer holds a certificate",
        {"store": _STORE, "thumbprint": _THUMBPRINT},
        changes=False,
    ),
    Command(
        "has-no-certificate",
        ('-not (Test-Path -LiteralPath "Cert:\\LocalMachine\\<store>\\<thumbprint>")',),
        "true where a store of the computer does not hold a certificate",
        {"store": _STORE, "thumbprint": _THUMBPRINT},
        changes=False,
    ),
    Command(
        "has-new-certificate",
        (
            '(Get-Item -LiteralPath "Cert:\\LocalMachine\\<store>\\$new").HasPrivateKey',
            '(Get-Item -LiteralPath "Cert:\\LocalMachine\\<store>\\$new").NotAfter -gt (Get-Date)',
        ),
        "true where a store of the computer holds the certificate $new with a key, and it has not ended",
        {"store": _STORE},
        changes=False,
    ),
    Command(
        "has-file",
        ("Test-Path -LiteralPath <path>",),
        "true where a file is there",
        _PATH,
        changes=False,
    ),
    Command(
        "has-no-file",
        ("-not (Test-Path -LiteralPath <path>)",),
        "true where no file of that name is there",
        _PATH,
        changes=False,
    ),
    Command(
        "binding-has",
        ("[bool](netsh http show sslcert <endpoint> | Select-String -SimpleMatch '<thumbprint>')",),
        "true where a binding of http.sys names a certificate",
        {"endpoint": Parameter(kind.binding), "thumbprint": _THUMBPRINT},
        changes=False,
    ),
    Command(
        "winrm-listener-has",
        (
            "(Get-WSManInstance -ResourceURI winrm/config/Listener -SelectorSet <listener>)"
            ".CertificateThumbprint -replace ' ' -eq '<thumbprint>'",
        ),
        "true where a listener of WinRM names a certificate",
        {"listener": Parameter(kind.listener_selectors), "thumbprint": _THUMBPRINT},
        changes=False,
    ),
    Command(
        "rdp-listener-has",
        (
            "(Get-CimInstance -Namespace root/cimv2/TerminalServices -ClassName Win32_TSGeneralSetting "
            "-Filter \"TerminalName='<listener>'\").SSLCertificateSHA1Hash -eq '<thumbprint>'",
        ),
        "true where a listener of Remote Desktop names a certificate",
        {"listener": Parameter(kind.word, "RDP-Tcp"), "thumbprint": _THUMBPRINT},
        changes=False,
    ),
    Command(
        "service-is-disabled",
        ("(Get-CimInstance -ClassName Win32_Service -Filter \"Name='<service>'\").StartMode -eq 'Disabled'",),
        "true where a service is disabled",
        {"service": Parameter(kind.word)},
        changes=False,
    ),
)
