"""Table key_chain: the contract; names and values are exact."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from forensics.tables.row import Row, column


@dataclass(kw_only=True, slots=True)
class KeyChainRow(Row):
    """One certificate that names or should have a key, or one key file that no certificate names."""

    table: ClassVar[str] = "key_chain"
    description: ClassVar[str] = (
        "Each private key judged link by link: would Windows on this disk open it now, and if not, where it breaks"
    )

    thumbprint: str | None = column(
        "SHA-1 of the certificate, upper hex; null for a key file without certificate", None
    )
    subject: str | None = column("Subject of the certificate", None)
    store: str | None = column("Certificate store", None)
    store_scope: str | None = column("machine, service, user, enterprise or policy", None)
    owner_sid: str | None = column("Whose store or key it is", None)
    not_before: datetime | None = column("Valid from, UTC", None)
    not_after: datetime | None = column("Valid until, UTC", None)
    container: str | None = column("Key container", None)
    provider: str | None = column("Provider named by the certificate", None)
    provider_kind: str | None = column("capi, cng, tpm, smart_card, other", None)
    key_file: str = column(
        "present, other_machine_guid, absent, unreadable, not_examined, not_applicable", "not_examined"
    )
    key_file_path: str | None = column("The key file that was judged", None)
    public_key: str = column("match, mismatch, not_stored, not_examined", "not_examined")
    access: str = column("ok, denied, too_open, not_examined", "not_examined")
    master_key: str = column("present, absent, unreadable, not_examined", "not_examined")
    master_key_guid: str | None = column("Master key that the file's DPAPI blob names", None)
    unlocked_by: str = column("current, previous, password, domain_key, nothing, not_tried", "not_tried")
    private_key: str = column(
        "proved, damaged, locked, sealed_tpm, sealed_vbs, needs_pin, not_examined", "not_examined"
    )
    exportable: str = column("yes, no, unknown", "unknown")
    verdict: str = column("usable, unusable, unknown: would Windows on this disk open this key now", "unknown")
    broken_at: str | None = column(
        "claim, provider, key_file, public_key, access, master_key, secret, private_key, service", None
    )
    recoverable: bool | None = column(
        "The private key can be had from this disk although Windows would not open it", None
    )
    known_by: str = column("decryption, public_key, inference", "inference")
    recoverable_from: str | None = column(
        "Key file that holds the private key, when it is another than key_file_path", None
    )
    recoverable_on: int | None = column(
        "Installation (`machine.machine_id`) of recoverable_from, when it is another one of the same source", None
    )
    reason: str = column("The verdict in one sentence, with this disk's values", "")
