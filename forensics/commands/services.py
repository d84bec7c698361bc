"""Commands about services.

References:
    Microsoft Learn, Restart-Service; Start-Service; sc.exe config; reg export; reg import.
"""

from __future__ import annotations

from forensics.commands import parameters as kind
from forensics.commands.command import Command, Parameter
from forensics.commands.refusal import Refused


def _name(value: str) -> str:
    try:
        return kind.word(value)
    except Refused:
        # Such as MSSQL$INSTANCE.
        return kind.literal(value)


_SERVICE = {"service": Parameter(_name)}

COMMANDS = (
    Command("start-service", ("Start-Service <service>",), "starts a service", _SERVICE),
    Command("restart-service", ("Restart-Service <service>",), "restarts a service: it is away meanwhile", _SERVICE),
    Command(
        "start-on-demand",
        ("sc.exe config <service> start= demand",),
        "lets a disabled service be started when it is asked for",
        _SERVICE,
    ),
    Command(
        "export-service-key",
        ('reg export "HKLM\\SYSTEM\\CurrentControlSet\\Services\\<service>" "<service>.reg"',),
        "writes the registry key of a service into a file",
        _SERVICE,
        changes=False,
    ),
    Command(
        "import-service-key",
        ('reg import "<service>.reg"',),
        "registers a service as export-service-key of another computer wrote it; Windows sees it after a restart",
        _SERVICE,
    ),
)
