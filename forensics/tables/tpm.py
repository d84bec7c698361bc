"""Table tpm: which TPM a Windows last knew, and what it remembers of earlier ones."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from forensics.late_methods import dataclass
from forensics.tables.row import Row, column

TpmKind = Literal["hyper_v", "other_virtual", "physical", "unknown"]


@dataclass(kw_only=True, slots=True)
class TpmRow(Row):
    """The TPM of one installation as its registry tells it: as of the last boot."""

    table: ClassVar[str] = "tpm"
    description: ClassVar[str] = (
        "The TPM as Windows' registry describes it since the last boot, raw where the encoding is not documented"
    )

    enumerated: bool | None = column(
        "Enum\\ACPI\\MSFT0101 has sub-keys: a TPM 2.0 was there once, which need not be now; null: not examined", None
    )
    instances: list[str] = column("Names of those sub-keys", factory=list)
    kind: TpmKind = column("likely, from what the machine says it is", "unknown")
    kind_because: str | None = column("What the kind rests on", None)
    ek_pub: str | None = column("EKPub: the endorsement key as stored, lower hex; null: not stored", None)
    ek_pub_sha256: str | None = column("SHA-256 of EKPub as stored, lower hex", None)
    ek_pub_form: str | None = column("Form that fits EKPub (likely): SPKI, PKCS#1, modulus, BCRYPT blob ...", None)
    ek_algorithm: str | None = column("RSA or EC, where a form fits (likely)", None)
    ek_bits: int | None = column("Key length in bits, where a form fits (likely)", None)
    ek_pub_time: datetime | None = column("Last write of the key that holds EKPub, UTC", None)
    last_ek_pub: str | None = column("LastEkPub of ProvisionInfo, lower hex (name and meaning likely)", None)
    last_ek_pub_sha256: str | None = column("SHA-256 of LastEkPub as stored, lower hex", None)
    ek_pub_agrees: bool | None = column(
        "EKPub is LastEkPub byte for byte, or the same key in another form (likely the same TPM); null: one is missing",
        None,
    )
    ek_digests: list[str] = column(
        "SHA-256 of the endorsement key in every form it might be hashed in, as 'form: hash'; which of them lists of "
        "certification authorities use is not documented",
        factory=list,
    )
    ek_certificates: list[str] = column("Thumbprints in EKCertStore and EKCertStoreECC", factory=list)
    ek_certificate_agrees: bool | None = column(
        "One of them holds the key of EKPub; false: none of the same algorithm does; null: not comparable", None
    )
    last_ek_certificate: str | None = column("LastRsaEkCertThumbprint of ProvisionInfo (likely)", None)
    ek_no_fetch: int | None = column("EkNoFetch: the EK certificate is not asked of the manufacturer", None)
    srk_pub_sha256: str | None = column("SHA-256 of Admin\\SRKPub as stored, lower hex", None)
    srk_pub_bytes: int | None = column("Bytes of Admin\\SRKPub", None)
    windows_aik_hash: str | None = column("WindowsAIKHash as stored: lower hex, or text", None)
    windows_aik_key_files: list[str] = column("Key files in the folder PCPKSP\\WindowsAIK", factory=list)
    windows_aik_pub_sha256: str | None = column("SHA-256 of WindowsAIKPub as stored, lower hex (name likely)", None)
    quote_keys: list[str] = column(
        "Sub-keys of PlatformQuoteKeys: attestation keys that Windows registered", factory=list
    )
    last_provisioned: datetime | None = column("LastTPMProvisionedTime read as FILETIME, UTC (likely)", None)
    last_provisioned_raw: str | None = column("LastTPMProvisionedTime as stored, lower hex", None)
    provision_info_time: datetime | None = column("Last write of ProvisionInfo, UTC", None)
    provision_info: list[str] = column("Other values of ProvisionInfo, as name=value", factory=list)
    task_states: list[str] = column("Values of TaskStates, as name=value", factory=list)
    manufacturer: str | None = column("TaskManufacturerId as stored: a number, text, or lower hex", None)
    information_flags: int | None = column("TaskInformationFlags", None)
