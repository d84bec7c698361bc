"""Tables ca, ca_eklist and ca_eklist_entry: a certification authority and which TPMs it trusts."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from forensics.late_methods import dataclass
from forensics.tables.outcome import State
from forensics.tables.row import Row, column

CaType = Literal["enterprise_root", "enterprise_subordinate", "standalone_root", "standalone_subordinate", "unknown"]
StoreFound = Literal["present", "empty", "absent", "not_examined"]
EntryFault = Literal["extension", "wrong_length", "not_hex", "folder", "not_empty"]


@dataclass(kw_only=True, slots=True)
class CaRow(Row):
    """One certification authority configured on a machine."""

    table: ClassVar[str] = "ca"
    description: ClassVar[str] = (
        "Certification authorities (Active Directory Certificate Services) configured here, and whether they could "
        "attest keys of TPMs"
    )

    name: str = column("Sanitized name: the name of its key under CertSvc\\Configuration")
    common_name: str | None = column("CommonName", None)
    active: bool | None = column("Named by the value Active of the configuration", None)
    type: CaType = column("CAType", "unknown")
    enterprise: bool | None = column(
        "An enterprise authority: only these have templates, and attest; null: unknown", None
    )
    service_start: int | None = column("Start of the service CertSvc: 2 automatic, 4 disabled", None)
    account: str | None = column("ObjectName of CertSvc: the account that reads the lists", None)
    ek_list_directories: list[str] = column("EndorsementKeyListDirectories, as configured", factory=list)
    ekroot: StoreFound = column("store EKROOT of trusted roots", "not_examined")
    ekroot_count: int | None = column("Certificates in EKROOT; null: not examined", None)
    ekca: StoreFound = column("store EKCA of intermediate authorities", "not_examined")
    ekca_count: int | None = column("Certificates in EKCA; null: not examined", None)
    missing_issuers: list[str] = column(
        "Issuers of certificates in EKCA that are in neither store: their chains end nowhere", factory=list
    )


@dataclass(kw_only=True, slots=True)
class CaEkListRow(Row):
    """One folder in which a certification authority looks for endorsement keys it trusts."""

    table: ClassVar[str] = "ca_eklist"
    description: ClassVar[str] = "Folders of EndorsementKeyListDirectories: what is in them, and who may change it"

    ca: str = column("Sanitized name of the certification authority")
    configured: str = column("The folder as configured")
    path: str | None = column("Path in the source; null: a share, or another drive than Windows'", None)
    outcome: State = column("what was seen of the folder", "not_examined")
    detail: str | None = column("Why it was not examined", None)
    entries: int | None = column("Files and folders in it; null: not read", None)
    well_formed: int | None = column("Those that are an entry as Windows wants it", None)
    complete: bool | None = column("All of them are in ca_eklist_entry; null: not read", None)
    owner: str | None = column("Owner SID of the folder; null: not in the source", None)
    acl: str | None = column("ACL summary: SID:rights, comma separated; null: not in the source", None)
    writers: list[str] = column("SIDs other than SYSTEM and administrators that may change what is in it", factory=list)
    ca_can_read: bool | None = column(
        "The account of CertSvc may list it; null: account or access list not known", None
    )


@dataclass(kw_only=True, slots=True)
class CaEkListEntryRow(Row):
    """One thing in such a folder."""

    table: ClassVar[str] = "ca_eklist_entry"
    description: ClassVar[str] = (
        "Entries of a list of endorsement keys: empty files named by the SHA-256 of a TPM's public endorsement key"
    )

    ca: str = column("Sanitized name of the certification authority")
    folder: str = column("Path of the folder in the source")
    name: str = column("File name")
    ek_hash: str | None = column("The SHA-256 it stands for, lower hex; null: the name is none", None)
    size: int = column("Bytes", 0)
    fault: EntryFault | None = column("what is wrong with it; null: nothing", None)
    modified: datetime | None = column("File modification, UTC", None)
