"""Tables guardian, vm and vm_guardian: what a Hyper-V host needs to start its virtual machines with a virtual TPM."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from forensics.late_methods import dataclass
from forensics.tables.answer import Answer
from forensics.tables.certificate import StoreScope
from forensics.tables.key_chain import ChainLink, KeyVerdict, ProviderKind
from forensics.tables.outcome import State
from forensics.tables.row import Row, column

GuardianRole = Literal["signing", "encryption"]
PairedBy = Literal["key_protector", "names"]
GuardianOrigin = Literal["store", "wrong_store", "guardian_xml", "certificate_file", "pfx_file"]
DeviceFound = Literal["present", "absent", "unknown"]
KeyProtectorFound = Literal["present", "empty", "not_found", "damaged"]
StartsHere = Literal["yes", "no", "likely_no", "unknown", "not_applicable"]
CertificateHere = Literal["usable", "unusable", "unknown", "no_private_key", "wrong_store", "absent", "not_examined"]
Signatures = Literal["valid", "invalid", "not_checked"]
TracePlace = Literal["registry_key", "hive", "file"]


@dataclass(kw_only=True, slots=True)
class GuardianRow(Row):
    """One certificate of a guardian, wherever it lies."""

    table: ClassVar[str] = "guardian"
    description: ClassVar[str] = (
        "Guardian certificates of a Hyper-V host: those of 'Shielded VM Local Certificates' with the verdict of their "
        "private keys, those in a wrong store, and those in files"
    )

    thumbprint: str | None = column(
        "SHA-1 of the certificate, 40 upper-case hex digits; null for a PFX file, whose content needs its password",
        None,
    )
    subject: str | None = column("Subject, RFC 4514", None)
    role: GuardianRole | None = column(
        "what it is for; null: the name does not say and no key protector names it", None
    )
    guardian: str | None = column("Guardian as the certificate's name tells it, such as UntrustedGuardian", None)
    host: str | None = column("Host as the certificate's name tells it: where the pair was made", None)
    generation: int | None = column(
        "Number of the pair among those of the same guardian and host name on this machine, from 1, the oldest first",
        None,
    )
    is_newest: bool | None = column("No pair of the same guardian and host name on this machine is younger", None)
    partner: str | None = column("Thumbprint of the other certificate of the pair; null: not found", None)
    paired_by: PairedBy | None = column("a virtual machine names both, or name and date agree", None)
    origin: GuardianOrigin = column("where it lies", "store")
    store: str | None = column("Certificate store; null for a file", None)
    store_scope: StoreScope | None = column("whose store it is; null for a file", None)
    not_before: datetime | None = column("Valid from, UTC", None)
    not_after: datetime | None = column("Valid until, UTC", None)
    provider: str | None = column("Provider of the private key", None)
    provider_kind: ProviderKind | None = column("what kind of provider that is", None)
    verdict: KeyVerdict | None = column("would Windows on this disk open the private key; null for a file", None)
    broken_at: ChainLink | None = column("first broken link of the private key, as in key_chain", None)
    has_key_file: bool | None = column(
        "Its key file is on this disk, usable or not; false: the certificate is there without a private key", None
    )
    exportable: Answer | None = column("as in key_file; null for a file", None)
    recoverable: bool | None = column("As in key_chain", None)
    needed_by: list[str] = column("Virtual machines on this machine whose key protector names it", factory=list)
    named_by: str | None = column(
        "Virtual machines whose key protector names it, on this machine or in an export that belongs to none, with commas; null: none",
        None,
    )
    stops: str | None = column(
        "Virtual machines of this machine that need its private key and do not start here, with commas; null: none",
        None,
    )


@dataclass(kw_only=True, slots=True)
class VmRow(Row):
    """One configuration of a virtual machine: the machine itself, or one of its checkpoints."""

    table: ClassVar[str] = "vm"
    description: ClassVar[str] = (
        "Virtual machines and their checkpoints: what each needs of a host, and whether it would start on this one"
    )

    name: str | None = column("Name of the virtual machine", None)
    vm_id: str | None = column("Its GUID, lower case", None)
    label: str = column(
        "What to call it: its name, with GUID and path where another one here has that name; a checkpoint says so", ""
    )
    is_checkpoint: bool = column("A checkpoint, not the machine itself", False)
    checkpoint_of: str | None = column("GUID of the virtual machine of which this is a checkpoint, where known", None)
    outcome: State = column("its configuration file", "present")
    registered: bool | None = column("Listed in the host's data.vmcx; null: no such list in the source", None)
    listed_at: str | None = column(
        "Path of its configuration in that list, as Windows writes it; null: not listed, or a checkpoint", None
    )
    on_disk: str | None = column(
        "Disk or collection that holds its configuration; null: a folder of an export, or none was found", None
    )
    volume: str | None = column("Volume of that disk, such as partition 4; null: that of Windows, or no disk", None)
    configuration_version: str | None = column("Configuration version, such as 9.0", None)
    generation: int | None = column("1 or 2; null: not told", None)
    secure_boot: bool | None = column("Secure Boot is on", None)
    secure_boot_template: str | None = column("MicrosoftWindows, MicrosoftUEFICertificateAuthority, or the GUID", None)
    vtpm: DeviceFound = column(
        "a virtual TPM among its devices; absent also where it was never switched on, since every machine of "
        "generation 2 lists the device",
        "unknown",
    )
    key_protector: KeyProtectorFound = column("in its configuration", "not_found")
    key_protector_at: str | None = column("Where the key protector stands in the configuration", None)
    key_protector_doubt: str | None = column(
        "Why what was read may not be the key protector of today, or not the whole of it; null: nothing speaks for that",
        None,
    )
    configuration_doubt: str | None = column(
        "Why the configuration may not be what Windows would read; null: nothing speaks for that", None
    )
    owner: str | None = column("Thumbprint of the signing certificate of the key protector's owner", None)
    last_wrapped_by: str | None = column("Thumbprint of the signing certificate of whoever wrapped it last", None)
    last_host: str | None = column("Likely the host of the last start: the one whose guardian wrapped it last", None)
    needs: list[str] = column("Thumbprints that the key protector names: encryption and signing of each", factory=list)
    starts_here: StartsHere = column("would it start on this host as it was examined", "unknown")
    starts_because: str = column("Why, in one sentence", "")
    guest_state_file: str | None = column("Path of the guest state (.vmgs, or .vmrs of an older version)", None)
    guest_state: State = column("its guest state file", "not_examined")
    guest_state_time: datetime | None = column("Last change of the guest state file, UTC", None)
    guest_state_facts: str | None = column(
        "Version of the .vmgs and what it holds, as far as its header tells; or what is there instead of it", None
    )
    configuration_time: datetime | None = column("Last change of the configuration file, UTC", None)
    isolation: str | None = column("GuestStateIsolationType where it is set, such as TrustedLaunch", None)
    disks: list[str] = column("Virtual disks it uses, as configured", factory=list)
    missing_disks: list[str] = column("Those of them that are not in the source", factory=list)
    uncommitted: int = column("Changes that were still in the configuration's log and were applied", 0)
    earlier_key_protector: bool = column("The configuration's log still holds an earlier key protector", False)
    security_settings: list[str] = column(
        "Settings whose names speak of TPM, shielding, encryption or protection, verbatim", factory=list
    )


@dataclass(kw_only=True, slots=True)
class VmGuardianRow(Row):
    """One wrapping of a virtual machine's key protector: a guardian that may start it."""

    table: ClassVar[str] = "vm_guardian"
    description: ClassVar[str] = (
        "Which guardians may start a virtual machine, with both certificates of each and what this host has of them"
    )

    vm_id: str | None = column("GUID of the virtual machine", None)
    vm_name: str | None = column("Its name", None)
    configuration: str = column("Its configuration file: `source_path` of its row in vm")
    is_checkpoint: bool = column("Of a checkpoint, not of the machine itself", False)
    wrapping: int | None = column("Id of the wrapping in the key protector; null: unreadable", None)
    is_owner: bool = column("This guardian owns the key protector: only its signing key can change it", False)
    wrapped_last: bool = column("This guardian produced the key protector as it stands", False)
    guardian: str | None = column("Guardian name as the certificates tell it", None)
    host: str | None = column("Host name as the certificates tell it", None)
    encryption_thumbprint: str | None = column("Encryption certificate: its private key starts the machine", None)
    encryption_not_before: datetime | None = column("Valid from, UTC", None)
    encryption_not_after: datetime | None = column("Valid until, UTC", None)
    signing_thumbprint: str | None = column("Signing certificate: the owner's private key changes the protector", None)
    signing_not_before: datetime | None = column("Valid from, UTC", None)
    signing_not_after: datetime | None = column("Valid until, UTC", None)
    encryption_here: CertificateHere = column("the encryption certificate on this host", "not_examined")
    signing_here: CertificateHere = column("the signing certificate on this host", "not_examined")
    encryption_public_key_sha256: str | None = column(
        "SHA-256 of the SubjectPublicKeyInfo of the encryption certificate, lower hex", None
    )
    signing_public_key_sha256: str | None = column("The same of the signing certificate", None)
    encryption_key_file: str | None = column(
        "Key file of this host with the public key of the encryption certificate, which is not there itself; "
        "null: none was found",
        None,
    )
    signing_key_file: str | None = column("The same of the signing certificate", None)
    signatures: Signatures = column("the certificates' signatures in it", "not_checked")


@dataclass(kw_only=True, slots=True)
class BitLockerRow(Row):
    """One BitLocker volume and what can open it."""

    table: ClassVar[str] = "bitlocker"
    description: ClassVar[str] = "BitLocker volumes: which protectors can open them, read without unlocking"

    volume: str = column("Volume on its disk, such as partition 3")
    disk: str = column("The disk image, or the virtual disk on the host")
    identifier: str | None = column("GUID of the volume in its metadata", None)
    protectors: list[str] = column(
        "tpm, tpm_pin, tpm_key, recovery_password, password, external_key, clear_key ..., one for each", factory=list
    )
    has_tpm: bool | None = column("A protector needs the TPM", None)
    has_recovery_password: bool | None = column("A recovery password can open it", None)
    suspended: bool | None = column("Protection is suspended: a clear key lies on the volume", None)
    unlocked: bool = column("It was unlocked for this examination", False)


@dataclass(kw_only=True, slots=True)
class GuardianTraceRow(Row):
    """One place where Windows seems to keep a guardian."""

    table: ClassVar[str] = "guardian_trace"
    description: ClassVar[str] = (
        "Where else on a host a guardian is spoken of: Windows' own place for guardian records is not documented"
    )

    text: str = column("What was found: the schema's name, a guardian's name or a thumbprint")
    place: TracePlace = column("where it was found")
    offset: int | None = column("Byte offset in the hive or file", None)
