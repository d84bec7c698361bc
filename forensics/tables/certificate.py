"""Table certificate: every element of every certificate store."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from forensics.late_methods import dataclass
from forensics.tables.answer import Answer
from forensics.tables.row import Row, column

StoreScope = Literal["machine", "service", "user", "enterprise", "policy"]
KeyFileKind = Literal["capi", "cng", "tpm"]
KeyFileScope = Literal["machine", "system", "service", "user"]
FileOutcome = Literal["present", "unreadable", "not_examined"]
KeySlot = Literal["exchange", "signature", "both", "none"]
TpmVersion = Literal["1.2", "2.0"]
Purpose = Literal[
    "vtpm",
    "remote_desktop",
    "authority",
    "code_signing",
    "mail",
    "vpn",
    "network_logon",
    "server",
    "client",
    "efs",
    "other",
]
"""What a certificate is for, by its store, its uses and its extended key usages; the first that fits."""
Superseded = Literal["no", "archived", "remote_desktop", "replaced", "switched_off", "trusted"]
"""Why a certificate that nothing uses, or only what is switched off, is missed by nobody."""
Standing = Literal["in_use", "unused", "superseded", "daily"]
Renewer = Literal[
    "auto-enrolment",
    "ACME client",
    "Intune",
    "ConfigMgr",
    "Operations Manager",
    "OCSP responder",
    "Web Application Proxy",
    "Remote Desktop",
    "Entra ID",
    "Azure guest agent",
    "Hyper-V",
    "AD CS",
    "development tools",
]
"""What renews a certificate by itself, or makes another one in its place."""
NewBy = Literal[
    "guardian",
    "own_authority",
    "exchange_auth",
    "ndes",
    "network_unlock",
    "role",
    "efs_agent",
    "policy",
    "remote_desktop",
    "encryption",
    "replaced",
    "successor",
    "mdm",
    "entra",
    "acme",
    "program",
    "maker",
    "service_store",
    "auto_enrolment",
    "renewal",
    "template",
    "names",
    "issuer",
]
"""How a new certificate is had in the place of one; the first that fits."""


@dataclass(kw_only=True, slots=True)
class CertificateRow(Row):
    """One certificate in one store."""

    table: ClassVar[str] = "certificate"
    description: ClassVar[str] = "Certificates in every store, with what the store says of their private key"

    thumbprint: str = column("SHA-1 of the DER, 40 upper-case hex digits")
    store: str = column("Store name, such as MY or Remote Desktop")
    store_scope: StoreScope = column("whose store it is")
    owner_sid: str | None = column("SID whose store it is; S-1-5-18 for the computer's own", None)
    service: str | None = column("Service whose store it is", None)
    subject: str | None = column("Subject, RFC 4514", None)
    issuer: str | None = column("Issuer, RFC 4514", None)
    serial: str | None = column("Serial number, upper-case hex", None)
    not_before: datetime | None = column("Valid from, UTC", None)
    not_after: datetime | None = column("Valid until, UTC", None)
    eku: list[str] = column("Extended key usages, names where known, else OIDs", factory=list)
    san: list[str] = column("Subject alternative names, as type:value", factory=list)
    template: str | None = column("Certificate template name or OID", None)
    key_algorithm: str | None = column("RSA, EC, DSA, Ed25519 ...", None)
    key_bits: int | None = column("Key length in bits", None)
    signature_algorithm: str | None = column("Signature hash and algorithm, such as sha256WithRSAEncryption", None)
    public_key_sha256: str | None = column("SHA-256 of the SubjectPublicKeyInfo, lower hex", None)
    sha256: str | None = column("SHA-256 of the DER, lower hex", None)
    self_signed: bool | None = column("Subject equals issuer", None)
    is_ca: bool | None = column("Basic constraints say CA", None)
    archived: bool = column("Archived property: hidden from the user interface", False)
    friendly_name: str | None = column("Friendly name", None)
    has_key_link: bool = column("KEY_PROV_INFO is there (readable or not)", False)
    container: str | None = column("Container named by KEY_PROV_INFO", None)
    provider: str | None = column("Provider named by KEY_PROV_INFO", None)
    provider_type: int | None = column("CAPI provider type; 0 is CNG", None)
    key_flags: int | None = column("KEY_PROV_INFO flags; 0x20 is machine keyset", None)
    key_spec: int | None = column("1 AT_KEYEXCHANGE, 2 AT_SIGNATURE, 0 or 4294967295 CNG", None)
    request_originator: str | None = column("Host that asked for it (property 71)", None)
    renewal_of: str | None = column("Thumbprint in the renewal property (64), upper hex", None)
    enrollment_server: str | None = column("Enrolment policy server text (property 87)", None)
    policies: list[str] = column("Certificate policies (issuance policies), OIDs", factory=list)
    used_by: list[str] | None = column(
        "Consumers that use this certificate from this store, proved or likely, such as IIS or SQL Server; "
        "null: none was found, and not every place was seen in which one is named",
        None,
    )
    uses: list[str] | None = column(
        "The first 50 of these uses: the consumer with its binding, instance, site, profile or user; null: as used_by",
        None,
    )
    end_stops: list[str] | None = column(
        "Those of used_by that stop when it has ended: not EFS and virtual machines; null: as used_by", None
    )
    may_be_used_by: list[str] | None = column(
        "Consumers that may choose it when they start, and the metabase of IIS, which may write it back; "
        "null: as used_by",
        None,
    )
    superseded: Superseded = column(
        "nothing uses it, and it is archived; Remote Desktop has another; the role that it had has a newer one; "
        "what alone uses it, Remote Desktop, takes no connections; "
        "its store says who is trusted or known, and nobody looks there for a private key",
        "no",
    )
    kept: bool = column(
        "A role has it that replaces its certificates in its own way, and needs those that it has: "
        "AD CS (every generation), Exchange Auth and federation, NDES; it is never deleted",
        False,
    )
    purpose: Purpose | None = column("the first that its store, its uses or its extended key usages say", None)
    successor: str | None = column(
        "Thumbprint of the certificate that can stand in for it: the one that lasts longest of those that Windows can "
        "open, with its names and at least its extended key usages, valid before it ends or now, in the same store or "
        "in use from another one of the same owner",
        None,
    )
    renewed_by: str | None = column(
        "That successor; null where something names this certificate that stops when it has ended", None
    )
    renewed_until: datetime | None = column("End of the certificate in renewed_by, UTC", None)
    standing: Standing = column(
        "something uses it; nothing is known to; nothing is, and renewed_by, or another one of Remote Desktop, has "
        "taken over from it; it was made for some days at most, like many before it, another one follows, and nothing stops with it",
        "unused",
    )
    renewer: Renewer | None = column("what renews it by itself, by its template, issuer, store or names", None)
    renewal_due: datetime | None = column(
        "When that should have renewed it at the latest, UTC; its end, where no other time is published", None
    )
    warn_from: datetime | None = column(
        "From when on its end is worth a warning, UTC: its renewal is overdue; where nothing renews it by itself, in "
        "the last quarter of its life and not before its last 90 days (of an authority, its last year)",
        None,
    )
    alarm_from: datetime | None = column("From when on that is urgent, UTC: likewise, in the last eighth", None)
    template_name: str | None = column(
        "Name of its template, by which a new certificate is asked for; null: none, or only its OID is on this disk",
        None,
    )
    new_by: NewBy = column(
        "how a new one is had: in the own way of its role (own_authority: it is an authority's own); in the domain's "
        "policy; by Remote Desktop itself; encryption: its key does not open, or cannot be renewed, and a new one does "
        "not open what was encrypted for it; replaced: not at all, since renewed_by has taken over; successor: that one "
        "is set in its place; by the MDM, the registration at Entra ID, an ACME client, the program that made it; maker: "
        "by whoever signed it with its own key; in the snap-in of a service's store; by auto-enrolment, which a policy "
        "switches on; renewed, since it is valid and its key opens; requested from template_name; names: likewise, with "
        "its names in the request; from its issuer",
        "issuer",
    )
    new_with: str = column(
        "Command for that, by its name in 'keymortem rules commands': enrol-now, renew-certificate, request-certificate; empty: none",
        "",
    )
    import_with: str = column(
        "Command that brings it back with its key from a PFX file, import-pfx; empty: its key never was in one, or nothing has to "
        "come back",
        "import-pfx",
    )
    der: str | None = column(
        "The certificate itself, DER as base64; only of EKROOT, EKCA and the stores of endorsement keys, whose "
        "signatures are checked from one disk to another",
        None,
    )


@dataclass(kw_only=True, slots=True)
class KeyFileRow(Row):
    """One private-key file."""

    table: ClassVar[str] = "key_file"
    description: ClassVar[str] = "Private-key files of CAPI, CNG and the TPM provider"

    path: str = column("Path in the source")
    file_name: str = column("File name")
    kind: KeyFileKind = column("what made it, by its content")
    folder_kind: KeyFileKind | None = column(
        "whose keys its folder is for: what made the file looks for it in no other; null: it is a copy elsewhere", None
    )
    scope: KeyFileScope = column("whose key it is, by its folder")
    owner_sid: str | None = column("SID whose key it is; S-1-5-18 for machine and system keys", None)
    outcome: FileOutcome = column("whether it could be read", "present")
    size: int = column("Bytes", 0)
    sha256: str | None = column("SHA-256 of the file, lower hex; null: it was not read", None)
    name_hash: str | None = column("Container hash in the file name", None)
    name_guid: str | None = column("MachineGuid in the file name", None)
    guid_is_current: bool | None = column("That GUID is this machine's MachineGuid", None)
    container: str | None = column("Container name inside the file", None)
    name_matches: bool | None = column("The hash of the container gives the file name", None)
    slot: KeySlot | None = column(
        "which of the two keys of a CAPI container it holds; none: it is empty, and nothing is broken; CNG: null", None
    )
    algorithm: str | None = column("RSA, ECDSA_P256, ECDH_P256, AES, DSA ...", None)
    bits: int | None = column("Key length in bits", None)
    public_key_sha256: str | None = column(
        "SHA-256 of the SubjectPublicKeyInfo, lower hex; of the exchange slot first", None
    )
    second_public_key_sha256: str | None = column("The same for the signature slot when both are filled", None)
    master_key_guid: str | None = column("Master key that its DPAPI blob names", None)
    blob_flags: int | None = column("DPAPI flags; 4 is LOCAL_MACHINE", None)
    exportable: Answer = column("export flag or Export Policy, once unlocked", "unknown")
    creator_process: str | None = column("CreatorProcessName property", None)
    tpm_version: TpmVersion | None = column("of TPM keys; null: not told, or sealed by DPAPI and not opened", None)
    needs_auth: bool | None = column("TPM keys: the TPM asks for a usage password or PIN; null: as above", None)
    pcr_bound: bool | None = column("TPM keys: works only while certain PCRs have their values; null: as above", None)
    pcr_binding: str | None = column(
        "TPM keys: the PCR binding as stored, lower hex; its layout is not documented", None
    )
    policy_bound: bool | None = column("TPM keys: a list of policy digests is stored; null: as above", None)
    pcp_parts: str | None = column("TPM keys: the parts of the wrapped key with their bytes, as name=size", None)
    file_owner: str | None = column("Owner SID of the file", None)
    acl: str | None = column("ACL summary: SID:rights, comma separated; null: not in the source", None)
    created: datetime | None = column("File creation, UTC", None)
    modified: datetime | None = column("File modification, UTC", None)
