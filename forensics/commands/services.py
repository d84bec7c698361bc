"""Commands about services.

References:
    Microsoft Learn, Restart-Service; Start-Service; sc.exe config.
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
)
