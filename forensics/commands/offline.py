"""Commands that are typed where keymortem runs: its own, and one of impacket.

References:
    impacket, dpapi.py (as ``-h`` describes it).
"""

from __future__ import annotations

from forensics.commands import parameters as kind
from forensics.commands.command import Command, Parameter

_OF_KEY = {"thumbprint": Parameter(kind.thumbprint), "exportable": Parameter(kind.export_policy)}

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
        "recover-key",
        ("keymortem recover SOURCE <thumbprint> --to FOLDER --password-file FILE<exportable>",),
        "writes a proved key into a PFX file, which the password in FILE encrypts",
        _OF_KEY,
        shell="analyst",
        changes=False,
    ),
    Command(
        "recover-key-of-user",
        (
            "keymortem recover SOURCE <thumbprint> --password <sid>:FILE-WITH-PASSWORD --to FOLDER"
            " --password-file FILE<exportable>",
        ),
        "writes the proved key of a user into a PFX file; the password of the user opens its master key",
        {**_OF_KEY, "sid": Parameter(kind.sid)},
        shell="analyst",
        changes=False,
    ),
    Command(
        "recover-key-of-domain",
        (
            "keymortem recover SOURCE <thumbprint> --domain-backup-key FILE.pvk --to FOLDER"
            " --password-file FILE<exportable>",
        ),
        "writes the proved key of a domain's user into a PFX file; the domain's backup key opens its master key",
        _OF_KEY,
        shell="analyst",
        changes=False,
    ),
)
