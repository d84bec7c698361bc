"""Writes the script: a head that refuses another computer, functions, and the steps one after the other.

What stands in the script from the disk is a comment, a single-quoted string, or a command of the catalogue.

References:
    Microsoft Learn, about_Requires; about_Scopes; about_Parsing; about_Parameters_Default_Values;
    about_Character_Encoding; about_Signing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from forensics.commands.parameters import as_literal
from forensics.report.runbook.kinds import Act, Lost, Need, Part, Step
from forensics.tables.sanitise import sanitise

BYTE_ORDER_MARK = "\ufeff"
"""Without it PowerShell 5.1 reads a script as ANSI, where bytes of other characters may be quotes."""

_BEGIN = """\
#Requires -Version 5.1
#Requires -RunAsAdministrator
<#
"""
_PARAMETERS = """\

  Run it in PowerShell as administrator. Without -Apply nothing is changed: each step says what it would do.
  -Apply           does it, step by step. A step whose check fails is left out, and named at the end.
  -NewCertificate  thumbprints of new certificates by those that they replace: @{ 'OLD' = 'NEW' };
                   each lies, with its key, in the computer's store MY, or where its step looks for it
  -PfxFolder       folder with PFX files, each named by the thumbprint of its certificate: <thumbprint>.pfx
                   (certutil asks for the password of each)
  Where Windows runs no scripts: first, in the same window, Set-ExecutionPolicy -Scope Process RemoteSigned
  Exit code: 0 every step is done (restarts that a step names are yours), 1 steps are left, or the script ended early.
#>
[CmdletBinding()]
param(
    [switch] $Apply,
    [hashtable] $NewCertificate = @{},
    [string] $PfxFolder = ''
)

Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'
# Commands of modules do not see the line above.
$PSDefaultParameterValues = @{ '*:ErrorAction' = 'Stop' }
$left = New-Object System.Collections.Generic.List[string]
$done = 0
$ready = 0
"""
_SAME_WINDOWS = """\
$guid = (Get-ItemProperty -LiteralPath 'HKLM:\\SOFTWARE\\Microsoft\\Cryptography').MachineGuid
if ($guid -ne GUID) {
    throw 'This is not the Windows that was examined: its MachineGuid is another one. Nothing was done.'
}
"""
_NO_GUID = """\
# The disk does not tell its MachineGuid: see for yourself that this is the computer that was examined.
"""
_SAME_NAME = """\
$names = Get-ItemProperty -LiteralPath 'HKLM:\\SYSTEM\\CurrentControlSet\\Control\\ComputerName\\ComputerName'
if ($names.ComputerName -ne NAME) {
    throw 'This computer has another name than the one examined: a copy, or renamed since. Nothing was done.'
}
"""
_GIVEN = """\
$replaced = @(OLD)
foreach ($old in $NewCertificate.Keys) {
    if ($old -notin $replaced) { throw "-NewCertificate: no step here replaces certificate $old. Nothing was done." }
    $new = [string]$NewCertificate[$old] -replace '[^0-9A-Fa-f]'
    if ($new.Length -ne 40 -or $new -eq $old) { throw "-NewCertificate: '$new' is no other one. Nothing was done." }
}
if ($PfxFolder -and -not (Test-Path -LiteralPath $PfxFolder -PathType Container)) {
    throw "-PfxFolder: there is no folder $PfxFolder. Nothing was done."
}
"""
_FUNCTIONS = """\

function Step([string] $Title, [scriptblock] $Check, [string[]] $Plan, [scriptblock] $Action, [scriptblock] $Goal) {
    Write-Host ''
    Write-Host $Title
    if ($Goal -and (Test-Goal $Goal)) { Write-Host '  It is so already: there is nothing to do.'; return }
    try { $asExpected = [bool](& $Check) } catch { $asExpected = $false; Write-Host "  check: $_" }
    if (-not $asExpected) {
        Write-Warning 'Not as this script expects it (it may have been repaired in another way). Nothing was done here.'
        $script:left.Add($Title)
        return
    }
    foreach ($line in $Plan) { Write-Host "  $line" }
    if (-not $Apply) { Write-Host '  (not run: without -Apply nothing is changed)'; $script:ready += 1; return }
    try {
        & $Action
        if ($Goal -and -not (Test-Goal $Goal)) { throw 'it ran, but it is not seen to have helped' }
        $script:done += 1
    } catch {
        Write-Warning "Failed: $_"
        $script:left.Add($Title)
    }
}

function Test-Goal([scriptblock] $Goal) {
    try { [bool](& $Goal) } catch { $false }
}

# Whether the key of a certificate opens and fits it, shown by a signature: HasPrivateKey tells of a link only.
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

# What only somebody who looked knows; a run without anybody ends the step here.
function Confirm-That([string] $Fact) {
    if ((Read-Host "  $Fact Type yes where that is so") -ne 'yes') { throw 'not confirmed, so nothing was run' }
}

# Tools of Windows say by their exit code that they failed; PowerShell alone would go on.
function Invoke-Tool([scriptblock] $Tool) {
    $global:LASTEXITCODE = 0
    & $Tool
    if ($global:LASTEXITCODE -ne 0) { throw "exit code $global:LASTEXITCODE" }
}
"""
_END = """\

Write-Host ''
if ($Apply) { Write-Host "Steps done: $done." } else { Write-Host "Steps that -Apply would do: $ready." }
if ($left.Count -gt 0) {
    Write-Warning "Steps that are left: $($left.Count)."
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
    told = "".join(f"  {_comment(line)}\n" for line in about)
    same = _SAME_WINDOWS.replace("GUID)", f"{_string(machine_guid)})") if machine_guid else _NO_GUID
    if computer_name:
        same += _SAME_NAME.replace("NAME)", f"{_string(computer_name)})")
    olds = dict.fromkeys(s.thumbprint for part in parts for s in part.steps if isinstance(s, Lost) and s.replaced)
    given = _GIVEN.replace("OLD", ", ".join(map(_string, olds)))
    body = "".join(f"{line}\n" for number, part in enumerate(parts, 1) for line in _part(number, part))
    return "".join((BYTE_ORDER_MARK, _BEGIN, told, _PARAMETERS, same, given, _FUNCTIONS, body, _END))


def _part(number: int, part: Part) -> Iterator[str]:
    yield ""
    yield f"# {number}. {_comment(part.heading)}"
    yield from (f"# - {_comment(line)}" for line in part.remarks)
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
        yield f"# {lost.successor} can stand in for it: it has its names, and its key opens."
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
    return as_literal(sanitise(text, _LONGEST_TEXT))


_LONGEST_TEXT = 4000
"""Display: characters of one line that a runbook prints or has as a comment."""


def _comment(text: str) -> str:
    """Write a text so that it ends no comment, and begins no signature of a script (``# SIG # ...``)."""
    return sanitise(text, _LONGEST_TEXT).replace("#", "_")
