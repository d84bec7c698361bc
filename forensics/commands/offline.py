"""Commands that are typed where keymortem runs: its own, and those of impacket.

References:
    impacket, dpapi.py and secretsdump.py (as ``-h`` describes them).
"""

from __future__ import annotations

from forensics.commands.command import Command

COMMANDS: tuple[Command, ...] = ()
