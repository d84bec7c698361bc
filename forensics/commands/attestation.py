"""Commands about the attestation of keys in TPMs.

References:
    Microsoft Learn, TPM Key Attestation; certutil (-setreg, -view, -dstemplate); Get-TpmEndorsementKeyInfo;
    Confirm-CAEndorsementKeyInfo; New-Item; icacls.
"""

from __future__ import annotations

from forensics.commands import parameters as kind
from forensics.commands.command import Command, Parameter

_FOLDER = Parameter(kind.own_path)

COMMANDS = (
    Command(
        "tell-ek-hash",
        ("(Get-TpmEndorsementKeyInfo -HashAlgorithm sha256).PublicKeyHash",),
        "tells, on a device, the hash by which an authority lists its TPM",
        changes=False,
    ),
    Command(
        "show-ek-certificates",
        ("(Get-TpmEndorsementKeyInfo).ManufacturerCertificates",),
        "shows, on a device, the certificates of its TPM's endorsement key",
        changes=False,
    ),
    Command(
        "make-eklist-folder",
        (
            "New-Item -ItemType Directory -Path <folder> -ErrorAction Stop",
            'icacls <folder> /inheritance:r /grant "*S-1-5-32-544:(OI)(CI)F" "*S-1-5-18:(OI)(CI)RX"',
        ),
        "makes a folder that administrators write and SYSTEM reads",
        {"folder": _FOLDER},
    ),
    Command(
        "add-ek-entry",
        ("if ('<hash>' -match '^[0-9a-fA-F]{64}$') { New-Item -ItemType File -Path (Join-Path <folder> '<hash>') }",),
        "puts a TPM on a list: an empty file, named by what tell-ek-hash told on the device; does nothing before that",
        {"folder": _FOLDER, "hash": Parameter(kind.word, "EK-HASH")},
    ),
    Command(
        "remove-grants-below",
        ("icacls <path> /remove:g <sids> /t",),
        "takes out what permits accounts, in a folder and in all that is in it",
        {"path": _FOLDER, "sids": Parameter(kind.sids)},
    ),
    Command(
        "show-eklist-folders",
        ("certutil -getreg CA\\EndorsementKeyListDirectories",),
        "shows in which folders an authority looks for TPMs",
        changes=False,
    ),
    Command(
        "set-eklist-folder",
        (
            'if (Test-Path -LiteralPath "NEW-FOLDER") '
            '{ certutil -setreg CA\\EndorsementKeyListDirectories "+NEW-FOLDER"; '
            'certutil -setreg CA\\EndorsementKeyListDirectories "-<folder>"; Restart-Service CertSvc }',
        ),
        "names another folder that is there instead of one; the authority issues nothing while its service restarts",
        {"folder": Parameter(kind.inside_quotes)},
    ),
    Command(
        "find-request",
        ('certutil -view -restrict "SerialNumber=<serial>" -out "RequestID,RequesterName,CertificateTemplate"',),
        "shows, on an authority, who requested a certificate and by which template",
        {"serial": Parameter(kind.hexadecimal)},
        changes=False,
    ),
    Command(
        "show-template",
        ("certutil -v -dstemplate <template>",),
        "shows a template as Active Directory has it",
        {"template": Parameter(kind.named(kind.quoted))},
        changes=False,
    ),
)
