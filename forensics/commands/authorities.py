"""Commands on a certification authority.

References:
    Microsoft Learn, certutil (-addstore, -restoreKey, -verifykeys, -getreg); Microsoft KB842210.
"""

from __future__ import annotations

from forensics.commands import parameters as kind
from forensics.commands.command import Command, Parameter

COMMANDS = (
    Command(
        "list-authority-certificates",
        ('Get-ChildItem "$env:SystemRoot\\System32\\CertSrv\\CertEnroll\\*.crt"',),
        "lists the copies that an authority keeps of its own certificates",
        changes=False,
    ),
    Command(
        "put-back-certificate",
        ("certutil -addstore My <file>",),
        "puts a certificate, without its key, back into store My of the computer",
        {"file": Parameter(kind.quoted, "FILE.crt")},
    ),
    Command(
        "restore-authority-key",
        ("certutil -restoreKey <folder>",),
        "restores certificate and key of an authority from the folder of its backup",
        {"folder": Parameter(kind.quoted, "FOLDER")},
    ),
    Command(
        "verify-authority-keys",
        ("certutil -verifykeys",),
        "says whether the keys of an authority fit its certificates",
        changes=False,
    ),
    Command(
        "show-authority-hash",
        ("certutil -getreg CA\\CSP\\CNGHashAlgorithm",),
        "shows with which hash an authority signs",
        changes=False,
    ),
)
