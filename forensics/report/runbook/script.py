"""Writes the script: a head that refuses another computer, functions, and the steps one after the other.

What stands in the script from the disk is a comment, a single-quoted string, or a command of the catalogue.

References:
    Microsoft Learn, about_Requires; about_Scopes; about_Parsing; about_Parameters_Default_Values;
    about_Character_Encoding; about_Signing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from forensics.commands.parameters import as_literal
from forensics.language import _, told
from forensics.report.runbook.kinds import Act, Lost, Need, Part, Step
from forensics.report.runbook.script_texts import help_lines, script_texts
from forensics.tables.sanitise import sanitise

BYTE_ORDER_MARK = "\ufeff"
"""Without it PowerShell 5.1 reads a script as ANSI, where bytes of other characters may be quotes."""

_TEXT = re.compile(r"<<([a-z-]+)>>")
_BEGIN = """\
#Requires -Version 5.1
#Requires -RunAsAdministrator
<#
"""
_PARAMETERS = """\
#>
[CmdletBinding()]
param(
    [switch] $Apply,
    [hashtable] $NewCertificate = @{},
    [string] $PfxFolder = ''
)

Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'
<<modules>>
$PSDefaultParameterValues = @{ '*:ErrorAction' = 'Stop' }
$left = New-Object System.Collections.Generic.List[string]
$done = 0
$ready = 0
"""
_SAME_WINDOWS = """\
$guid = (Get-ItemProperty -LiteralPath 'HKLM:\\SOFTWARE\\Microsoft\\Cryptography').MachineGuid
if ($guid -ne GUID) {
    throw <<another-windows>>
}
"""
_NO_GUID = """\
<<no-guid>>
"""
_SAME_NAME = """\
$names = Get-ItemProperty -LiteralPath 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\ComputerName\\ComputerName'
if ($names.ComputerName -ne NAME) {
    throw <<another-name>>
}
"""
_GIVEN = """\
$replaced = @(OLD)
foreach ($old in $NewCertificate.Keys) {
    if ($old -notin $replaced) { throw <<not-replaced>> }
    $new = [string]$NewCertificate[$old] -replace '[^0-9A-Fa-f]'
    if ($new.Length -ne 40 -or $new -eq $old) { throw <<no-other-one>> }
}
if ($PfxFolder -and -not (Test-Path -LiteralPath $PfxFolder -PathType Container)) {
    throw <<no-folder>>
}
"""
_FUNCTIONS = """\

function Step([string] $Title, [scriptblock] $Check, [string[]] $Plan, [scriptblock] $Action, [scriptblock] $Goal) {
    Write-Host ''
    Write-Host $Title
    if ($Goal -and (Test-Goal $Goal)) { Write-Host <<so-already>>; return }
    try { $asExpected = [bool](& $Check) } catch { $asExpected = $false; Write-Host <<check>> }
    if (-not $asExpected) {
        Write-Warning <<not-as-expected>>
        $script:left.Add($Title)
        return
    }
    foreach ($line in $Plan) { Write-Host "  $line" }
    if (-not $Apply) { Write-Host <<not-run>>; $script:ready += 1; return }
    try {
        & $Action
        if ($Goal -and -not (Test-Goal $Goal)) { throw <<not-helped>> }
        $script:done += 1
    } catch {
        Write-Warning <<failed>>
        $script:left.Add($Title)
    }
}

function Test-Goal([scriptblock] $Goal) {
    try { [bool](& $Goal) } catch { $false }
}

<<key-opens>>
function Test-Key([string] $Path) {
    $holder = Get-Item -LiteralPath $Path
    $bytes = [byte[]](1, 2, 3)
    $sha1 = [System.Security.Cryptography.HashAlgorithmName]::SHA1
    $key = [System.Security.Cryptography.X509Certificates.RSACertificateExtensions]::GetRSAPrivateKey($holder)
    if ($key) {
        $public = [System.Security.Cryptography.X509Certificates.RSACertificateExtensions]::GetRSAPublicKey($holder)
        $padding = [System.Security.Cryptography.RSASignaturePadding]::Pkcs1
        return $public.VerifyData($bytes, $key.SignData($bytes, $sha1, $padding), $sha1, $padding)
    }
    $key = [System.Security.Cryptography.X509Certificates.ECDsaCertificateExtensions]::GetECDsaPrivateKey($holder)
    if (-not $key) { return $false }
    $public = [System.Security.Cryptography.X509Certificates.ECDsaCertificateExtensions]::GetECDsaPublicKey($holder)
    return $public.VerifyData($bytes, $key.SignData($bytes, $sha1), $sha1)
}

function Stop-At([string] $Title, [string[]] $Needs) {
    Write-Host ''
    Write-Host $Title
    foreach ($line in $Needs) { Write-Warning $line }
    $script:left.Add($Title)
}

<<somebody>>
function Confirm-That([string] $Fact) {
    if ((Read-Host <<ask>>) -ne 'yes') { throw <<not-confirmed>> }
}

<<exit-codes>>
function Invoke-Tool([scriptblock] $Tool) {
    $global:LASTEXITCODE = 0
    & $Tool
    if ($global:LASTEXITCODE -ne 0) { throw <<exit-code>> }
}
"""
_END = """\

Write-Host ''
if ($Apply) { Write-Host <<done>> } else { Write-Host <<would-be-done>> }
if ($left.Count -gt 0) {
    Write-Warning <<left>>
    foreach ($title in $left) { Write-Host "  $title" }
}
if ($ready + $left.Count -gt 0) { exit 1 }
exit 0
"""


def script(
    about: Iterable[str], machine_guid: str | None, parts: Sequence[Part], computer_name: str | None = None
) -> str:
    """Write the script.

    Args:
        about: What it was made of, one line each.
        machine_guid: Of the Windows that was examined; where it is not known the script cannot tell another one.
        parts: In the order in which they are to be done.
        computer_name: By which a copy with the same MachineGuid is told, where it was renamed.
    """
    said = [*(_comment(told(line)) for line in about), "", *help_lines()]
    head = "".join(f"  {line}".rstrip() + "\n" for line in said)
    # Values of the disk are put in last: none of them may stand for a text.
    texts = script_texts()
    same = _said(_SAME_WINDOWS if machine_guid else _NO_GUID, texts).replace("GUID)", f"{_string(machine_guid or '')})")
    if computer_name:
        same += _said(_SAME_NAME, texts).replace("NAME)", f"{_string(computer_name)})")
    olds = dict.fromkeys(s.thumbprint for part in parts for s in part.steps if isinstance(s, Lost) and s.replaced)
    given = _said(_GIVEN, texts).replace("@(OLD)", f"@({', '.join(map(_string, olds))})")
    body = "".join(f"{line}\n" for number, part in enumerate(parts, 1) for line in _part(number, part))
    functions, end = _said(_FUNCTIONS, texts), _said(_END, texts)
    return "".join((BYTE_ORDER_MARK, _BEGIN, head, _said(_PARAMETERS, texts), same, given, functions, body, end))


def _said(part: str, texts: Mapping[str, str]) -> str:
    return _TEXT.sub(lambda found: texts.get(found[1], found[0]), part)


def _part(number: int, part: Part) -> Iterator[str]:
    yield ""
    yield f"# {number}. {_comment(told(part.heading))}"
    yield from (f"# - {_comment(told(line))}" for line in part.remarks)
    for step in part.steps:
        yield from _step(step)


def _step(step: Step) -> Iterator[str]:
    if isinstance(step, Act):
        yield from _act(step)
    elif isinstance(step, Need):
        yield from _stop(step.title, step.needs)
    else:
        yield from _lost(step)


def _lost(lost: Lost) -> Iterator[str]:
    old = lost.thumbprint
    if lost.successor is not None:
        stands_in = _(
            "{thumbprint} can stand in for it: it has its names, and its key opens.", thumbprint=lost.successor
        )
        yield f"# {_comment(stands_in)}"
        yield f"$new = '{lost.successor}'"
        yield f"if ($NewCertificate.ContainsKey('{old}')) {{ $new = {_GIVEN_ONE.format(old)} }}"
        yield from _over("$new", lost.replaced)
        return
    opening = "if"
    if lost.replaced:
        yield f"if ($NewCertificate.ContainsKey('{old}')) {{"
        yield f"    $new = {_GIVEN_ONE.format(old)}"
        yield from _indented(_over("$new", lost.replaced))
        opening = "} elseif"
    if lost.imported:
        yield f'{opening} ($PfxFolder -and (Test-Path -LiteralPath "$PfxFolder\\{old}.pfx")) {{'
        yield f'    $pfx = "$PfxFolder\\{old}.pfx"'
        yield from _indented(_over("$pfx", lost.imported))
    yield "} else {"
    yield from _indented(_stop(lost.title, lost.needs))
    yield "}"


_GIVEN_ONE = "[string]$NewCertificate['{}'] -replace '[^0-9A-Fa-f]'"


def _over(variable: str, steps: Iterable[Step]) -> Iterator[str]:
    yield "Write-Host ''"
    yield f"Write-Host ('{variable} = ' + {variable})"
    for step in steps:
        yield from _step(step)


def _act(act: Act) -> Iterator[str]:
    yield f"Step {_string(act.title)} {{"
    yield "    " + " -and\n    ".join(f"({check})" for check in act.checks)
    yield "} @("
    yield from _list([*act.notes, *act.lines, *act.shows])
    yield ") {"
    if act.asks:
        yield f"    Confirm-That {_string(act.asks)}"
    yield from (f"    Invoke-Tool {{ {line} }}" for line in act.lines)
    yield from (f"    {line}" for line in act.shows)
    if act.goal:
        yield "} {"
        yield "    " + " -and\n    ".join(f"({check})" for check in act.goal)
    yield "}"


def _stop(title: str, needs: Sequence[str]) -> Iterator[str]:
    yield f"Stop-At {_string(title)} @("
    yield from _list(needs)
    yield ")"


def _list(texts: Sequence[str]) -> Iterator[str]:
    for number, text in enumerate(texts, 1):
        yield f"    {_string(text)}{',' if number < len(texts) else ''}"


def _indented(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield from (f"    {part}" for part in line.split("\n"))


def _string(text: str) -> str:
    """Write a text so that it ends no string."""
    return as_literal(sanitise(told(text), _LONGEST_TEXT))


_LONGEST_TEXT = 4000
"""Display: characters of one line that a runbook prints or has as a comment."""


def _comment(text: str) -> str:
    """Write a text so that it ends no comment, and begins no signature of a script (``# SIG # ...``)."""
    return sanitise(text, _LONGEST_TEXT).replace("#", "_")
