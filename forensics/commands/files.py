"""Commands about key and master key files, which carry the attributes hidden and system.

References:
    Microsoft Learn, Copy-Item and Rename-Item (-Force); robocopy.
"""

from __future__ import annotations

from forensics.commands import parameters as kind
from forensics.commands.command import Command, Parameter

COMMANDS = (
    Command(
        "copy-file",
        ("Copy-Item -LiteralPath <path> -Destination <target> -Force",),
        "copies a file that may be hidden; the copy has the access list of its new folder",
        {"path": Parameter(kind.path), "target": Parameter(kind.path)},
    ),
    Command(
        "keep-copy",
        ("Copy-Item -LiteralPath <path> -Destination FOLDER -Force",),
        "copies a file that may be hidden to a place of the reader's choice",
        {"path": Parameter(kind.path)},
        changes=False,
    ),
    Command(
        "rename-file",
        ("Rename-Item -LiteralPath <path> -NewName <name> -Force",),
        "renames a file that may be hidden; refused where the new name is taken",
        {"path": Parameter(kind.path), "name": Parameter(kind.quoted)},
    ),
)
