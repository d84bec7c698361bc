#Requires -Version 5.1
#Requires -RunAsAdministrator
<#
  Repair of WEB01: Windows Server 2019 Standard build 17763, in sample.vhdx.xz
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
if ($guid -ne '44d42aa2-dee4-4023-bea5-d2f166bbb42c') {
    throw 'This is not the Windows that was examined: its MachineGuid is another one. Nothing was done.'
}
$names = Get-ItemProperty -LiteralPath 'HKLM:\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName'
if ($names.ComputerName -ne 'WEB01') {
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

# 1. CN=shop.contoso.test: its key does not open, and nothing on this disk is known to use it
# - Certificate ABE1604902B90E0C17325DDE4D860C7D3002D6FA, store MY.
# - the access list of the key file shuts out SYSTEM (S-1-5-18), which must read it
Step 'Let SYSTEM (S-1-5-18) read the key file of CN=shop.contoso.test' {
    (Test-Path -LiteralPath "C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\45ce8faf60a482cea8613ee0b9826bb5_44d42aa2-dee4-4023-bea5-d2f166bbb42c") -and
    (Test-Path -LiteralPath "Cert:\LocalMachine\MY\ABE1604902B90E0C17325DDE4D860C7D3002D6FA")
} @(
    'Its list on the disk: S-1-5-21-1-2-3-500:F',
    'Administrators become its owner: without that they may not change its list.',
    'takeown /f "C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\45ce8faf60a482cea8613ee0b9826bb5_44d42aa2-dee4-4023-bea5-d2f166bbb42c" /a',
    'icacls "C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\45ce8faf60a482cea8613ee0b9826bb5_44d42aa2-dee4-4023-bea5-d2f166bbb42c" /grant "*S-1-5-18:F"',
    'certutil -verifystore "MY" ABE1604902B90E0C17325DDE4D860C7D3002D6FA'
) {
    Invoke-Tool { takeown /f "C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\45ce8faf60a482cea8613ee0b9826bb5_44d42aa2-dee4-4023-bea5-d2f166bbb42c" /a }
    Invoke-Tool { icacls "C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\45ce8faf60a482cea8613ee0b9826bb5_44d42aa2-dee4-4023-bea5-d2f166bbb42c" /grant "*S-1-5-18:F" }
    certutil -verifystore "MY" ABE1604902B90E0C17325DDE4D860C7D3002D6FA
}

# 2. CN=web.contoso.test: its key does not open, and nothing on this disk is known to use it
# - Certificate 5128463CB51FB4BFB5489BA043D6FCE174F6CA79, store MY.
# - the key file is named for MachineGuid 9a3c5b1e-0f4d-4e2b-8c77-1d2e3f405162; this machine's is 44d42aa2-dee4-4023-bea5-d2f166bbb42c
if ($PfxFolder -and (Test-Path -LiteralPath "$PfxFolder\5128463CB51FB4BFB5489BA043D6FCE174F6CA79.pfx")) {
    $pfx = "$PfxFolder\5128463CB51FB4BFB5489BA043D6FCE174F6CA79.pfx"
    Write-Host ''
    Write-Host ('$pfx = ' + $pfx)
    Step 'Import 5128463CB51FB4BFB5489BA043D6FCE174F6CA79 with its key into store MY' {
        (Test-Path -LiteralPath "Cert:\LocalMachine\MY\5128463CB51FB4BFB5489BA043D6FCE174F6CA79")
    } @(
        'certutil -f -importPFX "MY" $pfx',
        'certutil -verifystore "MY" 5128463CB51FB4BFB5489BA043D6FCE174F6CA79'
    ) {
        Invoke-Tool { certutil -f -importPFX "MY" $pfx }
        certutil -verifystore "MY" 5128463CB51FB4BFB5489BA043D6FCE174F6CA79
    } {
        (Test-Key "Cert:\LocalMachine\MY\5128463CB51FB4BFB5489BA043D6FCE174F6CA79")
    }
} else {
    Stop-At 'CN=web.contoso.test: its key' @(
        'The key file is named for MachineGuid 9a3c5b1e-0f4d-4e2b-8c77-1d2e3f405162; this machine''s is 44d42aa2-dee4-4023-bea5-d2f166bbb42c.',
        'A PFX file of it: -PfxFolder FOLDER, with the file 5128463CB51FB4BFB5489BA043D6FCE174F6CA79.pfx in it.',
        'Its key can still be had from this disk (C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\4209c24da88321c2d1aa5b3e46e0c245_9a3c5b1e-0f4d-4e2b-8c77-1d2e3f405162): keep it, see the finding key-recoverable.',
        'If something uses it after all, another certificate does as well.'
    )
}

# 3. CN=mail.contoso.test: its key does not open, and nothing on this disk is known to use it
# - Certificate 692EBB08570147BCE9005552D44F0FA31D5C54E3, store MY.
# - the key file holds another key than the certificate's
if ($PfxFolder -and (Test-Path -LiteralPath "$PfxFolder\692EBB08570147BCE9005552D44F0FA31D5C54E3.pfx")) {
    $pfx = "$PfxFolder\692EBB08570147BCE9005552D44F0FA31D5C54E3.pfx"
    Write-Host ''
    Write-Host ('$pfx = ' + $pfx)
    Step 'Import 692EBB08570147BCE9005552D44F0FA31D5C54E3 with its key into store MY' {
        (Test-Path -LiteralPath "Cert:\LocalMachine\MY\692EBB08570147BCE9005552D44F0FA31D5C54E3")
    } @(
        'certutil -f -importPFX "MY" $pfx',
        'certutil -verifystore "MY" 692EBB08570147BCE9005552D44F0FA31D5C54E3'
    ) {
        Invoke-Tool { certutil -f -importPFX "MY" $pfx }
        certutil -verifystore "MY" 692EBB08570147BCE9005552D44F0FA31D5C54E3
    } {
        (Test-Key "Cert:\LocalMachine\MY\692EBB08570147BCE9005552D44F0FA31D5C54E3")
    }
} else {
    Stop-At 'CN=mail.contoso.test: its key' @(
        'The key file holds another key than the certificate''s.',
        'A PFX file of it: -PfxFolder FOLDER, with the file 692EBB08570147BCE9005552D44F0FA31D5C54E3.pfx in it.',
        'Its key can still be had from this disk (C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\5f3815c6360daa630fbfc92c15f50536_9a3c5b1e-0f4d-4e2b-8c77-1d2e3f405162): keep it, see the finding key-recoverable.',
        'If something uses it after all, another certificate does as well.'
    )
}

# 4. CN=api.contoso.test: its key does not open, and nothing on this disk is known to use it
# - Certificate 9D36AE7DEC02022E8049BE625E83A558A4CB3F7E, store MY.
# - the key file is named for MachineGuid 9a3c5b1e-0f4d-4e2b-8c77-1d2e3f405162; this machine's is 44d42aa2-dee4-4023-bea5-d2f166bbb42c
if ($PfxFolder -and (Test-Path -LiteralPath "$PfxFolder\9D36AE7DEC02022E8049BE625E83A558A4CB3F7E.pfx")) {
    $pfx = "$PfxFolder\9D36AE7DEC02022E8049BE625E83A558A4CB3F7E.pfx"
    Write-Host ''
    Write-Host ('$pfx = ' + $pfx)
    Step 'Import 9D36AE7DEC02022E8049BE625E83A558A4CB3F7E with its key into store MY' {
        (Test-Path -LiteralPath "Cert:\LocalMachine\MY\9D36AE7DEC02022E8049BE625E83A558A4CB3F7E")
    } @(
        'certutil -f -importPFX "MY" $pfx',
        'certutil -verifystore "MY" 9D36AE7DEC02022E8049BE625E83A558A4CB3F7E'
    ) {
        Invoke-Tool { certutil -f -importPFX "MY" $pfx }
        certutil -verifystore "MY" 9D36AE7DEC02022E8049BE625E83A558A4CB3F7E
    } {
        (Test-Key "Cert:\LocalMachine\MY\9D36AE7DEC02022E8049BE625E83A558A4CB3F7E")
    }
} else {
    Stop-At 'CN=api.contoso.test: its key' @(
        'The key file is named for MachineGuid 9a3c5b1e-0f4d-4e2b-8c77-1d2e3f405162; this machine''s is 44d42aa2-dee4-4023-bea5-d2f166bbb42c.',
        'A PFX file of it: -PfxFolder FOLDER, with the file 9D36AE7DEC02022E8049BE625E83A558A4CB3F7E.pfx in it.',
        'Its key can still be had from this disk (C:\ProgramData\Microsoft\Crypto\Keys\7c6603facc389e7b19d73084f042ad36_9a3c5b1e-0f4d-4e2b-8c77-1d2e3f405162): keep it, see the finding key-recoverable.',
        'If something uses it after all, another certificate does as well.'
    )
}

# 5. CN=ldap.contoso.test: its key does not open, and nothing on this disk is known to use it
# - Certificate D925A587CB4BCD708B0A54B6A8971738B919494E, store MY.
# - the key file is not on this disk
if ($PfxFolder -and (Test-Path -LiteralPath "$PfxFolder\D925A587CB4BCD708B0A54B6A8971738B919494E.pfx")) {
    $pfx = "$PfxFolder\D925A587CB4BCD708B0A54B6A8971738B919494E.pfx"
    Write-Host ''
    Write-Host ('$pfx = ' + $pfx)
    Step 'Import D925A587CB4BCD708B0A54B6A8971738B919494E with its key into store MY' {
        (Test-Path -LiteralPath "Cert:\LocalMachine\MY\D925A587CB4BCD708B0A54B6A8971738B919494E")
    } @(
        'certutil -f -importPFX "MY" $pfx',
        'certutil -verifystore "MY" D925A587CB4BCD708B0A54B6A8971738B919494E'
    ) {
        Invoke-Tool { certutil -f -importPFX "MY" $pfx }
        certutil -verifystore "MY" D925A587CB4BCD708B0A54B6A8971738B919494E
    } {
        (Test-Key "Cert:\LocalMachine\MY\D925A587CB4BCD708B0A54B6A8971738B919494E")
    }
} else {
    Stop-At 'CN=ldap.contoso.test: its key' @(
        'The key file is not on this disk.',
        'A PFX file of it: -PfxFolder FOLDER, with the file D925A587CB4BCD708B0A54B6A8971738B919494E.pfx in it.',
        'If something uses it after all, another certificate does as well.'
    )
}

Write-Host ''
if ($Apply) { Write-Host "Steps done: $done." } else { Write-Host "Steps that -Apply would do: $ready." }
if ($left.Count -gt 0) {
    Write-Warning "Steps that are left: $($left.Count)."
    foreach ($title in $left) { Write-Host "  $title" }
}
if ($ready + $left.Count -gt 0) { exit 1 }
exit 0
