"""Commands about certificates in stores.

References:
    Microsoft Learn, certutil; certreq; Export-PfxCertificate; Get-PfxData; Import-PfxCertificate.
    Microsoft KB842210 (certutil -repairstore).
"""

from __future__ import annotations

from forensics.commands import parameters as kind
from forensics.commands.command import Command, Parameter
from forensics.commands.refusal import Refused

PROTECTED_STORES = frozenset({"shielded vm local certificates", "remote desktop", "sms", "fve_nkp", "ca", "root"})
"""Stores of the computer that services keep by themselves, or on which trust hangs: nothing is deleted there."""

_SCOPE = Parameter(kind.context)
_STORE = Parameter(kind.named(kind.quoted))
_THUMBPRINT = Parameter(kind.thumbprint)
_IN_STORE = {"scope": _SCOPE, "store": _STORE, "thumbprint": _THUMBPRINT}


def _yes(value: str) -> str:
    if value != "1":
        raise Refused("not_shown")
    return ""


def _open_store(store: str) -> str:
    if store.lower() in PROTECTED_STORES:
        raise Refused("kept")
    return kind.named(kind.quoted)(store)


_PROVED = Parameter(_yes)

COMMANDS = (
    Command(
        "verify-certificate",
        ("certutil<scope> -verifystore <store> <thumbprint>",),
        "opens the key of a certificate and says whether it fits",
        _IN_STORE,
        changes=False,
    ),
    Command(
        "show-certificate",
        ("certutil<scope> -store <store> <thumbprint>",),
        "shows a certificate and its link to a key",
        _IN_STORE,
        changes=False,
    ),
    Command(
        "relink-key",
        ("certutil<scope> -repairstore <store> <thumbprint>",),
        "links a certificate to a key that lies on this computer; makes and brings back none",
        _IN_STORE,
    ),
    Command(
        "save-certificate",
        ('certutil<scope> -store <store> <thumbprint> "<thumbprint>.cer"',),
        "writes a certificate, without its key, into a file",
        _IN_STORE,
        changes=False,
    ),
    Command(
        "import-pfx",
        ("certutil<scope> -f -importPFX <store> <file>",),
        "imports certificate and key into the store in which the certificate is, over the one that is there",
        {"scope": _SCOPE, "store": _STORE, "file": Parameter(kind.quoted, "FILE.pfx")},
    ),
    Command(
        "import-pfx-as-exchange-key",
        ('certutil -f -csp "Microsoft RSA SChannel Cryptographic Provider" -importPFX <store> <file> AT_KEYEXCHANGE',),
        "imports certificate and key into a store of the computer, the key as one of CryptoAPI for key exchange",
        {"store": _STORE, "file": Parameter(kind.quoted, "FILE.pfx")},
    ),
    Command(
        "pfx-folder",
        (
            "$folder = '<folder>'",
            "New-Item -ItemType Directory -Path $folder -ErrorAction Stop | Out-Null",
            'icacls $folder /inheritance:r /grant "*S-1-5-32-544:(OI)(CI)F"',
            "$password = (Get-Credential -UserName pfx -Message 'Password for the PFX files').Password",
        ),
        "makes a new folder that administrators alone can read, and asks once for a password; for export-pfx below it",
        {"folder": Parameter(kind.matching(kind.FOLDER), "C:\\keymortem-pfx")},
    ),
    Command(
        "pfx-password",
        (
            "$folder = '<folder>'",
            "$password = (Get-Credential -UserName pfx -Message 'Password of the PFX files').Password",
        ),
        "names the folder in which PFX files are, and asks once for their password; for import-pfx-of below it",
        {"folder": Parameter(kind.matching(kind.FOLDER), "C:\\keymortem-pfx")},
        changes=False,
    ),
    Command(
        "export-pfx",
        (
            'Export-PfxCertificate -Cert "Cert:\\<scope>\\<store>\\<thumbprint>" -FilePath "$folder\\<thumbprint>.pfx"'
            " -Password $password -NoClobber",
            'Get-PfxData -FilePath "$folder\\<thumbprint>.pfx" -Password $password',
        ),
        "exports certificate and key into the folder of pfx-folder, and opens the file once",
        {"scope": Parameter(kind.drive), "store": Parameter(kind.named(kind.inside_quotes)), "thumbprint": _THUMBPRINT},
        changes=False,
    ),
    Command(
        "import-pfx-of",
        (
            'if (-not (Test-Path "Cert:\\<scope>\\<store>")) { New-Item "Cert:\\<scope>\\<store>" }',
            'Import-PfxCertificate -FilePath "$folder\\<thumbprint>.pfx" -CertStoreLocation "Cert:\\<scope>\\<store>"'
            " -Exportable -Password $password",
        ),
        "imports what export-pfx wrote, from the folder of pfx-password; makes the store where there is none",
        {"scope": Parameter(kind.drive), "store": Parameter(kind.named(kind.inside_quotes)), "thumbprint": _THUMBPRINT},
    ),
    Command(
        "import-pfx-over",
        ('certutil<scope> -f -importPFX <store> "<folder>\\<thumbprint>.pfx"',),
        "imports what export-pfx wrote over the same certificate, whose key is lost; asks for the password of the file",
        {**_IN_STORE, "folder": Parameter(kind.matching(kind.FOLDER), "C:\\keymortem-pfx")},
    ),
    Command(
        "delete-certificate",
        ("certutil<scope> -delstore <store> <thumbprint>",),
        "deletes a certificate of which dead and superseded are 1: a key that is gone, no role, a working successor",
        {**_IN_STORE, "store": Parameter(_open_store), "dead": _PROVED, "superseded": _PROVED},
    ),
    Command(
        "trust-certificate",
        ("certutil -addstore -f <store> <file>",),
        "puts the certificate of an authority into store Root or CA of the computer",
        {"store": Parameter(kind.matching(kind.AUTHORITY_STORE)), "file": Parameter(kind.quoted, "FILE.cer")},
    ),
    Command(
        "request-certificate",
        ("certreq -enroll <scope> -policyserver * <template>",),
        "requests a new certificate, with a new key, from a template of an enterprise authority",
        {"scope": Parameter(kind.enrolment), "template": Parameter(kind.named(kind.quoted))},
    ),
    Command(
        "renew-certificate",
        ("certreq -enroll <scope> -cert <serial> renew",),
        "renews a certificate of which valid is 1: it has not ended, and its key opens",
        {"scope": Parameter(kind.enrolment), "serial": Parameter(kind.hexadecimal), "valid": _PROVED},
    ),
    Command(
        "enrol-now",
        ("certutil<scope> -pulse",),
        "lets auto-enrolment run now, where enabled is 1: a policy of this computer switches it on",
        {"scope": Parameter(kind.context, "machine"), "enabled": _PROVED},
    ),
    Command(
        "accept-answer",
        ("certreq -accept <scope> <file>",),
        "joins the answer of an authority with the key of its request",
        {"scope": Parameter(kind.enrolment), "file": Parameter(kind.quoted, "ANSWER.cer")},
    ),
    Command(
        "take-to-own-store",
        (
            'certutil -store <store> <thumbprint> "$env:USERPROFILE\\<thumbprint>.cer"',
            'certutil -user -addstore My "$env:USERPROFILE\\<thumbprint>.cer"',
            "certutil -user -repairstore My <thumbprint>",
        ),
        "copies a certificate of the computer into a user's own store and links it to a key in that user's profile",
        {"store": _STORE, "thumbprint": _THUMBPRINT},
        shell="user",
    ),
    Command(
        "export-own-pfx",
        (
            "$password = (Get-Credential -UserName pfx -Message 'Password for the PFX file').Password",
            'Export-PfxCertificate -Cert "Cert:\\CurrentUser\\My\\<thumbprint>" '
            '-FilePath "$env:USERPROFILE\\<thumbprint>.pfx" -Password $password -NoClobber',
            'Get-PfxData -FilePath "$env:USERPROFILE\\<thumbprint>.pfx" -Password $password',
        ),
        "exports certificate and key of a user's own store into that user's profile, and opens the file once",
        {"thumbprint": _THUMBPRINT},
        shell="user",
        changes=False,
    ),
)
