"""What printed commands name, and whether the evidence that they were printed for holds it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from forensics.commands.shell import shell_label
from forensics.tables.finding import SHELLS, Block
from tests.commands.powershell import is_powershell

_THUMBPRINT = re.compile(r"\b[0-9A-Fa-f]{40}\b")
_GUID = re.compile(r"\b[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b")
_SID = re.compile(r"\bS-1(?:-[0-9]+)+\b")
_BINDING = re.compile(r"\b(?:ipport|hostnameport)=(\S+)")
_PATH = re.compile(r'"(?:\$env:SystemDrive|[A-Za-z]:)(\\[^"$]+)"')
DELETION = re.compile(r"-delstore|Remove-Item\b|delete sslcert|\breg delete\b|Remove-HgsGuardian|\bdel\b")
"""What takes something away."""
WELL_KNOWN = frozenset({"S-1-1-0", "S-1-5-11", "S-1-5-18", "S-1-5-19", "S-1-5-20", "S-1-5-32-544", "S-1-5-32-545"})
"""Accounts that are on every Windows."""
_FILLED_BY_THE_READER = ("\\keymortem-", ".pfx", ".cer", "\\Windows\\System32\\", "\\Sysprep\\")


class Evidence:
    """All values of all tables, to be searched."""

    def __init__(self, tables: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
        values = (str(v) for rows in tables.values() for row in rows for v in row.values() if v not in (None, ""))
        self._text = "\n".join(values).replace("\\\\", "/").replace("\\", "/").lower()

    def holds(self, text: str) -> bool:
        """Tell whether a value holds a text, whatever its case and slashes."""
        return text.replace("\\", "/").lower() in self._text


def blocks_of_commands(blocks: Iterable[Block]) -> Iterator[list[Block]]:
    """Yield the commands that stand together, each with its label."""
    run: list[Block] = []
    for block in blocks:
        if block.kind == "command":
            run.append(block)
        elif run:
            yield run
            run = []
    if run:
        yield run


def faults(blocks: Iterable[Block], evidence: Evidence, language: str = "en") -> Iterator[str]:
    """Yield what is wrong with the commands of a text: their shell, their grammar, or what they name."""
    labels = {shell_label(shell, language): shell for shell in SHELLS}
    for run in blocks_of_commands(blocks):
        if run[0].text not in labels:
            yield f"no shell is named above {run[0].text!r}"
        shell = None
        for block in run:
            if block.text in labels:
                shell = labels[block.text]
                if shell == "unchecked":
                    yield f"not of the catalogue: {run[1].text!r}"
                continue
            if block.shell != shell:
                yield f"under the shell {shell!r} stands one for {block.shell!r}: {block.text!r}"
            if not is_powershell(block.text):
                yield f"no PowerShell: {block.text!r}"
            yield from (f"{name!r} is not on this disk: {block.text!r}" for name in absent(block.text, evidence))


def deletions(blocks: Iterable[Block]) -> list[str]:
    """Return the commands that take something away."""
    return [b.text for b in blocks if b.kind == "command" and DELETION.search(b.text)]


def thumbprints(text: str) -> set[str]:
    """Return the thumbprints in a command."""
    return {found.upper() for found in _THUMBPRINT.findall(text)}


def absent(line: str, evidence: Evidence) -> Iterator[str]:
    """Yield what a command names that the evidence does not hold."""
    names = [*_THUMBPRINT.findall(line), *_GUID.findall(line), *_BINDING.findall(line)]
    names += [sid for sid in _SID.findall(line) if sid not in WELL_KNOWN]
    names += [path for path in _PATH.findall(line) if not any(part in path for part in _FILLED_BY_THE_READER)]
    yield from (name for name in names if not _is_held(name.lstrip("\\"), evidence))


def _is_held(name: str, evidence: Evidence) -> bool:
    """Tell whether a name is on the disk, of a path also where one value has its folder and another its name."""
    folder, _, last = name.rpartition("\\")
    return evidence.holds(name) or (folder != "" and evidence.holds(folder) and evidence.holds(last))
