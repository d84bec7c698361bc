"""Writes the script: a head that refuses another computer, functions, and the steps one after the other.

What stands in the script from the disk is a comment, a single-quoted string, or a command of the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from forensics.commands.parameters import literal
from forensics.tables.sanitise import sanitise

_HEAD = """\
#Requires -Version 5.1
#Requires -RunAsAdministrator
<#
{about}
  Without -Apply nothing is changed: each step says what it would do.
  -Apply           does it, step by step; a step whose check fails is left out, and named at the end.
  -NewCertificate  thumbprints of new certificates by those they replace: @{{ 'OLD' = 'NEW' }}
  -PfxFolder       folder with PFX files, each named by its thumbprint: <thumbprint>.pfx
#>
[CmdletBinding()]
param(
    [switch] $Apply,
    [hashtable] $NewCertificate = @{{}},
    [string] $PfxFolder = ''
)

Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'
$left = New-Object System.Collections.Generic.List[string]
$done = 0
"""
_SAME_COMPUTER = """\
$guid = (Get-ItemProperty -LiteralPath 'HKLM:\\SOFTWARE\\Microsoft\\Cryptography').MachineGuid
if ($guid -ne {guid}) {
    throw 'This is not the Windows that was examined: its MachineGuid is another one. Nothing was done.'
}
"""
_FUNCTIONS = """\
function Step([string] $Title, [scriptblock] $Check, [string[]] $Plan, [scriptblock] $Action) {
    Write-Host ''
    Write-Host $Title
    try { $asExpected = [bool](& $Check) } catch { $asExpected = $false; Write-Host "  check: $_" }
    if (-not $asExpected) {
        Write-Warning 'Not as this script expects it. Nothing was done here.'
        $script:left.Add($Title)
        return
    }
    foreach ($line in $Plan) { Write-Host "  $line" }
    if (-not $Apply) { Write-Host '  (not run: without -Apply nothing is changed)'; return }
    try {
        & $Action
        $script:done += 1
    } catch {
        Write-Warning "Failed: $_"
        $script:left.Add($Title)
    }
}

function Stop-At([string] $Title, [string[]] $Needs) {
    Write-Host ''
    Write-Host $Title
    foreach ($line in $Needs) { Write-Warning $line }
    $script:left.Add($Title)
}

# Tools of Windows say by their exit code that they failed; PowerShell alone would go on.
function Invoke-Tool([scriptblock] $Tool) {
    $global:LASTEXITCODE = 0
    & $Tool
    if ($LASTEXITCODE -ne 0) { throw "exit code $LASTEXITCODE" }
}
"""
_END = """\

Write-Host ''
if ($Apply) { Write-Host "$done step(s) done." }
if ($left.Count -gt 0) {
    Write-Warning "$($left.Count) step(s) are left:"
    foreach ($title in $left) { Write-Host "  $title" }
    exit 1
}
exit 0
"""


@dataclass(frozen=True, slots=True)
class Act:
    """A step that this disk alone decides.

    Attributes:
        title: What is repaired.
        checks: Expressions that must all be true.
        lines: What is run then.
        remarks: What to know, one line each.
    """

    title: str
    checks: tuple[str, ...]
    lines: tuple[str, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Replace:
    """A step for which a new certificate must come from somewhere.

    Attributes:
        title: What is given another certificate.
        old: Thumbprint of the one that it has.
        checks: Expressions over ``$new`` that must all be true.
        lines: What is run then, over ``$new``.
        needs: What is said where no new one was named.
        remarks: What to know, one line each.
    """

    title: str
    old: str
    checks: tuple[str, ...]
    lines: tuple[str, ...]
    needs: tuple[str, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Import:
    """A step for which a PFX file must come from somewhere.

    Attributes:
        title: Whose key comes back.
        thumbprint: Of the certificate, by which the file is named.
        checks: Expressions that must all be true.
        lines: What is run then, over ``$pfx``.
        needs: What is said where the file is not there.
        remarks: What to know, one line each.
    """

    title: str
    thumbprint: str
    checks: tuple[str, ...]
    lines: tuple[str, ...]
    needs: tuple[str, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Need:
    """A step that a script cannot take.

    Attributes:
        title: What is down.
        needs: What it needs, one line each.
        remarks: What to know, one line each.
    """

    title: str
    needs: tuple[str, ...]
    remarks: tuple[str, ...] = ()


Step = Act | Replace | Import | Need


def script(about: Iterable[str], machine_guid: str | None, steps: Sequence[Step]) -> str:
    """Write the script.

    Args:
        about: What it was made of, one line each.
        machine_guid: Of the Windows that was examined; where it is not known the script cannot tell another one.
        steps: In the order in which they are to be done.
    """
    told = "\n".join(f"  {_comment(line)}" for line in about)
    same = _SAME_COMPUTER.replace("{guid}", literal(machine_guid)) if machine_guid else ""
    body = "\n".join(line for step in steps for line in _written(step))
    return _HEAD.replace("{about}", told).replace("{{", "{").replace("}}", "}") + same + _FUNCTIONS + body + _END


def _written(step: Step) -> Iterator[str]:
    yield ""
    yield from (f"# {_comment(line)}" for line in (step.title, *step.remarks))
    if isinstance(step, Act):
        yield from _step(step.title, step.checks, step.lines)
    elif isinstance(step, Need):
        yield from _stop(step.title, step.needs)
    elif isinstance(step, Replace):
        yield f"if ($NewCertificate.ContainsKey('{step.old}')) {{"
        yield f"    $new = [string]$NewCertificate['{step.old}']"
        yield from _indented(_step(step.title, ("$new -match '^[0-9A-Fa-f]{40}$'", *step.checks), step.lines))
        yield "} else {"
        yield from _indented(_stop(step.title, step.needs))
        yield "}"
    else:
        yield f'$pfx = "$PfxFolder\\{step.thumbprint}.pfx"'
        yield "if ($PfxFolder -and (Test-Path -LiteralPath $pfx)) {"
        yield from _indented(_step(step.title, step.checks, step.lines))
        yield "} else {"
        yield from _indented(_stop(step.title, step.needs))
        yield "}"


def _step(title: str, checks: Sequence[str], lines: Sequence[str]) -> Iterator[str]:
    yield f"Step {literal(sanitise(title))} {{"
    yield "    " + " -and\n    ".join(f"({check})" for check in checks)
    yield "} @("
    yield from _list(lines)
    yield ") {"
    yield from (f"    Invoke-Tool {{ {line} }}" for line in lines)
    yield "}"


def _stop(title: str, needs: Sequence[str]) -> Iterator[str]:
    yield f"Stop-At {literal(sanitise(title))} @("
    yield from _list(needs)
    yield ")"


def _list(texts: Sequence[str]) -> Iterator[str]:
    for number, text in enumerate(texts, 1):
        yield f"    {literal(sanitise(text))}{',' if number < len(texts) else ''}"


def _indented(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield from (f"    {part}" for part in line.split("\n"))


def _comment(text: str) -> str:
    """Write a text so that it ends no comment, neither a line nor a block."""
    return sanitise(text).replace("#>", "# >").replace("<#", "< #")
