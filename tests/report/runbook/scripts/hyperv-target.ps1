#Requires -Version 5.1
#Requires -RunAsAdministrator
<#
  Repair of HV02: Windows Server 2022 Standard build 20348, in hyperv-target.vhdx.xz
  Written by keymortem 0.1.0 of what was on that disk, as of 2026-11-22.
  No certificate, key or binding is deleted, and no password is in it.

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
$guid = (Get-ItemProperty -LiteralPath 'HKLM:\SOFTWARE\Microsoft\Cryptography').MachineGuid
if ($guid -ne 'f82561a7-9779-41d6-88f4-b522b7de4506') {
    throw 'This is not the Windows that was examined: its MachineGuid is another one. Nothing was done.'
}
$names = Get-ItemProperty -LiteralPath 'HKLM:\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName'
if ($names.ComputerName -ne 'HV02') {
    throw 'This computer has another name than the one examined: a copy, or renamed since. Nothing was done.'
}
$replaced = @()
foreach ($old in $NewCertificate.Keys) {
    if ($old -notin $replaced) { throw "-NewCertificate: no step here replaces certificate $old. Nothing was done." }
    $new = [string]$NewCertificate[$old] -replace '[^0-9A-Fa-f]'
    if ($new.Length -ne 40 -or $new -eq $old) { throw "-NewCertificate: '$new' is no other one. Nothing was done." }
}
if ($PfxFolder -and -not (Test-Path -LiteralPath $PfxFolder -PathType Container)) {
    throw "-PfxFolder: there is no folder $PfxFolder. Nothing was done."
}

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

# 1. virtual machine NOKEY01
# - needs the encryption certificate 1ABF8CEBA374FFFAD92AC5280182B9E97A9BBC1A: it is there without a private key
Stop-At 'virtual machine NOKEY01' @(
    'Needs the encryption certificate 1ABF8CEBA374FFFAD92AC5280182B9E97A9BBC1A: it is there without a private key.',
    'Bring both certificates of a guardian that it names, with their keys, from the host that has them into the store ''Shielded VM Local Certificates'' of this one; keymortem migrate plans that.',
    'More: guardian-without-private-key, vm-needs-missing-guardian in keymortem examine SOURCE -v.'
)

# 2. virtual machine DELETED01
# - needs the encryption certificate 5B0726F3B67DE1F9B08E5D621D2C495F4E95BFFD: it is there without a private key
Stop-At 'virtual machine DELETED01' @(
    'Needs the encryption certificate 5B0726F3B67DE1F9B08E5D621D2C495F4E95BFFD: it is there without a private key.',
    'Bring both certificates of a guardian that it names, with their keys, from the host that has them into the store ''Shielded VM Local Certificates'' of this one; keymortem migrate plans that.',
    'More: guardian-without-private-key, vm-needs-missing-guardian in keymortem examine SOURCE -v.'
)

# 3. virtual machine MY01
# - needs the encryption certificate AF7D2CEDDA5340F85BD9DB1E6976D985126DDC42: it lies in another store than 'Shielded VM Local Certificates' (likely)
Stop-At 'virtual machine MY01' @(
    'Needs the encryption certificate AF7D2CEDDA5340F85BD9DB1E6976D985126DDC42: it lies in another store than ''Shielded VM Local Certificates''.',
    'Move both certificates of the guardian from the store MY of this computer into its store ''Shielded VM Local Certificates''; their keys stay where they are.',
    'More: guardian-certificate-in-wrong-store, vm-needs-missing-guardian in keymortem examine SOURCE -v.'
)

# 4. virtual machine LOCKED01
# - needs the encryption certificate 67B1D3B7AC1CDA34EB4AB72912C9301C76BC3F28: Windows cannot open its private key: no DPAPI_SYSTEM secret on this disk opens master key 4ff7d7b1-e704-412d-85dc-f2e7ccd742c7 (likely)
Stop-At 'virtual machine LOCKED01' @(
    'Needs the encryption certificate 67B1D3B7AC1CDA34EB4AB72912C9301C76BC3F28: Windows cannot open its private key: no DPAPI_SYSTEM secret on this disk opens master key 4ff7d7b1-e704-412d-85dc-f2e7ccd742c7.',
    'Bring both certificates of a guardian that it names, with their keys, from the host that has them into the store ''Shielded VM Local Certificates'' of this one; keymortem migrate plans that.',
    'More: master-key-does-not-open, guardian-key-unusable, vm-needs-missing-guardian in keymortem examine SOURCE -v.'
)

# 5. Not known whether these work: nothing is done
Stop-At 'virtual machine TPM01' @(
    'Needs the encryption certificate 59484B8A4E6CFB1FA5A9323F6204A0EFB8829D14: whether its private key opens there is not known: the key is sealed by a TPM, real or virtual, and opens with that one only.'
)

Write-Host ''
if ($Apply) { Write-Host "Steps done: $done." } else { Write-Host "Steps that -Apply would do: $ready." }
if ($left.Count -gt 0) {
    Write-Warning "Steps that are left: $($left.Count)."
    foreach ($title in $left) { Write-Host "  $title" }
}
if ($ready + $left.Count -gt 0) { exit 1 }
exit 0
