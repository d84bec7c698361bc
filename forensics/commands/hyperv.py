"""Commands about guardians and virtual TPMs.

References:
    Microsoft Learn, HgsClient (Get-, Remove-, New-HgsGuardian, Grant-HgsKeyProtectorAccess); Set-VMKeyProtector.
"""

from __future__ import annotations

from forensics.commands.command import Command

COMMANDS: tuple[Command, ...] = ()
