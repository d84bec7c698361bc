"""Commands about guardians and virtual TPMs.

No entry makes a new key protector, switches a virtual TPM off or takes a host out of its fabric: none of these can be
undone, and text tells their price.

References:
    Microsoft Learn, HgsClient (Get-, Export-, Import-, Remove-, New-HgsGuardian, ConvertTo-HgsKeyProtector,
    Grant-HgsKeyProtectorAccess, Set-HgsClientConfiguration); Get-VMKeyProtector; Set-VMKeyProtector; Get-VMSnapshot;
    Managing the Host Guardian Service.
"""

from __future__ import annotations

from forensics.commands import parameters as kind
from forensics.commands.command import Command, Parameter

STORE = "Shielded VM Local Certificates"
"""Store of the computer in which Hyper-V looks for guardians."""

_CERTIFICATES = f"Cert:\\LocalMachine\\{STORE}"
_GUARDIAN = Parameter(kind.literal)
_VM = Parameter(kind.guid)
_FOLDER = Parameter(kind.matching(kind.FOLDER), "C:\\keymortem-pfx")

COMMANDS = (
    Command(
        "list-guardian-certificates",
        (f"Get-ChildItem \"{_CERTIFICATES}\" | Format-Table 'Thumbprint', 'HasPrivateKey', 'NotAfter', 'Subject'",),
        "lists the certificates of guardians and whether each has a private key",
        changes=False,
    ),
    Command(
        "check-guardian-certificates",
        (
            f'Get-ChildItem "{_CERTIFICATES}" | Where-Object Thumbprint -in <thumbprints> '
            "| Format-Table 'Thumbprint', 'HasPrivateKey'",
        ),
        "shows for some certificates of guardians whether each has a private key",
        {"thumbprints": Parameter(kind.thumbprints)},
        changes=False,
    ),
    Command(
        "move-to-guardians",
        (
            f'if (-not (Test-Path "{_CERTIFICATES}")) {{ New-Item "{_CERTIFICATES}" }}',
            f'Move-Item -LiteralPath "Cert:\\LocalMachine\\<store>\\<thumbprint>" -Destination "{_CERTIFICATES}"',
        ),
        "moves a certificate with its key from another store of the computer into that of the guardians",
        {"store": Parameter(kind.named(kind.inside_quotes)), "thumbprint": Parameter(kind.thumbprint)},
    ),
    Command(
        "renew-guardian",
        (
            "Get-HgsGuardian -Name <guardian> | Where-Object { $_.EncryptionCertificate.NotAfter -and "
            "$_.EncryptionCertificate.NotAfter -lt (Get-Date).AddDays(<days>) } | ForEach-Object { Remove-HgsGuardian "
            "-Name <guardian>; New-HgsGuardian -Name <guardian> -GenerateCertificates }",
        ),
        "gives a guardian new certificates, only where those of today have ended or end within some days; the old ones "
        "stay in the store; after export-pfx of both",
        {"guardian": _GUARDIAN, "days": Parameter(kind.number, "0")},
    ),
    Command(
        "list-guardians",
        ("Get-HgsGuardian | Format-Table 'Name', 'HasPrivateSigningKey'",),
        "lists guardians and whether each may own key protectors",
        changes=False,
    ),
    Command(
        "make-guardian",
        (
            'New-HgsGuardian -Name <guardian> -SigningCertificate "$folder\\<signing>.pfx" '
            '-SigningCertificatePassword $password -EncryptionCertificate "$folder\\<encryption>.pfx" '
            "-EncryptionCertificatePassword $password -AllowExpired -AllowUntrustedRoot",
        ),
        "makes a guardian of a pair that export-pfx wrote, from the folder of pfx-password",
        {
            "guardian": _GUARDIAN,
            "signing": Parameter(kind.thumbprint),
            "encryption": Parameter(kind.thumbprint),
        },
    ),
    Command(
        "export-guardian",
        ("Get-HgsGuardian -Name <guardian> | Export-HgsGuardian -Path <file>",),
        "writes the certificates of a guardian, without keys, into a file",
        {"guardian": _GUARDIAN, "file": Parameter(kind.quoted, "GUARDIAN.xml")},
        changes=False,
    ),
    Command(
        "import-guardian",
        ("Import-HgsGuardian -Path <file> -Name <guardian> -AllowExpired -AllowUntrustedRoot",),
        "makes a guardian of what export-guardian wrote: others may be permitted with it, nothing starts by it",
        {"guardian": _GUARDIAN, "file": Parameter(kind.quoted, "GUARDIAN.xml")},
    ),
    Command(
        "grant-guardian",
        (
            "Set-VMKeyProtector -VM (Get-VM -Id <vm>) -KeyProtector (Grant-HgsKeyProtectorAccess -KeyProtector "
            "(ConvertTo-HgsKeyProtector -Bytes (Get-VMKeyProtector -VM (Get-VM -Id <vm>))) -Guardian "
            "(Get-HgsGuardian -Name <guardian>) -AllowExpired -AllowUntrustedRoot).RawData",
        ),
        "permits a further guardian to start a virtual machine that is off; what closed its virtual TPM stays",
        {"vm": _VM, "guardian": _GUARDIAN},
    ),
    Command(
        "show-key-protector",
        (
            "Get-VM -Id <vm> | Get-VMSecurity",
            "(Get-VMKeyProtector -VM (Get-VM -Id <vm>)).Length",
        ),
        "shows whether a virtual machine has a virtual TPM, and how many bytes its key protector has",
        {"vm": _VM},
        changes=False,
    ),
    Command(
        "restore-key-protector",
        ("Set-VMKeyProtector -VM (Get-VM -Id <vm>) -RestoreLastKnownGoodKeyProtector",),
        "gives a virtual machine back the last key protector with which it started",
        {"vm": _VM},
    ),
    Command(
        "put-back-guardian",
        (
            f'if (-not (Test-Path "{_CERTIFICATES}")) {{ New-Item "{_CERTIFICATES}" }}',
            f'$store = Get-Item "{_CERTIFICATES}"',
            "$protector = ConvertTo-HgsKeyProtector -Bytes (Get-VMKeyProtector -VM (Get-VM -Id <vm>))",
            "@($protector.Owner) + @($protector.Guardians) | ForEach-Object { $_.EncryptionCertificate; "
            "$_.SigningCertificate } | Where-Object Thumbprint -in <thumbprints> "
            "| ForEach-Object { $store.Open('ReadWrite'); $store.Add($_); $store.Close() }",
        ),
        "puts certificates that a key protector names, without keys, into the store of the guardians",
        {"vm": _VM, "thumbprints": Parameter(kind.thumbprints)},
    ),
    Command(
        "list-checkpoints",
        ("Get-VMSnapshot -VM (Get-VM -Id <vm>)",),
        "lists the checkpoints of a virtual machine",
        {"vm": _VM},
        changes=False,
    ),
    Command(
        "show-hgs-mode",
        ("Get-HgsClientConfiguration", "Get-HgsTrace -RunDiagnostics -Detailed"),
        "shows whether a host asks a Host Guardian Service, and whether that answers",
        changes=False,
    ),
    Command(
        "set-hgs-service",
        ("Set-HgsClientConfiguration -AttestationServerUrl <attestation> -KeyProtectionServerUrl <protection>",),
        "lets a host ask a Host Guardian Service",
        {"attestation": Parameter(kind.url), "protection": Parameter(kind.url)},
    ),
    Command(
        "private-folder",
        (
            "$folder = '<folder>'",
            "New-Item -ItemType Directory -Path $folder -ErrorAction Stop | Out-Null",
            'icacls $folder /inheritance:r /grant "*S-1-5-32-544:(OI)(CI)F"',
        ),
        "makes a new folder that administrators alone can read, into which PFX files of another host are copied",
        {"folder": _FOLDER},
    ),
    Command(
        "pfx-backup",
        (
            "$folder = '<folder>'",
            "$backup = 'BACKUP-FOLDER'",
            "$password = (Get-Credential -UserName pfx -Message 'Password of the PFX files').Password",
        ),
        "names the folder of PFX files and that of their backup, and asks once for the password; for delete-pfx below",
        {"folder": _FOLDER},
        changes=False,
    ),
    Command(
        "delete-pfx",
        (
            'if ($backup -ne $folder -and (Get-PfxData -FilePath "$backup\\<thumbprint>.pfx" -Password $password)) '
            '{ Remove-Item -LiteralPath "$folder\\<thumbprint>.pfx" }',
        ),
        "deletes one file that export-pfx wrote, only where its copy in a backup opens",
        {"thumbprint": Parameter(kind.thumbprint)},
    ),
)
