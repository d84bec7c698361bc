#Requires -Version 5.1
#Requires -RunAsAdministrator
<#
  Repair of VPN01: Windows Server 2022 Standard build 20348, in volume
  Written by keymortem 0.1.0 of what was on that disk, as of 2026-11-22.
  No certificate, key or binding is deleted, and no password is in it.

  Run it in PowerShell as administrator. Without -Apply nothing is changed: each step says what it would do.
  -Apply           does it, step by step. A step whose check fails is left out, and named at the end.
  -NewCertificate  thumbprints of new certificates by those that they replace: @{ 'OLD' = 'NEW' }
  -PfxFolder       folder with PFX files, each named by the thumbprint of its certificate: <thumbprint>.pfx
                   (certutil asks for the password of each)
  Exit code: 0 nothing is left, 1 steps are left, or the script ended early.
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
$guid = (Get-ItemProperty -LiteralPath 'HKLM:\SOFTWARE\Microsoft\Cryptography').MachineGuid
if ($guid -ne '3cf683d9-570b-4391-92ed-2bb7a05fff1a') {
    throw 'This is not the Windows that was examined: its MachineGuid is another one. Nothing was done.'
}
$replaced = @('FCCBB50ED85CF581521880F8DE7E5D35D7F9A264')
foreach ($old in $NewCertificate.Keys) {
    if ($old -notin $replaced) { throw "-NewCertificate: nothing here has certificate $old. Nothing was done." }
    $new = [string]$NewCertificate[$old] -replace '[^0-9A-Fa-f]'
    if ($new.Length -ne 40 -or $new -eq $old) { throw "-NewCertificate: '$new' is no other one. Nothing was done." }
}
if ($PfxFolder -and -not (Test-Path -LiteralPath $PfxFolder -PathType Container)) {
    throw "-PfxFolder: there is no folder $PfxFolder. Nothing was done."
}

function Step([string] $Title, [scriptblock] $Check, [string[]] $Plan, [scriptblock] $Action) {
    Write-Host ''
    Write-Host $Title
    try { $asExpected = [bool](& $Check) } catch { $asExpected = $false; Write-Host "  check: $_" }
    if (-not $asExpected) {
        Write-Warning 'Not as this script expects it (it may have been repaired already). Nothing was done here.'
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
    if ($global:LASTEXITCODE -ne 0) { throw "exit code $global:LASTEXITCODE" }
}

# 1. http.sys 0.0.0.0:443 (SSTP), http.sys [::]:443 (SSTP), SSTP chosen by an administrator
# - the certificate's link to its key (KEY_PROV_INFO) is missing
# - Certificate CN=vpn.contoso.test, FCCBB50ED85CF581521880F8DE7E5D35D7F9A264, store MY, until 2027-01-05; key cannot be saved
# 1B2FE9862568780C93E0030027CC8515E189443F can stand in for it: it has its names, and its key opens.
$new = '1B2FE9862568780C93E0030027CC8515E189443F'
if ($NewCertificate.ContainsKey('FCCBB50ED85CF581521880F8DE7E5D35D7F9A264')) { $new = [string]$NewCertificate['FCCBB50ED85CF581521880F8DE7E5D35D7F9A264'] -replace '[^0-9A-Fa-f]' }
Write-Host ''
Write-Host ('$new = ' + $new)
Step 'http.sys 0.0.0.0:443 (SSTP): set the other certificate' {
    ([bool](netsh http show sslcert ipport=0.0.0.0:443 | Select-String -SimpleMatch 'FCCBB50ED85CF581521880F8DE7E5D35D7F9A264')) -and
    ((Get-Item -LiteralPath "Cert:\LocalMachine\MY\$new").HasPrivateKey) -and
    ((Get-Item -LiteralPath "Cert:\LocalMachine\MY\$new").NotAfter -gt (Get-Date))
} @(
    'This restarts RemoteAccess: open tunnels end.',
    'Set-RemoteAccess -SslCertificate (Get-Item Cert:\LocalMachine\My\$new)',
    'Restart-Service RemoteAccess'
) {
    Invoke-Tool { Set-RemoteAccess -SslCertificate (Get-Item Cert:\LocalMachine\My\$new) }
    Invoke-Tool { Restart-Service RemoteAccess }
}

Write-Host ''
if ($Apply) { Write-Host "$done step(s) done." }
if ($left.Count -gt 0) {
    Write-Warning "$($left.Count) step(s) are left:"
    foreach ($title in $left) { Write-Host "  $title" }
    exit 1
}
exit 0
