"""Commands about key and master key files, which carry the attributes hidden and system.

References:
    Microsoft Learn, Copy-Item and Rename-Item (-Force); Get-ChildItem; Group-Object; attrib; icacls.
"""

from __future__ import annotations

from forensics.commands import parameters as kind
from forensics.commands.command import Command, Parameter

COMMANDS = (
    Command(
        "copy-file",
        ("if (-not (Test-Path -LiteralPath <target>)) { Copy-Item -LiteralPath <path> -Destination <target> -Force }",),
        "copies a file that may be hidden to where nothing lies yet; the copy has the access list of its new folder",
        {"path": Parameter(kind.path), "target": Parameter(kind.path)},
    ),
    Command(
        "keep-copy",
        (
            "$folder = '<folder>'",
            "New-Item -ItemType Directory -Path $folder -Force | Out-Null",
            'icacls $folder /inheritance:r /grant "*S-1-5-32-544:(OI)(CI)F"',
            "Copy-Item -LiteralPath <path> -Destination $folder -Force",
        ),
        "copies a file that may be hidden into a folder that administrators alone can read",
        {"path": Parameter(kind.path), "folder": Parameter(kind.matching(kind.FOLDER), "C:\\keymortem-keys")},
        changes=False,
    ),
    Command(
        "rename-file",
        ("Rename-Item -LiteralPath <path> -NewName <name> -Force",),
        "renames a file that may be hidden; refused where the new name is taken",
        {"path": Parameter(kind.path), "name": Parameter(kind.quoted)},
    ),
    Command(
        "replace-file",
        (
            'if (Test-Path -LiteralPath "BACKUP\\<name>") '
            '{ Rename-Item -LiteralPath <path> -NewName "<name>.damaged" -Force; '
            'Copy-Item -LiteralPath "BACKUP\\<name>" -Destination <path> -Force }',
        ),
        "puts the file of a backup, where there is one, into the place of a damaged one, which stays beside it",
        {"name": Parameter(kind.inside_quotes), "path": Parameter(kind.path)},
    ),
    Command(
        "place-file",
        (
            "$place = <target>",
            "if (-not (Test-Path -LiteralPath $place)) { Copy-Item -LiteralPath <file> -Destination $place -Force; "
            "icacls $place /setowner *<sid>; icacls $place /inheritance:r /grant <grants> }",
        ),
        "puts a copy of a file, or one that recover wrote, where nothing lies yet, with its owner and access list",
        {
            "file": Parameter(kind.key_file),
            "target": Parameter(kind.path),
            "sid": Parameter(kind.sid),
            "grants": Parameter(kind.grants),
        },
    ),
    Command(
        "set-attributes",
        ("attrib <attributes> <path>",),
        "gives a file the attributes hidden (+h), system (+s) or read-only (+r)",
        {"attributes": Parameter(kind.attributes), "path": Parameter(kind.path)},
    ),
    Command(
        "count-files-by-day",
        (
            "Get-ChildItem -LiteralPath <path> -Force | Group-Object { $_.CreationTime.Date }"
            " | Select-Object -Property 'Name', 'Count'",
        ),
        "shows how many files of a folder were made on each day",
        {"path": Parameter(kind.path)},
        changes=False,
    ),
)
