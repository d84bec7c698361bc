"""Commands about the certificate of Remote Desktop.

References:
    Microsoft Learn, Remote Desktop listener certificate configurations; Win32_TSGeneralSetting.
"""

from __future__ import annotations

from forensics.commands import parameters as kind
from forensics.commands.bindings import NEW_CERTIFICATE
from forensics.commands.command import Command, Parameter

_TERMINAL_SERVER = "HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\WinStations"
_LISTENER = {"listener": Parameter(kind.word, "RDP-Tcp")}

COMMANDS = (
    Command(
        "set-rdp-certificate",
        (
            "Get-CimInstance -Namespace root/cimv2/TerminalServices -ClassName Win32_TSGeneralSetting "
            "-Filter \"TerminalName='<listener>'\" | Set-CimInstance -Property @{SSLCertificateSHA1Hash='<new>'}",
        ),
        "gives a listener of Remote Desktop another certificate",
        {**_LISTENER, **NEW_CERTIFICATE},
    ),
    Command(
        "unset-rdp-certificate",
        (f'Remove-ItemProperty -Path "{_TERMINAL_SERVER}\\<listener>" -Name SSLCertificateSHA1Hash',),
        "takes away which certificate a listener was told to take: Windows takes its own self-signed one again",
        _LISTENER,
    ),
    Command(
        "restart-rdp",
        ("Restart-Service -Force -Name 'SessionEnv', 'TermService'",),
        "restarts Remote Desktop: every session ends, also the one in which it is typed",
    ),
)
