"""Commands about access lists of files and folders.

References:
    Microsoft Learn, icacls; takeown.
"""

from __future__ import annotations

from forensics.commands import parameters as kind
from forensics.commands.command import Command, Parameter

_PATH = Parameter(kind.own_path)

COMMANDS = (
    Command("take-ownership", ("takeown /f <path> /a",), "makes Administrators the owner", {"path": _PATH}),
    Command(
        "set-owner",
        ("icacls <path> /setowner *<sid>",),
        "makes an account the owner",
        {"path": _PATH, "sid": Parameter(kind.sid)},
    ),
    Command(
        "keep-inherited",
        ("icacls <path> /inheritance:d",),
        "makes inherited entries a file's own, so that one of them can be taken out",
        {"path": _PATH},
    ),
    Command(
        "remove-denials",
        ("icacls <path> /remove:d <sids>",),
        "takes out the entries that deny",
        {"path": _PATH, "sids": Parameter(kind.sids)},
    ),
    Command(
        "remove-grants",
        ("icacls <path> /remove:g <sids>",),
        "takes out the entries that permit",
        {"path": _PATH, "sids": Parameter(kind.sids)},
    ),
    Command(
        "grant",
        ("icacls <path> /grant <grants>",),
        "permits accounts, beside what the list has",
        {"path": _PATH, "grants": Parameter(kind.grants)},
    ),
    Command(
        "grant-alone",
        ("icacls <path> /inheritance:r /grant <grants>",),
        "takes out what is inherited and permits accounts: those in the command must be all that need it",
        {"path": _PATH, "grants": Parameter(kind.grants)},
    ),
)
