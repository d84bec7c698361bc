#Requires -Version 5.1
#Requires -RunAsAdministrator
<#
  WEB01 の修復: Windows Server 2019 Standard ビルド 17763 (web-server.vhdx.xz 内)
  keymortem 0.1.0 が、そのディスクの内容から基準日 2026-11-22 で作成しました。
  証明書、キー、バインドは削除しません。パスワードは含まれていません。

  管理者として実行した PowerShell で実行します。-Apply がなければ何も変更せず、各手順で行う内容を表示します。
  -Apply           手順を順に実行します。確認に失敗した手順は飛ばし、最後に示します。
  -NewCertificate  新しい証明書の拇印を、置き換える証明書の拇印ごとに指定します: @{ 'OLD' = 'NEW' };
                   いずれもキーとともに、コンピューターのストア MY、または手順が探す場所にあること
  -PfxFolder       証明書の拇印を名前とする PFX ファイル (<拇印>.pfx) のあるフォルダー
                   (certutil が各ファイルのパスワードを求めます)
  スクリプトを実行できない Windows の場合: 先に同じウィンドウで Set-ExecutionPolicy -Scope Process RemoteSigned
  終了コード: 0 すべての手順が完了 (手順に示した再起動は手作業)、1 残りの手順があるか、スクリプトが途中で終了。
#>
[CmdletBinding()]
param(
    [switch] $Apply,
    [hashtable] $NewCertificate = @{},
    [string] $PfxFolder = ''
)

Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'
# モジュールのコマンドには上の行が効きません。
$PSDefaultParameterValues = @{ '*:ErrorAction' = 'Stop' }
$left = New-Object System.Collections.Generic.List[string]
$done = 0
$ready = 0
$guid = (Get-ItemProperty -LiteralPath 'HKLM:\SOFTWARE\Microsoft\Cryptography').MachineGuid
if ($guid -ne 'a296521d-7d2f-4faf-bc52-4dc137e77fdd') {
    throw '調査した Windows ではありません。MachineGuid が異なります。何もしていません。'
}
$names = Get-ItemProperty -LiteralPath 'HKLM:\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName'
if ($names.ComputerName -ne 'WEB01') {
    throw '調査したコンピューターと名前が異なります。複製か、あとで名前を変更したものです。何もしていません。'
}
$replaced = @('0B303D9BEBF361DD7BC556351D4A24B4AF97D502', '00112233445566778899AABBCCDDEEFF00112233', '4D79CD955B66BD9C4C9DEFEA1EF04580E757F0E9', 'BB0A02015DE30921B01436F74F1DC84B6272DB2A')
foreach ($old in $NewCertificate.Keys) {
    if ($old -notin $replaced) { throw "-NewCertificate: 証明書 $old を置き換える手順はありません。何もしていません。" }
    $new = [string]$NewCertificate[$old] -replace '[^0-9A-Fa-f]'
    if ($new.Length -ne 40 -or $new -eq $old) { throw "-NewCertificate: '$new' は別の証明書ではありません。何もしていません。" }
}
if ($PfxFolder -and -not (Test-Path -LiteralPath $PfxFolder -PathType Container)) {
    throw "-PfxFolder: フォルダー $PfxFolder がありません。何もしていません。"
}

function Step([string] $Title, [scriptblock] $Check, [string[]] $Plan, [scriptblock] $Action, [scriptblock] $Goal) {
    Write-Host ''
    Write-Host $Title
    if ($Goal -and (Test-Goal $Goal)) { Write-Host '  すでにそのとおりです。行うことはありません。'; return }
    try { $asExpected = [bool](& $Check) } catch { $asExpected = $false; Write-Host "  確認: $_" }
    if (-not $asExpected) {
        Write-Warning 'このスクリプトが想定する状態ではありません (別の方法で修復された可能性があります)。ここでは何もしていません。'
        $script:left.Add($Title)
        return
    }
    foreach ($line in $Plan) { Write-Host "  $line" }
    if (-not $Apply) { Write-Host '  (未実行: -Apply がなければ何も変更しません)'; $script:ready += 1; return }
    try {
        & $Action
        if ($Goal -and -not (Test-Goal $Goal)) { throw '実行しましたが、効果を確認できません' }
        $script:done += 1
    } catch {
        Write-Warning "失敗: $_"
        $script:left.Add($Title)
    }
}

function Test-Goal([scriptblock] $Goal) {
    try { [bool](& $Goal) } catch { $false }
}

# 証明書のキーが開き、証明書と対応することを署名で確認します。HasPrivateKey はリンクがあることしか示しません。
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

# 確認した人にしかわからないこと。無人で実行した場合、手順はここで終わります。
function Confirm-That([string] $Fact) {
    if ((Read-Host "  $Fact そのとおりなら yes と入力してください") -ne 'yes') { throw '確認されなかったため、何も実行していません' }
}

# Windows のツールは失敗を終了コードで示します。PowerShell だけでは先へ進んでしまいます。
function Invoke-Tool([scriptblock] $Tool) {
    $global:LASTEXITCODE = 0
    & $Tool
    if ($global:LASTEXITCODE -ne 0) { throw "終了コード $global:LASTEXITCODE" }
}

# 1. SQL Server インスタンス MSSQLSERVER
# - キー ファイルのアクセス許可が、読み取る必要のある NT Service\MSSQLSERVER (S-1-5-80-3880718306-3832830129-1677859214-2598158968-1052248003) を拒否しています (可能性が高い)
# - 証明書 CN=sql.contoso.test、80C5C13158C6681F59B4951F44A55886A2367B25、ストア MY、有効期限 2029-01-15。キーは正常
Step 'CN=sql.contoso.test のキー ファイルの読み取りを NT Service\MSSQLSERVER (S-1-5-80-3880718306-3832830129-1677859214-2598158968-1052248003) に許可' {
    (Test-Path -LiteralPath "C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\e42965b2ba5d833a6b02a54827f973ff_a296521d-7d2f-4faf-bc52-4dc137e77fdd") -and
    (Test-Path -LiteralPath "Cert:\LocalMachine\MY\80C5C13158C6681F59B4951F44A55886A2367B25")
} @(
    'ディスク上のアクセス許可: S-1-5-18:F,S-1-5-32-544:F',
    'そのあとインスタンスを再起動します。その間、データベースは使用できません。',
    'icacls "C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\e42965b2ba5d833a6b02a54827f973ff_a296521d-7d2f-4faf-bc52-4dc137e77fdd" /grant "*S-1-5-80-3880718306-3832830129-1677859214-2598158968-1052248003:R"',
    'certutil -verifystore "MY" 80C5C13158C6681F59B4951F44A55886A2367B25'
) {
    Invoke-Tool { icacls "C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys\e42965b2ba5d833a6b02a54827f973ff_a296521d-7d2f-4faf-bc52-4dc137e77fdd" /grant "*S-1-5-80-3880718306-3832830129-1677859214-2598158968-1052248003:R" }
    certutil -verifystore "MY" 80C5C13158C6681F59B4951F44A55886A2367B25
}

# 2. http.sys 0.0.0.0:5986 (WinRM)、WinRM *+HTTPS ポート 5986
# - 証明書 CN=remoting.contoso.test の有効期限が切れています。2026-10-01 から
# - 証明書 CN=remoting.contoso.test、0B303D9BEBF361DD7BC556351D4A24B4AF97D502、ストア MY、有効期限 2026-10-01。キーは正常
if ($NewCertificate.ContainsKey('0B303D9BEBF361DD7BC556351D4A24B4AF97D502')) {
    $new = [string]$NewCertificate['0B303D9BEBF361DD7BC556351D4A24B4AF97D502'] -replace '[^0-9A-Fa-f]'
    Write-Host ''
    Write-Host ('$new = ' + $new)
    Step 'WinRM *+HTTPS ポート 5986: 別の証明書を設定' {
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
    Stop-At 'http.sys 0.0.0.0:5986 (WinRM)、WinRM *+HTTPS ポート 5986: 別の証明書' @(
        '証明書 CN=remoting.contoso.test の有効期限が切れています。',
        '別の証明書: -NewCertificate @{ ''0B303D9BEBF361DD7BC556351D4A24B4AF97D502'' = ''NEW'' }。',
        '新しい証明書: 要求に使うテンプレートがこのディスクからわかりません。発行者に新しいものを依頼します (CN=Contoso Test Issuing CA)。',
        '名前: CN=remoting.contoso.test、DNS:remoting.contoso.test。',
        '詳細: keymortem examine SOURCE -v の certificate-expired、service-uses-expiring-certificate。'
    )
}

# 3. http.sys 0.0.0.0:9443 (11111111-2222-4333-8444-555555555555)
# - 証明書 00112233445566778899AABBCCDDEEFF00112233 がこのディスクのストア MY にありません
if ($NewCertificate.ContainsKey('00112233445566778899AABBCCDDEEFF00112233')) {
    $new = [string]$NewCertificate['00112233445566778899AABBCCDDEEFF00112233'] -replace '[^0-9A-Fa-f]'
    Write-Host ''
    Write-Host ('$new = ' + $new)
    Step 'http.sys 0.0.0.0:9443 (11111111-2222-4333-8444-555555555555): 別の証明書を設定' {
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
    Step '00112233445566778899AABBCCDDEEFF00112233 をキーとともにストア MY にインポート' {
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
    Stop-At 'http.sys 0.0.0.0:9443 (11111111-2222-4333-8444-555555555555): 証明書' @(
        '証明書 00112233445566778899AABBCCDDEEFF00112233 がこのディスクのストア MY にありません。',
        'その PFX ファイル: ファイル 00112233445566778899AABBCCDDEEFF00112233.pfx のあるフォルダーを -PfxFolder FOLDER で指定します。',
        'または別の証明書: -NewCertificate @{ ''00112233445566778899AABBCCDDEEFF00112233'' = ''NEW'' }。',
        '古い証明書はこのディスクにありません。発行者と名前は、設定した人が把握しています。',
        '詳細: keymortem examine SOURCE -v の binding-names-missing-certificate。'
    )
}

# 4. http.sys shop.contoso.test:443 (IIS)、IIS Shop *:443:shop.contoso.test
# - 証明書のリンク先にキー ファイルがありません
# - 証明書 CN=shop.contoso.test、4D79CD955B66BD9C4C9DEFEA1EF04580E757F0E9、ストア MY、有効期限 2029-01-15。キーは救出不可
if ($NewCertificate.ContainsKey('4D79CD955B66BD9C4C9DEFEA1EF04580E757F0E9')) {
    $new = [string]$NewCertificate['4D79CD955B66BD9C4C9DEFEA1EF04580E757F0E9'] -replace '[^0-9A-Fa-f]'
    Write-Host ''
    Write-Host ('$new = ' + $new)
    Step 'http.sys shop.contoso.test:443 (IIS): 別の証明書を設定' {
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
    Step '4D79CD955B66BD9C4C9DEFEA1EF04580E757F0E9 をキーとともにストア MY にインポート' {
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
    Stop-At 'http.sys shop.contoso.test:443 (IIS)、IIS Shop *:443:shop.contoso.test: キー' @(
        '証明書のリンク先にキー ファイルがありません。',
        'その PFX ファイル: ファイル 4D79CD955B66BD9C4C9DEFEA1EF04580E757F0E9.pfx のあるフォルダーを -PfxFolder FOLDER で指定します。',
        'または別の証明書: -NewCertificate @{ ''4D79CD955B66BD9C4C9DEFEA1EF04580E757F0E9'' = ''NEW'' }。',
        '新しい証明書: 要求に使うテンプレートがこのディスクからわかりません。発行者に新しいものを依頼します (CN=Contoso Test Issuing CA)。',
        '名前: CN=shop.contoso.test、DNS:shop.contoso.test。',
        '詳細: keymortem examine SOURCE -v の key-file-missing、service-uses-dead-key。'
    )
}

# 5. RDP RDP-Tcp
# - 証明書 CN=rdp.contoso.test の有効期限が切れています。2026-09-01 から
# - 証明書 CN=rdp.contoso.test、BB0A02015DE30921B01436F74F1DC84B6272DB2A、ストア MY、有効期限 2026-09-01。キーは正常
if ($NewCertificate.ContainsKey('BB0A02015DE30921B01436F74F1DC84B6272DB2A')) {
    $new = [string]$NewCertificate['BB0A02015DE30921B01436F74F1DC84B6272DB2A'] -replace '[^0-9A-Fa-f]'
    Write-Host ''
    Write-Host ('$new = ' + $new)
    Step 'RDP RDP-Tcp: 別の証明書を設定' {
        ((Get-CimInstance -Namespace root/cimv2/TerminalServices -ClassName Win32_TSGeneralSetting -Filter "TerminalName='RDP-Tcp'").SSLCertificateSHA1Hash -eq 'BB0A02015DE30921B01436F74F1DC84B6272DB2A') -and
        (Test-Key "Cert:\LocalMachine\MY\$new") -and
        ((Get-Item -LiteralPath "Cert:\LocalMachine\MY\$new").NotAfter -gt (Get-Date))
    } @(
        'NETWORK SERVICE (S-1-5-20) がキーを読み取れる必要があります: certlm.msc の [すべてのタスク] > [秘密キーの管理]。',
        'そのあとも接続できない場合は、Remote Desktop Services を再起動します。すべてのセッションが、あなたのものも含めて終了します。',
        'Get-CimInstance -Namespace root/cimv2/TerminalServices -ClassName Win32_TSGeneralSetting -Filter "TerminalName=''RDP-Tcp''" | Set-CimInstance -Property @{SSLCertificateSHA1Hash=$new}'
    ) {
        Confirm-That 'NETWORK SERVICE (S-1-5-20) がキーを読み取れる必要があります: certlm.msc の [すべてのタスク] > [秘密キーの管理]。'
        Invoke-Tool { Get-CimInstance -Namespace root/cimv2/TerminalServices -ClassName Win32_TSGeneralSetting -Filter "TerminalName='RDP-Tcp'" | Set-CimInstance -Property @{SSLCertificateSHA1Hash=$new} }
    } {
        ((Get-CimInstance -Namespace root/cimv2/TerminalServices -ClassName Win32_TSGeneralSetting -Filter "TerminalName='RDP-Tcp'").SSLCertificateSHA1Hash -eq $new) -and
        (Test-Key "Cert:\LocalMachine\MY\$new") -and
        ((Get-Item -LiteralPath "Cert:\LocalMachine\MY\$new").NotAfter -gt (Get-Date))
    }
} else {
    Stop-At 'RDP RDP-Tcp: 別の証明書' @(
        '証明書 CN=rdp.contoso.test の有効期限が切れています。',
        '別の証明書: -NewCertificate @{ ''BB0A02015DE30921B01436F74F1DC84B6272DB2A'' = ''NEW'' }。',
        '新しい証明書: 要求に使うテンプレートがこのディスクからわかりません。発行者に新しいものを依頼します (CN=Contoso Test Issuing CA)。',
        '名前: CN=rdp.contoso.test、DNS:rdp.contoso.test。',
        'NETWORK SERVICE (S-1-5-20) がキーを読み取れる必要があります: certlm.msc の [すべてのタスク] > [秘密キーの管理]。',
        '詳細: keymortem examine SOURCE -v の certificate-expired、rdp-certificate-expired。'
    )
}

Write-Host ''
if ($Apply) { Write-Host "完了した手順: $done 個" } else { Write-Host "-Apply で実行する手順: $ready 個" }
if ($left.Count -gt 0) {
    Write-Warning "残りの手順: $($left.Count) 個"
    foreach ($title in $left) { Write-Host "  $title" }
}
if ($ready + $left.Count -gt 0) { exit 1 }
exit 0
