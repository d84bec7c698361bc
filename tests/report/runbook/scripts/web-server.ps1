#Requires -Version 5.1
#Requires -RunAsAdministrator
<#
  Repair of WEB01: Windows Server 2019 Standard build 17763, in web-server.vhdx.xz
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
if ($guid -ne 'a296521d-7d2f-4faf-bc52-4dc137e77fdd') {
    throw 'This is not the Windows that was examined: its MachineGuid is another one. Nothing was done.'
}
$names = Get-ItemProperty -LiteralPath 'HKLM:\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName'
if ($names.ComputerName -ne 'WEB01') {
    throw 'This computer has another name than the one examined: a copy, or renamed since. Nothing was done.'
}
$replaced = @('0B303D9BEBF361DD7BC556351D4A24B4AF97D502', '00112233445566778899AABBCCDDEEFF00112233', '4D79CD955B66BD9C4C9DEFEA1EF04580E757F0E9', 'BB0A02015DE30921B01436F74F1DC84B6272DB2A')
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

# 1. SQL Server instance MSSQLSERVER
# - the access list of the key file shuts out NT Service\MSSQLSERVER (S-1-5-80-3880718306-3832830129-1677859214-2598158968-1052248003), which must read it (likely)
# - Certificate CN=sql.contoso.test, 80C5C13158C6681F59B4951F44A55886A2367B25, store MY, until 2029-01-15; key is sound
Step 'Let NT Service\MSSQLSERVER (S-1-5-80-3880718306-3832830129-1677859214-2598158968-1052248003) read the key file of CN=sql.contoso.test' {
    (Test-Path -LiteralPath "C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\e42965b2ba5d833a6b02a54827f973ff_a296521d-7d2f-4faf-bc52-4dc137e77fdd") -and
    (Test-Path -LiteralPath "Cert:\LocalMachine\MY\80C5C13158C6681F59B4951F44A55886A2367B25")
} @(
    'Its list on the disk: S-1-5-18:F,S-1-5-32-544:F',
    'Restart the instance then: its databases are away meanwhile.',
    'icacls "C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\e42965b2ba5d833a6b02a54827f973ff_a296521d-7d2f-4faf-bc52-4dc137e77fdd" /grant "*S-1-5-80-3880718306-3832830129-1677859214-2598158968-1052248003:R"',
    'certutil -verifystore "MY" 80C5C13158C6681F59B4951F44A55886A2367B25'
) {
    Invoke-Tool { icacls "C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\e42965b2ba5d833a6b02a54827f973ff_a296521d-7d2f-4faf-bc52-4dc137e77fdd" /grant "*S-1-5-80-3880718306-3832830129-1677859214-2598158968-1052248003:R" }
    certutil -verifystore "MY" 80C5C13158C6681F59B4951F44A55886A2367B25
}

# 2. http.sys 0.0.0.0:5986 (WinRM), WinRM *+HTTPS port 5986
# - its certificate CN=remoting.contoso.test has ended, since 2026-10-01
# - Certificate CN=remoting.contoso.test, 0B303D9BEBF361DD7BC556351D4A24B4AF97D502, store MY, until 2026-10-01; key is sound
if ($NewCertificate.ContainsKey('0B303D9BEBF361DD7BC556351D4A24B4AF97D502')) {
    $new = [string]$NewCertificate['0B303D9BEBF361DD7BC556351D4A24B4AF97D502'] -replace '[^0-9A-Fa-f]'
    Write-Host ''
    Write-Host ('$new = ' + $new)
    Step 'WinRM *+HTTPS port 5986: set the other certificate' {
        ((Get-WSManInstance -ResourceURI winrm/config/Listener -SelectorSet @{Address='*'; Transport='HTTPS'}).CertificateThumbprint -replace ' ' -eq '0B303D9BEBF361DD7BC556351D4A24B4AF97D502') -and
        (Test-Key "Cert:\LocalMachine\MY\$new") -and
        ((Get-Item -LiteralPath "Cert:\LocalMachine\MY\$new").NotAfter -gt (Get-Date))
    } @(
        'Set-WSManInstance -ResourceURI winrm/config/Listener -SelectorSet @{Address=''*''; Transport=''HTTPS''} -ValueSet @{CertificateThumbprint=$new}'
    ) {
        Invoke-Tool { Set-WSManInstance -ResourceURI winrm/config/Listener -SelectorSet @{Address='*'; Transport='HTTPS'} -ValueSet @{CertificateThumbprint=$new} }
    } {
        ((Get-WSManInstance -ResourceURI winrm/config/Listener -SelectorSet @{Address='*'; Transport='HTTPS'}).CertificateThumbprint -replace ' ' -eq $new) -and
        (Test-Key "Cert:\LocalMachine\MY\$new") -and
        ((Get-Item -LiteralPath "Cert:\LocalMachine\MY\$new").NotAfter -gt (Get-Date))
    }
} else {
    Stop-At 'http.sys 0.0.0.0:5986 (WinRM), WinRM *+HTTPS port 5986: another certificate' @(
        'Its certificate CN=remoting.contoso.test has ended.',
        'Another certificate: -NewCertificate @{ ''0B303D9BEBF361DD7BC556351D4A24B4AF97D502'' = ''NEW'' }.',
        'A new one: this disk tells no template by which it could be requested: ask its issuer for a new one (CN=Contoso Test Issuing CA).',
        'Its names: CN=remoting.contoso.test, DNS:remoting.contoso.test.',
        'More: certificate-expired, service-uses-expiring-certificate in keymortem examine SOURCE -v.'
    )
}

# 3. http.sys 0.0.0.0:9443 (11111111-2222-4333-8444-555555555555)
# - its certificate 00112233445566778899AABBCCDDEEFF00112233 is not in store MY on this disk
if ($NewCertificate.ContainsKey('00112233445566778899AABBCCDDEEFF00112233')) {
    $new = [string]$NewCertificate['00112233445566778899AABBCCDDEEFF00112233'] -replace '[^0-9A-Fa-f]'
    Write-Host ''
    Write-Host ('$new = ' + $new)
    Step 'http.sys 0.0.0.0:9443 (11111111-2222-4333-8444-555555555555): set the other certificate' {
        ([bool](netsh http show sslcert ipport=0.0.0.0:9443 | Select-String -SimpleMatch '00112233445566778899AABBCCDDEEFF00112233')) -and
        (Test-Key "Cert:\LocalMachine\MY\$new") -and
        ((Get-Item -LiteralPath "Cert:\LocalMachine\MY\$new").NotAfter -gt (Get-Date))
    } @(
        'netsh http show sslcert ipport=0.0.0.0:9443',
        'netsh http update sslcert ipport=0.0.0.0:9443 certhash=$new certstorename="MY" appid="{11111111-2222-4333-8444-555555555555}"'
    ) {
        Invoke-Tool { netsh http show sslcert ipport=0.0.0.0:9443 }
        Invoke-Tool { netsh http update sslcert ipport=0.0.0.0:9443 certhash=$new certstorename="MY" appid="{11111111-2222-4333-8444-555555555555}" }
    } {
        ([bool](netsh http show sslcert ipport=0.0.0.0:9443 | Select-String -SimpleMatch $new)) -and
        (Test-Key "Cert:\LocalMachine\MY\$new") -and
        ((Get-Item -LiteralPath "Cert:\LocalMachine\MY\$new").NotAfter -gt (Get-Date))
    }
} elseif ($PfxFolder -and (Test-Path -LiteralPath "$PfxFolder\00112233445566778899AABBCCDDEEFF00112233.pfx")) {
    $pfx = "$PfxFolder\00112233445566778899AABBCCDDEEFF00112233.pfx"
    Write-Host ''
    Write-Host ('$pfx = ' + $pfx)
    Step 'Import 00112233445566778899AABBCCDDEEFF00112233 with its key into store MY' {
        (-not (Test-Path -LiteralPath "Cert:\LocalMachine\MY\00112233445566778899AABBCCDDEEFF00112233"))
    } @(
        'certutil -f -importPFX "MY" $pfx',
        'certutil -verifystore "MY" 00112233445566778899AABBCCDDEEFF00112233'
    ) {
        Invoke-Tool { certutil -f -importPFX "MY" $pfx }
        certutil -verifystore "MY" 00112233445566778899AABBCCDDEEFF00112233
    } {
        (Test-Key "Cert:\LocalMachine\MY\00112233445566778899AABBCCDDEEFF00112233")
    }
} else {
    Stop-At 'http.sys 0.0.0.0:9443 (11111111-2222-4333-8444-555555555555): its certificate' @(
        'Its certificate 00112233445566778899AABBCCDDEEFF00112233 is not in store MY on this disk.',
        'A PFX file of it: -PfxFolder FOLDER, with the file 00112233445566778899AABBCCDDEEFF00112233.pfx in it.',
        'Else another certificate: -NewCertificate @{ ''00112233445566778899AABBCCDDEEFF00112233'' = ''NEW'' }.',
        'This disk does not hold the old one: whoever set it up knows who issued it, and for which names.',
        'More: binding-names-missing-certificate in keymortem examine SOURCE -v.'
    )
}

# 4. http.sys shop.contoso.test:443 (IIS), IIS Shop *:443:shop.contoso.test
# - there is no key file where the certificate's link leads
# - Certificate CN=shop.contoso.test, 4D79CD955B66BD9C4C9DEFEA1EF04580E757F0E9, store MY, until 2029-01-15; key cannot be saved
if ($NewCertificate.ContainsKey('4D79CD955B66BD9C4C9DEFEA1EF04580E757F0E9')) {
    $new = [string]$NewCertificate['4D79CD955B66BD9C4C9DEFEA1EF04580E757F0E9'] -replace '[^0-9A-Fa-f]'
    Write-Host ''
    Write-Host ('$new = ' + $new)
    Step 'http.sys shop.contoso.test:443 (IIS): set the other certificate' {
        ([bool](netsh http show sslcert hostnameport=shop.contoso.test:443 | Select-String -SimpleMatch '4D79CD955B66BD9C4C9DEFEA1EF04580E757F0E9')) -and
        (Test-Key "Cert:\LocalMachine\MY\$new") -and
        ((Get-Item -LiteralPath "Cert:\LocalMachine\MY\$new").NotAfter -gt (Get-Date))
    } @(
        'netsh http show sslcert hostnameport=shop.contoso.test:443',
        'netsh http update sslcert hostnameport=shop.contoso.test:443 certhash=$new certstorename="MY" appid="{4dc3e181-e14b-4a21-b022-59fc669b0914}"'
    ) {
        Invoke-Tool { netsh http show sslcert hostnameport=shop.contoso.test:443 }
        Invoke-Tool { netsh http update sslcert hostnameport=shop.contoso.test:443 certhash=$new certstorename="MY" appid="{4dc3e181-e14b-4a21-b022-59fc669b0914}" }
    } {
        ([bool](netsh http show sslcert hostnameport=shop.contoso.test:443 | Select-String -SimpleMatch $new)) -and
        (Test-Key "Cert:\LocalMachine\MY\$new") -and
        ((Get-Item -LiteralPath "Cert:\LocalMachine\MY\$new").NotAfter -gt (Get-Date))
    }
} elseif ($PfxFolder -and (Test-Path -LiteralPath "$PfxFolder\4D79CD955B66BD9C4C9DEFEA1EF04580E757F0E9.pfx")) {
    $pfx = "$PfxFolder\4D79CD955B66BD9C4C9DEFEA1EF04580E757F0E9.pfx"
    Write-Host ''
    Write-Host ('$pfx = ' + $pfx)
    Step 'Import 4D79CD955B66BD9C4C9DEFEA1EF04580E757F0E9 with its key into store MY' {
        (Test-Path -LiteralPath "Cert:\LocalMachine\MY\4D79CD955B66BD9C4C9DEFEA1EF04580E757F0E9")
    } @(
        'certutil -f -importPFX "MY" $pfx',
        'certutil -verifystore "MY" 4D79CD955B66BD9C4C9DEFEA1EF04580E757F0E9'
    ) {
        Invoke-Tool { certutil -f -importPFX "MY" $pfx }
        certutil -verifystore "MY" 4D79CD955B66BD9C4C9DEFEA1EF04580E757F0E9
    } {
        (Test-Key "Cert:\LocalMachine\MY\4D79CD955B66BD9C4C9DEFEA1EF04580E757F0E9")
    }
} else {
    Stop-At 'http.sys shop.contoso.test:443 (IIS), IIS Shop *:443:shop.contoso.test: its key' @(
        'There is no key file where the certificate''s link leads.',
        'A PFX file of it: -PfxFolder FOLDER, with the file 4D79CD955B66BD9C4C9DEFEA1EF04580E757F0E9.pfx in it.',
        'Else another certificate: -NewCertificate @{ ''4D79CD955B66BD9C4C9DEFEA1EF04580E757F0E9'' = ''NEW'' }.',
        'A new one: this disk tells no template by which it could be requested: ask its issuer for a new one (CN=Contoso Test Issuing CA).',
        'Its names: CN=shop.contoso.test, DNS:shop.contoso.test.',
        'More: key-file-missing, service-uses-dead-key in keymortem examine SOURCE -v.'
    )
}

# 5. RDP RDP-Tcp
# - its certificate CN=rdp.contoso.test has ended, since 2026-09-01
# - Certificate CN=rdp.contoso.test, BB0A02015DE30921B01436F74F1DC84B6272DB2A, store MY, until 2026-09-01; key is sound
if ($NewCertificate.ContainsKey('BB0A02015DE30921B01436F74F1DC84B6272DB2A')) {
    $new = [string]$NewCertificate['BB0A02015DE30921B01436F74F1DC84B6272DB2A'] -replace '[^0-9A-Fa-f]'
    Write-Host ''
    Write-Host ('$new = ' + $new)
    Step 'RDP RDP-Tcp: set the other certificate' {
        ((Get-CimInstance -Namespace root/cimv2/TerminalServices -ClassName Win32_TSGeneralSetting -Filter "TerminalName='RDP-Tcp'").SSLCertificateSHA1Hash -eq 'BB0A02015DE30921B01436F74F1DC84B6272DB2A') -and
        (Test-Key "Cert:\LocalMachine\MY\$new") -and
        ((Get-Item -LiteralPath "Cert:\LocalMachine\MY\$new").NotAfter -gt (Get-Date))
    } @(
        'NETWORK SERVICE (S-1-5-20) must be able to read its key: certlm.msc, All Tasks, Manage Private Keys.',
        'Where connections fail then, restart Remote Desktop Services: every session ends, also yours.',
        'Get-CimInstance -Namespace root/cimv2/TerminalServices -ClassName Win32_TSGeneralSetting -Filter "TerminalName=''RDP-Tcp''" | Set-CimInstance -Property @{SSLCertificateSHA1Hash=$new}'
    ) {
        Confirm-That 'NETWORK SERVICE (S-1-5-20) must be able to read its key: certlm.msc, All Tasks, Manage Private Keys.'
        Invoke-Tool { Get-CimInstance -Namespace root/cimv2/TerminalServices -ClassName Win32_TSGeneralSetting -Filter "TerminalName='RDP-Tcp'" | Set-CimInstance -Property @{SSLCertificateSHA1Hash=$new} }
    } {
        ((Get-CimInstance -Namespace root/cimv2/TerminalServices -ClassName Win32_TSGeneralSetting -Filter "TerminalName='RDP-Tcp'").SSLCertificateSHA1Hash -eq $new) -and
        (Test-Key "Cert:\LocalMachine\MY\$new") -and
        ((Get-Item -LiteralPath "Cert:\LocalMachine\MY\$new").NotAfter -gt (Get-Date))
    }
} else {
    Stop-At 'RDP RDP-Tcp: another certificate' @(
        'Its certificate CN=rdp.contoso.test has ended.',
        'Another certificate: -NewCertificate @{ ''BB0A02015DE30921B01436F74F1DC84B6272DB2A'' = ''NEW'' }.',
        'A new one: this disk tells no template by which it could be requested: ask its issuer for a new one (CN=Contoso Test Issuing CA).',
        'Its names: CN=rdp.contoso.test, DNS:rdp.contoso.test.',
        'NETWORK SERVICE (S-1-5-20) must be able to read its key: certlm.msc, All Tasks, Manage Private Keys.',
        'More: certificate-expired, rdp-certificate-expired in keymortem examine SOURCE -v.'
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
