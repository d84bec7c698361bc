"""Commands about the attestation of keys in TPMs.

References:
    Microsoft Learn, TPM Key Attestation; certutil -setreg; Get-TpmEndorsementKeyInfo.
"""

from __future__ import annotations

from forensics.commands.command import Command

COMMANDS: tuple[Command, ...] = ()
