"""What can be behind an error that Windows shows: data, each cause with the rules whose findings tell of it."""

from __future__ import annotations

from typing import Literal

from forensics.language import sentence
from forensics.late_methods import dataclass

CauseName = Literal[
    "no-link",
    "wrong-link",
    "another-key-set",
    "provider",
    "key-file-gone",
    "other-machine-guid",
    "key-file-damaged",
    "another-key",
    "access-list",
    "folder-access-list",
    "master-key",
    "master-key-locked",
    "user-master-key",
    "tpm",
    "vbs",
    "key-isolation",
    "protected-storage",
    "certificate-gone",
    "configuration-key",
    "rdp-certificate-ended",
    "not-exportable",
    "storage-provider-key",
    "smart-card",
    "guardian",
    "guest-state",
    "machine-identity",
    "unnamed-container",
    "tls-versions",
    "domain-backup",
]


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that may be the matter.

    Attributes:
        name: It names the check that examines it, too.
        title: What is the matter, as a sentence without its end.
        rules: Rules whose findings tell of it.
        why_open: Why no disk rules it out; empty where some do.
    """

    name: CauseName
    title: str
    rules: tuple[str, ...] = ()
    why_open: str = ""


_CAUSES = (
    Cause(
        "no-link",
        sentence("A certificate has no link to its key"),
        ("certificate-without-key-link", "certificate-without-key", "request-not-accepted"),
    ),
    Cause(
        "wrong-link",
        sentence("The link of a certificate to its key leads astray"),
        ("certificate-without-key-link", "certificate-without-key"),
    ),
    Cause(
        "another-key-set",
        sentence("The key lies among those of another account than the one that looks for it"),
        ("key-in-user-profile", "key-in-another-account", "consumer-looks-in-another-key-set"),
    ),
    Cause(
        "provider",
        sentence("The provider that a certificate names is not registered, or is named with another provider's type"),
        ("provider-not-registered", "provider-of-another-type"),
    ),
    Cause("key-file-gone", sentence("A key file is gone"), ("key-file-missing", "key-in-tpm")),
    Cause(
        "other-machine-guid",
        sentence("A key file is named for another MachineGuid than today's"),
        ("key-file-of-another-machine-guid",),
    ),
    Cause("key-file-damaged", sentence("A key file is damaged"), ("key-blob-damaged",)),
    Cause(
        "another-key",
        sentence("A container holds another key than its certificate needs"),
        ("key-recreated", "key-in-tpm"),
    ),
    Cause(
        "access-list",
        sentence("The access list of a key file shuts out an account that must read it"),
        ("key-access-denied", "consumer-cannot-read-key", "rdp-key-not-readable-by-network-service"),
    ),
    Cause(
        "folder-access-list",
        sentence("The access list of a folder of keys refuses accounts that must use it"),
        ("machinekeys-folder-acl",),
    ),
    Cause(
        "master-key",
        sentence("The DPAPI master key of a key file is gone or damaged"),
        ("master-key-missing", "master-key-damaged"),
    ),
    Cause(
        "master-key-locked",
        sentence("A DPAPI master key of the machine does not open with the secrets of today"),
        ("master-key-does-not-open", "master-key-opens-only-with-previous-secret"),
    ),
    Cause(
        "user-master-key",
        sentence(
            "The DPAPI master key of a user's key does not open: a password that was reset, or a profile that roams"
        ),
        ("master-key-does-not-open", "user-master-keys-under-old-sid"),
    ),
    Cause(
        "tpm",
        sentence("The TPM is gone, or another than the one that made the key"),
        ("tpm-changed-since-key", "tpm-key-without-tpm"),
    ),
    Cause(
        "vbs",
        sentence("Virtualization-based security is off, or is not the one that sealed the key"),
        ("key-sealed-by-vbs",),
    ),
    Cause(
        "key-isolation",
        sentence("The service CNG Key Isolation (KeyIso) is disabled or not registered"),
        (
            "keyiso-disabled-keys-unusable",
            "keyiso-not-registered",
            "keyiso-disabled-blocks-rdp-certificate",
            "keyiso-disabled-rdp-will-break",
        ),
    ),
    Cause("protected-storage", sentence("The service Protected Storage does not run")),
    Cause(
        "certificate-gone",
        sentence("A service names a certificate that is not in its store"),
        ("binding-names-missing-certificate", "ca-certificate-missing", "rdp-listener-certificate-missing"),
    ),
    Cause(
        "configuration-key",
        sentence("Values in the configuration of IIS are encrypted with a key that this machine cannot open"),
        ("iis-configuration-key-dead",),
    ),
    Cause(
        "rdp-certificate-ended", sentence("The certificate of Remote Desktop has ended"), ("rdp-certificate-expired",)
    ),
    Cause("not-exportable", sentence("Somebody exports a key that is marked not exportable")),
    Cause(
        "storage-provider-key", sentence("A program that knows CryptoAPI only asks for a key of a key storage provider")
    ),
    Cause(
        "smart-card",
        sentence("A program asks for a key on a smart card by its CryptoAPI provider"),
        ("smart-card-csp-to-ksp",),
    ),
    Cause(
        "guardian",
        sentence("No guardian that the key protector of a virtual machine names has its key here"),
        ("vm-needs-missing-guardian",),
    ),
    Cause(
        "guest-state",
        sentence("The guest state of a virtual machine does not belong to its key protector"),
        ("vm-guest-state-mismatch",),
    ),
    Cause(
        "machine-identity",
        sentence("Another computer has the same machine identity"),
        ("duplicate-machine-sid-enforced",),
    ),
    Cause(
        "unnamed-container",
        sentence(
            "A program asks for a key container that is not there, by a name that no certificate and no known setting "
            "has"
        ),
        why_open=sentence("such names stand in the program, and no place on a disk lists them"),
    ),
    Cause(
        "tls-versions",
        sentence("The versions of TLS that are allowed here do not fit what was asked for"),
        why_open=sentence("it is no matter of keys, and the settings of TLS are not read"),
    ),
    Cause(
        "domain-backup",
        sentence("No writable domain controller was there to back up the master key of a user"),
        why_open=sentence("whether one could be reached is not on a disk"),
    ),
)
CAUSES: dict[CauseName, Cause] = {cause.name: cause for cause in _CAUSES}
"""Each cause by its name."""
