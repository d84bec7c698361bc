"""Commands about Windows itself: its clock, its firmware, BitLocker, encrypted files.

References:
    Microsoft Learn, w32tm; schtasks; manage-bde; cipher; reg.
"""

from __future__ import annotations

from forensics.commands.command import Command

COMMANDS: tuple[Command, ...] = ()
