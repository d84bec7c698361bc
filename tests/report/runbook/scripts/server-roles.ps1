#Requires -Version 5.1
#Requires -RunAsAdministrator
<#
  Repair of ROLES1: Windows Server 2019 Standard build 17763, in server-roles.vhdx.xz
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
if ($guid -ne '7ade62e7-f2ec-4c7f-88bf-c4abe2d7d9bb') {
    throw 'This is not the Windows that was examined: its MachineGuid is another one. Nothing was done.'
}
$names = Get-ItemProperty -LiteralPath 'HKLM:\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName'
if ($names.ComputerName -ne 'ROLES1') {
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

# 1. AD CS (earlier generation) Contoso Issuing CA 9, CACertHash 0
# - its certificate 0123456789ABCDEF0123456789ABCDEF01234567 is not in store MY on this disk
Stop-At 'AD CS (earlier generation) Contoso Issuing CA 9, CACertHash 0: its certificate' @(
    'Its certificate 0123456789ABCDEF0123456789ABCDEF01234567 is not in store MY on this disk.',
    'AD CS (earlier generation) Contoso Issuing CA 9, CACertHash 0: put its .crt file back (System32\CertSrv\CertEnroll has copies, else a backup): certutil -addstore My FILE.crt, then certutil -repairstore My 0123456789ABCDEF0123456789ABCDEF01234567; its key, where that is gone, from a backup of the authority (certutil -restoreKey) or its HSM; then certutil -verifykeys.',
    'Start CertSvc then.',
    'More: ca-certificate-missing in keymortem examine SOURCE -v.'
)

# 2. AD CS (earlier generation) Contoso Issuing CA 9, CACertHash 1
# - there is no key file where the certificate's link leads
# - Certificate CN=Contoso Issuing CA 9, 7669902B76696CEB69CB932E67741DF13328FA92, store MY, until 2026-06-01; key cannot be saved
Stop-At 'AD CS (earlier generation) Contoso Issuing CA 9, CACertHash 1: its key' @(
    'There is no key file where the certificate''s link leads.',
    'AD CS (earlier generation) Contoso Issuing CA 9, CACertHash 1: bring its key back from a backup of the authority (certutil -restoreKey), a PFX file or its HSM; then certutil -verifykeys. Nothing is taken out of the store.',
    'Start CertSvc then.',
    'More: ca-key-dead in keymortem examine SOURCE -v.'
)

# 3. IIS configuration key iisWasKey, for values that IISWASOnlyAesProvider encrypted
# - there is no key container iisWasKey on this disk
Stop-At 'IIS configuration key iisWasKey, for values that IISWASOnlyAesProvider encrypted: its key' @(
    'There is no key container iisWasKey on this disk.',
    'IIS configuration key iisWasKey, for values that IISWASOnlyAesProvider encrypted: set the passwords again in IIS Manager or with appcmd: they are encrypted anew, with a key of this machine.',
    'More: iis-configuration-key-dead in keymortem examine SOURCE -v.'
)

# 4. Exchange Auth
# - its certificate CN=Microsoft Exchange Server Auth Certificate has ended, since 2026-11-01 (likely)
# - Certificate CN=Microsoft Exchange Server Auth Certificate, E7D8038C28232E9CE570C1CAF7477089F4FA90CD, store MY, until 2026-11-01; key is sound
Stop-At 'Exchange Auth: another certificate' @(
    'Its certificate CN=Microsoft Exchange Server Auth Certificate has ended.',
    'Exchange Auth: New-ExchangeCertificate with the subject CN=Microsoft Exchange Server Auth Certificate, then Set-AuthConfig -NewCertificateThumbprint with -NewCertificateEffectiveDate, Set-AuthConfig -PublishCertificate, Set-AuthConfig -ClearPreviousCertificate; restart MSExchangeServiceHost, recycle MSExchangeOWAAppPool and MSExchangeECPAppPool.',
    'More: role-certificate-ending in keymortem examine SOURCE -v.'
)

# 5. NDES CEPEncryption
# - there is no key file where the certificate's link leads (likely)
# - Certificate CN=ROLES1-MSCEP-RA, E9AE56DF299E5DC2E587D143032A54E963A752D0, store MY, until 2028-03-01; key cannot be saved
Stop-At 'NDES CEPEncryption: its key' @(
    'There is no key file where the certificate''s link leads.',
    'NDES CEPEncryption: request both certificates of the registration authority anew, from the templates CEP Encryption and Exchange Enrollment Agent (Offline request); give the account of the SCEP pool read on the keys, restart IIS.',
    'More: role-key-dead in keymortem examine SOURCE -v.'
)

# 6. SCOM agent
# - SCOM agent takes keys of CryptoAPI only, and 'Microsoft Software Key Storage Provider' is reached through CNG (likely)
# - Certificate CN=scom.contoso.test, 51E7D29C94045E0EB99E6F925DB2FCD804C7DA8F, store MY, until 2027-03-04; key is sound
Stop-At 'SCOM agent: its key' @(
    'SCOM agent takes keys of CryptoAPI only, and ''Microsoft Software Key Storage Provider'' is reached through CNG.',
    'Another certificate, which no command sets.',
    'A new one: this disk tells no template by which it could be requested: ask its issuer for a new one (CN=Contoso Test Issuing CA).',
    'Its names: CN=scom.contoso.test, DNS:scom.contoso.test.',
    'SCOM agent, by hand: MOMCertImport with the new certificate, restart HealthService.',
    'More: scom-key-in-storage-provider in keymortem examine SOURCE -v.'
)

# 7. Not known whether these work: nothing is done
Stop-At 'WSUS signing' @(
    'This disk does not tell which account opens the key, so whether that may is not known.',
    'See on the computer whether its key opens: certutil -verifystore "WSUS" FF0AAA46C7CBFB8BDA19F0DDC9ECAE1C3D5C4C46'
)
Stop-At 'NDES EnrollmentAgentOffline' @(
    'This disk does not tell which account opens the key, so whether that may is not known.',
    'See on the computer whether its key opens: certutil -verifystore "MY" 4025B26BB24302CBC3A24833EC1564941F06BFFC'
)

Write-Host ''
if ($Apply) { Write-Host "Steps done: $done." } else { Write-Host "Steps that -Apply would do: $ready." }
if ($left.Count -gt 0) {
    Write-Warning "Steps that are left: $($left.Count)."
    foreach ($title in $left) { Write-Host "  $title" }
}
if ($ready + $left.Count -gt 0) { exit 1 }
exit 0
