"""What the collectors found on one installation: rows, and the parsed artefacts that the chain judges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field, fields
from typing import TYPE_CHECKING, Any

from forensics.collectors.local_groups import LocalGroups
from forensics.collectors.service_identities import ServiceIdentity
from forensics.formats.acl import SecurityDescriptor
from forensics.formats.capi_key import CapiKeyFile
from forensics.formats.cng_key import CngKeyFile
from forensics.formats.errors import FormatError
from forensics.formats.key_prov_info import KeyProvInfo
from forensics.formats.lsa import LsaMaterial
from forensics.formats.master_key import MasterKeyFile
from forensics.formats.pcpkey import PcpKeyFile
from forensics.formats.public_key import PublicKey
from forensics.formats.sam import SamMaterial
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.tables.authority import CaEkListEntryRow, CaEkListRow, CaRow
from forensics.tables.certificate import CertificateRow, KeyFileKind, KeyFileRow, KeyFileScope
from forensics.tables.event import EventRow, PackageRow, SetupEventRow
from forensics.tables.hyperv import GuardianTraceRow
from forensics.tables.key_folder import KeyFolderRow
from forensics.tables.machine import MachineRow, ServiceRow, UserRow
from forensics.tables.outcome import PRESENT, Outcome
from forensics.tables.row import Row
from forensics.tables.secrets import MasterKeyRow, SecretRow
from forensics.tables.secure_boot import SecureBootRow
from forensics.tables.shadow_copy import ShadowCopyRow
from forensics.tables.tpm import TpmRow
from forensics.tables.use import CertificateUseRow, FolderAclRow, PolicyRow, ProviderRow, TemplateRow

if TYPE_CHECKING:
    from forensics.collectors.name_search import FoundFile
    from forensics.sources.installation import Installation

ParsedKey = CapiKeyFile | CngKeyFile | PcpKeyFile


@dataclass(slots=True)
class CertificateEvidence:
    """A certificate row with what the chain needs of it.

    Attributes:
        row: The table row.
        link: KEY_PROV_INFO, None when there is none or it is broken.
        link_error: Why KEY_PROV_INFO could not be read.
        public_key: The certificate's own public key, None for algorithms we do not model.
        service: Service whose store it is in; None of other stores, and where the service is not registered.
        der: The certificate itself.
    """

    row: CertificateRow
    link: KeyProvInfo | None = None
    link_error: FormatError | None = None
    public_key: PublicKey | None = None
    service: ServiceIdentity | None = None
    der: bytes = b""


@dataclass(slots=True)
class KeyFileEvidence:
    """A key file row with its parsed content.

    Attributes:
        row: The table row.
        parsed: None when the file is unreadable, or was not read.
        security: Its security descriptor, None where the source holds none, or it was not got.
        unread_because: Why its content was not got; None where it was.
        access_unread: Why its security descriptor was not got, or does not parse; None where the source holds none.
        where: Where it was found outside of the folders of keys; None for one in them.
    """

    row: KeyFileRow
    parsed: ParsedKey | None = None
    security: SecurityDescriptor | None = None
    unread_because: str | None = None
    access_unread: str | None = None
    where: FoundFile | None = None

    @property
    def looked_for_as(self) -> KeyFileKind:
        """Whose keys are looked for in its folder: by name, whatever a file holds."""
        return self.row.folder_kind or self.row.kind

    @property
    def misplaced(self) -> str | None:
        """Say that it lies among the keys of another provider than made it; None where it does not."""
        made_by, looks = _PROVIDERS[self.row.kind], _PROVIDERS[self.looked_for_as]
        if made_by == looks:
            return None
        return sentence(
            "it is a key file of {made_by} in a folder of {looks}, where {made_by} does not look",
            made_by=made_by,
            looks=looks,
        )


_PROVIDERS: dict[KeyFileKind, str] = {"capi": "CryptoAPI (CAPI)", "cng": "CNG", "tpm": "TPM keys"}


@dataclass(slots=True)
class MasterKeyEvidence:
    """A master key row with its parsed file.

    Attributes:
        row: The table row.
        parsed: None when the file is unreadable, or was not read.
        security: Its security descriptor, None where the source holds none, or it was not got.
        unread_because: Why its content was not got; None where it was.
        access_unread: Why its security descriptor was not got, or does not parse; None where the source holds none.
        in_profile_of: SID of another account in whose profile it lies, where its own account has one; else None.
        raw: Its bytes, where it was found outside of the folders of master keys; else None.
        where: Where that is; None for one in them.
    """

    row: MasterKeyRow
    parsed: MasterKeyFile | None = None
    security: SecurityDescriptor | None = None
    unread_because: str | None = None
    access_unread: str | None = None
    in_profile_of: str | None = None
    raw: bytes | None = field(default=None, repr=False)
    where: FoundFile | None = None


@dataclass(frozen=True, slots=True)
class KeyFolder:
    """A folder in which keys of one kind and owner lie.

    Attributes:
        kind: Of what its files are.
        scope: Whose keys.
        owner_sid: Whose keys; S-1-5-18 for machine and system.
        path: Path in the tree.
        outcome: What can be said of its names: Windows finds a key by the name of its file, so where all were seen, one
            that is not among them is absent.
        contents: Whether every file in it was read.
        lacks: Public keys that none of the files holds which were not read.
    """

    kind: KeyFileKind
    scope: KeyFileScope
    owner_sid: str | None
    path: str
    outcome: Outcome
    contents: Outcome = PRESENT
    lacks: frozenset[PublicKey] = frozenset()


@dataclass(frozen=True, slots=True)
class Providers:
    """Registered key providers.

    Attributes:
        capi: Lower-case names under Cryptography\\Defaults\\Provider; None when not examined.
        cng: Lower-case names under Control\\Cryptography\\Providers; None when not examined.
        capi_types: Provider types of those of CAPI, by lower-case name; one that could not be read is not there.
    """

    capi: frozenset[str] | None = None
    cng: frozenset[str] | None = None
    capi_types: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Evidence:
    """Everything one installation gave.

    Attributes:
        master_key_folders: Outcome of each Protect folder, keyed by (SID, ``machine``/``user`` half or None).
        knows_all_profiles: An account without a folder here has no profile, and so no keys of its own.
        service_identities: Services by lower-case name; None where their list was not there to read.
        local_groups: Who is a member of which local group.
        rdp_thumbprints: Certificates the RDP listener uses: bound by hash, or in the Remote Desktop store; upper hex.
    """

    installation: Installation
    machine: MachineRow
    services: list[ServiceRow] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)
    setup_events: list[SetupEventRow] = field(default_factory=list)
    packages: list[PackageRow] = field(default_factory=list)
    users: list[UserRow] = field(default_factory=list)
    certificates: list[CertificateEvidence] = field(default_factory=list)
    key_files: list[KeyFileEvidence] = field(default_factory=list)
    key_folders: list[KeyFolder] = field(default_factory=list)
    key_folder_rows: list[KeyFolderRow] = field(default_factory=list)
    master_keys: list[MasterKeyEvidence] = field(default_factory=list)
    master_key_folders: dict[tuple[str, str | None], Outcome] = field(default_factory=dict)
    secrets: list[SecretRow] = field(default_factory=list)
    lsa: LsaMaterial | None = None
    sam: SamMaterial | None = None
    providers: Providers = Providers()
    knows_all_profiles: bool = False
    service_identities: dict[str, ServiceIdentity] | None = None
    local_groups: LocalGroups = field(default_factory=LocalGroups)
    rdp_thumbprints: frozenset[str] = frozenset()
    certificate_uses: list[CertificateUseRow] = field(default_factory=list)
    templates: list[TemplateRow] = field(default_factory=list)
    policies: list[PolicyRow] = field(default_factory=list)
    folder_acls: list[FolderAclRow] = field(default_factory=list)
    provider_rows: list[ProviderRow] = field(default_factory=list)
    secure_boot: list[SecureBootRow] = field(default_factory=list)
    guardian_traces: list[GuardianTraceRow] = field(default_factory=list)
    tpm: list[TpmRow] = field(default_factory=list)
    authorities: list[CaRow] = field(default_factory=list)
    ek_lists: list[CaEkListRow] = field(default_factory=list)
    ek_list_entries: list[CaEkListEntryRow] = field(default_factory=list)
    shadow_copies: list[ShadowCopyRow] = field(default_factory=list)


def rows_of(evidence: Any) -> Iterator[Row]:
    """Yield every table row that evidence holds: fields that are rows, or lists of rows or of things with a ``row``."""
    for f in fields(evidence):
        value = getattr(evidence, f.name)
        for item in value if isinstance(value, list) else [value]:
            row = getattr(item, "row", item)
            if isinstance(row, Row):
                yield row
