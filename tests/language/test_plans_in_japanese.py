"""Plans of a migration and answers on attestation hold no English in Japanese, but names, commands and titles."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import forensics
from forensics.report.result import Result
from tests.examined import examined

MAKERS: dict[str, Callable[[], Result]] = {
    "host to host": lambda: forensics.plan_migration(examined("hyperv-source"), examined("hyperv-target")),
    "back": lambda: forensics.plan_migration(examined("hyperv-target"), examined("hyperv-source")),
    "to a guarded host": lambda: forensics.plan_migration(examined("hyperv-source"), examined("hyperv-hgs")),
    "exports": lambda: forensics.plan_migration(None, examined("hyperv-target"), examined("hyperv-source")),
    "attestation": lambda: forensics.attest(examined("attest-ca"), [examined("tpm-laptop"), examined("laptop")]),
    "attestation of a bare authority": lambda: forensics.attest(examined("attest-ca-bare"), [examined("healthy")]),
}
WORKS = (
    "Savill, Mastering Windows Server 2016 Hyper-V, p. 363",
    "Microsoft SupportArticles, shielded VM and Host Guardian Service",
    "System Center support, event 10698",
)
"""Titles of what answers are from."""
COMMANDS = re.compile(r"\(?Get-[A-Za-z]+(?: -[A-Za-z0-9]+ [a-z0-9]+\))?(?:\.[A-Za-z]+)?(?: [A-Z][a-z]+-[A-Za-z]+)?")
NAMES = (
    "WEB01 - before the update",
    "BitLocker",
    "keymortem explain",
)
"""Names of forged machines, of parts of Windows and of commands, of more than one word or in small letters."""
_SMALL = re.compile(r"(?<![A-Za-z0-9\\.-])[a-z]{2,}(?![A-Za-z0-9])")


@cache
def made(name: str) -> Result:
    return MAKERS[name]()


def prose(text: str) -> str:
    """Return a text without the commands, titles and names that stay as they are."""
    for name in (*WORKS, *NAMES):
        text = text.replace(name, "")
    return COMMANDS.sub("", text)


def english(text: str) -> list[str]:
    return _SMALL.findall(prose(text))
