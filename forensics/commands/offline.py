"""Commands that are typed where keymortem runs: its own, and those of impacket.

References:
    impacket, dpapi.py and secretsdump.py (as ``-h`` describes them).
"""

from __future__ import annotations

from forensics.commands import parameters as kind
from forensics.commands.command import Command, Parameter

COMMANDS = (
    Command(
        "examine-again",
        ("keymortem examine SOURCE",),
        "examines a disk once more",
        shell="analyst",
        changes=False,
    ),
    Command(
        "examine-with-password",
        ("keymortem examine SOURCE --password <sid>:FILE-WITH-PASSWORD",),
        "examines a disk with the password of a user, by the SID in the name of the folder of his master keys",
        {"sid": Parameter(kind.sid)},
        shell="analyst",
        changes=False,
    ),
    Command(
        "export-domain-backup-key",
        ("dpapi.py backupkeys -t DOMAIN/ADMINISTRATOR@DC --export",),
        "writes the DPAPI backup keys of a domain into files",
        shell="analyst",
        changes=False,
    ),
    Command(
        "examine-with-domain-key",
        ("keymortem examine SOURCE --domain-backup-key FILE.pvk",),
        "examines a disk with a DPAPI backup key of its domain",
        shell="analyst",
        changes=False,
    ),
    Command(
        "plan-migration",
        ("keymortem migrate --from THIS_DISK --to NEW_HOST_DISK",),
        "says what must go along with virtual machines to another host",
        shell="analyst",
        changes=False,
    ),
)
