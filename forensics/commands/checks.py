"""What is looked at before a runbook acts: expressions of PowerShell that are true where the disk was as it is now.

References:
    Microsoft Learn, Test-Path; netsh http show sslcert; Get-WSManInstance; Win32_TSGeneralSetting; Win32_Service.
"""

from __future__ import annotations

import re

from forensics.commands import parameters as kind
from forensics.commands.bindings import NEW
from forensics.commands.command import Command, Parameter

_PATH = {"path": Parameter(kind.path)}
_THUMBPRINT = Parameter(kind.thumbprint)
_STORE = Parameter(kind.named(kind.inside_quotes))
_OLD_OR_NEW = {"thumbprint": Parameter(kind.matching(re.compile(f"{kind.THUMBPRINT.pattern}|{NEW}")))}

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
            'Test-Key "Cert:\\LocalMachine\\<store>\\$new"',
            '(Get-Item -LiteralPath "Cert:\\LocalMachine\\<store>\\$new").NotAfter -gt (Get-Date)',
        ),
        "true where a store of the computer holds the certificate $new, its key opens and fits, and it has not ended; "
        "in a runbook only, which has Test-Key",
        {"store": _STORE},
        changes=False,
    ),
    Command(
        "key-opens",
        ('Test-Key "Cert:\\LocalMachine\\<store>\\<thumbprint>"',),
        "true where the key of a certificate of the computer opens and fits it; in a runbook only, which has Test-Key",
        {"store": _STORE, "thumbprint": _THUMBPRINT},
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
        {"endpoint": Parameter(kind.binding), **_OLD_OR_NEW},
        changes=False,
    ),
    Command(
        "winrm-listener-has",
        (
            "(Get-WSManInstance -ResourceURI winrm/config/Listener -SelectorSet <listener>)"
            ".CertificateThumbprint -replace ' ' -eq '<thumbprint>'",
        ),
        "true where a listener of WinRM names a certificate",
        {"listener": Parameter(kind.listener_selectors), **_OLD_OR_NEW},
        changes=False,
    ),
    Command(
        "rdp-listener-has",
        (
            "(Get-CimInstance -Namespace root/cimv2/TerminalServices -ClassName Win32_TSGeneralSetting "
            "-Filter \"TerminalName='<listener>'\").SSLCertificateSHA1Hash -eq '<thumbprint>'",
        ),
        "true where a listener of Remote Desktop names a certificate",
        {"listener": Parameter(kind.word, "RDP-Tcp"), **_OLD_OR_NEW},
        changes=False,
    ),
    Command(
        "service-is-disabled",
        ("(Get-CimInstance -ClassName Win32_Service -Filter \"Name='<service>'\").StartMode -eq 'Disabled'",),
        "true where a service is disabled",
        {"service": Parameter(kind.word)},
        changes=False,
    ),
    Command(
        "service-may-start",
        ("(Get-CimInstance -ClassName Win32_Service -Filter \"Name='<service>'\").StartMode -in 'Manual', 'Auto'",),
        "true where a service starts when it is asked for, or by itself",
        {"service": Parameter(kind.word)},
        changes=False,
    ),
)
