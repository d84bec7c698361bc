"""Commands about providers that keep keys, and about smart cards.

References:
    Microsoft Learn, certutil (-csplist, -scinfo, -csp); regsvr32; reg export; reg import.
"""

from __future__ import annotations

import re

from forensics.commands import parameters as kind
from forensics.commands.command import Command, Parameter

_LIST = "HKLM\\SYSTEM\\CurrentControlSet\\Control\\Cryptography\\Providers"
_PROVIDER = Parameter(kind.inside_quotes)

COMMANDS = (
    Command("list-providers", ("certutil -csplist",), "lists the providers that are registered", changes=False),
    Command(
        "register-provider",
        ("regsvr32 <library>",),
        "lets a library of Windows register the providers that are in it",
        {"library": Parameter(kind.matching(re.compile(r"rsaenh\.dll|dssenh\.dll")))},
    ),
    Command(
        "export-provider",
        (f'reg export "{_LIST}\\<provider>" "<provider>.reg"',),
        "writes how a key storage provider is registered into a file",
        {"provider": _PROVIDER},
        changes=False,
    ),
    Command(
        "import-provider",
        ('reg import "<provider>.reg"',),
        "registers a key storage provider as export-provider wrote it on a computer of the same build",
        {"provider": _PROVIDER},
    ),
    Command(
        "import-pfx-into-provider",
        ("certutil<scope> -csp <provider> -f -importPFX <store> <file>",),
        "imports certificate and key, and has a certain provider keep the key",
        {
            "scope": Parameter(kind.context),
            "provider": Parameter(kind.quoted),
            "store": Parameter(kind.named(kind.quoted)),
            "file": Parameter(kind.quoted, "FILE.pfx"),
        },
    ),
    Command(
        "look-at-smart-card",
        ("certutil -scinfo",),
        "shows what is on a card and tests its keys, for which it asks the PIN",
        shell="user",
        changes=False,
    ),
)
