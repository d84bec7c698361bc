"""Commands about the configuration of IIS.

References:
    Microsoft Learn, Using encryption to protect passwords (appcmd list apppool).
"""

from __future__ import annotations

from forensics.commands.command import Command

COMMANDS = (
    Command(
        "list-app-pools",
        ('& "$env:SystemRoot\\System32\\inetsrv\\appcmd.exe" list apppool /text:name',),
        "lists the application pools of IIS",
        changes=False,
    ),
)
