"""Tables certificate_use, template, policy, folder_acl and provider: what stands around a certificate and its key."""

from __future__ import annotations

from typing import ClassVar, Literal

from forensics.late_methods import dataclass
from forensics.tables.key_chain import ChainLink, KeyVerdict
from forensics.tables.row import Row, column

ConsumerName = Literal[
    "http.sys",
    "IIS",
    "IIS metabase",
    "IIS Web Management Service",
    "RDP",
    "WinRM",
    "SQL Server",
    "SSTP",
    "IKEv2",
    "NPS",
    "LDAPS",
    "Entra join",
    "Workplace join",
    "MDM",
    "EFS",
    "EFS recovery agent",
    "WLAN",
    "LAN",
    "VPN",
    "ConfigMgr client",
    "SCOM agent",
    "BitLocker Network Unlock",
    "BitLocker recovery agent",
    "WSUS signing",
    "DSC",
    "Hyper-V",
    "AD CS",
    "AD CS (earlier generation)",
    "Exchange",
    "Exchange Auth",
    "Exchange federation",
    "NDES",
    "AD FS",
    "Web Application Proxy",
    "AD LDS",
    "WSUS",
    "Windows Admin Center",
    "Azure guest agent",
    "IIS configuration key",
    "application",
    "earlier certificate",
    "service",
    "other",
]
Certainty = Literal["proved", "likely", "candidate"]
KeyAccess = Literal["ok", "denied", "not_examined"]
OpensBrokenAt = Literal[ChainLink, "keyset", "kind"]
PlaceSeen = Literal["present", "partial"]
BindingOwner = Literal[
    "IIS",
    "WinRM",
    "IIS Web Management Service",
    "SSTP",
    "AD FS",
    "Web Application Proxy",
    "KDC Proxy or DirectAccess",
    "BranchCache",
    "Reporting Services",
    "other",
]
"""What writes a binding of http.sys, by its AppId; the AppIds of the last three are likely theirs."""
PolicyArea = Literal["autoenrollment", "rdp_policy", "rdp", "rdp_listener", "hgs_client", "device_guard", "smart_card"]
FolderKind = Literal["capi", "cng", "tpm", "dpapi"]
FolderScope = Literal["machine", "system", "service"]
RegisteredKind = Literal["capi", "cng"]


@dataclass(kw_only=True, slots=True)
class CertificateUseRow(Row):
    """One service, setting or profile that uses a certificate."""

    table: ClassVar[str] = "certificate_use"
    description: ClassVar[str] = "Which service, setting or profile uses which certificate, and what breaks without it"

    thumbprint: str | None = column(
        "SHA-1 of the certificate, 40 upper-case hex digits; null: the consumer names it otherwise or not at all", None
    )
    sha256: str | None = column("SHA-256 of the certificate, lower hex, where the consumer names it so", None)
    consumer: ConsumerName = column(
        "what uses it; earlier certificate: the role in detail has a newer one; service: the one in detail, of which no "
        "setting names the certificate; application: what reads the file in detail; other: what reads the registry value "
        "in detail"
    )
    detail: str | None = column("Binding, instance, site, profile, tenant or user it is for", None)
    store: str | None = column("Store in which the consumer looks for it, such as MY", None)
    owner_sid: str | None = column("SID whose store that is; S-1-5-18 for the computer's, null: some user's", None)
    account: str | None = column("SID of the account that reads the private key; null: not known", None)
    account_name: str | None = column(
        "That account by name: as its service names it (ObjectName), else as SAM, its profile or Windows does", None
    )
    service: str | None = column("Service that reads the private key, where that is known", None)
    key_access: KeyAccess | None = column(
        "what the key file's access list permits account, with every membership that this disk proves; "
        "not_examined: the list is not in the source, or rests on other memberships; null: no key file or no account",
        None,
    )
    container: str | None = column(
        "Key container that the consumer names, where it names a key and no certificate", None
    )
    denied_by: list[str] = column(
        "SIDs of the entries of the access list that deny account reading the key file", factory=list
    )
    denial_inherited: bool = column("One of these entries comes from the folder above", False)
    not_granted: bool | None = column(
        "No entry lets account read the key file, were the denials gone; null: it is not shut out", None
    )
    key_file_path: str | None = column(
        "Key file that was judged: the one that account would open, else the key's", None
    )
    opens: KeyVerdict = column(
        "would this account open this key: its key set, the access list of the file, the provider, CNG Key Isolation; "
        "unknown: opens_reason says what is not on this disk",
        "unknown",
    )
    opens_broken_at: OpensBrokenAt | None = column(
        "the first link that is broken for this account; keyset: the key lies in the key set of another account, where "
        "this one does not look; kind: the consumer does not take keys of this kind; null: none is, or it is not known",
        None,
    )
    opens_reason: str = column("Why it would not open it, or why that is not known, in one sentence", "")
    certainty: Certainty = column("documented place, undocumented one, or the consumer chooses when it starts")
    present: bool | None = column(
        "That certificate is in that store on this disk; false with a null thumbprint: none there would do; "
        "null: the store was not examined, or the certificate is not known",
        None,
    )
    fault: str | None = column("What is wrong with the reference itself, such as an invisible character in it", None)
    breaks: str | None = column("What stops working when certificate or key cannot be used", None)
    repair: str | None = column(
        "What ends the fault, one line: where only the way to the key is broken, how that is mended; else how another "
        "certificate is set, by what owns the binding",
        None,
    )
    endpoint: str | None = column(
        "Binding of http.sys as netsh names it: ipport=address:port, hostnameport=host:port, ccs=port", None
    )
    app_id: str | None = column("AppId of that binding, a GUID in braces", None)
    binding_owner: BindingOwner | None = column(
        "what writes that binding, by its AppId; null: no binding, or none", None
    )
    listener: str | None = column(
        "Listener: of WinRM as it names it (Address=*+Transport=HTTPS), of Remote Desktop its name (RDP-Tcp)", None
    )
    set_with: str = column(
        "Command that sets another certificate there, by its name in 'keymortem rules commands'; empty: none does "
        "(repair says how), or the certificate stays",
        "",
    )
    stays: bool = column("Only the way to its key is broken: no other certificate is needed", False)
    label: str = column("What to call the use: consumer and detail", "")
    needs_valid: bool | None = column(
        "It stops when its certificate has ended; false: EFS, virtual machines and the metabase of IIS do not", None
    )
    renewed_by: str | None = column(
        "Certificate on this disk that says (renewal property) that it was renewed from this one", None
    )
    also_set_at: list[str] = column("Further places that name the same certificate for the same use", factory=list)
    place: PlaceSeen = column(
        "the hive or file in which the use is set was read whole; partial: a torn hive, where it may be of yesterday",
        "present",
    )


@dataclass(kw_only=True, slots=True)
class TemplateRow(Row):
    """One certificate template as this machine last saw it in Active Directory."""

    table: ClassVar[str] = "template"
    description: ClassVar[str] = "Certificate templates that auto-enrolment cached on this machine"

    name: str = column("Template name, the key's name")
    display_name: str | None = column("DisplayName", None)
    oid: str | None = column("msPKI-Cert-Template-OID", None)
    owner_sid: str | None = column("Whose cache: S-1-5-18 for the computer's, else the user's SID", None)
    schema_version: int | None = column("msPKI-Template-Schema-Version", None)
    validity_seconds: int | None = column("ValidityPeriod in seconds", None)
    renewal_overlap_seconds: int | None = column(
        "RenewalOverlap in seconds: how long before the end auto-enrolment renews", None
    )
    private_key_flags: int | None = column("msPKI-Private-Key-Flag; 0x10 exportable, 0x2000 attestation required", None)
    enrollment_flags: int | None = column("msPKI-Enrollment-Flag", None)
    name_flags: int | None = column("msPKI-Certificate-Name-Flag", None)
    minimal_key_bits: int | None = column("msPKI-Minimal-Key-Size in bits", None)
    eku: list[str] = column("ExtKeyUsageSyntax: names where known, else OIDs", factory=list)
    providers: list[str] = column("SupportedCSPs: the providers that may make the key; empty: any", factory=list)
    key_algorithm: str | None = column(
        "Algorithm of the key that msPKI-RA-Application-Policies names (schema version 3 and later), such as RSA", None
    )


@dataclass(kw_only=True, slots=True)
class PolicyRow(Row):
    """One setting that decides over enrolment, the Remote Desktop listener, guardians or smart cards."""

    table: ClassVar[str] = "policy"
    description: ClassVar[str] = (
        "Settings of auto-enrolment, of Remote Desktop, of Hyper-V's guardians and of smart cards, by policy or local"
    )

    area: PolicyArea = column(
        "Remote Desktop by group policy, of the machine, of one listener; how Hyper-V gets guardians' keys; "
        "virtualization-based security; smart cards"
    )
    name: str = column("Value name, such as AEPolicy, CertTemplateName, fDenyTSConnections or SecurityLayer")
    value: str = column("Its data: text as stored, numbers decimal, binary as upper hex")
    owner_sid: str | None = column("Whom it is for: S-1-5-18 for the computer, else the user's SID", None)
    listener: str | None = column("Remote Desktop listener, such as RDP-Tcp", None)


@dataclass(kw_only=True, slots=True)
class FolderAclRow(Row):
    """Who may do what in a folder of keys or master keys."""

    table: ClassVar[str] = "folder_acl"
    description: ClassVar[str] = "Access to the folders in which the machine's keys and master keys lie"

    path: str = column("Path in the source")
    kind: FolderKind = column("what lies there; dpapi: master keys")
    scope: FolderScope = column("whose keys lie there")
    owner_sid: str | None = column("Whose keys lie there; S-1-5-18 for machine and system", None)
    owner: str | None = column("Owner SID of the folder; null: not in the source", None)
    acl: str | None = column("ACL summary: SID:rights, comma separated; null: not in the source", None)
    everyone_can_create: bool | None = column(
        "Everyone, or all authenticated users, may create files there; null: the access list is not in the source", None
    )
    system_can_read: bool | None = column("SYSTEM may list the folder; null: as above", None)
    system_can_create: bool | None = column("SYSTEM may create files there; null: as above", None)
    denied_by: list[str] = column(
        "SIDs of the entries of the access list that deny SYSTEM to list or create, or Everyone to create", factory=list
    )
    denial_inherited: bool = column("One of these entries comes from the folder above", False)


@dataclass(kw_only=True, slots=True)
class ProviderRow(Row):
    """One registered key provider."""

    table: ClassVar[str] = "provider"
    description: ClassVar[str] = "Cryptographic providers registered on this machine"

    name: str = column("Provider name as KEY_PROV_INFO spells it")
    kind: RegisteredKind = column("where it is registered")
    image: str | None = column("Its DLL: Image Path, or Image of a CNG provider's user-mode part", None)
    type: int | None = column("CAPI provider type; null for CNG", None)
