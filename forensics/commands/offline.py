"""Commands that are typed where keymortem runs: its own, and those of impacket.

References:
    impacket, dpapi.py and secretsdump.py (as ``-h`` describes them).
"""

from __future__ import annotations

from forensics.commands import parameters as kind
from forensics.commands.command import Command, Parameter

_MASTER_KEY = Parameter(kind.guid)

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
    Command(
        "examine-backup",
        ("keymortem examine BACKUP",),
        "examines a backup: which master keys its secrets open",
        shell="analyst",
        changes=False,
    ),
    Command(
        "examine-together",
        ("keymortem examine SOURCE BACKUP",),
        "examines this disk and another source as one case",
        shell="analyst",
        changes=False,
    ),
    Command(
        "print-secrets",
        ("secretsdump.py -system <hive> -security SECURITY -history LOCAL",),
        "prints the LSA secrets in copies of two hives, the former value of DPAPI_SYSTEM too",
        {"hive": Parameter(kind.word, "SYSTEM")},
        shell="analyst",
        changes=False,
    ),
    Command(
        "open-master-key",
        ("dpapi.py masterkey -file <master_key> -system SYSTEM -security SECURITY",),
        "opens the copy of a master key file with the DPAPI_SYSTEM of copied SYSTEM and SECURITY",
        {"master_key": _MASTER_KEY},
        shell="analyst",
        changes=False,
    ),
    Command(
        "open-master-key-with-half",
        ("dpapi.py masterkey -file <master_key> -key 0xHALF",),
        "opens the copy of a master key file with a half of DPAPI_SYSTEM that print-secrets printed",
        {"master_key": _MASTER_KEY},
        shell="analyst",
        changes=False,
    ),
    Command(
        "open-master-key-of-user",
        ("dpapi.py masterkey -file <master_key> -sid <sid>",),
        "opens the copy of a user's master key file; asks for the password",
        {"master_key": _MASTER_KEY, "sid": Parameter(kind.sid)},
        shell="analyst",
        changes=False,
    ),
    Command(
        "open-master-key-of-domain",
        ("dpapi.py masterkey -file <master_key> -pvk FILE.pvk",),
        "opens the copy of a domain user's master key file with the backup key of the domain",
        {"master_key": _MASTER_KEY},
        shell="analyst",
        changes=False,
    ),
)
